// What a store must know of a journal without knowing what its records mean: widths, places of identity, cap, hops.

/** Bytes every record begins with, whatever its entity kind (features/record.ts has the rest). */
export const identityAt = 8
export const identityBytes = 8
/**
 * Only in the primary's records: u64 fingerprint, then the source message (u16 partition, u48 offset, all ones = none). The
 * top bit of the offset says that the record was appended without a source, and adopted by this message later.
 */
export const fingerprintAt = 16
export const fingerprintBytes = 8
export const sourceAt = 24
export const sourceBytes = 8

/** The journal of one entity kind, as the catalog needs it. */
export interface JournalPlan {
  readonly kind: string
  readonly isPrimary: boolean
  /** Bytes of a record, a multiple of 8. */
  readonly width: number
  /** Records between hop boundaries: the exact tail holds cap…2·cap−1 of them. */
  readonly cap: number
  /** Length of the Float64Array that sums older records; 0 when no feature reads this kind. */
  readonly hopFloats: number
  /** Makes an empty sum in `hops`. */
  clearHops(hops: Float64Array): void
  /** Adds `count` records lying from byte `start` of `data` on. Order of calls over the same records changes no bit. */
  addToHops(hops: Float64Array, data: DataView, start: number, count: number): void
  /** float64s of a block, which sums `blockRecords` records; 0 when nobody reads blocks of this kind. */
  readonly blockFloats: number
  /** Sums the `blockRecords` records lying from byte `start` of `data` on into `blocks` from `at` on. */
  sumBlock(data: DataView, start: number, blocks: Float64Array, at: number): void
  /** Bytes of the running sums of a journal with room for `capacity` records, a multiple of 8; 0 for none. */
  runningBytes(capacity: number): number
}

/** Records of a block. A holder keeps blocks of its longer journals from their first record held on. */
export const blockRecords = 32

/** All journals of a deployment, in slot order. */
export interface JournalPlans {
  /** Hash of record layouts and hop contents, 8 hex digits: another layout never reads these journals. */
  readonly namespace: string
  readonly journals: readonly JournalPlan[]
  /** Index of the primary in `journals`. */
  readonly primary: number
}

/**
 * c(n): how many of the first records the view at `ordinal` sees as hops. A function of the ordinal alone,
 * so it does not matter who compacted what when.
 */
export function hopBoundary(ordinal: number, cap: number): number {
  return Math.max(0, Math.floor(ordinal / cap) - 1) * cap
}
