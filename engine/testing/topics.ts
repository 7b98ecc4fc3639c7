// Topics for a test: made with names of their own on the broker of KAFKA_BROKERS, filled, read whole.
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import kafkajs from 'kafkajs'
import {
  type Admin,
  KafkaClient,
  type LogRecord,
  type NewRecord,
  type Producer,
  send,
} from '../stream/kafka.ts'
import { PartitionReader } from '../stream/partition-reader.ts'
import type { SinkTopics } from '../stream/sink.ts'
import { createOrCheckTopics } from '../stream/topics.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** The brokers that `npm test` runs. */
export function testBrokers(): string {
  const brokers = process.env['KAFKA_BROKERS']
  if (brokers === undefined) throw new Error('KAFKA_BROKERS is not set: run npm test')
  return brokers
}

/** Names for the topics of a deployment that nobody else has. */
export function newNames(): SinkTopics {
  const name = randomUUID().slice(0, 8)
  return { transactions: `t-${name}`, decisions: `d-${name}`, deadLetters: `x-${name}` }
}

/** The three topics of a deployment and what a test does with them. Its connections end with the test. */
export class TestTopics {
  readonly client: KafkaClient
  readonly brokers: string
  readonly transactions: string
  readonly decisions: string
  readonly deadLetters: string
  readonly #t: Pick<TestContext, 'after'>
  #producer: Promise<Producer> | null = null
  #reader: Promise<PartitionReader> | null = null

  private constructor(t: Pick<TestContext, 'after'>, brokers: string) {
    const { transactions, decisions, deadLetters } = newNames()
    this.#t = t
    this.brokers = brokers
    this.transactions = transactions
    this.decisions = decisions
    this.deadLetters = deadLetters
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
    t: Pick<TestContext, 'after'>,
    partitions: number,
    brokers = testBrokers(),
    replicas = 1,
  ): Promise<TestTopics> {
    const topics = new TestTopics(t, brokers)
    const wishes = { partitions, replicas, isCheckOnly: false }
    await topics.admin((admin) => createOrCheckTopics(admin, topics, wishes))
    return topics
  }

  /** Deletes all three and makes them again: offsets restart. */
  async recreate(partitions: number): Promise<void> {
    const names = [this.transactions, this.decisions, this.deadLetters]
    await this.admin(async (admin) => {
      await admin.deleteTopics({ topics: names })
      while ((await admin.listTopics()).some((name) => names.includes(name)));
      await createOrCheckTopics(admin, this, { partitions, replicas: 1, isCheckOnly: false })
    })
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
    const resource = {
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: this.transactions,
      configEntries: [{ name, value }],
    }
    await this.admin((admin) => admin.alterConfigs({ validateOnly: false, resources: [resource] }))
  }

  /** Deletes the records before an offset, as retention does. */
  async deleteBefore(topic: string, partition: number, offset: number): Promise<void> {
    const partitions = [{ partition, offset: String(offset) }]
    await this.admin(async (admin) => {
      // It has to know the topic before.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions })
    })
  }

  /** Deletes the transactions topic and makes it again, empty. */
  async makeAnew(): Promise<void> {
    const { transactions } = this
    await this.admin(async (admin) => {
      await admin.deleteTopics({ topics: [transactions] })
      while ((await admin.listTopics()).includes(transactions)) continue
      await admin.createTopics({ topics: [{ topic: transactions, numPartitions: 1 }] })
      await hosted(() => admin.fetchTopicOffsets(transactions))
    })
    // The one that is open knows the topic of before.
    this.#producer = null
  }

  async addPartition(topic: string, count: number): Promise<void> {
    const topicPartitions = [{ topic, count }]
    await this.admin((admin) => admin.createPartitions({ topicPartitions }))
    // The one that is open does not know of it.
    this.#producer = null
  }

  /** The position that the group of this name has committed; -1 where it has none. */
  async committed(group: string, partition: number, topic = this.transactions): Promise<number> {
    const [answer] = await this.admin((admin) =>
      admin.fetchOffsets({ groupId: group, topics: [topic] }),
    )
    return Number(answer?.partitions.find((one) => one.partition === partition)?.offset ?? -1)
  }

  /** Appends values to one partition of the transactions, or of another topic, in order. */
  async produce(
    partition: number,
    values: readonly (Partial<NewRecord> | string)[],
    topic = this.transactions,
  ): Promise<void> {
    const records = values
      .map((value) => (typeof value === 'string' ? { value } : value))
      .map((record) => ({ key: null, value: null, headers: {}, ...record }))
    this.#producer ??= this.#openProducer()
    const producer = await this.#producer
    for (const chunk of chunks(records)) await send(producer, topic, partition, chunk)
  }

  /** Every record of a partition as it is now. */
  async read(topic: string, partition: number): Promise<LogRecord[]> {
    this.#reader ??= this.#openReader()
    const reader = await this.#reader
    const { first, end } = await reader.range(topic, partition)
    const all: LogRecord[] = []
    for (let at = first; at < end; ) {
      const { records, next } = await reader.fetch(topic, partition, at, fetchBytes)
      for (const record of records) all.push(record)
      at = next
    }
    return all
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
    this.#reader ??= this.#openReader()
    const reader = await this.#reader
    for (let at = 0; !isEnough(all); ) {
      if (Date.now() > until) {
        throw new Error(`${topic}/${partition}: not enough, found ${all.length} records`)
      }
      const fetched = await reader.fetch(topic, partition, at, fetchBytes).catch(() => null)
      if (fetched === null) await new Promise((resolve) => setTimeout(resolve, 100))
      for (const record of fetched?.records ?? []) all.push(record)
      at = fetched?.next ?? at
    }
    return all
  }

  /** Waits until a partition has at least `count` records that readers see. */
  waitFor(topic: string, partition: number, count: number): Promise<LogRecord[]> {
    return this.follow(topic, partition, (records) => records.length >= count)
  }

  /** One that writes in transactions, as others may; Weir does not. */
  async openTransactional(name: string): Promise<Producer> {
    const producer = this.#kafka().producer({
      transactionalId: `${this.transactions}-${name}`,
      maxInFlightRequests: 1,
      idempotent: true,
    })
    this.#t.after(() => producer.disconnect())
    await producer.connect()
    return producer
  }

  #kafka(): kafkajs.Kafka {
    const brokers = this.brokers.split(',')
    return new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING })
  }

  /** Tries for half a minute before it gives up: what it appends stands there once, also over a change of leaders. */
  async #openProducer(): Promise<Producer> {
    const producer = this.#kafka().producer({
      idempotent: true,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
      retry: { retries: 60, initialRetryTime: 100, maxRetryTime: 500 },
    })
    this.#t.after(() => producer.disconnect())
    await producer.connect()
    return producer
  }

  async #openReader(): Promise<PartitionReader> {
    const reader = new PartitionReader(this.client)
    this.#t.after(() => reader.close())
    const all = [this.transactions, this.decisions, this.deadLetters]
    // Of several brokers, not each knows new topics at once.
    for (let left = 20; left > 0; left--) {
      const failure = await reader.connect(all).catch((error: unknown) => error)
      if (failure === undefined) return reader
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await reader.connect(all)
    return reader
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

/** Resolves once the broker has a topic that it was told of: a moment after it has said that there is one. */
async function hosted(ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await ask()
      return
    } catch (error) {
      if (!/does not host this topic-partition/.test((error as Error).message)) throw error
    }
  }
}
