// What was decided for one partition and is on its way to the decision topic: in source order, one send in flight, each
// send takes all that has gathered. A dead letter is acknowledged before its `rejected` outcome is sent.
import type { Outcome } from '../core/ports.ts'
import type { NewRecord } from './kafka.ts'

/** Most that one send carries: kafkajs groups messages in quadratic time, brokers refuse more than a mebibyte. */
export const sendMessagesMax = 1000
export const sendBytesMax = 900_000

/** Writes records to a partition of the decisions topic, or to the dead letters; rejects when it was not acknowledged. */
export interface OutboxPort {
  sendDecisions(partition: number, records: readonly NewRecord[]): Promise<void>
  sendDeadLetters(outcomes: readonly Outcome[]): Promise<void>
  /**
   * After a rejection, before the same records are sent again: resolves to the last source offset that is known to be
   * written, -1 when all are to be sent again. Rejects when it is not to be tried again.
   */
  recover(partition: number, error: unknown): Promise<number>
}

/** Who is told. */
export interface OutboxListener {
  acknowledged(): void
  failed(error: unknown): void
}

export class Outbox {
  readonly partition: number
  readonly #port: OutboxPort
  readonly #listener: OutboxListener
  readonly #messagesMax: number
  #queue: Outcome[] = []
  /** Of each outcome in the queue, what its record takes. Measured once: it is a walk over the document. */
  #recordBytes: number[] = []
  /** How many of the queue are to be sent; what gathers behind them goes along. */
  #due = 0
  #isSending = false
  #isClosed = false
  #sent: Promise<void> = Promise.resolve()
  /** Source offset of the last acknowledged outcome; -1 before the first. */
  acknowledged = -1
  /** Memory of the outcomes that are not acknowledged, about. */
  bytes = 0

  constructor(
    partition: number,
    port: OutboxPort,
    listener: OutboxListener,
    messagesMax: number = sendMessagesMax,
  ) {
    this.partition = partition
    this.#port = port
    this.#listener = listener
    this.#messagesMax = Math.min(messagesMax, sendMessagesMax)
  }

  /** Outcomes not yet acknowledged. */
  get size(): number {
    return this.#queue.length
  }

  /** Takes the next outcome; source offsets ascend. Dropped when the outbox is closed. */
  add(outcome: Outcome): void {
    if (this.#isClosed) return
    const size = recordBytes(outcome)
    this.#queue.push(outcome)
    this.#recordBytes.push(size)
    this.bytes += size + sourceBytes(outcome)
  }

  /** All that is here is to be sent now: starts when nothing is in flight, or goes on behind that. */
  flush(): void {
    this.#due = this.#queue.length
    if (this.#isSending || this.#isClosed || this.#queue.length === 0) return
    this.#isSending = true
    this.#sent = this.#sendAll()
  }

  /** Drops what is queued and resolves when nothing is in flight any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#sent
    this.#queue = []
    this.#recordBytes = []
    this.bytes = 0
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#due > 0 && !this.#isClosed) await this.#sendFirst(this.#nextCount())
    } catch (error) {
      this.#isClosed = true
      this.#listener.failed(error)
    } finally {
      this.#isSending = false
    }
  }

  /** Until they are acknowledged; what is known to be written is not sent again. */
  async #sendFirst(count: number): Promise<void> {
    const batch = this.#queue.slice(0, count)
    const rejected = batch.filter(({ type }) => type === 'rejected')
    let isBuried = rejected.length === 0
    let written = -1
    while (this.#isOpen()) {
      try {
        if (!isBuried) await this.#port.sendDeadLetters(rejected)
        isBuried = true
        const left = batch.filter(({ offset }) => offset > written)
        if (left.length > 0) await this.#port.sendDecisions(this.partition, left.map(toRecord))
        this.#acknowledge(batch)
        return
      } catch (error) {
        if (this.#isOpen()) {
          written = Math.max(written, await this.#port.recover(this.partition, error))
        }
      }
    }
  }

  #isOpen(): boolean {
    return !this.#isClosed
  }

  #acknowledge(batch: readonly Outcome[]): void {
    this.acknowledged = batch.at(-1)!.offset
    this.#queue.splice(0, batch.length)
    this.#due = Math.max(0, this.#due - batch.length)
    const sizes = this.#recordBytes.splice(0, batch.length)
    for (const [at, size] of sizes.entries()) this.bytes -= size + sourceBytes(batch[at]!)
    this.#listener.acknowledged()
  }

  #nextCount(): number {
    let bytes = 0
    let count = 0
    for (const size of this.#recordBytes) {
      bytes += size
      if (count > 0 && (bytes > sendBytesMax || count === this.#messagesMax)) break
      count++
    }
    return count
  }
}

/** Header with the offset in the input partition that an outcome answers. */
export const sourceOffsetHeader = 'weir-source-offset'

/** Of the other headers, and of what a record itself takes. */
const recordBytesMore = 150

function recordBytes({ key, value, traceparent }: Outcome): number {
  const id = key === null ? 0 : Buffer.byteLength(key)
  return Buffer.byteLength(value) + id + (traceparent?.length ?? 0) + recordBytesMore
}

/** Of a reject, its message. */
function sourceBytes({ source }: Outcome): number {
  return source === null ? 0 : (source.value?.length ?? 0) + (source.key?.length ?? 0)
}

function toRecord({ key, value, type, offset, traceparent }: Outcome): NewRecord {
  const headers: Record<string, string> = {
    [sourceOffsetHeader]: String(offset),
    'weir-type': type,
    'content-type': 'application/json',
  }
  if (traceparent !== null) headers['traceparent'] = traceparent
  return { key, value, headers }
}
