// `weir stream` as users run it, on a real broker and a real Redis: one outcome per offset, in order, whatever happens.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { maskCardNumbers } from '../../features/cards.ts'
import {
  corpus,
  corpusMapping,
  corpusReceivedMs,
  transactionJson,
} from '../../features/testing/corpus.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { KafkaServer } from '../testing/kafka-server.ts'
import { TestTopics } from '../testing/topics.ts'
import type { LogRecord, NewRecord } from './kafka.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-stream-'))
const mappingFile = join(folder, 'mapping.yaml')
writeFileSync(mappingFile, JSON.stringify(corpusMapping))
const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }

function config(topics: TestTopics, redis: RedisServer): string {
  return `
source: ${mappingFile}
kafka:
  brokers: [${topics.brokers}]
  transactions: ${topics.transactions}
  decisions: ${topics.decisions}
  dead_letters: ${topics.deadLetters}
  group: ${topics.transactions}
  session_timeout: 2s
  commit_interval: 100ms
  request_timeout: 3s
redis: { url: '${redis.url}', command_timeout: 300ms }
hash_key: 00112233445566778899aabbccddeeff
log: { level: info }
`
}

function start(topics: TestTopics, redis: RedisServer): EngineProcess {
  return new EngineProcess(['stream'], config(topics, redis), clean)
}

async function stopCleanly(engine: EngineProcess): Promise<void> {
  const { code, stderr } = await engine.kill('SIGTERM')
  assert.equal(code, 0, stderr)
}

/** Transactions n … of card c, a second apart. */
function transactions(from: number, count: number, cards = 7): Partial<NewRecord>[] {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index
    const timeMs = corpusReceivedMs + n * 1000
    const change = { id: `t${n}`, card: `c${n % cards}`, time: new Date(timeMs).toISOString() }
    return { value: transactionJson(change), timestampMs: timeMs }
  })
}

function sourceOffset(record: LogRecord): number {
  return Number(record.headers['weir-source-offset']?.toString())
}

interface Document {
  readonly type: string
  readonly reason?: string
  readonly features?: Readonly<Record<string, number | null>>
}

function parse(record: LogRecord): Document {
  return JSON.parse(record.value!.toString('utf8')) as Document
}

/** What a subscriber keeps: source offsets above the last one seen. Must be every offset once. */
function assertEvery(records: readonly LogRecord[], count: number): LogRecord[] {
  const kept: LogRecord[] = []
  for (const record of records) {
    if (kept.length === 0 || sourceOffset(record) > sourceOffset(kept.at(-1)!)) kept.push(record)
  }
  assert.deepEqual(
    kept.map(sourceOffset),
    Array.from({ length: count }, (_, offset) => offset),
  )
  return kept
}

/** With cards c0 … and one transaction a second, the n-th of its card has seen all before it within the day. */
function assertCounted(records: readonly LogRecord[], cards = 7): void {
  for (const [n, record] of records.entries()) {
    assert.equal(
      parse(record).features?.['card_count_1d'],
      Math.floor(n / cards) + 1,
      `offset ${n}`,
    )
  }
}

