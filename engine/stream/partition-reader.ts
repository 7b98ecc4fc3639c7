// Reads partitions by offset, without a group: where they begin and end, what is in them, what comes last. Sees committed
// transactions only, and never control records. Every call may be repeated after a failure.
import { EngineError } from '../errors.ts'
import { asEngineError, type KafkaClient, type LogRecord } from './kafka.ts'
import { type Batch, type Cluster, RawBatch, readCommitted } from './kafka-internals.ts'

/** First offset that is there, and the one behind the last that readers see. */
export interface Range {
  readonly first: number
  readonly end: number
}

export class PartitionReader {
  readonly #cluster: Cluster
  /** A failure may mean that another broker leads. */
  #isStale = false

  constructor(client: KafkaClient) {
    this.#cluster = client.cluster()
  }

  /** Rejects with EngineError, as all methods do. */
  async connect(topics: readonly string[]): Promise<void> {
    try {
      await this.#cluster.connect()
      await this.#cluster.addMultipleTargetTopics([...topics])
    } catch (cause) {
      throw asEngineError(`connecting to ${topics.join(', ')}`, cause)
    }
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect()
  }

  /** `topic_unfit` where the topic has no such partition. */
  range(topic: string, partition: number): Promise<Range> {
    return this.#ask(`asking where ${topic}/${partition} ends`, async () => {
      await this.#requirePartition(topic, partition)
      const read = async (fromBeginning: boolean): Promise<number> => {
        const asked = { topic, partitions: [{ partition }], fromBeginning }
        const [answer] = await this.#cluster.fetchTopicsOffset([asked])
        return Number(answer?.partitions[0]?.offset ?? Number.NaN)
      }
      return { first: await read(true), end: await read(false) }
    })
  }

  /** Records from `offset` on, as many as a fetch brings; `next` is where to go on, `offset` itself at the end. */
  fetch(
    topic: string,
    partition: number,
    offset: number,
    bytesMax: number,
  ): Promise<{ readonly records: LogRecord[]; readonly next: number }> {
    return this.#ask(`reading ${topic}/${partition} at ${offset}`, async () => {
      const { messages, messagesWithinOffset } = await this.#fetch(
        topic,
        partition,
        offset,
        bytesMax,
      )
      const records = messages.map(({ offset: at, timestamp, key, value, headers }) => ({
        offset: Number(at),
        timestampMs: Number(timestamp),
        key,
        value,
        headers,
      }))
      const last = messagesWithinOffset.at(-1)
      return { records, next: last === undefined ? offset : Number(last.offset) + 1 }
    })
  }

  /** The last record; null where there is none. */
  async last(topic: string, partition: number, { first, end }: Range): Promise<LogRecord | null> {
    // Behind the last record there may be control records or aborted ones: step back further until one is seen.
    for (let back = 1; ; back *= 8) {
      const from = Math.max(first, end - back)
      let found: LogRecord | null = null
      for await (const records of this.#between(topic, partition, from, end)) {
        found = records.at(-1) ?? found
      }
      if (found !== null || from === first) return found
    }
  }

  /** Offset of the first record from `from` on and before `to`; `to` where there is none. */
  async firstBetween(topic: string, partition: number, from: number, to: number): Promise<number> {
    for await (const records of this.#between(topic, partition, from, to)) {
      const [record] = records
      if (record !== undefined) return Math.min(record.offset, to)
    }
    return to
  }

  async *#between(
    topic: string,
    partition: number,
    from: number,
    to: number,
  ): AsyncIterable<readonly LogRecord[]> {
    for (let at = from; at < to; ) {
      const { records, next } = await this.fetch(topic, partition, at, fetchBytes)
      if (next === at) {
        throw new EngineError(
          'kafka_unavailable',
          `reading ${topic}/${partition}: expected records up to ${to}, found none at ${at}`,
        )
      }
      yield records
      at = next
    }
  }

  async #fetch(topic: string, partition: number, offset: number, bytesMax: number): Promise<Batch> {
    const leaders = this.#cluster.findLeaderForPartitions(topic, [partition])
    const nodeId = Object.keys(leaders)[0] ?? ''
    const broker = await this.#cluster.findBroker({ nodeId })
    const asked = { partition, fetchOffset: String(offset), maxBytes: bytesMax }
    const response = await broker.fetch({
      maxWaitTime: fetchWaitMs,
      minBytes: 1,
      maxBytes: bytesMax,
      isolationLevel: readCommitted,
      topics: [{ topic, partitions: [asked] }],
    })
    const data = response.responses[0]?.partitions[0] ?? { abortedTransactions: null, messages: [] }
    return new RawBatch(topic, String(offset), data)
  }

  async #requirePartition(topic: string, partition: number): Promise<void> {
    const has = (): boolean => this.#partitions(topic).includes(partition)
    if (has()) return
    await this.#cluster.refreshMetadata()
    if (has()) return
    const found = this.#partitions(topic).length
    throw new EngineError(
      'topic_unfit',
      `${topic}: expected partition ${partition}, found ${found} partitions`,
    )
  }

  #partitions(topic: string): number[] {
    return this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
  }

  async #ask<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      if (this.#isStale) await this.#cluster.refreshMetadata()
      else await this.#cluster.refreshMetadataIfNecessary()
      this.#isStale = false
      return await work()
    } catch (cause) {
      this.#isStale = true
      throw asEngineError(doing, cause)
    }
  }
}

const fetchBytes = 2 ** 20
const fetchWaitMs = 100
