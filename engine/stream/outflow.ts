// The transactions of calls on their way to the transaction topic, each with what it was answered in a header. Nobody waits for
// them: they are sent in the order of their partition, one send in flight there, again and again until they are acknowledged.
// One may come twice; none is left out but at a stop that cannot wait, and then it is said.
import type { Answer, AnswerSeal } from '../../features/answer.ts'
import type { Log, Message, Outflow } from '../core/ports.ts'
import { Change, within } from './deadline.ts'
import { isTooLarge, type KafkaClient, type NewRecord, partitionerOf } from './kafka.ts'
import { bytesOf, chunksOf, RenewedProducer } from './renewed-producer.ts'

/** The header in which a sealed answer travels with its transaction. */
export const answerHeader = 'weir-answer'

export interface OutflowParts {
  readonly client: KafkaClient
  readonly topic: string
  /** Asks how many partitions the topic has. Rejects with EngineError. */
  readonly countPartitions: () => Promise<number>
  readonly seal: AnswerSeal
  /** Bound of what waits, about: beyond it no more calls should be let in. */
  readonly bytesMax: number
  readonly log: Log
}

/** Counts since the start, and what waits now. */
export interface OutflowStats {
  readonly waiting: number
  readonly waitingBytes: number
  /** Larger than the topic takes. */
  readonly lost: number
}

const backoffMsMin = 100
const backoffMsMax = 2000

export class KafkaOutflow implements Outflow {
  readonly #parts: OutflowParts
  readonly #producer: RenewedProducer
  /** Of each partition, what waits; and what waits for the number of partitions to be known. */
  readonly #lanes: NewRecord[][] = []
  #unplaced: NewRecord[] = []
  /** Null until the number of partitions is known. */
  #partitionOf: ((key: Buffer | string) => number) | null = null
  readonly #isSending: boolean[] = []
  #isAway = false
  #isClosed = false
  readonly #changed = new Change()
  #stats = { waiting: 0, waitingBytes: 0, lost: 0 }

  constructor(parts: OutflowParts) {
    this.#parts = parts
    this.#producer = RenewedProducer.later(parts.client)
    void this.#ask()
  }

  get stats(): OutflowStats {
    return { ...this.#stats }
  }

  get hasRoom(): boolean {
    return this.#stats.waitingBytes < this.#parts.bytesMax
  }

  take(message: Message, answer: Answer | null): void {
    if (this.#isClosed) return
    const record = this.#toRecord(message, answer)
    this.#stats.waiting++
    this.#stats.waitingBytes += bytesOf(record)
    if (this.#partitionOf === null) this.#unplaced.push(record)
    else this.#place(record, this.#partitionOf(record.key!))
  }

  /** Waits until all that was taken is acknowledged, at most `ms`; returns how many are not, which nobody will send. */
  async close(ms: number): Promise<number> {
    await within(ms, this.#drained())
    this.#isClosed = true
    this.#changed.tell()
    await this.#producer.close()
    return this.#stats.waiting
  }

  async #drained(): Promise<void> {
    while (this.#stats.waiting > 0 && !this.#isClosed) await this.#changed.next()
  }

  #toRecord(message: Message, answer: Answer | null): NewRecord {
    const { seal } = this.#parts
    const headers: Record<string, Buffer | string> = {}
    if (message.traceparent !== null) headers['traceparent'] = message.traceparent
    if (answer !== null) headers[answerHeader] = seal.seal(answer)
    const [key, value] = [message.key, message.value].map((bytes) => bytes && Buffer.from(bytes))
    // Its arrival here, so that whoever reads it finds the same times in the future as we did.
    return { key: key!, value: value!, headers, timestampMs: message.timestampMs }
  }

  #place(record: NewRecord, partition: number): void {
    ;(this.#lanes[partition] ??= []).push(record)
    if (this.#isSending[partition] !== true) void this.#send(partition)
  }

  /** Once: connects, and finds out where records belong. */
  async #ask(): Promise<void> {
    const count = await this.#insist(async () => {
      await this.#producer.connect()
      return this.#parts.countPartitions()
    })
    if (count === null) return
    const partitionOf = partitionerOf(count)
    this.#partitionOf = partitionOf
    const records = this.#unplaced
    this.#unplaced = []
    for (const record of records) this.#place(record, partitionOf(record.key!))
  }

  /** Sends what gathers for a partition until nothing is left. */
  async #send(partition: number): Promise<void> {
    this.#isSending[partition] = true
    for (;;) {
      const records = this.#lanes[partition]!
      if (records.length === 0 || this.#isClosed) break
      this.#lanes[partition] = []
      for (const chunk of chunksOf(records)) await this.#sendChunk(partition, chunk)
    }
    this.#isSending[partition] = false
  }

  async #sendChunk(partition: number, records: readonly NewRecord[]): Promise<void> {
    const { topic } = this.#parts
    const isLarge = await this.#insist(async () => {
      try {
        await this.#producer.send(topic, partition, records)
        return false
      } catch (error) {
        if (!isTooLarge(error)) throw error
        return true
      }
    })
    if (isLarge === null) return
    if (isLarge && records.length > 1) {
      for (const record of records) await this.#sendChunk(partition, [record])
      return
    }
    if (isLarge) this.#lose(records[0]!)
    this.#stats.waiting -= records.length
    for (const record of records) this.#stats.waitingBytes -= bytesOf(record)
    this.#changed.tell()
  }

  #lose(record: NewRecord): void {
    this.#stats.lost++
    const { topic, log } = this.#parts
    const fields = { topic, bytes: bytesOf(record) }
    log.error(
      fields,
      'the topic takes no message as large as this call: it is answered and counted, and not there',
    )
  }

  /** Until it works; null: until the end. Says once that it does not. */
  async #insist<T>(attempt: () => Promise<T>): Promise<T | null> {
    const { log, topic } = this.#parts
    for (
      let pauseMs = backoffMsMin;
      !this.#isClosed;
      pauseMs = Math.min(backoffMsMax, pauseMs * 2)
    ) {
      try {
        const done = await attempt()
        if (this.#isAway) log.warn({ topic }, 'calls go to Kafka again')
        this.#isAway = false
        return done
      } catch (error) {
        if (!this.#isAway) log.error({ error, topic }, 'calls wait for Kafka')
        this.#isAway = true
        await new Promise((resolve) => setTimeout(resolve, pauseMs).unref())
      }
    }
    return null
  }
}
