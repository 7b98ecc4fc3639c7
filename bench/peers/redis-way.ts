// What a way of keeping the standard work's windows in Redis has to do, so that ours and its rivals are asked for the same.
import { entityKinds, type StandardTransaction, windows } from '../standard/transactions.ts'

/** Count and sum of each window. */
export const featuresPerEntity = 2 * windows.length
export const featureCount = entityKinds.length * featuresPerEntity

export interface Traffic {
  readonly roundTrips: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

export interface RedisWay {
  /** Takes history in, into the same state that observing it would leave. */
  fill(history: readonly StandardTransaction[]): Promise<void>
  /**
   * Records a batch in its order and writes each row's forty features, itself included, at row * 40 of `out`, in the order of
   * the catalog. One at a time.
   */
  observe(batch: readonly StandardTransaction[], out: Float64Array): Promise<void>
  /** What comes next is the last `count` transactions once more, as behind a restart. */
  rewind(count: number): void
  /** True where a row of the last batch says itself that it is approximate. */
  isMarked(row: number): boolean
  /** So far. */
  readonly traffic: Traffic
  close(): Promise<void>
}
