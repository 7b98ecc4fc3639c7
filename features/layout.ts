// The bytes of a record, and how to read the ones that every record has.
//
//   0  u48 time, ms: of the transaction, or of the one that is named     16  primary only: u64 fingerprint
//   6  u8  kind          7  u8  verdict of the label                     24  primary only: u16 partition, u48 offset
//   8  u64 identity                                                       …  what the catalog needs (plan.ts, RecordLayout)
//
// Little endian.
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
  /** u64 each, zero when absent. */
  readonly columns: readonly Column[]
}

/** A value whose hash is kept in each record. `index` is into the schema's entities or fields. */
export interface Column {
  readonly name: string
  readonly isEntity: boolean
  readonly index: number
  readonly at: number
}

const two32 = 2 ** 32

/** Event time of the record at byte `at`, ms. */
export function timeOf(data: DataView, at: number): number {
  return data.getUint32(at, true) + data.getUint16(at + 4, true) * two32
}

export function kindOf(data: DataView, at: number): number {
  return data.getUint8(at + 6)
}

export function verdictOf(data: DataView, at: number): number {
  return data.getUint8(at + 7)
}
