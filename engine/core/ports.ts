// What the pipeline needs from the world: messages in, outcomes out, a clock, a log, a meter. No I/O here.
import type { Answer, AnswerAddress } from '../../features/answer.ts'
import type { Reject } from '../../features/transaction.ts'
import type { Latency } from './latency.ts'
import type { Rung } from './rung.ts'

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
  /** What a call was answered for it, sealed (features/answer.ts); null without one. */
  readonly answer: Uint8Array | null
}

/** Exactly one for each message, in order within its partition. */
export interface Outcome {
  readonly type: 'decision' | 'duplicate' | 'rejected' | 'recorded'
  readonly partition: number
  readonly offset: number
  /** Of a decision: what was decided. Null for the other types. */
  readonly outcome: 'approve' | 'review' | 'deny' | null
  /** Of a decision: how complete it is. */
  readonly rung: Rung | null
  /** Of a call's decision: who brought the transaction before, and may have been answered. */
  readonly earlier: 'nobody' | 'message' | 'call'
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

/** Watches the engine at work. Called per batch and per send, never per transaction; neither throws nor waits. */
export interface Meter {
  /** A batch has its outcomes. `latency` ends with the call; null where there is no clock. */
  decided(outcomes: readonly Outcome[], latency: Readonly<Latency> | null): void
  /** So many outcomes were acknowledged together. */
  sent(outcomes: number): void
  /** Something that is asked for each batch or send failed; the same may be asked again. */
  failed(error: unknown): void
}

/** Watches nothing. */
export const noMeter: Meter = { decided() {}, sent() {}, failed() {} }

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

/** Answers that calls got, kept for the horizon so that a retry gets the same bytes. */
export interface Answers {
  /**
   * Keeps each answer where its address has none yet, and resolves to what is kept there: the first writer's. Rejects
   * with StoreError; then it is not known which are kept, and the same ones may be kept again.
   */
  keep(answers: readonly Answer[]): Promise<Answer[]>
  /** What is kept at each address; null where nothing is. Rejects with StoreError. */
  find(addresses: readonly AnswerAddress[]): Promise<(Answer | null)[]>
}

/** Where the transactions of calls go once they are answered: the transaction topic. */
export interface Outflow {
  /** False: there is no room for the calls of another caller. */
  readonly hasRoom: boolean
  /** Takes a call's message, keyed by its primary entity's id; `answer` null for one that is no transaction. Never throws. */
  take(message: Message, answer: Answer | null): void
}
