// Topics for a test: made with names of their own on the broker of KAFKA_BROKERS, filled, read whole.
import { randomUUID } from 'node:crypto'
import { KafkaClient, type LogRecord, type NewRecord, send } from '../stream/kafka.ts'
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
  ): Promise<TestTopics> {
    if (brokers === undefined) throw new Error('KAFKA_BROKERS is not set: run npm test')
    const topics = new TestTopics(brokers)
    const admin = topics.client.admin()
    await admin.connect()
    await createOrCheckTopics(admin, topics, { partitions, replicas: 1, isCheckOnly: false })
    await admin.disconnect()
    return topics
  }

  /** Appends values to one partition of the transactions, in order. */
  async produce(
    partition: number,
    values: readonly (Partial<NewRecord> | string)[],
  ): Promise<void> {
    const producer = this.client.producer()
    await producer.connect()
    for (let first = 0; first < values.length; first += 500) {
      const records = values
        .slice(first, first + 500)
        .map((value) => (typeof value === 'string' ? { value } : value))
        .map((record) => ({ key: null, value: null, headers: {}, ...record }))
      await send(producer, this.transactions, partition, records)
    }
    await producer.disconnect()
  }

  /** Every record of a partition as it is now. */
  async read(topic: string, partition: number): Promise<LogRecord[]> {
    const reader = new PartitionReader(this.client)
    await reader.connect([topic])
    const { first, end } = await reader.range(topic, partition)
    const all: LogRecord[] = []
    for (let at = first; at < end; ) {
      const { records, next } = await reader.fetch(topic, partition, at, 2 ** 22)
      all.push(...records)
      if (next === at) break
      at = next
    }
    await reader.close()
    return all
  }

  /** Waits until a partition has at least `count` records that readers see. */
  async waitFor(
    topic: string,
    partition: number,
    count: number,
    msMax = 60_000,
  ): Promise<LogRecord[]> {
    const reader = new PartitionReader(this.client)
    await reader.connect([topic])
    try {
      for (let waitedMs = 0; waitedMs < msMax; waitedMs += 50) {
        const { first, end } = await reader.range(topic, partition)
        if (end - first >= count) return await this.read(topic, partition)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      const { first, end } = await reader.range(topic, partition)
      throw new Error(`${topic}/${partition}: expected ${count} records, found ${end - first}`)
    } finally {
      await reader.close()
    }
  }
}
