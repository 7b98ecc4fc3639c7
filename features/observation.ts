// A batch on its way through a store: what is asked of it and what it answers, in flat arrays sized once.

/** What the primary entity's journal says of a transaction. */
export const Seen = {
  /** Never seen: appended. */
  fresh: 0,
  /** The same source message again, or a call again, whatever brought it first: nothing appended, decided from its own view. */
  redelivery: 1,
  /**
   * Appended by a call without a source message; this is the first message of it, which the record names from now on.
   * Nothing appended, decided from its own view. The same message again is the same.
   */
  adopted: 2,
  /** Another message with this identity and the same content. No other journal was touched. */
  duplicate: 3,
  /** Same identity, other content. Nothing appended. */
  conflict: 4,
} as const
export type Seen = (typeof Seen)[keyof typeof Seen]

/**
 * True where a call brought the transaction before, or brings it again: no chain of offsets says how far its records came. So
 * where one is not in a journal's exact tail, and may have left it, it is taken for appended: never counted twice.
 */
export function isCallsRepeat(seen: Seen, partition: number): boolean {
  return seen === Seen.adopted || (seen === Seen.redelivery && partition < 0)
}

/**
 * A batch on its way through a store. Owned by the pipeline, sized once, filled anew per batch.
 * Slot = row * entityCount + entity, entity in the plan's order, the primary included.
 */
export class Observation {
  readonly rowMax: number
  readonly entityCount: number
  /** Rows in use. */
  count = 0

  // What is asked.
  /** Per row: tenant, already checked to be [A-Za-z0-9_-]{1,32}. */
  readonly tenant: string[]
  /** Per row: source partition and offset, or -1 when the row has no source message (sidecar). */
  readonly partition: Int32Array
  readonly offset: Float64Array
  /** Per row: event time, ms (for `history_since` of a bucket seen for the first time). */
  readonly timeMs: Float64Array
  /** Per slot: 1 when the transaction has this entity. */
  readonly present: Uint8Array
  /** Per slot: four u32 of the entity's keyed 128-bit hash. */
  readonly key: Uint32Array
  /** Per slot: the record, at slot * recordStride, the first `layout.width` bytes of it. */
  readonly records: Uint8Array
  /** The same bytes. */
  readonly recordData: DataView
  readonly recordStride: number

  // What is answered.
  /** Per row: one of Seen. */
  readonly seen: Uint8Array
  /**
   * Per row of a duplicate or conflict: the message that its record names; of a call's redelivery: the one that brought it
   * first. Partition and offset, -1 where that was a call.
   */
  readonly firstPartition: Int32Array
  readonly firstOffset: Float64Array
  /** Per slot: ordinal of the record, or of the present end of the journal where `applied` is 1; -1 without a record. */
  readonly ordinal: Float64Array
  /** Per slot: handle for `Store.view`, pinned until `Store.release`; -1 without a record. */
  readonly handle: Int32Array
  /** Per slot: 1 when the record was applied before and has left the exact tail: present view, approximate. */
  readonly applied: Uint8Array
  /** Per row: event time, ms, from which the primary's bucket (the newest of all its buckets) knows everything; see contract 10. */
  readonly historySinceMs: Float64Array

  constructor(rowMax: number, entityCount: number, recordStride: number) {
    this.rowMax = rowMax
    this.entityCount = entityCount
    this.recordStride = recordStride
    const slots = rowMax * entityCount
    this.tenant = new Array<string>(rowMax).fill('')
    this.partition = new Int32Array(rowMax)
    this.offset = new Float64Array(rowMax)
    this.timeMs = new Float64Array(rowMax)
    this.present = new Uint8Array(slots)
    this.key = new Uint32Array(slots * 4)
    this.records = new Uint8Array(slots * recordStride)
    this.recordData = new DataView(this.records.buffer)
    this.seen = new Uint8Array(rowMax)
    this.firstPartition = new Int32Array(rowMax)
    this.firstOffset = new Float64Array(rowMax)
    this.ordinal = new Float64Array(slots)
    this.handle = new Int32Array(slots)
    this.applied = new Uint8Array(slots)
    this.historySinceMs = new Float64Array(rowMax)
  }
}
