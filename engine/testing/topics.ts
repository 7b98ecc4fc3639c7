// Topics for a test: made with names of their own on the broker of KAFKA_BROKERS, filled, read whole.
import { randomUUID } from 'node:crypto'
import { type Admin, KafkaClient, type LogRecord, type NewRecord, send } from '../stream/kafka.ts'
import { PartitionReader } from '../stream/partition-reader.ts'
import { createOrCheckTopics } from '../stream/topics.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** The three topics of a deployment and what a test does with them. */
export class TestTopics {
  readonly client: KafkaClient
  readonly brokers: string
  readonly transactions: string
  readonly decisions: string
  readonly deadLetters: string

  private constructor(brokers: string) {
    const name = randomUUID().slice(0, 8)
    this.brokers = brokers
    this.transactions = `t-${name}`
    this.decisions = `d-${name}`
    this.deadLetters = `x-${name}`
    this.client = new KafkaClient({
      brokers: brokers.split(','),
      clientId: 'test',
      requestTimeoutMs: 10_000,
      ssl: null,
      sasl: null,
      log: silent,
    })
  }

  static async make(
    partitions: number,
    brokers = process.env['KAFKA_BROKERS'],
    replicas = 1,
  ): Promise<TestTopics> {
    if (brokers === undefined) throw new Error('KAFKA_BROKERS is not set: run npm test')
    const topics = new TestTopics(brokers)
    const wishes = { partitions, replicas, isCheckOnly: false }
    await topics.admin((admin) => createOrCheckTopics(admin, topics, wishes))
    return topics
  }

  /** Asks the brokers. */
  async admin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.client.admin()
    await admin.connect()
    try {
      return await work(admin)
    } finally {
      await admin.disconnect()
    }
  }

  /** Sets a setting of the transactions topic. */
  async set(name: string, value: string): Promise<void> {
    const resource = { type: 2, name: this.transactions, configEntries: [{ name, value }] }
    await this.admin((admin) => admin.alterConfigs({ validateOnly: false, resources: [resource] }))
  }

  /** The position that the group of this name has committed; -1 where it has none. */
  async committed(group: string, partition: number): Promise<number> {
    const [answer] = await this.admin((admin) =>
      admin.fetchOffsets({ groupId: group, topics: [this.transactions] }),
    )
    return Number(answer?.partitions.find((one) => one.partition === partition)?.offset ?? -1)
  }

  /** Appends values to one partition of the transactions, in order. */
  async produce(
    partition: number,
    values: readonly (Partial<NewRecord> | string)[],
  ): Promise<void> {
    const records = values
      .map((value) => (typeof value === 'string' ? { value } : value))
      .map((record) => ({ key: null, value: null, headers: {}, ...record }))
    const producer = this.client.producer()
    try {
      await producer.connect()
      for (const chunk of chunks(records)) await send(producer, this.transactions, partition, chunk)
    } finally {
      await producer.disconnect()
    }
  }

  /** Every record of a partition as it is now. */
  async read(topic: string, partition: number): Promise<LogRecord[]> {
    const reader = new PartitionReader(this.client)
    await reader.connect([topic])
    try {
      const { first, end } = await reader.range(topic, partition)
      const all: LogRecord[] = []
      for (let at = first; at < end; ) {
        const { records, next } = await reader.fetch(topic, partition, at, fetchBytes)
        for (const record of records) all.push(record)
        at = next
      }
      return all
    } finally {
      await reader.close()
    }
  }

  /** Reads a partition from its beginning until what was read is enough, also over failures of the brokers. */
  async follow(
    topic: string,
    partition: number,
    isEnough: (records: readonly LogRecord[]) => boolean,
    msMax = 60_000,
  ): Promise<LogRecord[]> {
    const until = Date.now() + msMax
    const all: LogRecord[] = []
    const reader = new PartitionReader(this.client)
    try {
      await reader.connect([topic])
      for (let at = 0; !isEnough(all); ) {
        if (Date.now() > until) {
          const last = all.at(-1)
          throw new Error(`${topic}/${partition}: not enough after ${all.length} records: ${last}`)
        }
        const fetched = await reader.fetch(topic, partition, at, fetchBytes).catch(() => null)
        if (fetched === null) await new Promise((resolve) => setTimeout(resolve, 100))
        for (const record of fetched?.records ?? []) all.push(record)
        at = fetched?.next ?? at
      }
      return all
    } finally {
      await reader.close()
    }
  }

  /** Waits until a partition has at least `count` records that readers see. */
  waitFor(topic: string, partition: number, count: number): Promise<LogRecord[]> {
    return this.follow(topic, partition, (records) => records.length >= count)
  }
}

const fetchBytes = 2 ** 22
const chunkBytesMax = 800_000
const chunkMessagesMax = 500

function* chunks(records: readonly NewRecord[]): Generator<NewRecord[]> {
  let chunk: NewRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = record.value?.length ?? 0
    if (chunk.length === chunkMessagesMax || (chunk.length > 0 && bytes + size > chunkBytesMax)) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(record)
    bytes += size
  }
  if (chunk.length > 0) yield chunk
}
