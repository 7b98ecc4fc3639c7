// What is written, through a proxy that loses requests and replies, on a real broker: every outcome once, in order, its
// dead letter before it.
import assert from 'node:assert/strict'
import { describe, type TestContext } from 'node:test'
import type { Outcome } from '../core/ports.ts'
import { Api, type Fate, KafkaProxy, type KafkaRequest } from '../testing/kafka-proxy.ts'
import { test } from '../testing/limited.ts'
import { TestTopics } from '../testing/topics.ts'
import { KafkaClient, type LogRecord } from './kafka.ts'
import { Outbox } from './outbox.ts'
import { PartitionReader } from './partition-reader.ts'
import { Positions } from './positions.ts'
import { KafkaSink } from './sink.ts'

const outOfOrderSequence = 45

interface Writing {
  readonly topics: TestTopics
  readonly proxy: KafkaProxy
  readonly sink: KafkaSink
  /** Outboxes tell it that they failed for good. */
  readonly failures: unknown[]
  readonly makeOutbox: (partition?: number) => Outbox
}

async function makeSink(t: TestContext, partitions = 1): Promise<Writing> {
  const topics = await TestTopics.make(t, partitions)
  const proxy = await KafkaProxy.start(topics.brokers)
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const options = { clientId: 'test', requestTimeoutMs: 300, ssl: null, sasl: null, log }
  const client = new KafkaClient({ brokers: [proxy.brokers], ...options })
  const reader = new PartitionReader(client)
  await reader.connect([topics.transactions, topics.decisions])
  const positions = new Positions(reader, topics, log)
  const sink = await KafkaSink.open({ client, topics, positions, deadLetterPartitions: 1, log })
  t.after(async () => {
    await sink.close()
    await reader.close()
    await proxy.stop()
  })
  const failures: unknown[] = []
  const listener = {
    acknowledged: () => undefined,
    failed: (error: unknown) => failures.push(error),
  }
  const makeOutbox = (partition = 0): Outbox => new Outbox(partition, sink, listener)
  return { topics, proxy, sink, failures, makeOutbox }
}

function decision(offset: number, partition = 0): Outcome {
  return {
    type: 'decision',
    partition,
    offset,
    outcome: 'approve',
    rung: 'full',
    earlier: 'nobody',
    key: `id-${offset}`,
    value: `{"n":${offset}}`,
    traceparent: null,
    reject: null,
    source: null,
  }
}

function rejected(
  offset: number,
  value: Uint8Array | null,
  key: Uint8Array | null = null,
): Outcome {
  const source = {
    partition: 0,
    offset,
    key,
    value,
    timestampMs: 0,
    traceparent: null,
    answer: null,
  }
  return {
    ...decision(offset),
    type: 'rejected',
    outcome: null,
    rung: null,
    value: '{"expected":"this","found":"that"}',
    reject: { reason: 'not_json', field: '$', expected: 'this', found: 'that' },
    source,
  }
}

function add(outbox: Outbox, from: number, to: number): void {
  for (let offset = from; offset < to; offset++) outbox.add(decision(offset, outbox.partition))
  outbox.flush()
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function offsets(records: readonly LogRecord[]): number[] {
  return records.map(({ headers }) => Number(headers['weir-source-offset']?.toString()))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n)
}

/** The given fates for the first sends to a topic, then nothing happens any more. */
function firstSends(topic: string, ...fates: Fate[]): (request: KafkaRequest) => Fate {
  return (request) =>
    request.api === Api.produce && request.has(topic) ? (fates.shift() ?? 'pass') : 'pass'
}

describe('decisions', { concurrency: 3 }, () => {
  const silence = Array.from({ length: 6 }, () => 'silent' as const)
  const losses = Array.from({ length: 6 }, () => 'lost' as const)
  const cases: readonly (readonly [string, readonly Fate[]])[] = [
    ['a send that is lost is sent again', ['lost']],
    ['a lost acknowledgement', ['unanswered']],
    ['acknowledgements lost until the client gives up', silence],
    ['sends lost until the client gives up', losses],
    ['a broken sequence of which everything was written', [outOfOrderSequence]],
    ['one fault after another', ['unanswered', outOfOrderSequence, 'lost', ...silence, 'lost']],
  ]
  for (const [name, fates] of cases) {
    test(`${name}: each is in the log once, in order`, async (t) => {
      const { topics, proxy, failures, makeOutbox } = await makeSink(t)
      const outbox = makeOutbox()
      add(outbox, 0, 5)
      await until(() => outbox.acknowledged === 4)
      proxy.set(firstSends(topics.decisions, ...fates))
      add(outbox, 5, 105)
      add(outbox, 105, 110)
      await until(() => outbox.acknowledged === 109)
      assert.ok(proxy.met > 0)
      assert.deepEqual(offsets(await topics.read(topics.decisions, 0)), range(0, 110))
      assert.deepEqual(failures, [])
    })
  }

  test('what was written without an acknowledgement does not swallow as many others', async (t) => {
    const { topics, proxy, makeOutbox } = await makeSink(t)
    const before = makeOutbox()
    add(before, 0, 10)
    await until(() => before.acknowledged === 9)
    proxy.set(firstSends(topics.decisions, ...silence))
    add(before, 10, 20)
    await until(() => proxy.met === 1)
    await before.close()
    // The next owner finds 19 in the log, and goes on with ten others.
    const next = makeOutbox()
    add(next, 20, 30)
    await until(() => next.acknowledged === 29)
    assert.deepEqual(offsets(await topics.read(topics.decisions, 0)), range(0, 30))
  })

  test('partitions that lose their producer together all go on', async (t) => {
    const { topics, proxy, makeOutbox } = await makeSink(t, 4)
    const outboxes = range(0, 4).map((partition) => makeOutbox(partition))
    proxy.set(firstSends(topics.decisions, ...silence, ...silence, ...losses, ...losses))
    for (const outbox of outboxes) add(outbox, 0, 100)
    await until(() => outboxes.every(({ acknowledged }) => acknowledged === 99))
    for (const partition of range(0, 4)) {
      // Another's failure ends a send whose fate is then unknown: a repeat is possible, a gap or another order is not.
      const found = offsets(await topics.read(topics.decisions, partition))
      assert.deepEqual([...new Set(found)], range(0, 100))
    }
  })
})

