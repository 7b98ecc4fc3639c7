// What the reader's process is started with and asked. Types only.
import type { Faults } from './arrivals.ts'
import type { LagSample } from './lag.ts'
import type { Latencies } from './latencies.ts'
import type { Verification, Verified } from './verification.ts'

export interface ReaderSettings {
  readonly brokers: string
  readonly partitions: number
}

/** A topic of transactions and the one that answers it. */
export interface Pair {
  readonly transactions: string
  readonly decisions: string
}

export interface Span {
  readonly pair: Pair
  /** First offset of each partition that may be of the span, and how many there are in all. */
  readonly firsts: readonly number[]
  readonly ends: readonly number[]
  /** What was due then is measured. */
  readonly fromNs: number
  readonly toNs: number
}

export interface Seen extends Faults {
  /** From due to seen. */
  readonly latencies: Latencies
  /** Outcomes that were seen within the span, whenever they were due. */
  readonly seenWithin: number
  readonly dueWithin: number
  readonly lag: readonly LagSample[]
  readonly lagSlopePerSecond: number
}

export type ReaderQuestions = {
  follow: [Pair, null]
  /** Whether so many outcomes of each partition were there in time. */
  wait: [{ readonly pair: Pair; readonly ends: readonly number[]; readonly msMax: number }, boolean]
  measure: [Span, Seen]
  verify: [Verification, Verified]
}
