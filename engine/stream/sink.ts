// Writes outcomes to the decision topic and dead letters beside it, through one idempotent producer. After a send that failed,
// what the decision topic has already is not sent again.
import { maskCardNumbers } from '../../features/cards.ts'
import type { Log, Outcome } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { Change, within } from './deadline.ts'
import { isTooLarge, type KafkaClient, type NewRecord } from './kafka.ts'
import type { OutboxPort } from './outbox.ts'
import type { Positions } from './positions.ts'
import { chunksOf, RenewedProducer } from './renewed-producer.ts'

export interface SinkTopics {
  readonly transactions: string
  readonly decisions: string
  readonly deadLetters: string
}

export interface SinkParts {
  readonly client: KafkaClient
  readonly topics: SinkTopics
  readonly positions: Pick<Positions, 'unanswered'>
  readonly deadLetterPartitions: number
  readonly log: Log
}

const backoffMsMin = 100
const backoffMsMax = 2000

export class KafkaSink implements OutboxPort {
  readonly #parts: SinkParts
  readonly #producer: RenewedProducer
  /** One send in flight to the dead letters, over all outboxes. */
  #deadLetters: Promise<void> = Promise.resolve()
  readonly #backoffMs = new Map<number, number>()
  readonly #closed = new Change()
  #isClosed = false

  private constructor(parts: SinkParts, producer: RenewedProducer) {
    this.#parts = parts
    this.#producer = producer
  }

  static async open(parts: SinkParts): Promise<KafkaSink> {
    return new KafkaSink(parts, await RenewedProducer.open(parts.client))
  }

  async sendDecisions(partition: number, records: readonly NewRecord[]): Promise<void> {
    await this.#producer.send(this.#parts.topics.decisions, partition, records)
    this.#backoffMs.delete(partition)
  }

  /** The raw messages as they came, card numbers masked in place, and why. One may come twice, none is left out. */
  async sendDeadLetters(outcomes: readonly Outcome[]): Promise<void> {
    const before = this.#deadLetters
    const sent = (async () => {
      await before.catch(() => undefined)
      for (const [partition, letters] of this.#byPartition(outcomes)) {
        for (const chunk of chunksOf(letters)) await this.#sendDeadLetters(partition, chunk)
      }
    })()
    this.#deadLetters = sent
    await sent
  }

  async recover(partition: number, cause: unknown): Promise<number> {
    for (let error = cause; ; ) {
      if (this.#isClosed || (error instanceof EngineError && !error.isRetriable)) throw error
      this.#parts.log.warn({ error, partition }, 'sending failed, trying again')
      await this.#backOff(partition)
      try {
        return ((await this.#parts.positions.unanswered(partition)) ?? 0) - 1
      } catch (another) {
        error = another
      }
    }
  }

  /** Ends at once: what is in flight is rejected and not sent again. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#closed.tell()
    await this.#producer.close()
  }

  async #backOff(partition: number): Promise<void> {
    const ms = this.#backoffMs.get(partition) ?? backoffMsMin
    this.#backoffMs.set(partition, Math.min(backoffMsMax, ms * 2))
    await within(ms, this.#closed.next())
  }

  #byPartition(outcomes: readonly Outcome[]): Map<number, NewRecord[]> {
    const byPartition = new Map<number, NewRecord[]>()
    for (const outcome of outcomes) {
      const partition = outcome.partition % this.#parts.deadLetterPartitions
      const letters = byPartition.get(partition)
      if (letters === undefined) byPartition.set(partition, [this.#deadLetter(outcome)])
      else letters.push(this.#deadLetter(outcome))
    }
    return byPartition
  }

  async #sendDeadLetters(partition: number, letters: readonly NewRecord[]): Promise<void> {
    const { deadLetters } = this.#parts.topics
    const [letter] = letters
    try {
      await this.#producer.send(deadLetters, partition, letters)
    } catch (error) {
      // A message as long as its topic allows, with why it is no transaction on top: better cut than lost.
      if (letters.length > 1 || letter === undefined || !isTooLarge(error)) throw error
      const size = (letter.key?.length ?? 0) + (letter.value?.length ?? 0)
      if (size <= cutBytesMin) throw error
      await this.#sendDeadLetters(partition, [cut(letter, size)])
    }
  }

  #deadLetter({ source, reject, partition, offset, traceparent }: Outcome): NewRecord {
    const headers: Record<string, string> = {
      'weir-reason': reject?.reason ?? '',
      'weir-field': reject?.field ?? '',
      'weir-expected': reject?.expected ?? '',
      'weir-found': reject?.found ?? '',
      'weir-source-topic': this.#parts.topics.transactions,
      'weir-source-partition': String(partition),
      'weir-source-offset': String(offset),
    }
    if (traceparent !== null) headers['traceparent'] = traceparent
    const mask = (bytes: Uint8Array | null | undefined): Buffer | null =>
      bytes === null || bytes === undefined ? null : Buffer.from(maskCardNumbers(bytes))
    return { key: mask(source?.key), value: mask(source?.value), headers }
  }
}

const cutBytesMin = 1024

/** Key and value cut to a quarter of what they are together, their lengths in headers. */
function cut({ key, value, headers }: NewRecord, size: number): NewRecord {
  const shorten = (bytes: Buffer | string | null): Buffer | null =>
    bytes === null ? null : Buffer.from(bytes).subarray(0, Math.ceil(size / 8))
  const lengths = {
    'weir-key-length': String(key?.length ?? 0),
    'weir-value-length': String(value?.length ?? 0),
  }
  return { key: shorten(key), value: shorten(value), headers: { ...lengths, ...headers } }
}
