// Everything that a run needs, each in its own process, and its end: a broker, a Redis, the generator, the reader, the engines.
import { KafkaServer } from '../../engine/testing/kafka-server.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { AskedProcess } from './asked-process.ts'
import { type Engine, type Place, startEcho, startWeir } from './engines.ts'
import type { GeneratorQuestions, GeneratorSettings } from './generator-questions.ts'
import type { Pair, ReaderQuestions, ReaderSettings } from './reader-questions.ts'
import type { Traffic } from './traffic.ts'
import type { WorkFiles } from './verification.ts'

export interface StageSettings {
  readonly partitions: number
  readonly traffic: Traffic
  readonly files: WorkFiles
  /** Transactions that Weir has decided before anything is measured: as many as its windows hold. */
  readonly history: number
  /** Of an outcome of the echo: as long as Weir's. */
  readonly decisionBytes: number
}

/** The echo keeps nothing: so many make its code warm. */
const echoWarm = 5000
const settleMsMax = 120_000

export class Stage {
  readonly kafka: KafkaServer
  readonly redis: RedisServer
  readonly generator: AskedProcess<GeneratorQuestions>
  readonly reader: AskedProcess<ReaderQuestions>
  readonly settings: StageSettings
  /** Transactions in each partition so far, by topic. */
  readonly #ends = new Map<string, number[]>()
  readonly #closers: (() => unknown)[] = []
  readonly #engines: Engine[] = []

  private constructor(
    kafka: KafkaServer,
    redis: RedisServer,
    generator: AskedProcess<GeneratorQuestions>,
    reader: AskedProcess<ReaderQuestions>,
    settings: StageSettings,
  ) {
    this.kafka = kafka
    this.redis = redis
    this.generator = generator
    this.reader = reader
    this.settings = settings
  }

  static async open(settings: StageSettings): Promise<Stage> {
    const { partitions, traffic } = settings
    const [kafka, redis] = await Promise.all([KafkaServer.start(), RedisServer.start()])
    const generating: GeneratorSettings = { broker: kafka.brokers, partitions, traffic }
    const reading: ReaderSettings = { brokers: kafka.brokers, partitions }
    const [generator, reader] = await Promise.all([
      AskedProcess.start<GeneratorQuestions>('generator', generating),
      AskedProcess.start<ReaderQuestions>('reader', reading),
    ])
    return new Stage(kafka, redis, generator, reader, settings)
  }

  /** Weir, with full windows. `more`: of its settings. */
  weir(more: Readonly<Record<string, unknown>> = {}): Promise<Engine> {
    const { files, history } = this.settings
    return this.start((place) => startWeir(place, files, this.redis.url, more), history)
  }

  /** The echo, warm. */
  echo(): Promise<Engine> {
    return this.start((place) => startEcho(place, this.settings.decisionBytes), echoWarm)
  }

  /** Any engine on topics of its own; resolves when it has decided `count`. */
  async start(launch: (place: Place) => Promise<Engine>, count: number): Promise<Engine> {
    const topics = await this.#topics()
    return this.#begin(await launch({ topics, partitions: this.settings.partitions }), count)
  }

  /** Where the transactions of a topic end, by partition. */
  ends({ transactions }: Pair): readonly number[] {
    return this.#ends.get(transactions)!
  }

  added({ transactions }: Pair, sent: readonly number[]): void {
    const before = this.#ends.get(transactions)!
    const ends = before.map((count, partition) => count + sent[partition]!)
    this.#ends.set(transactions, ends)
  }

  /** Ends all of it, engines first. */
  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.stop()
    await Promise.all([this.generator.stop(), this.reader.stop()])
    for (const close of this.#closers) await close()
    await Promise.all([this.kafka.stop(), this.redis.stop()])
  }

  async #topics(): Promise<TestTopics> {
    const owner = { after: (close: () => unknown) => void this.#closers.push(close) }
    return TestTopics.make(owner, this.settings.partitions, this.kafka.brokers)
  }

  async #begin(engine: Engine, count: number): Promise<Engine> {
    const { pair } = engine
    this.#engines.push(engine)
    this.#ends.set(pair.transactions, new Array<number>(this.settings.partitions).fill(0))
    await this.reader.ask('follow', pair)
    const { sent } = await this.generator.ask('fill', { topic: pair.transactions, count })
    this.added(pair, sent)
    const ends = this.ends(pair)
    const isWarm = await this.reader.ask('wait', { pair, ends, msMax: settleMsMax })
    if (!isWarm) throw new Error(`${engine.name} did not decide ${count} in ${settleMsMax} ms`)
    return engine
  }
}
