// Reads back which message wrote a primary's record.
import { sourceAt } from '../journal.ts'
import type { Observation } from '../observation.ts'

/** Notes the source of the record at byte `start` as the first message of `row`; -1 for both when it had none. */
export function noteFirst(batch: Observation, row: number, data: DataView, start: number): void {
  noteSource(batch, row, data, start + sourceAt)
}

/** The same from the eight bytes of a source alone, little-endian: features/journal.ts says what is in them. */
export function noteSource(batch: Observation, row: number, data: DataView, at: number): void {
  const partition = data.getUint16(at, true)
  const high = data.getUint32(at + 4, true)
  const low = data.getUint16(at + 2, true)
  const isNone = partition === 0xffff && low === 0xffff && high === 0xffff_ffff
  const offset = low + (high & 0x7fff_ffff) * 0x10000
  batch.firstPartition[row] = isNone ? -1 : partition
  batch.firstOffset[row] = isNone ? -1 : offset
}
