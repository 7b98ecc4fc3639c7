// A deployment of the stream for a test: topics of its own, a Redis, a configuration, and engines that end with the test.
// What is fed is counted, so that outcomes can be audited: every offset once, every transaction counted once.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { corpusMapping, corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import type { LogRecord, NewRecord } from '../stream/kafka.ts'
import { EngineProcess } from './engine-process.ts'
import { TestTopics } from './topics.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-stream-'))
const mappingFile = join(folder, 'mapping.yaml')
writeFileSync(mappingFile, JSON.stringify(corpusMapping))
/** The configuration alone says where the services are. */
const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }

export interface DeploymentOptions {
  readonly partitions?: number
  readonly brokers?: string
  readonly replicas?: number
  /** Settings of `kafka` that replace the quick ones of tests. */
  readonly kafka?: Readonly<Record<string, string | number>>
  /** Where engines find the broker, if not where the test does. */
  readonly engineBrokers?: string
}

export class Deployment {
  readonly topics: TestTopics
  readonly redis: RedisServer
  /** The text of weir.yaml. */
  readonly config: string
  readonly #t: TestContext

  private constructor(t: TestContext, topics: TestTopics, redis: RedisServer, config: string) {
    this.#t = t
    this.topics = topics
    this.redis = redis
    this.config = config
  }

  static async make(
    t: TestContext,
    { partitions = 1, brokers, replicas, kafka = {}, engineBrokers }: DeploymentOptions = {},
  ): Promise<Deployment> {
    const redis = await RedisServer.start()
    t.after(() => redis.stop())
    const topics = await TestTopics.make(t, partitions, brokers, replicas)
    const settings = {
      brokers: (engineBrokers ?? topics.brokers).split(','),
      transactions: topics.transactions,
      decisions: topics.decisions,
      dead_letters: topics.deadLetters,
      group: topics.transactions,
      session_timeout: '2s',
      commit_interval: '100ms',
      request_timeout: '3s',
      ...kafka,
    }
    const config = {
      source: mappingFile,
      kafka: settings,
      redis: { url: redis.url, command_timeout: '1s' },
      hash_key: '00112233445566778899aabbccddeeff',
      log: { level: 'info' },
    }
    return new Deployment(t, topics, redis, JSON.stringify(config))
  }

  start(config: string = this.config): EngineProcess {
    return EngineProcess.start(this.#t, ['stream'], config, clean)
  }

  /** Transactions n … of a partition, a second apart, in turn of so many cards and merchants of its own. */
  transactions(from: number, count: number, cards = 7, partition = 0): Partial<NewRecord>[] {
    const name = `${this.topics.decisions}-${partition}`
    return Array.from({ length: count }, (_, index) => {
      const n = from + index
      const timeMs = corpusReceivedMs + n * 1000
      const value = transactionJson({
        id: `${name}-${n}`,
        card: `c${n % cards}-${name}`,
        merchant: `m${n % cards}-${name}`,
        time: new Date(timeMs).toISOString(),
      })
      return { value, timestampMs: timeMs }
    })
  }

  /** Appends transactions n … to a partition. */
  async feed(from: number, count: number, partition = 0, cards = 7): Promise<void> {
    await this.topics.produce(partition, this.transactions(from, count, cards, partition))
  }

  /** Waits until so many offsets of a partition have their outcome; returns all records up to there. */
  outcomes(count: number, partition = 0): Promise<LogRecord[]> {
    let seen = 0
    let last = -1
    return this.topics.follow(this.topics.decisions, partition, (records) => {
      for (; seen < records.length; seen++) last = Math.max(last, sourceOffset(records[seen]!))
      return last >= count - 1
    })
  }

  /** All records of a partition of the decision topic. */
  decisions(partition = 0): Promise<LogRecord[]> {
    return this.topics.read(this.topics.decisions, partition)
  }
}

/** Ends within ten seconds, with 0. */
export async function stopCleanly(...engines: EngineProcess[]): Promise<void> {
  await Promise.all(
    engines.map(async (engine) => {
      // One that has not begun yet has no handler of signals.
      while (engine.isRunning && engine.stderr === '') await sleep(10)
      const late = setTimeout(() => engine.child.kill('SIGKILL'), 10_000)
      const { code, signal, stderr } = await engine.kill('SIGTERM')
      clearTimeout(late)
      assert.equal(code, 0, `ended with ${signal ?? code}: ${stderr}`)
    }),
  )
}

/** What the tests look at in an outcome. */
export interface Document {
  readonly type: string
  readonly reason?: string
  readonly features?: Readonly<Record<string, number | null>>
  readonly first?: object
}

export function documentOf(record: LogRecord): Document {
  return JSON.parse(textOf(record)) as Document
}

export function textOf(record: LogRecord): string {
  return record.value!.toString('utf8')
}

export function sourceOffset(record: LogRecord): number {
  return Number(record.headers['weir-source-offset']?.toString())
}

/** What a subscriber keeps: source offsets above the last one seen. */
export function keep(records: readonly LogRecord[]): LogRecord[] {
  const kept: LogRecord[] = []
  for (const record of records) {
    if (kept.length === 0 || sourceOffset(record) > sourceOffset(kept.at(-1)!)) kept.push(record)
  }
  return kept
}

/** A subscriber keeps every offset once. Returns what it keeps. */
export function assertEvery(records: readonly LogRecord[], count: number): LogRecord[] {
  const kept = keep(records)
  assert.deepEqual(
    kept.map(sourceOffset),
    Array.from({ length: count }, (_, offset) => offset),
  )
  return kept
}

/** No offset stands there twice, not even for those who would ignore it. */
export function assertNoneTwice(records: readonly LogRecord[]): void {
  assert.deepEqual(records.map(sourceOffset), keep(records).map(sourceOffset))
}

/** With so many cards in turn and a transaction a second, the n-th of its card has seen all before it within the day. */
export function assertCounted(records: readonly LogRecord[], cards = 7): void {
  for (const [n, record] of records.entries()) {
    const found = documentOf(record).features?.['card_count_1d']
    assert.equal(found, Math.floor(n / cards) + 1, `offset ${n}`)
  }
}
