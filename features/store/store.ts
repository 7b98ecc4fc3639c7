// The port of the store: append records, give each its ordinal, hand out views. Two adapters: memory.ts and redis.ts.
import type { Observation } from '../observation.ts'
import type { Views } from '../view.ts'

/** Rows of one call: Redis serves no one else meanwhile. */
export const rowsPerCallMax = 16

/** Counts since the store was made, for the ledger, and how it stands. Bytes and round trips are 0 in memory. */
export interface StoreStats {
  readonly calls: number
  readonly roundTrips: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Journals that calls named, and those of them of which something was held: only what is new comes back. */
  readonly journalReads: number
  readonly heldReads: number
  readonly heldJournals: number
  readonly heldBytes: number
  /** How often it was noticed that the store had lost records, or that offsets began anew. Never in memory. */
  readonly losses: number
  /** Journals whose oldest records were replaced by sums in Redis, and attempts that failed. Never in memory. */
  readonly compactions: number
  readonly failedCompactions: number
  /** There is no connection at the moment. Never in memory. */
  readonly isAway: boolean
}

export interface Store extends Views {
  /**
   * Appends each row's records in row order and fills the answers of `batch`; atomic per bucket, safe to repeat whole.
   * One observe at a time. Rejects with StoreError when the store cannot answer: then nothing is known of the batch
   * and the same batch is to be sent again. The caller must `release` after folding, also after a rejection.
   */
  observe(batch: Observation): Promise<void>
  /** Unpins the journals of the batch. Its handles and views end here. */
  release(batch: Observation): void
  stats(): StoreStats
  close(): Promise<void>
}

/** The store could not answer. `retriable` false means: a person must act first (wrong policy, wrong version). */
export class StoreError extends Error {
  readonly retriable: boolean
  constructor(message: string, retriable: boolean, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreError'
    this.retriable = retriable
  }
}
