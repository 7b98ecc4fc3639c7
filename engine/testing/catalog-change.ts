// A deployment whose catalog changes: transactions with something to sum and to tell apart, engines and backfills under either
// catalog, and what a replay of the whole topic says each decision's features are.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { transactionJson } from '../../features/testing/corpus.ts'
import type { RedisClient } from '../../features/testing/redis-client.ts'
import type { LogRecord } from '../stream/kafka.ts'
import { Deployment } from './deployment.ts'
import { type Ended, EngineProcess } from './engine-process.ts'

const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }
const folder = mkdtempSync(join(tmpdir(), 'weir-catalogs-'))
const startMs = Date.UTC(2026, 2, 1)
/** So far apart that windows of a day move on, and windows of a week are filled by what backfill brings. */
const stepMs = 40 * 60_000

const cardCount = { name: 'card_count', entity: 'card', aggregate: 'count', window: '1d' }
const cardTotal = { name: 'card_total', entity: 'card', aggregate: 'count', window: '300d' }
const old = { features: [cardCount, cardTotal] }
const next = {
  features: [
    cardCount,
    { name: 'card_sum', entity: 'card', aggregate: 'sum', window: '7d' },
    { name: 'card_shops', entity: 'card', aggregate: 'distinct', of: 'merchant', window: '7d' },
    { name: 'shop_count', entity: 'merchant', aggregate: 'count', window: '7d' },
    { name: 'shop_cards', entity: 'merchant', aggregate: 'distinct', of: 'card', window: '1d' },
    cardTotal,
  ],
}

/** The files of both catalogs: `old` has two features of `next`, and journals of another layout. */
export const catalogFiles = { old: inFolder('old.yaml', old), next: inFolder('next.yaml', next) }

export type CatalogName = keyof typeof catalogFiles

/** What the tests look at in a decision. */
export interface Decided {
  readonly type: string
  readonly features: Readonly<Record<string, number | null>>
  readonly history_since_ms: number
  readonly warming: readonly string[]
}

export class CatalogChange {
  readonly deployment: Deployment
  readonly redis: RedisClient
  readonly #t: TestContext
  readonly #buckets: number

  private constructor(t: TestContext, deployment: Deployment, redis: RedisClient, buckets: number) {
    this.#t = t
    this.deployment = deployment
    this.redis = redis
    this.#buckets = buckets
  }

  static async make(t: TestContext, buckets: number, partitions = 1): Promise<CatalogChange> {
    const deployment = await Deployment.make(t, { partitions })
    const redis = await deployment.redis.client()
    t.after(() => {
      redis.close()
    })
    return new CatalogChange(t, deployment, redis, buckets)
  }

  get topic(): string {
    return this.deployment.topics.transactions
  }

  /** Event time of the n-th transaction of a partition. */
  timeMs(n: number): number {
    return startMs + n * stepMs
  }

  /** Appends transactions n … to a partition. Cards and shops are its own, so that partitions may be read in any order. */
  async feed(from: number, count: number, partition = 0): Promise<void> {
    await this.deployment.topics.produce(partition, this.transactions(from, count, partition))
  }

  transactions(
    from: number,
    count: number,
    partition = 0,
  ): { value: string; timestampMs: number }[] {
    return Array.from({ length: count }, (_, index) => {
      const n = from + index
      const timestampMs = this.timeMs(n)
      const value = transactionJson({
        id: `${partition}-${n}`,
        card: `c${partition}-${(n * 7) % 11}`,
        merchant: `m${partition}-${(n * n) % 13}`,
        amount: `${(n * 37) % 100}.${10 + (n % 90)}`,
        time: new Date(timestampMs).toISOString(),
      })
      return { value, timestampMs }
    })
  }

  stream(catalog: CatalogName): EngineProcess {
    return EngineProcess.start(this.#t, ['stream'], this.#config(catalog), clean)
  }

  backfill(catalog: CatalogName, ...args: readonly string[]): EngineProcess {
    const all = ['backfill', '--input', `kafka:${this.topic}`, ...args]
    return EngineProcess.start(this.#t, all, this.#config(catalog), clean)
  }

  backfillFile(catalog: CatalogName, lines: readonly string[]): Promise<Ended> {
    const args = ['backfill', '--input', inFolder(`${this.topic}.json`, lines.join('\n'))]
    return EngineProcess.start(this.#t, args, this.#config(catalog), clean).ended
  }

  /** Features of every decision of a partition, as a replay of the whole topic has them, by offset. */
  async replayed(catalog: CatalogName, partition = 0): Promise<Map<number, object>> {
    const out = join(folder, `${this.topic}-${catalog}.jsonl`)
    const args = ['replay', '--input', `kafka:${this.topic}`, '--decisions-out', out]
    const { code, stderr } = await EngineProcess.start(this.#t, args, this.#config(catalog), clean)
      .ended
    assert.equal(code, 0, stderr)
    type Line = Decided & { source: { partition: number; offset: number } }
    const lines = readFileSync(out, 'utf8').trimEnd().split('\n')
    const decisions = lines.map((line) => JSON.parse(line) as Line)
    return new Map(
      decisions
        .filter(({ source }) => source.partition === partition)
        .map(({ source, features }) => [source.offset, features]),
    )
  }

  /** Offset behind the last that the namespace whose journals hold so many merchants' has recorded; -1 for none. */
  async coveredBy(catalog: CatalogName, partition = 0): Promise<number> {
    const namespace = await this.namespaceOf(catalog)
    const text = await this.redis.text(
      'HGET',
      `w:${namespace}:covered`,
      `${this.topic}:${partition}`,
    )
    return Number(text?.split(' ')[1] ?? -1)
  }

  async namespaceOf(catalog: CatalogName): Promise<string> {
    this.#namespaces[catalog] ??= this.#readNamespace(catalog)
    return this.#namespaces[catalog]
  }

  readonly #namespaces: Partial<Record<CatalogName, Promise<string>>> = {}

  async #readNamespace(catalog: CatalogName): Promise<string> {
    const features = new EngineProcess(['features', '--json'], this.#config(catalog), clean)
    return (JSON.parse((await features.ended).stdout) as { namespace: string }).namespace
  }

  #config(catalog: CatalogName): string {
    const config = JSON.parse(this.deployment.config) as { redis: object }
    const redis = { ...config.redis, buckets: this.#buckets, ttl: '400d' }
    return JSON.stringify({ ...config, redis, catalog: catalogFiles[catalog] })
  }
}

export function decidedOf(record: LogRecord): Decided {
  return JSON.parse(record.value!.toString('utf8')) as Decided
}

function inFolder(name: string, content: object | string): string {
  const file = join(folder, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}
