// A store in memory that can be slow, away or broken on demand, and that saw how it was called.

import type { JournalPlans } from '../../../features/journal.ts'
import type { Observation } from '../../../features/observation.ts'
import { MemoryStore } from '../../../features/store/memory.ts'
import type { Store, StoreStats } from '../../../features/store/store.ts'
import type { View } from '../../../features/view.ts'

export class GatedStore implements Store {
  /** Rows of each observe. */
  readonly batches: number[] = []
  /** What every observe rejects with; null: nothing. */
  failure: Error | null = null
  /** Most observes at the same time. */
  inFlightMax = 0
  readonly #inner: MemoryStore
  #inFlight = 0
  #gate = Promise.resolve()
  #openGate = (): void => undefined

  constructor(plans: JournalPlans) {
    this.#inner = new MemoryStore(plans, { bytesMax: 1 << 26 })
  }

  /** From now on, observes wait. */
  hold(): void {
    this.#gate = new Promise((resolve) => (this.#openGate = resolve))
  }

  letGo(): void {
    this.#openGate()
  }

  async observe(batch: Observation): Promise<void> {
    this.batches.push(batch.count)
    this.#inFlight++
    this.inFlightMax = Math.max(this.inFlightMax, this.#inFlight)
    try {
      await this.#gate
      if (this.failure !== null) {
        // As a store that rejects does: nothing is left to be unpinned.
        batch.handle.fill(-1)
        throw this.failure
      }
      await this.#inner.observe(batch)
    } finally {
      this.#inFlight--
    }
  }

  release(batch: Observation): void {
    this.#inner.release(batch)
  }

  view(handle: number, ordinal: number, out: View): void {
    this.#inner.view(handle, ordinal, out)
  }

  stats(): StoreStats {
    return this.#inner.stats()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}
