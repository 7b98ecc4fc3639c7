// What the pipeline needs from the world: messages in, outcomes out, a clock, a log. No I/O here.
import type { Reject } from '../../features/transaction.ts'

/** One message of a source. `offset` is Kafka's, or the row number of a file: ascending within a partition. */
export interface Message {
  readonly partition: number
  readonly offset: number
  readonly key: Uint8Array | null
  /** Null is a tombstone. */
  readonly value: Uint8Array | null
  /** Transport's time, ms UTC; NaN where it has none (files). */
  readonly timestampMs: number
  /** Passed through to the outcome, e.g. traceparent; null when there is none. */
  readonly traceparent: string | null
}

/** Exactly one for each message, in order within its partition. */
export interface Outcome {
  readonly type: 'decision' | 'duplicate' | 'rejected' | 'recorded'
  readonly partition: number
  readonly offset: number
  /** Of a decision: what was decided. Null for the other types. */
  readonly outcome: 'approve' | 'review' | 'deny' | null
  /** Transaction id; null when the message had none that could be read. */
  readonly key: string | null
  /** The JSON document to publish. */
  readonly value: string
  readonly traceparent: string | null
  /** For `rejected`: what the dead letter says. */
  readonly reject: Reject | null
  /** For `rejected`: the source message, for its dead letter. */
  readonly source: Message | null
}

/** Messages of any number of partitions, one after another. Used by replay, backfill and the embedded stream. */
export interface Source {
  /** Bytes or messages in all, where it can be known; for progress. */
  readonly total: { readonly unit: 'bytes' | 'messages'; readonly size: number } | null
  /** How far `batches` has come, in the unit of `total`. */
  position(): number
  /** Never an empty batch; a batch is valid until the next is asked for. Rejects with EngineError. */
  batches(): AsyncIterable<readonly Message[]>
  close(): Promise<void>
}

export interface Clock {
  /** Wall clock, ms UTC. */
  nowMs(): number
  /** Monotonic, µs. */
  monotonicUs(): number
}

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Where lines of text go: a file or stdout. */
export interface LineSink {
  /** Takes the line at once, without its line end; memory is bounded by awaiting `flush` per batch. */
  write(line: string): void
  flush(): Promise<void>
  /** Flushes, and has the file on disk when it resolves. */
  close(): Promise<void>
}

/** How far a long job has come. */
export interface Progress {
  /** Called per batch; prints now and then. */
  update(done: number, position: number): void
  end(): void
}
