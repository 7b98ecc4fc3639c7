// Reads back which message wrote a primary's record.
import { sourceAt } from '../journal.ts'
import type { Observation } from '../observation.ts'

/** Notes the source of the record at byte `start` as the first message of `row`; -1 for both when it had none. */
export function noteFirst(batch: Observation, row: number, data: DataView, start: number): void {
  noteSource(batch, row, data, start + sourceAt)
}

/** The same from the eight bytes of a source alone: u16 partition, u48 offset, little-endian. */
export function noteSource(batch: Observation, row: number, data: DataView, at: number): void {
  const partition = data.getUint16(at, true)
  const offset = data.getUint16(at + 2, true) + data.getUint32(at + 4, true) * 0x10000
  const isNone = partition === 0xffff && offset === 0xffff_ffff_ffff
  batch.firstPartition[row] = isNone ? -1 : partition
  batch.firstOffset[row] = isNone ? -1 : offset
}
