// What was decided for one partition and is on its way to the decision topic: in source order, one send in flight, each
// send takes all that has gathered. A dead letter is acknowledged before its `rejected` outcome is sent.
import type { Outcome } from '../core/ports.ts'
import type { NewRecord } from './kafka.ts'

/** Messages of one send: kafkajs groups them in quadratic time. */
export const sendMessagesMax = 1000
const sendBytesMax = 900_000

/** Writes records to a partition of the decisions topic, or to the dead letters; rejects when it was not acknowledged. */
export interface OutboxPort {
  sendDecisions(partition: number, records: readonly NewRecord[]): Promise<void>
  sendDeadLetters(outcomes: readonly Outcome[]): Promise<void>
  /** What to do after a rejection before the same records are sent again; rejects when it is not to be tried again. */
  recover(partition: number, error: unknown): Promise<number>
}

export class Outbox {
  readonly partition: number
  readonly #port: OutboxPort
  readonly #onAcknowledged: () => void
  readonly #onFailed: (error: unknown) => void
  #queue: Outcome[] = []
  #isSending = false
  #isClosed = false
  #sent: Promise<void> = Promise.resolve()
  /** Source offset of the last acknowledged outcome; -1 before the first. */
  acknowledged = -1

  constructor(
    partition: number,
    port: OutboxPort,
    onAcknowledged: () => void,
    onFailed: (error: unknown) => void,
  ) {
    this.partition = partition
    this.#port = port
    this.#onAcknowledged = onAcknowledged
    this.#onFailed = onFailed
  }

  /** Outcomes not yet acknowledged. */
  get size(): number {
    return this.#queue.length
  }

  /** Takes the next outcome; source offsets ascend. Dropped when the outbox is closed. */
  add(outcome: Outcome): void {
    if (!this.#isClosed) this.#queue.push(outcome)
  }

  /** Starts sending when nothing is in flight. */
  flush(): void {
    if (this.#isSending || this.#isClosed || this.#queue.length === 0) return
    this.#isSending = true
    this.#sent = this.#sendAll()
  }

  /** Drops what is queued and resolves when nothing is in flight any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#sent
    this.#queue = []
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#queue.length > 0 && !this.#isClosed) {
        const count = this.#nextCount()
        await this.#sendFirst(count)
      }
    } catch (error) {
      this.#isClosed = true
      this.#onFailed(error)
    } finally {
      this.#isSending = false
    }
  }

  /** The same records until they are acknowledged, so that the broker recognises a repeat by their sequence. */
  async #sendFirst(count: number): Promise<void> {
    const batch = this.#queue.slice(0, count)
    const rejected = batch.filter(({ type }) => type === 'rejected')
    let isBuried = rejected.length === 0
    let written = -1
    for (;;) {
      try {
        if (!isBuried) await this.#port.sendDeadLetters(rejected)
        isBuried = true
        const left = batch.filter(({ offset }) => offset > written)
        if (left.length > 0) await this.#port.sendDecisions(this.partition, left.map(toRecord))
        break
      } catch (error) {
        if (this.#isClosed) return
        written = Math.max(written, await this.#port.recover(this.partition, error))
      }
    }
    this.acknowledged = batch.at(-1)!.offset
    this.#queue.splice(0, count)
    this.#onAcknowledged()
  }

  #nextCount(): number {
    let bytes = 0
    let count = 0
    for (const { value } of this.#queue) {
      bytes += value.length + 200
      if (count > 0 && (bytes > sendBytesMax || count === sendMessagesMax)) break
      count++
    }
    return count
  }
}

/** Header with the offset in the input partition that an outcome answers. */
export const sourceOffsetHeader = 'weir-source-offset'

function toRecord({ key, value, type, offset, traceparent }: Outcome): NewRecord {
  const headers: Record<string, string> = {
    [sourceOffsetHeader]: String(offset),
    'weir-type': type,
    'content-type': 'application/json',
  }
  if (traceparent !== null) headers['traceparent'] = traceparent
  return { key, value, headers }
}
