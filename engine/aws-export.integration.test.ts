// The main job on real input: a real, messy export (out of time order, labels missing, 163 currencies), as JSON through a
// real broker and a real Redis, against a replay of the file; then the same with the engine killed in the middle.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Papa from 'papaparse'
import { journalBytes } from '../features/store/redis-memory.ts'
import { RedisServer } from '../features/testing/redis-server.ts'
import { decisionCore } from './core/decision.ts'
import { EngineProcess } from './testing/engine-process.ts'
import { TestTopics } from './testing/topics.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const file = join(root, '../shared/data/aws-fraud-detector/transaction_data_2K_coldstart.csv')
const skip = existsSync(file) ? false : `the export is not there: ${file}`
const csvMapping = join(root, 'docs/examples/aws-fraud-detector.yaml')
const jsonMapping = join(root, 'docs/examples/aws-fraud-detector-json.yaml')
const hashKey = '00112233445566778899aabbccddeeff'
const rowCount = 1611
/** Bytes of a journal in Redis before its records. */
const headerBytes = 32
/** The configuration alone says where the services are. */
const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }

interface Decision {
  readonly type: string
  readonly features: Readonly<Record<string, number | null>>
}

/** A deployment with names and a Redis of its own. */
function config(topics: TestTopics, redis: RedisServer): string {
  return `
source: ${jsonMapping}
kafka:
  brokers: [${topics.brokers}]
  transactions: ${topics.transactions}
  decisions: ${topics.decisions}
  dead_letters: ${topics.deadLetters}
  group: ${topics.transactions}
  session_timeout: 2s
hash_key: ${hashKey}
redis: { url: '${redis.url}' }
`
}

function rows(): string[] {
  const parsed = Papa.parse<Record<string, string>>(readFileSync(file, 'utf8'), {
    header: true,
    skipEmptyLines: true,
  })
  return parsed.data.map((row) => JSON.stringify(row))
}

async function replayed(): Promise<string[]> {
  const out = join(mkdtempSync(join(tmpdir(), 'weir-aws-')), 'decisions.jsonl')
  const args = ['replay', '--input', file, '--map', csvMapping, '--decisions-out', out]
  const { code, stderr } = await new EngineProcess(args, null, { WEIR_HASH_KEY: hashKey }).ended
  assert.equal(code, 0, stderr)
  return readFileSync(out, 'utf8').trimEnd().split('\n')
}

function assertMirror(records: readonly { headers: object; value: Buffer | null }[]): string[] {
  const offsets = records.map(({ headers }) =>
    Number((headers as Record<string, Buffer>)['weir-source-offset']),
  )
  assert.deepEqual(
    offsets,
    Array.from({ length: rowCount }, (_, offset) => offset),
  )
  return records.map(({ value }) => value!.toString('utf8'))
}

describe('1,611 rows of a real export', { skip }, () => {
  test('stream: one decision per offset, ascending, nothing rejected; replay gives the same cores', async (t) => {
    const redis = await RedisServer.start()
    t.after(() => redis.stop())
    const topics = await TestTopics.make(t, 1)
    await topics.produce(0, rows())
    const engine = EngineProcess.start(t, ['stream'], config(topics, redis), clean)
    const texts = assertMirror(await topics.waitFor(topics.decisions, 0, rowCount))
    const { code, stderr } = await engine.kill('SIGTERM')
    assert.equal(code, 0, stderr)
    const decisions = texts.map((text) => JSON.parse(text) as Decision)
    assert.ok(decisions.every(({ type }) => type === 'decision'))
    assert.equal((await topics.read(topics.deadLetters, 0)).length, 0)
    assert.deepEqual(texts.map(decisionCore), (await replayed()).map(decisionCore))
  })

  test('killed in the middle and started again: still one decision per offset, the same ones', async (t) => {
    const redis = await RedisServer.start()
    t.after(() => redis.stop())
    const topics = await TestTopics.make(t, 1)
    const all = rows()
    await topics.produce(0, all.slice(0, 700))
    const first = EngineProcess.start(t, ['stream'], config(topics, redis), clean)
    await topics.waitFor(topics.decisions, 0, 300)
    const more = topics.produce(0, all.slice(700))
    await first.kill('SIGKILL')
    await more
    const second = EngineProcess.start(t, ['stream'], config(topics, redis), clean)
    const texts = assertMirror(await topics.waitFor(topics.decisions, 0, rowCount))
    const { code, stderr } = await second.kill('SIGTERM')
    assert.equal(code, 0, stderr)
    assert.deepEqual(texts.map(decisionCore), (await replayed()).map(decisionCore))
  })

  test('in Redis its journals take what `weir features` would have said, to a hundredth', async (t) => {
    const redis = await RedisServer.start()
    t.after(() => redis.stop())
    const client = await redis.client()
    t.after(() => {
      client.close()
    })
    const environment = { ...clean, REDIS_URL: redis.url, WEIR_HASH_KEY: hashKey }
    const command = (...args: readonly string[]) =>
      new EngineProcess([...args, '--map', csvMapping], null, environment).ended
    const filled = await command('backfill', '--input', file)
    assert.equal(filled.code, 0, filled.stderr)
    const { journals } = JSON.parse((await command('features', '--json')).stdout) as {
      journals: readonly { readonly kind: string; readonly record_bytes: number }[]
    }
    const sums = { found: 0, estimated: 0, records: 0 }
    for (const { kind, record_bytes: width } of journals) {
      for (const key of (await client.call('KEYS', `w:*:default:${kind}:*`)) as Buffer[]) {
        const records = (Number(await client.call('STRLEN', key)) - headerBytes) / width
        sums.found += Number(await client.call('MEMORY', 'USAGE', key))
        sums.estimated += journalBytes(records, width, key.length)
        sums.records += records
      }
    }
    assert.equal(sums.records, rowCount * journals.length, 'no row lacks an entity')
    assert.ok(Math.abs(sums.estimated / sums.found - 1) < 0.01, JSON.stringify(sums))
  })
})