describe('dead letters', { concurrency: 3 }, () => {
  test('one is acknowledged before its outcome is sent', async (t) => {
    const { topics, proxy, makeOutbox } = await makeSink(t)
    proxy.set(firstSends(topics.deadLetters, 'held'))
    const outbox = makeOutbox()
    outbox.add(decision(0))
    outbox.add(rejected(1, Buffer.from('bad')))
    outbox.flush()
    await until(() => proxy.met === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal((await topics.read(topics.decisions, 0)).length, 0)
    proxy.deliver()
    await until(() => outbox.acknowledged === 1)
    assert.equal((await topics.read(topics.deadLetters, 0)).length, 1)
    assert.deepEqual(offsets(await topics.read(topics.decisions, 0)), [0, 1])
  })

  test('lost and unacknowledged ones of several partitions: none is missing', async (t) => {
    const { topics, proxy, makeOutbox } = await makeSink(t, 3)
    const silence = Array.from({ length: 6 }, () => 'silent' as const)
    proxy.set(firstSends(topics.deadLetters, 'unanswered', ...silence, 'lost', 'silent'))
    const outboxes = range(0, 3).map((partition) => makeOutbox(partition))
    for (const outbox of outboxes) {
      const bad = rejected(7, Buffer.from(`bad ${outbox.partition}`))
      outbox.add({ ...bad, partition: outbox.partition })
      outbox.flush()
    }
    await until(() => outboxes.every(({ acknowledged }) => acknowledged === 7))
    const found = (await topics.read(topics.deadLetters, 0)).map(({ value }) => value?.toString())
    assert.deepEqual([...new Set(found)].sort(), ['bad 0', 'bad 1', 'bad 2'])
  })

  test('a thousand go in a few sends', async (t) => {
    const { topics, proxy, makeOutbox } = await makeSink(t)
    let sends = 0
    proxy.set((request) => {
      if (request.api === Api.produce) sends++
      return 'pass'
    })
    const outbox = makeOutbox()
    for (const offset of range(0, 1000)) outbox.add(rejected(offset, Buffer.alloc(300)))
    outbox.flush()
    await until(() => outbox.acknowledged === 999)
    assert.equal((await topics.read(topics.deadLetters, 0)).length, 1000)
    assert.ok(sends < 10, `${sends} sends`)
  })

  test('one that is too large for its topic is cut, with its lengths in headers', async (t) => {
    const { topics, makeOutbox, failures } = await makeSink(t)
    const outbox = makeOutbox()
    outbox.add(rejected(0, Buffer.alloc(1_048_500, 'v'), Buffer.from('key')))
    outbox.add(rejected(1, null, Buffer.alloc(1_048_500, 'k')))
    outbox.add(rejected(2, Buffer.from('short')))
    outbox.flush()
    await until(() => outbox.acknowledged === 2 || failures.length > 0)
    assert.deepEqual(failures, [])
    const letters = await topics.read(topics.deadLetters, 0)
    const header = (n: number, name: string) => letters[n]?.headers[name]?.toString()
    const left = letters[0]?.value ?? Buffer.alloc(0)
    assert.ok(left.equals(Buffer.alloc(left.length, 'v')) && left.length > 100_000)
    assert.equal(letters[0]?.key?.toString(), 'key')
    assert.equal(header(0, 'weir-value-length'), '1048500')
    assert.equal(letters[1]?.value, null)
    assert.equal(header(1, 'weir-key-length'), '1048500')
    assert.equal(letters[2]?.value?.toString(), 'short')
  })

  test('card numbers in them are masked, and nothing else', async (t) => {
    const { topics, makeOutbox } = await makeSink(t)
    const outbox = makeOutbox()
    const value = Buffer.from('{"card":"4111111111111111","n":1234567890123}')
    outbox.add(rejected(0, value, Buffer.from('4111111111111111')))
    outbox.flush()
    await until(() => outbox.acknowledged === 0)
    const [letter] = await topics.read(topics.deadLetters, 0)
    assert.ok(!letter?.value?.includes('4111111111111111'))
    assert.ok(!letter?.key?.includes('4111111111111111'))
    assert.equal(letter?.value?.length, value.length)
    assert.ok(letter.value.includes('"n":1234567890123'))
  })
})
