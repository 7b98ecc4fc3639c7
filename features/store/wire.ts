// The way to Redis as an observer sees it, over one node or over a cluster, and nothing of how it is gone. A call that failed
// is sent again by the observer alone: only it knows whether what is behind another connection may be trusted.
import type { StoreError } from './store.ts'

/** What the store says to operators. */
export interface StoreLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A packed call: where its bytes lie, and the bucket that it is for. */
export interface PackedCall {
  readonly bucket: number
  readonly start: number
  readonly end: number
}

/** A call that Redis did not answer, or answered with an error. */
export interface Failure {
  readonly bucket: number
  readonly error: StoreError
}

/** Rejects, or answers in a failed call's place, with StoreError. */
export interface Wire {
  /** The present connection to a bucket: behind another one there may be another Redis, or an older state of it. */
  connection(bucket: number): object
  /** Checks that what is behind the connections to these buckets is fit. */
  check(buckets: readonly number[]): Promise<void>
  /** Sends calls at once, one write for each node; each one's reply or failure in its place. */
  send(packed: Buffer, calls: readonly PackedCall[]): Promise<(Buffer | StoreError)[]>
  /** Plain commands on one key each, in one round trip; the text that each replies. */
  run(doing: string, commands: readonly (readonly string[])[]): Promise<(string | null)[]>
  /**
   * Does what lets failed calls be sent again: waits, loads the function, learns where their buckets are. `repeats`: how often
   * that was done for them before. Rejects with the first failure that nothing helps against, or that lasts too long.
   */
  mend(failures: readonly Failure[], repeats: number): Promise<void>
}

/** The same with what the store tells of it. */
export interface RedisWire extends Wire {
  readonly traffic: Traffic
  /** There is no connection to some of the buckets. */
  readonly isAway: boolean
  close(): void
}

/** Since the start. A round trip is a wait, however many nodes answer meanwhile. */
export interface Traffic {
  roundTrips: number
  bytesSent: number
  bytesReceived: number
}

export function newTraffic(): Traffic {
  return { roundTrips: 0, bytesSent: 0, bytesReceived: 0 }
}
