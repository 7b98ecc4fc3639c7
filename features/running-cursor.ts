// The journal whose running sums are at hand: its records in order of time. Filled by running.ts per fold, read by its parts.
import { two32 } from './layout.ts'

export class Cursor {
  data: DataView = new DataView(new ArrayBuffer(0))
  /** Byte of the record at position 0, and bytes of each. */
  start = 0
  width = 0
  floats: Float64Array = new Float64Array(0)
  halves: Uint16Array = new Uint16Array(0)
  /** Where the running sums begin in `floats`; where their lists begin in `halves`. */
  at = 0
  order = 0
  capacity = 0
  /** Chains of each column's values, less one. */
  bucketMask = 0
  /** Records in `order`, by time and then as they came: their positions. */
  count = 0
  /** The transaction that the sums are brought to. */
  nowMs = 0
  /** Of the record that is being put in order. A field, since a time handed over would be an object each. */
  recordMs = 0

  /** Byte of the record at that place in order of time. */
  record(index: number): number {
    return this.start + this.halves[this.order + index]! * this.width
  }

  /** Its time, ms; Infinity behind the last. */
  timeMs(index: number): number {
    if (index >= this.count) return Infinity
    const at = this.record(index)
    return this.data.getUint32(at, true) + this.data.getUint16(at + 4, true) * two32
  }
}
