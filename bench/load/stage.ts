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
  readonly #closers: (() => unknown)[]

  private constructor(parts: {
    readonly kafka: KafkaServer
    readonly redis: RedisServer
    readonly generator: AskedProcess<GeneratorQuestions>
    readonly reader: AskedProcess<ReaderQuestions>
    readonly settings: StageSettings
    readonly closers: (() => unknown)[]
  }) {
    this.kafka = parts.kafka
    this.redis = parts.redis
    this.generator = parts.generator
    this.reader = parts.reader
    this.settings = parts.settings
    this.#closers = parts.closers
  }

  /** Ends all that it began, whatever the work does. */
  static async run<T>(settings: StageSettings, work: (stage: Stage) => Promise<T>): Promise<T> {
    const { partitions, traffic } = settings
    const closers: (() => unknown)[] = []
    const owned = async <S extends { stop(): Promise<void> }>(starting: Promise<S>): Promise<S> => {
      const started = await starting
      closers.push(() => started.stop())
      return started
    }
    try {
      const kafka = await owned(KafkaServer.start())
      const redis = await owned(RedisServer.start())
      const generating: GeneratorSettings = { broker: kafka.brokers, partitions, traffic }
      const generator = await owned(AskedProcess.start<GeneratorQuestions>('generator', generating))
      const reading: ReaderSettings = { brokers: kafka.brokers, partitions }
      const reader = await owned(AskedProcess.start<ReaderQuestions>('reader', reading))
      const stage = new Stage({ kafka, redis, generator, reader, settings, closers })
      return await work(stage)
    } finally {
      await closeAll(closers.reverse())
    }
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

  async #topics(): Promise<TestTopics> {
    const owner = { after: (close: () => unknown) => void this.#closers.push(close) }
    return TestTopics.make(owner, this.settings.partitions, this.kafka.brokers)
  }

  async #begin(engine: Engine, count: number): Promise<Engine> {
    const { pair } = engine
    this.#closers.push(() => engine.stop())
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

/** Engines before what they need; what cannot end keeps nothing else running. Rejects with the first failure. */
async function closeAll(closers: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
