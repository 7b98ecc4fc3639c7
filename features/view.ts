// A journal as one record saw it: the bytes that fold reads. Filled by a store, read by fold, owned by neither.

import type { JournalPlan } from './journal.ts'

/** Records [0, hopsThrough) of the journal summed per slice of time. Content and layout belong to features/hops.ts. */
export type Hops = Float64Array

/** Reusable cursor over one entity's journal. Valid until the store's `release`. */
export class View {
  /** Memory that holds the exact records, each `layout.width` bytes, ordinals ascending. */
  data: DataView = empty
  /** Byte offset in `data` of the record with ordinal `base`. */
  start = 0
  /** Ordinal of the first record in `data`. */
  base = 0
  /** The view is of records [0, ordinal): the record itself, if any, has this ordinal. */
  ordinal = 0
  /** Records of the journal that lie in `data` now, those before `base` counted: the view's, and what came since. */
  count = 0
  /** Sums of records [0, base); null when base is 0. */
  hops: Hops | null = null
  /**
   * Sums of records [0, hopsThrough), cached by the holder so that the newest views need not rebuild them;
   * null when hopsThrough is 0 or unknown. Used when it equals the view's c(n), else rebuilt from `hops`.
   */
  hopsCached: Hops | null = null
  hopsThrough = 0
  /**
   * Sums of each 32 records from `base` on (blocks.ts), the first at `blocksAt`, for as many as the journal has in full;
   * null where the holder keeps none. They change no answer.
   */
  blocks: Float64Array | null = null
  blocksAt = 0
  /**
   * Running sums (running.ts), from `runningAt` on, with room for `runningCapacity` records; the same memory as 16-bit numbers.
   * Null where the holder keeps none. The fold writes them, for catalogs with the plan `runningOf`; they change no answer.
   */
  running: Float64Array | null = null
  runningHalves: Uint16Array = new Uint16Array(0)
  runningAt = 0
  runningCapacity = 0
  runningOf: JournalPlan | null = null
}

/** Who can show journals: a store. */
export interface Views {
  /** Fills `out` with the view at `ordinal` of the journal behind `handle`. Cheap; allocates nothing. */
  view(handle: number, ordinal: number, out: View): void
}

const empty = new DataView(new ArrayBuffer(0))
