// The bytes of a record, and how to read the ones that every record has.
//
//   0  u48 time, ms: of the transaction, or of the one that is named     16  primary only: u64 fingerprint
//   6  u8  kind, and filters 0–5 from bit 2 on                           24  primary only: u16 partition, u48 offset
//   7  u8  verdict of the label, and filters 6–11 from bit 2 on          …   what the catalog needs (plan.ts, RecordLayout)
//   8  u64 identity
//
// Little endian. A filter's bit says that the record meets a condition of the catalog's (`where`).
/** Where things lie in a record of one entity kind, in bytes from its start; -1 when the catalog does not need it there. */
export interface RecordLayout {
  readonly width: number
  /** f64, minor units, NaN when absent. */
  readonly amount: number
  /** f64, when the label in the row arrives, NaN without one. */
  readonly label: number
  /** u64 identity of the transaction that a reversal or label names. */
  readonly named: number
  /** f64, own time of a reversal, decline or label. */
  readonly own: number
  /** Two i32, latitude and longitude in millionths of a degree; `nowhere` when absent. */
  readonly location: number
  /** f64 each, NaN when absent. */
  readonly numbers: readonly NumberColumn[]
  /** u64 each, zero when absent. */
  readonly columns: readonly Column[]
  /** True if sums of records hold the squares of their amounts. */
  readonly hasSquares: boolean
  /** Bytes of the f64 whose first and last value sums of records hold. */
  readonly ends: readonly number[]
}

/** A value whose hash is kept in each record. `index` is into the schema's entities or fields. */
export interface Column {
  readonly name: string
  readonly isEntity: boolean
  readonly index: number
  readonly at: number
}

/** A field that is kept as a number. */
export interface NumberColumn {
  readonly name: string
  /** Into the schema's fields. */
  readonly index: number
  readonly at: number
}

/** In place of a coordinate. */
export const nowhere = -(2 ** 31)
export const degreeUnits = 1e6

/** Different conditions that one entity kind has bits for. */
export const filtersMax = 12

export const two32 = 2 ** 32

/** Event time of the record at byte `at`, ms. */
export function timeOf(data: DataView, at: number): number {
  return data.getUint32(at, true) + data.getUint16(at + 4, true) * two32
}

export function kindOf(data: DataView, at: number): number {
  return data.getUint8(at + 6) & 3
}

export function verdictOf(data: DataView, at: number): number {
  return data.getUint8(at + 7) & 3
}

/** The record's second word: high bits of the time, kind, verdict and filters. */
export function wordOf(data: DataView, at: number): number {
  return data.getInt32(at + 4, true)
}

/** Within `wordOf`: zero for a transaction. */
export const kindMask = 3 << 16
export const kindShift = 16
export const verdictMask = 3 << 24
export const verdictShift = 24

/** The bit of a filter within `wordOf`. */
export function filterMask(filter: number): number {
  return filter < 6 ? 1 << (18 + filter) : 1 << (20 + filter)
}

/** Whether a record with that word meets the filters of `mask`; 0 is none. */
export function isMet(word: number, mask: number): boolean {
  return ((word & mask) ^ mask) === 0
}
