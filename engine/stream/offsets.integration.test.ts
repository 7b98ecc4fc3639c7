// Offsets that are not those of the journals' messages: of another topic, or of a topic that was made anew.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { corpusMapping, corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { TestTopics } from '../testing/topics.ts'
import type { NewRecord } from './kafka.ts'

const mappingFile = join(mkdtempSync(join(tmpdir(), 'weir-offsets-')), 'mapping.yaml')
writeFileSync(mappingFile, JSON.stringify(corpusMapping))

/** Transactions of a card, a second apart; ids begin with `prefix`. */
function transactions(
  card: string,
  prefix: string,
  from: number,
  count: number,
): Partial<NewRecord>[] {
  return Array.from({ length: count }, (_, index) => {
    const timeMs = corpusReceivedMs + (from + index) * 1000
    const change = { id: `${prefix}${index}`, card, time: new Date(timeMs).toISOString() }
    return { value: transactionJson(change), timestampMs: timeMs }
  })
}

describe('offsets', () => {
  let redis: RedisServer
  before(async () => {
    redis = await RedisServer.start()
  })
  after(async () => {
    await redis.stop()
  })

  function run(args: readonly string[], topics: TestTopics): EngineProcess {
    const config = `
source: ${mappingFile}
kafka:
  brokers: [${topics.brokers}]
  transactions: ${topics.transactions}
  decisions: ${topics.decisions}
  dead_letters: ${topics.deadLetters}
  group: ${topics.transactions}
redis: { url: '${redis.url}' }
hash_key: 00112233445566778899aabbccddeeff
`
    return new EngineProcess(args, config, { KAFKA_BROKERS: undefined, REDIS_URL: undefined })
  }

  /** Counts of the card in the decisions, and what the engine said. */
  async function decide(topics: TestTopics, count: number): Promise<[number[], string]> {
    const engine = run(['stream'], topics)
    const records = await topics.waitFor(topics.decisions, 0, count)
    const { code, stderr } = await engine.kill('SIGTERM')
    assert.equal(code, 0, stderr)
    const counts = records.map(({ value }) => {
      const document = JSON.parse(value!.toString('utf8')) as {
        features?: Readonly<Record<string, number>>
      }
      return document.features?.['card_count_1d'] ?? Number.NaN
    })
    return [counts, stderr]
  }

  test('a backfill of another topic leaves the offsets of the transactions alone', async (t) => {
    const [history, topics] = [await TestTopics.make(t, 1), await TestTopics.make(t, 1)]
    await history.produce(0, transactions('one', 'h', 0, 20))
    const input = `kafka:${history.transactions}`
    const backfill = await run(['backfill', '--input', input], topics).ended
    assert.match(backfill.stderr, /20 messages: 20 recorded/)
    await topics.produce(0, transactions('one', 't', 20, 10))
    const [counts, stderr] = await decide(topics, 10)
    assert.deepEqual(
      counts,
      Array.from({ length: 10 }, (_, at) => 21 + at),
    )
    assert.doesNotMatch(stderr, /history starts anew/)
  })

  test('topics made anew: what comes under the offsets of before is counted, and the log says so', async (t) => {
    const topics = await TestTopics.make(t, 1)
    await topics.produce(0, transactions('two', 'before', 0, 30))
    await decide(topics, 30)
    await topics.recreate(1)
    await topics.produce(0, transactions('two', 'after', 30, 10))
    const [counts, stderr] = await decide(topics, 10)
    assert.deepEqual(
      counts,
      Array.from({ length: 10 }, (_, at) => 31 + at),
    )
    assert.match(stderr, /offsets began anew/)
  })
})
