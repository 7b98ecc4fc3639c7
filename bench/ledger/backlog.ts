// `weir stream` as users run it, on a topic that was filled before, from a real broker to a real broker with journals in a real
// Redis. It starts all of them and ends them; what is measured meanwhile is its caller's.
import type { Message } from '../../engine/core/ports.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { KafkaServer } from '../../engine/testing/kafka-server.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { TopicEnd } from '../topic-end.ts'
import { nodeFlags } from '../variant.ts'
import type { Work } from './work.ts'

/** One partition: decisions come in the order of the transactions, so that they can be held against the oracle. */
const partition = 0
const chunk = 10_000
const fetchBytes = 2 ** 20

export class Backlog {
  readonly kafka: KafkaServer
  readonly redis: RedisServer
  readonly #topics: TestTopics
  readonly #closers: readonly (() => unknown)[]
  #reader: PartitionReader | null = null
  #engine: EngineProcess | null = null

  private constructor(
    kafka: KafkaServer,
    redis: RedisServer,
    topics: TestTopics,
    closers: readonly (() => unknown)[],
  ) {
    this.kafka = kafka
    this.redis = redis
    this.#topics = topics
    this.#closers = closers
  }

  /** With all messages in the topic. */
  static async fill(messages: readonly Message[]): Promise<Backlog> {
    const kafka = await KafkaServer.start()
    const redis = await RedisServer.start()
    const closers: (() => unknown)[] = []
    const owner = { after: (close: () => unknown) => void closers.push(close) }
    const topics = await TestTopics.make(owner, 1, kafka.brokers)
    for (let first = 0; first < messages.length; first += chunk) {
      const values = messages.slice(first, first + chunk).map(({ value }) => {
        return Buffer.from(value!).toString('utf8')
      })
      await topics.produce(partition, values)
    }
    return new Backlog(kafka, redis, topics, closers)
  }

  /** Starts `weir stream` over it; `preload`: the URL of a module that is loaded before it. */
  async start({ files }: Pick<Work, 'files'>, preload: string): Promise<EngineProcess> {
    const { transactions, decisions, deadLetters, brokers } = this.#topics
    const config = `
source: ${files.mapping}
catalog: ${files.catalog}
models: [${files.models.map(({ folder }) => folder).join(', ')}]
kafka:
  brokers: [${brokers}]
  transactions: ${transactions}
  decisions: ${decisions}
  dead_letters: ${deadLetters}
  group: ${transactions}
redis: { url: '${this.redis.url}', held_bytes_max: 1GiB }
hash_key: 00112233445566778899aabbccddeeff
`
    const environment = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }
    const flags = [...nodeFlags, `--import=${preload}`]
    const engine = new EngineProcess(['stream'], config, environment, flags)
    this.#engine = engine
    this.#reader = new PartitionReader(this.#topics.client)
    await this.#reader.connect([decisions])
    return engine
  }

  /** Waits until so many outcomes are in the decision topic; how many are. */
  reached(wanted: number): Promise<number> {
    const decisions = new TopicEnd(this.#reader!, this.#topics.decisions, 1)
    return decisions.reached(wanted, () => {
      if (this.#engine!.child.exitCode !== null)
        throw new Error(`weir stream ended: ${this.#engine!.stderr}`)
    })
  }

  /** The outcomes of messages, by the offset of each. */
  async outcomes(offsets: readonly number[]): Promise<Map<number, string>> {
    const found = new Map<number, string>()
    for (const offset of offsets) {
      const { records } = await this.#reader!.fetch(
        this.#topics.decisions,
        partition,
        offset,
        fetchBytes,
      )
      const record = records.find((one) => one.offset >= offset)
      if (record?.value != null) found.set(offset, record.value.toString('utf8'))
    }
    return found
  }

  async close(): Promise<void> {
    const ended = await this.#engine?.kill('SIGTERM')
    await this.#reader?.close()
    for (const close of this.#closers) await close()
    await this.kafka.stop()
    await this.redis.stop()
    if (ended !== undefined && ended.code !== 0)
      throw new Error(`weir stream ended with ${ended.code}: ${ended.stderr}`)
  }
}
