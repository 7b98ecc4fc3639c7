// Writes outcomes to the decision topic and dead letters beside it, through one idempotent producer.
import { maskCardNumbers } from '../../features/cards.ts'
import type { Log, Outcome } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import {
  breaksProducer,
  type KafkaClient,
  type NewRecord,
  type PartitionReader,
  type Producer,
  send,
} from './kafka.ts'
import { type OutboxPort, sourceOffsetHeader } from './outbox.ts'

export interface SinkTopics {
  readonly transactions: string
  readonly decisions: string
  readonly deadLetters: string
}

const backoffMsMin = 100
const backoffMsMax = 2000

export class KafkaSink implements OutboxPort {
  readonly #client: KafkaClient
  readonly #topics: SinkTopics
  readonly #reader: PartitionReader
  readonly #deadLetterPartitions: number
  readonly #log: Log
  #producer: Producer
  #isClosed = false
  #backoffMs = backoffMsMin
  /** One send in flight to each dead-letter partition, over all outboxes. */
  #deadLetters: Promise<void> = Promise.resolve()

  private constructor(
    client: KafkaClient,
    topics: SinkTopics,
    reader: PartitionReader,
    deadLetterPartitions: number,
    log: Log,
    producer: Producer,
  ) {
    this.#client = client
    this.#topics = topics
    this.#reader = reader
    this.#deadLetterPartitions = deadLetterPartitions
    this.#log = log
    this.#producer = producer
  }

  static async open(
    client: KafkaClient,
    topics: SinkTopics,
    reader: PartitionReader,
    deadLetterPartitions: number,
    log: Log,
  ): Promise<KafkaSink> {
    const producer = client.producer()
    await producer.connect()
    return new KafkaSink(client, topics, reader, deadLetterPartitions, log, producer)
  }

  async sendDecisions(partition: number, records: readonly NewRecord[]): Promise<void> {
    await send(this.#producer, this.#topics.decisions, partition, records)
    this.#backoffMs = backoffMsMin
  }

  /** The raw message as it came, card numbers masked in place, and why. */
  async sendDeadLetters(outcomes: readonly Outcome[]): Promise<void> {
    const before = this.#deadLetters
    const sent = (async () => {
      await before.catch(() => undefined)
      const byPartition = new Map<number, NewRecord[]>()
      for (const outcome of outcomes) {
        const partition = outcome.partition % this.#deadLetterPartitions
        const list = byPartition.get(partition) ?? []
        list.push(this.#deadLetter(outcome))
        byPartition.set(partition, list)
      }
      for (const [partition, records] of byPartition) {
        for (const record of records) {
          // Alone where it is large: a dead letter may be as long as a message can be.
          await send(this.#producer, this.#topics.deadLetters, partition, [record])
        }
      }
    })()
    this.#deadLetters = sent
    await sent
  }

  /**
   * Waits and, where the producer's sequence is in doubt, makes a new one and reads how far the decision topic got.
   * Resolves to the last source offset known to be written, -1 if that was not asked.
   */
  async recover(partition: number, error: unknown): Promise<number> {
    if (this.#isClosed) throw error
    if (error instanceof EngineError && !error.isRetriable) throw error
    this.#log.warn({ error, partition }, 'sending failed, trying again')
    await sleep(this.#backoffMs)
    this.#backoffMs = Math.min(backoffMsMax, this.#backoffMs * 2)
    if (!breaksProducer(error)) return -1
    try {
      const producer = this.#client.producer()
      await producer.connect()
      const old = this.#producer
      this.#producer = producer
      await old.disconnect()
      return await this.lastSourceOffset(partition)
    } catch {
      return -1
    }
  }

  /** Source offset of the last outcome in a partition of the decision topic; -1 when it is empty. */
  async lastSourceOffset(partition: number): Promise<number> {
    const last = await this.#reader.last(this.#topics.decisions, partition)
    const header = last?.headers[sourceOffsetHeader]
    if (last === null) return -1
    const offset = Number(header?.toString())
    if (header !== undefined && Number.isSafeInteger(offset)) return offset
    const expected = `a header ${sourceOffsetHeader} on the last record of ${this.#topics.decisions}/${partition}`
    throw new EngineError(
      'topic_unfit',
      `expected ${expected}, found none: something else writes there`,
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#producer.disconnect()
  }

  #deadLetter({ source, reject, partition, offset, traceparent }: Outcome): NewRecord {
    const headers: Record<string, string> = {
      'weir-reason': reject?.reason ?? '',
      'weir-field': reject?.field ?? '',
      'weir-expected': reject?.expected ?? '',
      'weir-found': reject?.found ?? '',
      'weir-source-topic': this.#topics.transactions,
      'weir-source-partition': String(partition),
      'weir-source-offset': String(offset),
    }
    if (traceparent !== null) headers['traceparent'] = traceparent
    const mask = (bytes: Uint8Array | null | undefined): Buffer | null =>
      bytes === null || bytes === undefined ? null : Buffer.from(maskCardNumbers(bytes))
    return { key: mask(source?.key), value: mask(source?.value), headers }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
