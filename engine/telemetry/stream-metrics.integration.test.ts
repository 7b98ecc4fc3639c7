// `weir stream` as it is scraped and probed while it runs, on a real broker and a real Redis.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { corpusMapping, corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { TestTopics } from '../testing/topics.ts'

const mappingFile = join(mkdtempSync(join(tmpdir(), 'weir-scrape-')), 'mapping.yaml')
writeFileSync(mappingFile, JSON.stringify(corpusMapping))
const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function config(topics: TestTopics, redis: RedisServer, port: number, level: string): string {
  const settings = {
    source: mappingFile,
    kafka: {
      brokers: [topics.brokers],
      transactions: topics.transactions,
      decisions: topics.decisions,
      dead_letters: topics.deadLetters,
      group: topics.transactions,
      commit_interval: '100ms',
    },
    redis: { url: redis.url, command_timeout: '300ms' },
    hash_key: '00112233445566778899aabbccddeeff',
    http: { port },
    log: { level },
  }
  return JSON.stringify(settings)
}

/** Asks until the answer is as it should be; while nothing listens yet too. */
async function until(url: string, isRight: (status: number, text: string) => boolean) {
  for (let tries = 0; ; tries++) {
    const found = await fetch(url).then(
      async (response) => ({ status: response.status, text: await response.text() }),
      () => ({ status: 0, text: 'nobody listens' }),
    )
    if (isRight(found.status, found.text)) return found.text
    assert.ok(tries < 600, `${url}: found ${found.status} ${found.text}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function number(text: string, sample: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
  return line === undefined ? undefined : Number(line.slice(sample.length + 1))
}

test('a running stream tells what it did, what waits, and that it is ready while Redis is away', async (t) => {
  const redis = await RedisServer.start()
  t.after(() => redis.stop())
  const topics = await TestTopics.make(t, 2)
  const port = await freePort()
  const engine = new EngineProcess(['stream'], config(topics, redis, port, 'warn'), clean)
  t.after(() => engine.kill('SIGKILL'))
  const origin = `http://127.0.0.1:${port}`
  await until(`${origin}/readyz`, (status) => status === 200)
  const good = Array.from({ length: 40 }, (_, n) => ({
    value: transactionJson({ id: `s${n}`, card: `c${n % 3}` }),
    timestampMs: corpusReceivedMs,
  }))
  await topics.produce(0, [...good, good[0]!, { value: '{' }])
  const text = await until(
    `${origin}/metrics`,
    (_, found) => number(found, 'weir_send_outcomes_sum') === 42,
  )
  const decided = text.match(/^weir_decisions_total\{.*rung="full"\} \d+$/gm)!
  assert.equal(
    decided.reduce((all, line) => all + Number(line.split(' ')[1]), 0),
    40,
  )
  assert.equal(number(text, 'weir_duplicates_total'), 1)
  assert.equal(number(text, 'weir_rejects_total{reason="not_json"}'), 1)
  assert.equal(number(text, 'weir_store_away'), 0)
  for (const partition of [0, 1]) {
    assert.equal(number(text, `weir_lag_messages{partition="${partition}"}`), 0)
    assert.equal(number(text, `weir_outbox_outcomes{partition="${partition}"}`), 0)
  }
  assert.ok(number(text, 'weir_store_received_bytes_total')! > 0)
  assert.ok(number(text, 'weir_engine_seconds_count')! > 0)
  assert.ok(number(text, 'process_cpu_seconds_total')! > 0)
  // Nothing was wrong so far: at the default level nothing is logged.
  const logged = engine.stderr.split('\n').filter((line) => line.startsWith('{'))
  assert.deepEqual(logged, [])

  await redis.stop()
  await topics.produce(1, good)
  const away = await until(
    `${origin}/metrics`,
    (_, found) =>
      number(found, 'weir_lag_messages{partition="1"}') === 40 &&
      number(found, 'weir_failures_total{code="store_unavailable"}')! > 0,
  )
  assert.equal(number(away, 'weir_store_away'), 1)
  assert.equal((await fetch(`${origin}/readyz`)).status, 200)
  assert.equal((await fetch(`${origin}/healthz`)).status, 200)
})

test('start and stop are a line each, the configuration in the first, its secrets masked', async (t) => {
  const redis = await RedisServer.start()
  t.after(() => redis.stop())
  const topics = await TestTopics.make(t, 1)
  const port = await freePort()
  const engine = new EngineProcess(['stream'], config(topics, redis, port, 'info'), clean)
  t.after(() => engine.kill('SIGKILL'))
  await until(`http://127.0.0.1:${port}/readyz`, (status) => status === 200)
  await topics.produce(0, [transactionJson({ id: 'logged' })])
  await topics.waitFor(topics.decisions, 0, 1)
  const { code, stderr } = await engine.kill('SIGTERM')
  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stderr, /00112233445566778899aabbccddeeff/)
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'))
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    // The Kafka client may have had to ask a coordinator twice.
    logged.filter(({ client }) => client === undefined).map(({ msg }) => msg),
    ['starting', 'listening for probes and scrapes', 'partitions assigned', 'stopped'],
  )
  const config0 = logged[0]?.['config'] as { kafka: Record<string, unknown> }
  assert.equal(config0.kafka['transactions'], topics.transactions)
  assert.equal(logged.at(-1)?.['outcomes'], 1)
})

test('an engine that cannot start says so in a line and does not stay for its probes', async (t) => {
  const redis = await RedisServer.start()
  const topics = await TestTopics.make(t, 1)
  const text = config(topics, redis, await freePort(), 'warn')
  const wrong = text.replace(topics.decisions, 'no-such-topic')
  const { code, stderr } = await new EngineProcess(['stream'], wrong, clean).ended
  await redis.stop()
  assert.equal(code, 1, stderr)
  assert.match(stderr, /^\{"level":"error".*"code":"topic_unfit","msg":"failed"\}$/m)
})
