// Claims about decisions that are computed again: those of weir stream on a real broker and a real Redis, and the same with one
// of them changed.
import assert from 'node:assert/strict'
import { shipped } from '../../engine/assemble.ts'
import { test } from '../../engine/testing/limited.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { AskedProcess } from './asked-process.ts'
import { startWeir } from './engines.ts'
import type { GeneratorQuestions, GeneratorSettings } from './generator-questions.ts'
import type { ReaderQuestions } from './reader-questions.ts'
import type { Verified } from './verification.ts'

const partitions = 2
const count = 600

test('decisions over two partitions are right by hand, and one that is changed is found and named', async (t) => {
  const redis = await RedisServer.start()
  t.after(() => redis.stop())
  const topics = await TestTopics.make(t, partitions)
  const traffic = { kind: 'default', history: count } as const
  const settings: GeneratorSettings = { broker: topics.brokers, partitions, traffic }
  const generator = await AskedProcess.start<GeneratorQuestions>('generator', settings)
  t.after(() => generator.stop())
  const reader = await AskedProcess.start<ReaderQuestions>('reader', {
    brokers: topics.brokers,
    partitions,
  })
  t.after(() => reader.stop())
  const weir = await startWeir({ topics, partitions }, shipped, redis.url)
  await reader.ask('follow', weir.pair)
  const { sent } = await generator.ask('fill', { topic: topics.transactions, count })
  const isDone = await reader.ask('wait', { pair: weir.pair, ends: sent, msMax: 60_000 })
  await weir.stop()
  assert.ok(isDone)
  const verify = (decisions: string): Promise<Verified> =>
    reader.ask('verify', {
      pair: { transactions: topics.transactions, decisions },
      files: shipped,
      firsts: [0, 0],
      samples: 20_000,
      seed: 1,
    })

  const right = await verify(topics.decisions)
  assert.deepEqual(right.faults, [])
  assert.equal(right.wrong, 0)
  assert.ok(right.decisions > 500, `${right.decisions} of ${count}`)

  const copy = await TestTopics.make(t, partitions)
  for (let partition = 0; partition < partitions; partition++) {
    const records = await topics.read(topics.decisions, partition)
    const changed = records.map(({ key, value, headers }, at) => {
      const text = value!.toString()
      const isChanged = partition === 1 && at === records.length - 1
      const wrong = isChanged ? text.replace(/"amount":(\d+)/, '"amount":1$1') : text
      return { key, value: wrong, headers }
    })
    // Whoever reads on sees the first of two.
    await copy.produce(partition, [...changed, { ...changed[0]!, value: '{}' }], copy.decisions)
  }
  const wrong = await verify(copy.decisions)
  assert.match(wrong.faults.join('\n'), /amount: expected \d+, found 1\d+/)
  assert.equal(wrong.wrong, 1)
})
