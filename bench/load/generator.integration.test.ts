// Claims about the generator, the echo and the reader, each in its process, on a real broker.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { sourceOffsetHeader } from '../../engine/stream/outbox.ts'
import { test } from '../../engine/testing/limited.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { AskedProcess } from './asked-process.ts'
import { startEcho } from './engines.ts'
import type { GeneratorQuestions, GeneratorSettings, Sent } from './generator-questions.ts'
import { intendedHeader, readIntended } from './intended.ts'
import type { ReaderQuestions, Seen } from './reader-questions.ts'
import { schedule } from './schedule.ts'

const partitions = 2
const phases = [{ perSecond: 300, seconds: 1 }]
const run = { phases, shape: 'poisson', seed: 5, groupUs: 500 } as const

async function startGenerator(
  t: TestContext,
  broker: string,
): Promise<AskedProcess<GeneratorQuestions>> {
  const traffic = { kind: 'default', history: 2000 } as const
  const settings: GeneratorSettings = { broker, partitions, traffic }
  const generator = await AskedProcess.start<GeneratorQuestions>('generator', settings)
  t.after(() => generator.stop())
  return generator
}

async function startReader(
  t: TestContext,
  brokers: string,
): Promise<AskedProcess<ReaderQuestions>> {
  const reader = await AskedProcess.start<ReaderQuestions>('reader', { brokers, partitions })
  t.after(() => reader.stop())
  return reader
}

function measure(
  reader: AskedProcess<ReaderQuestions>,
  { transactions, decisions }: TestTopics,
  { sent, beganNs }: Sent,
): Promise<Seen> {
  return reader.ask('measure', {
    pair: { transactions, decisions },
    firsts: [0, 0],
    ends: sent,
    fromNs: beganNs,
    toNs: beganNs + 1e9,
  })
}

test('the generator appends what its schedule says, each transaction by its card with its due time, and tells how late it was', async (t) => {
  const topics = await TestTopics.make(t, partitions)
  const generator = await startGenerator(t, topics.brokers)
  const { sent, beganNs, endedNs, late } = await generator.ask('run', {
    ...run,
    topic: topics.transactions,
  })
  const due = schedule(phases, run.shape, run.seed)
  assert.equal(sent[0]! + sent[1]!, due.length)
  assert.equal(late.count, due.length)
  assert.ok(late.p50 > 0 && late.p50 <= late.p99 && late.p99 <= late.max)
  assert.ok(endedNs - beganNs >= due.at(-1)!)
  const found: number[] = []
  const partitionOf = new Map<string, number>()
  for (let partition = 0; partition < partitions; partition++) {
    const records = await topics.read(topics.transactions, partition)
    assert.equal(records.length, sent[partition])
    const times = records.map(({ headers }) => readIntended(headers[intendedHeader]))
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
      'in order of their due times',
    )
    found.push(...times)
    for (const { key, value } of records) {
      const { card } = JSON.parse(value!.toString()) as { card: string }
      assert.equal(key!.toString(), card)
      assert.equal(partitionOf.get(card) ?? partition, partition)
      partitionOf.set(card, partition)
    }
  }
  const expected = Array.from(due, (ns) => Math.floor(beganNs + ns))
  assert.deepEqual(
    found.map(Math.floor).toSorted((a, b) => a - b),
    expected,
  )
})

test('what a broker refuses fails the run', async (t) => {
  const { brokers } = await TestTopics.make(t, 1)
  const generator = await startGenerator(t, brokers)
  await assert.rejects(
    generator.ask('run', { ...run, topic: 'no-such-topic' }),
    /refused records: 3/,
  )
})

test('the reader pairs the outcomes of the echo with due times, and nothing is lost, doubled or out of order', async (t) => {
  const topics = await TestTopics.make(t, partitions)
  const pair = { transactions: topics.transactions, decisions: topics.decisions }
  const reader = await startReader(t, topics.brokers)
  await reader.ask('follow', pair)
  const echo = await startEcho({ topics, partitions }, 300)
  const generator = await startGenerator(t, topics.brokers)
  const sent = await generator.ask('run', { ...run, topic: topics.transactions })
  assert.ok(await reader.ask('wait', { pair, ends: sent.sent, msMax: 60_000 }))
  const seen = await measure(reader, topics, sent)
  await echo.stop()
  const { lost, doubled, reordered, latencies, dueWithin } = seen
  assert.deepEqual({ lost, doubled, reordered }, { lost: 0, doubled: 0, reordered: 0 })
  assert.equal(dueWithin, sent.sent[0]! + sent.sent[1]!)
  assert.equal(latencies.count, dueWithin)
  assert.ok(latencies.p50 > 0)
  const [first] = await topics.read(topics.decisions, 0)
  assert.equal(first!.value!.length, 300)
})

test('an engine that loses, doubles or reorders outcomes is found out', async (t) => {
  const topics = await TestTopics.make(t, partitions)
  const pair = { transactions: topics.transactions, decisions: topics.decisions }
  const reader = await startReader(t, topics.brokers)
  await reader.ask('follow', pair)
  const generator = await startGenerator(t, topics.brokers)
  const sent = await generator.ask('run', { ...run, topic: topics.transactions })
  const tell = (partition: number, offsets: readonly number[]): Promise<void> =>
    topics.produce(
      partition,
      offsets.map((offset) => ({ value: '{}', headers: { [sourceOffsetHeader]: String(offset) } })),
      topics.decisions,
    )
  const all = Array.from({ length: sent.sent[0]! }, (_, offset) => offset)
  // 3 comes twice, 7 never, 12 behind 13.
  const wrong = all.filter((offset) => offset !== 7).toSpliced(3, 0, 3)
  const at = wrong.indexOf(12)
  await tell(0, wrong.with(at, 13).with(at + 1, 12))
  await tell(
    1,
    Array.from({ length: sent.sent[1]! }, (_, offset) => offset),
  )
  const told = [sent.sent[0]! - 1, sent.sent[1]!]
  assert.ok(await reader.ask('wait', { pair, ends: told, msMax: 60_000 }))
  assert.ok(!(await reader.ask('wait', { pair, ends: sent.sent, msMax: 50 })), 'not all are there')
  const { lost, doubled, reordered } = await measure(reader, topics, sent)
  assert.deepEqual({ lost, doubled, reordered }, { lost: 1, doubled: 1, reordered: 1 })
})