describe('weir stream', () => {
  let redis: RedisServer
  before(async () => {
    redis = await RedisServer.start()
  })
  after(async () => {
    await redis.stop()
  })

  test('the corpus: the right reason each, dead letters whole, and the good ones decided right', async () => {
    const topics = await TestTopics.make(1)
    const engine = start(topics, redis)
    const bad = corpus.filter(({ bytes }) => (bytes?.length ?? 0) < 900_000)
    const sent: Partial<NewRecord>[] = []
    for (const [index, { bytes }] of bad.entries()) {
      const headers = { 'x-many': 'y'.repeat(1000), traceparent: `00-${index}` }
      sent.push({
        value: bytes,
        headers,
        key: index % 2 === 0 ? Buffer.from([0, 255]) : null,
        timestampMs: corpusReceivedMs,
      })
      const good = { id: `good-${index}`, card: 'steady' }
      sent.push({ value: transactionJson(good), timestampMs: corpusReceivedMs })
    }
    await topics.produce(0, sent)
    const records = await topics.waitFor(topics.decisions, 0, sent.length)
    const outcomes = assertEvery(records, sent.length)
    const rejected = bad.filter(({ reason }) => reason !== null)
    for (const [index, { name, reason }] of bad.entries()) {
      const outcome = parse(outcomes[index * 2]!)
      assert.equal(outcome.reason ?? null, reason, name)
      assert.equal(outcomes[index * 2]!.headers['traceparent']?.toString(), `00-${index}`)
      const good = parse(outcomes[index * 2 + 1]!)
      assert.equal(good.features?.['card_count_1d'], index + 1)
    }
    const letters = await topics.read(topics.deadLetters, 0)
    assert.equal(letters.length, rejected.length)
    for (const [index, { bytes, reason, name }] of rejected.entries()) {
      const { headers, value } = letters[index]!
      assert.equal(headers['weir-reason']?.toString(), reason, name)
      assert.equal(headers['weir-source-topic']?.toString(), topics.transactions)
      const at = Number(headers['weir-source-offset']?.toString())
      assert.equal(bad[at / 2]?.name, name)
      if (bytes === null) assert.equal(value, null)
      else assert.ok(value!.equals(maskCardNumbers(bytes)), name)
    }
    await stopCleanly(engine)
  })

  test('duplicates name the first, other content under an id is a conflict', async () => {
    const topics = await TestTopics.make(1)
    const engine = start(topics, redis)
    const one = transactionJson({ id: 'twice', card: 'double' })
    const other = transactionJson({ id: 'twice', card: 'double', amount: '99.00' })
    await topics.produce(0, [one, one, other, one])
    const documents = (await topics.waitFor(topics.decisions, 0, 4)).map(parse)
    assert.deepEqual(
      documents.map(({ type, reason }) => reason ?? type),
      ['decision', 'duplicate', 'id_conflict', 'duplicate'],
    )
    assert.deepEqual((documents[1] as unknown as { first: object }).first, {
      name: topics.transactions,
      partition: 0,
      offset: 0,
    })
    await stopCleanly(engine)
  })

  test('killed again and again while it is fed: every offset once, every transaction counted once', async () => {
    const topics = await TestTopics.make(1)
    const count = 3000
    const feeding = (async () => {
      for (let n = 0; n < count; n += 250) await topics.produce(0, transactions(n, 250))
    })()
    for (let kill = 1; kill <= 3; kill++) {
      const engine = start(topics, redis)
      await topics.waitFor(topics.decisions, 0, kill * 400)
      await engine.kill('SIGKILL')
    }
    await feeding
    const engine = start(topics, redis)
    await topics.waitFor(topics.decisions, 0, count)
    assertCounted(assertEvery(await topics.read(topics.decisions, 0), count))
    await stopCleanly(engine)
  })

  test('two engines share partitions, one is frozen and comes back: a subscriber sees every offset once', async () => {
    const topics = await TestTopics.make(2)
    const feed = async (from: number, count: number): Promise<void> => {
      // One card a partition: windows are per card.
      for (const partition of [0, 1]) {
        const values = transactions(from, count, 1).map(({ value, ...rest }) => {
          const text = (value as string).replaceAll('"c0"', `"p${partition}-${topics.decisions}"`)
          return { ...rest, value: text.replace(/"id":"t/, `"id":"p${partition}-t`) }
        })
        await topics.produce(partition, values)
      }
    }
    await feed(0, 500)
    const frozen = start(topics, redis)
    await topics.waitFor(topics.decisions, 0, 200)
    const other = start(topics, redis)
    await feed(500, 500)
    await topics.waitFor(topics.decisions, 1, 600)
    frozen.child.kill('SIGSTOP')
    await feed(1000, 500)
    for (const partition of [0, 1]) await topics.waitFor(topics.decisions, partition, 1500)
    frozen.child.kill('SIGCONT')
    await feed(1500, 100)
    for (const partition of [0, 1]) {
      await topics.waitFor(topics.decisions, partition, 1600)
      const all = await topics.read(topics.decisions, partition)
      assertCounted(assertEvery(all, 1600), 1)
    }
    await stopCleanly(other)
    await stopCleanly(frozen)
  })

  test('Redis away: nothing is published, then it carries on and has counted once', async () => {
    const own = await RedisServer.start()
    const topics = await TestTopics.make(1)
    const engine = start(topics, own)
    await topics.produce(0, transactions(0, 200))
    await topics.waitFor(topics.decisions, 0, 200)
    own.pause()
    await topics.produce(0, transactions(200, 200))
    await new Promise((resolve) => setTimeout(resolve, 700))
    assert.equal((await topics.read(topics.decisions, 0)).length, 200)
    own.resume()
    await topics.waitFor(topics.decisions, 0, 400)
    assertCounted(assertEvery(await topics.read(topics.decisions, 0), 400))
    await stopCleanly(engine)
    await own.stop()
  })

  test('the broker stopped and started again: it carries on, every offset once', async () => {
    const broker = await KafkaServer.start()
    const topics = await TestTopics.make(1, broker.brokers)
    const engine = start(topics, redis)
    await topics.produce(0, transactions(10_000, 300))
    await topics.waitFor(topics.decisions, 0, 300)
    await broker.kill()
    await broker.restart()
    await topics.produce(0, transactions(10_300, 300))
    await topics.waitFor(topics.decisions, 0, 600)
    assertEvery(await topics.read(topics.decisions, 0), 600)
    await stopCleanly(engine)
    await broker.stop()
  })

  test('topics that do not fit are refused, saying what to do', async () => {
    const topics = await TestTopics.make(2)
    const other = await TestTopics.make(1)
    const text = config(topics, redis).replace(topics.decisions, other.decisions)
    const { code, stderr } = await new EngineProcess(['stream'], text, clean).ended
    assert.equal(code, 1)
    assert.match(stderr, /expected 2 partitions .* found 1/)
    assert.match(stderr, /weir topics/)
  })

  test('the decision topic fed back in: each is rejected, nothing breaks', async () => {
    const topics = await TestTopics.make(1)
    const engine = start(topics, redis)
    await topics.produce(0, transactions(20_000, 5))
    const decisions = await topics.waitFor(topics.decisions, 0, 5)
    await topics.produce(
      0,
      decisions.map(({ value, headers, key }) => ({ value, headers, key })),
    )
    const all = assertEvery(await topics.waitFor(topics.decisions, 0, 10), 10).map(parse)
    assert.deepEqual(
      all.slice(5).map(({ reason }) => reason),
      Array.from({ length: 5 }, () => 'missing_primary'),
    )
    await stopCleanly(engine)
  })
})
