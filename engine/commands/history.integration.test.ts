// History on the real ones: a range of a topic replayed without touching anything, and journals that backfill has filled,
// as the stream then finds them.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { corpusMapping, transactionJson } from '../../features/testing/corpus.ts'
import { RedisClient } from '../../features/testing/redis-client.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import type { Environment } from '../config.ts'
import { type CommandRun, runCommand } from '../testing/command-run.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { TestTopics } from '../testing/topics.ts'
import { backfillLine, runBackfill } from './backfill.ts'
import { command } from './command.ts'
import { replayLine, runReplay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-history-'))
after(() => {
  rmSync(folder, { recursive: true })
})

const hashKey = '00112233445566778899aabbccddeeff'
const catalog = {
  features: [
    { name: 'card_count', entity: 'card', aggregate: 'count', window: '30d' },
    { name: 'merchant_count', entity: 'merchant', aggregate: 'count', window: '30d' },
  ],
}
writeFileSync(join(folder, 'map.yaml'), JSON.stringify(corpusMapping))
writeFileSync(join(folder, 'lines.yaml'), JSON.stringify({ ...corpusMapping, format: 'jsonl' }))
writeFileSync(join(folder, 'catalog.yaml'), JSON.stringify(catalog))

let redis: RedisServer
before(async () => {
  redis = await RedisServer.start()
})
after(async () => {
  await redis.stop()
})

function environmentOf(topics: TestTopics): Environment {
  return {
    KAFKA_BROKERS: topics.brokers,
    REDIS_URL: redis.url,
    WEIR_HASH_KEY: hashKey,
    WEIR_KAFKA_TRANSACTIONS: topics.transactions,
    WEIR_KAFKA_DECISIONS: topics.decisions,
    WEIR_KAFKA_DEAD_LETTERS: topics.deadLetters,
    WEIR_KAFKA_GROUP: topics.transactions,
    WEIR_SOURCE: join(folder, 'map.yaml'),
    WEIR_CATALOG: join(folder, 'catalog.yaml'),
  }
}

function run(text: string, topics: TestTopics): Promise<CommandRun> {
  const commands = [command(replayLine, runReplay), command(backfillLine, runBackfill)]
  return runCommand(text.split(' '), commands, folder, environmentOf(topics))
}

const startMs = Date.UTC(2026, 2, 1)

interface Sent {
  readonly value: string
  readonly timestampMs: number
}

/** The n-th transaction: a minute after the one before it, of a card that `name` makes its own. */
function transaction(name: string, n: number): Sent {
  const timestampMs = startMs + n * 60_000
  const time = new Date(timestampMs).toISOString()
  const ids = { id: `${name}-${n}`, card: `${name}-c`, merchant: `${name}-m` }
  return { timestampMs, value: transactionJson({ ...ids, time }) }
}

function transactions(name: string, count: number, from = 0): Sent[] {
  return Array.from({ length: count }, (_, n) => transaction(name, from + n))
}

/** `transaction_id,card_count,merchant_count` of each row. */
function rowsOf(name: string): string[] {
  return readFileSync(join(folder, name), 'utf8').trimEnd().split('\n').slice(1)
}

async function keys(): Promise<number> {
  const client = await RedisClient.connect(redis.port)
  try {
    return (await client.call('DBSIZE')) as number
  } finally {
    client.close()
  }
}

describe('weir replay of a topic', () => {
  // Even ones in partition 0, odd ones in partition 1: the merchant of both sees 1, 2, 3 … as they came.
  test('merges its partitions by time, gives the same bytes again, and leaves Kafka and Redis as they were', async (t) => {
    const topics = await TestTopics.make(t, 2)
    const name = topics.transactions
    const all = transactions(name, 700)
    await topics.produce(
      0,
      all.filter((_, n) => n % 2 === 0),
    )
    await topics.produce(
      1,
      all.filter((_, n) => n % 2 === 1),
    )
    const before = await keys()
    for (const out of ['one', 'two']) {
      const outputs = `--decisions-out ${out}.jsonl --features-out ${out}.csv`
      const { exitCode, stderr } = await run(`replay --input kafka:${name} ${outputs}`, topics)
      assert.equal(exitCode, 0, stderr)
    }
    assert.deepEqual(
      rowsOf('one.csv'),
      all.map((_, n) => `${name}-${n},${n + 1},${n + 1}`),
    )
    for (const ending of ['jsonl', 'csv']) {
      const [one, two] = ['one', 'two'].map((out) => readFileSync(join(folder, `${out}.${ending}`)))
      assert.ok(one!.equals(two!), ending)
    }
    const sources = readFileSync(join(folder, 'one.jsonl'), 'utf8').split('\n').slice(0, 3)
    assert.deepEqual(
      sources.map((line) => (JSON.parse(line) as { source: object }).source),
      [
        { name, partition: 0, offset: 0 },
        { name, partition: 1, offset: 0 },
        { name, partition: 0, offset: 1 },
      ],
    )
    assert.equal(await keys(), before)
    for (const partition of [0, 1]) {
      assert.equal((await topics.read(topics.decisions, partition)).length, 0)
    }
    assert.equal((await topics.read(topics.deadLetters, 0)).length, 0)
  })

  test('begins and ends where it is asked to, by partition', async (t) => {
    const topics = await TestTopics.make(t, 2)
    const name = topics.transactions
    const all = transactions(name, 40)
    await topics.produce(
      0,
      all.filter((_, n) => n % 2 === 0),
    )
    await topics.produce(
      1,
      all.filter((_, n) => n % 2 === 1),
    )
    const idsOf = async (range: string): Promise<string[]> => {
      const { exitCode, stderr } = await run(
        `replay --input kafka:${name} ${range} --features-out range.csv`,
        topics,
      )
      assert.equal(exitCode, 0, stderr)
      return rowsOf('range.csv').map((row) => row.split(',')[0]!.replace(`${name}-`, ''))
    }
    assert.deepEqual(await idsOf('--from 18'), ['36', '37', '38', '39'])
    assert.deepEqual(await idsOf('--from 0:18,1:19 --to 1:20'), ['36', '38', '39'])
    assert.deepEqual(await idsOf('--to 0:1,1:2'), ['0', '1', '3'])
    assert.equal((await idsOf('--to 1000')).length, 40)
  })

  test('that is not there, or a range that it does not have, is refused', async (t) => {
    const topics = await TestTopics.make(t, 1)
    await topics.produce(0, transactions('x', 5))
    const name = topics.transactions
    const absent = await run(`replay --input kafka:no-${name}`, topics)
    assert.equal(absent.exitCode, 1)
    assert.match(absent.stderr, new RegExp(`no-${name}: expected a topic, found none`))
    const beyond = await run(`replay --input kafka:${name} --from 6`, topics)
    assert.equal(beyond.exitCode, 2)
    assert.match(beyond.stderr, new RegExp(`${name}/0: expected --from of at most 5, found 6`))
    const partition = await run(`replay --input kafka:${name} --to 3:5`, topics)
    assert.equal(partition.exitCode, 2)
    assert.match(partition.stderr, /expected partitions 0 to 0, found 3/)
  })
})

describe('weir backfill', () => {
  /** Streams until `count` outcomes are there; the feature of each decision. */
  async function streamed(topics: TestTopics, count: number, feature: string): Promise<unknown[]> {
    const engine = new EngineProcess(['stream'], null, environmentOf(topics))
    const records = await topics.waitFor(topics.decisions, 0, count)
    const { code, stderr } = await engine.kill('SIGTERM')
    assert.equal(code, 0, stderr)
    type Decision = { type: string; features?: Record<string, number> }
    return records.map(({ value }) => {
      const { type, features } = JSON.parse(value!.toString('utf8')) as Decision
      return features === undefined ? type : features[feature]
    })
  }

  test('of a file fills the windows that the stream then finds; again, everything is known', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const name = topics.transactions
    const lines = transactions(name, 600).map(({ value }) => value)
    lines.push(transactionJson({ id: 'bad', amount: 'x' }), transactionJson({ id: '' }))
    writeFileSync(join(folder, 'history.jsonl'), lines.join('\n'))
    const backfill = 'backfill --input history.jsonl --map lines.yaml'
    const first = await run(backfill, topics)
    assert.equal(first.exitCode, 0, first.stderr)
    assert.match(
      first.stderr,
      /602 messages: 600 recorded, 0 known before, 2 rejected \(bad_amount 1, missing_id 1\)/,
    )
    const again = await run(backfill, topics)
    assert.match(again.stderr, /602 messages: 0 recorded, 600 known before, 2 rejected/)
    await topics.produce(0, transactions(name, 3, 600))
    assert.deepEqual(await streamed(topics, 3, 'card_count'), [601, 602, 603])
  })

  test('of another topic does not make the live one’s offsets known', async (t) => {
    const archive = await TestTopics.make(t, 1)
    const topics = await TestTopics.make(t, 1)
    const name = topics.transactions
    await archive.produce(0, transactions(name, 50))
    const done = await run(`backfill --input kafka:${archive.transactions}`, topics)
    assert.match(done.stderr, /50 messages: 50 recorded, 0 known before, 0 rejected/)
    await topics.produce(0, transactions(name, 20, 50))
    const expected = Array.from({ length: 20 }, (_, n) => 51 + n)
    assert.deepEqual(await streamed(topics, 20, 'merchant_count'), expected)
  })

  test('of the live topic, which the stream then reads from its beginning, counts each transaction once', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const name = topics.transactions
    await topics.produce(0, transactions(name, 30))
    const done = await run(`backfill --input kafka:${name} --to 20`, topics)
    assert.match(done.stderr, /20 messages: 20 recorded/)
    const expected = Array.from({ length: 30 }, (_, n) => n + 1)
    assert.deepEqual(await streamed(topics, 30, 'card_count'), expected)
  })

  test('without a hash key, a mapping that fits, or a Redis ends clearly', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const input = 'backfill --input history.jsonl --map lines.yaml'
    const commands = [command(backfillLine, runBackfill)]
    const refused = async (change: Environment): Promise<CommandRun> =>
      runCommand(input.split(' '), commands, folder, { ...environmentOf(topics), ...change })
    writeFileSync(join(folder, 'history.jsonl'), transactionJson())
    const noKey = await refused({ WEIR_HASH_KEY: undefined })
    assert.equal(noKey.exitCode, 2)
    assert.match(noKey.stderr, /hash_key_missing: Set WEIR_HASH_KEY/)
    const noRedis = await refused({ REDIS_URL: 'redis://127.0.0.1:1' })
    assert.equal(noRedis.exitCode, 1)
    assert.match(noRedis.stderr, /store_unavailable: /)
    writeFileSync(join(folder, 'history.jsonl'), '{"other":1}\n{"other":2}\n')
    const unfit = await refused({})
    assert.equal(unfit.exitCode, 2)
    assert.match(unfit.stderr, /no message was taken, the first is at offset 0: id: expected a/)
  })
})
