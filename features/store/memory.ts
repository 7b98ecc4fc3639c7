// The store in this process' memory: the same bytes and rules as Redis with one bucket, and the whole truth of its journals.
import { strict as assert } from 'node:assert'
import { hopBoundary, type JournalPlan, type JournalPlans } from '../journal.ts'
import { isCallsRepeat, type Observation, Seen } from '../observation.ts'
import type { View } from '../view.ts'
import { Journals } from './journals.ts'
import { noteBringer, noteFirst } from './source.ts'
import { rowsPerCallMax, type Store, StoreError, type StoreStats } from './store.ts'

export interface MemoryOptions {
  /** Bound of all journals together. Beyond it, observe rejects for good: nothing that was seen may be forgotten. */
  readonly bytesMax: number
  /** Event time, ms, from which history is known to be whole; else that of the first transactions observed. */
  readonly historySinceMs?: number
}

export class MemoryStore implements Store {
  readonly #plans: readonly JournalPlan[]
  readonly #primary: number
  readonly #journals: Journals
  readonly #observations = new Map<Observation, number>()
  /** Per source partition: the last offset observed. */
  readonly #last: number[] = []
  #sinceMs: number
  #isNew = true
  #calls = 0
  /** The batch's records as words; made anew only for another batch. */
  #recordsOf: Uint8Array | null = null
  #words: Uint32Array = new Uint32Array(0)

  constructor(plans: JournalPlans, options: MemoryOptions) {
    this.#plans = plans.journals
    this.#primary = plans.primary
    this.#journals = new Journals(plans, options.bytesMax, 'refuse')
    this.#sinceMs = options.historySinceMs ?? Number.POSITIVE_INFINITY
  }

  observe(batch: Observation): Promise<void> {
    this.#calls++
    if (batch.records !== this.#recordsOf) {
      assert(batch.recordStride % 8 === 0)
      const { buffer, byteOffset, byteLength } = batch.records
      this.#words = new Uint32Array(buffer, byteOffset, byteLength >>> 2)
      this.#recordsOf = batch.records
    }
    assert(!this.#observations.has(batch), 'a batch is released before it is observed again')
    this.#observations.set(batch, this.#journals.begin())
    const slots = batch.count * batch.entityCount
    batch.handle.fill(-1, 0, slots)
    batch.ordinal.fill(-1, 0, slots)
    batch.applied.fill(0, 0, slots)
    try {
      this.#startHistory(batch)
      for (let row = 0; row < batch.count; row++) this.#observeRow(batch, row)
    } catch (error) {
      this.release(batch)
      if (error instanceof StoreError) return Promise.reject(error)
      throw error
    }
    return Promise.resolve()
  }

  release(batch: Observation): void {
    const slots = batch.count * batch.entityCount
    for (let slot = 0; slot < slots; slot++) {
      if (batch.handle[slot]! < 0) continue
      this.#journals.unpin(batch.handle[slot]!)
      batch.handle[slot] = -1
    }
    const observation = this.#observations.get(batch)
    if (observation === undefined) return
    this.#journals.end(observation)
    this.#observations.delete(batch)
  }

  view(handle: number, ordinal: number, out: View): void {
    this.#journals.view(handle, ordinal, out)
  }

  stats(): StoreStats {
    return {
      calls: this.#calls,
      roundTrips: 0,
      bytesSent: 0,
      bytesReceived: 0,
      journalReads: 0,
      heldReads: 0,
      heldJournals: this.#journals.live,
      heldBytes: this.#journals.bytes,
      losses: 0,
      compactions: 0,
      failedCompactions: 0,
      isAway: false,
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** As in Redis, history begins with the earliest transaction of the first call. */
  #startHistory(batch: Observation): void {
    if (!this.#isNew) return
    this.#isNew = false
    const rows = Math.min(batch.count, rowsPerCallMax)
    for (let row = 0; row < rows; row++) {
      this.#sinceMs = Math.min(this.#sinceMs, batch.timeMs[row]!)
    }
  }

  #observeRow(batch: Observation, row: number): void {
    const first = row * batch.entityCount
    const tenant = this.#journals.tenant(batch.tenant[row]!)
    const partition = batch.partition[row]!
    const offset = batch.offset[row]!
    const wasApplied = partition >= 0 && offset <= (this.#last[partition] ?? -1)
    batch.historySinceMs[row] = this.#sinceMs
    batch.firstPartition[row] = -1
    batch.firstOffset[row] = -1
    const seen = this.#observePrimary(batch, row, tenant, wasApplied)
    batch.seen[row] = seen
    if (seen !== Seen.duplicate && seen !== Seen.conflict) {
      const wasCalled = isCallsRepeat(seen, partition)
      for (let entity = 0; entity < batch.entityCount; entity++) {
        if (entity === this.#primary || batch.present[first + entity] === 0) continue
        this.#put(batch, first + entity, entity, tenant, wasApplied || wasCalled)
      }
    }
    // Last, so that a row refused for want of memory is not taken for an applied one when it comes again.
    if (partition >= 0 && !wasApplied) this.#last[partition] = offset
  }

  #observePrimary(batch: Observation, row: number, tenant: number, wasApplied: boolean): Seen {
    const slot = row * batch.entityCount + this.#primary
    assert(batch.present[slot] === 1)
    if (this.#put(batch, slot, this.#primary, tenant, wasApplied)) return Seen.fresh
    if (batch.applied[slot] === 1) return Seen.redelivery
    const journal = batch.handle[slot]!
    const ordinal = batch.ordinal[slot]!
    const word = this.#wordOf(batch, slot)
    const seen = this.#journals.compare(journal, ordinal, this.#words, word)
    if (seen === Seen.adopted) this.#journals.adopt(journal, ordinal, this.#words, word)
    if (seen === Seen.duplicate || seen === Seen.conflict) {
      const start = this.#journals.recordStart(journal, ordinal)
      noteFirst(batch, row, this.#journals.recordView(journal), start)
    } else if (batch.partition[row]! < 0) {
      const start = this.#journals.recordStart(journal, ordinal)
      noteBringer(batch, row, this.#journals.recordView(journal), start)
    }
    return seen
  }

  /** Answers a slot; true when its record was appended. */
  #put(
    batch: Observation,
    slot: number,
    entity: number,
    tenant: number,
    wasApplied: boolean,
  ): boolean {
    const journals = this.#journals
    const journal = journals.open(tenant, entity, batch.key, slot * 4)
    const word = this.#wordOf(batch, slot)
    const found = journals.locate(journal, this.#words, word)
    const hasLeft = found === -1 && wasApplied && this.#mayHaveLeft(batch, slot, entity, journal)
    const isNew = found === -1 && !hasLeft
    if (isNew) batch.ordinal[slot] = journals.append(journal, this.#words, word)
    else batch.ordinal[slot] = hasLeft ? journals.count(journal) : found
    batch.applied[slot] = hasLeft ? 1 : 0
    // Pinned only now: what a pinned journal grows out of cannot be used again at once.
    journals.pin(journal)
    batch.handle[slot] = journal
    return isNew
  }

  /** A whole journal lacks what was never there: then offsets have begun anew. */
  #mayHaveLeft(batch: Observation, slot: number, entity: number, journal: number): boolean {
    if (batch.applied[slot - entity + this.#primary] === 1) return true
    return hopBoundary(this.#journals.count(journal), this.#plans[entity]!.cap) > 0
  }

  #wordOf(batch: Observation, slot: number): number {
    return (slot * batch.recordStride) >>> 2
  }
}
