// `weir stream` as users run it, on a real broker and a real Redis: one outcome per offset, in order, whatever is fed.
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { maskCardNumbers } from '../../features/cards.ts'
import { corpus, corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import {
  assertCounted,
  assertEvery,
  Deployment,
  documentOf,
  sourceOffset,
  stopCleanly,
} from '../testing/deployment.ts'
import { test } from '../testing/limited.ts'
import { TestTopics } from '../testing/topics.ts'
import type { NewRecord } from './kafka.ts'

/** Of larger ones a message would not fit its topic. */
const cases = corpus.filter(({ bytes }) => (bytes?.length ?? 0) < 900_000)
/** The smallest of each reason, and of those that are none. That the whole corpus stands anywhere, core's tests say. */
const samples = [...new Set(cases.map(({ reason }) => reason))].map((reason) => {
  const size = (bytes: Buffer | null): number => bytes?.length ?? 0
  const alike = cases.filter((one) => one.reason === reason)
  return alike.reduce((best, one) => (size(one.bytes) < size(best.bytes) ? one : best))
})

function good(id: string, card: string): Partial<NewRecord> {
  const merchant = `m-${card}`
  return { value: transactionJson({ id, card, merchant }), timestampMs: corpusReceivedMs }
}

function bad(bytes: Buffer | null): Partial<NewRecord> {
  return { value: bytes, timestampMs: corpusReceivedMs }
}

function cardCount(document: ReturnType<typeof documentOf>): number | null | undefined {
  return document.features?.['card_count_1d']
}

function trace(n: number): string {
  return `00-${n.toString(16).padStart(32, 'a')}-00f067aa0ba902b7-01`
}

describe('weir stream', { concurrency: 2 }, () => {
  test('the corpus: the right reason each, dead letters whole, and the good ones decided right', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    const sent: Partial<NewRecord>[] = []
    for (const [index, { bytes }] of cases.entries()) {
      const headers = { 'x-many': 'y'.repeat(1000), traceparent: trace(index) }
      sent.push({ ...bad(bytes), headers }, good(`good-${index}`, 'steady'))
    }
    await topics.produce(0, sent)
    const outcomes = assertEvery(await deployment.outcomes(sent.length), sent.length)
    for (const [index, { name, reason }] of cases.entries()) {
      const outcome = outcomes[index * 2]!
      assert.equal(documentOf(outcome).reason ?? null, reason, name)
      assert.equal(outcome.headers['traceparent']?.toString(), trace(index))
      assert.equal(cardCount(documentOf(outcomes[index * 2 + 1]!)), index + 1)
    }
    const rejected = cases.filter(({ reason }) => reason !== null)
    const letters = await topics.read(topics.deadLetters, 0)
    assert.equal(letters.length, rejected.length)
    for (const [index, { bytes, reason, name }] of rejected.entries()) {
      const { headers, value } = letters[index]!
      assert.equal(headers['weir-reason']?.toString(), reason, name)
      assert.equal(headers['weir-source-topic']?.toString(), topics.transactions)
      const at = Number(headers['weir-source-offset']?.toString())
      assert.equal(cases[at / 2]?.name, name)
      if (bytes === null) assert.equal(value, null)
      else assert.ok(value!.equals(maskCardNumbers(bytes)), name)
    }
    await stopCleanly(engine)
  })

  test('one of each reason alone, and first and last of a batch', async (t) => {
    const deployment = await Deployment.make(t, { partitions: 2 })
    const { topics } = deployment
    const engine = deployment.start()
    /** Feeds groups one after another; returns the reasons of all outcomes. */
    const feed = async (
      partition: number,
      groups: readonly Partial<NewRecord>[][],
    ): Promise<(string | null)[]> => {
      let count = 0
      for (const group of groups) {
        await topics.produce(partition, group)
        count += group.length
        await deployment.outcomes(count, partition)
      }
      const outcomes = assertEvery(await deployment.decisions(partition), count)
      return outcomes.map((outcome) => documentOf(outcome).reason ?? null)
    }
    const [alone, framed] = await Promise.all([
      feed(
        0,
        samples.map(({ bytes }) => [bad(bytes)]),
      ),
      feed(
        1,
        samples.map(({ bytes }, index) => [
          bad(bytes),
          good(`framed-${index}`, 'framed'),
          bad(bytes),
        ]),
      ),
    ])
    const reasons = samples.map(({ reason }) => reason)
    assert.deepEqual(alone, reasons)
    assert.deepEqual(
      framed,
      reasons.flatMap((reason) => [reason, null, reason]),
    )
    await stopCleanly(engine)
  })

  test('one of each reason a thousand times in a row, and the next good one is decided right', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    const sent = samples.flatMap(({ bytes }, index) => [
      ...Array.from({ length: 1000 }, () => bad(bytes)),
      good(`after-${index}`, 'after'),
    ])
    await topics.produce(0, sent)
    const outcomes = assertEvery(await deployment.outcomes(sent.length), sent.length)
    for (const [index, { name, reason }] of samples.entries()) {
      const block = outcomes.slice(index * 1001, (index + 1) * 1001).map(documentOf)
      const counts = new Map<string, number>()
      for (const { type, reason: found } of block) {
        const key = found ?? type
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
      // A good one is decided once, then it is a duplicate.
      if (reason === null) assert.equal(counts.get('duplicate'), 999, name)
      else assert.equal(counts.get(reason), 1000, name)
      assert.equal(cardCount(block.at(-1)!), index + 1)
    }
    const rejected = samples.filter(({ reason }) => reason !== null)
    const letters = await topics.read(topics.deadLetters, 0)
    assert.equal(letters.length, rejected.length * 1000)
    await stopCleanly(engine)
  })

  test('duplicates name the first, other content under an id is a conflict', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    const one = transactionJson({ id: 'twice', card: 'double' })
    const other = transactionJson({ id: 'twice', card: 'double', amount: '99.00' })
    await topics.produce(0, [one, one, other, one])
    const documents = (await deployment.outcomes(4)).map(documentOf)
    assert.deepEqual(
      documents.map(({ type, reason }) => reason ?? type),
      ['decision', 'duplicate', 'id_conflict', 'duplicate'],
    )
    const first = { name: topics.transactions, partition: 0, offset: 0 }
    assert.deepEqual(documents[1]?.first, first)
    await stopCleanly(engine)
  })

  test('whatever the key and the headers are, the value is decided', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    const many = Array.from({ length: 10_000 }, (_, n) => [`name-${n}`, 'x'])
    const changes: Partial<NewRecord>[] = [
      { key: null },
      { key: '' },
      { key: Buffer.from([0, 0, 0, 0]) },
      { key: Buffer.from([0xff, 0xfe, 0x00]) },
      { key: 'another card than in the value' },
      { key: 'k'.repeat(900_000) },
      { headers: Object.fromEntries(many) as Record<string, string> },
      { headers: { large: Buffer.alloc(1_000_000) } },
      { headers: { traceparent: 'x'.repeat(100_000) } },
      { headers: { traceparent: ['a', 'b'], constructor: 'c', ['__proto__']: 'd', '': 'e' } },
    ]
    const sent = changes.map((change, n) => ({ ...good(`key-${n}`, 'keyed'), ...change }))
    // One a send: together they would be larger than a batch may be.
    for (const record of sent) await topics.produce(0, [record])
    const outcomes = assertEvery(await deployment.outcomes(sent.length), sent.length)
    assert.deepEqual(
      outcomes.map((outcome) => cardCount(documentOf(outcome))),
      sent.map((_, n) => n + 1),
    )
    assert.ok(outcomes.every(({ headers }) => headers['traceparent'] === undefined))
    await stopCleanly(engine)
  })

  test('a bad message as long as its topic allows has its dead letter, and the stream goes on', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    await topics.produce(0, [bad(Buffer.alloc(1_048_400, '{'))])
    await topics.produce(0, [{ key: Buffer.alloc(1_048_400), value: null }])
    await topics.produce(0, [good('after-large', 'large')])
    const documents = assertEvery(await deployment.outcomes(3), 3).map(documentOf)
    assert.deepEqual(
      documents.map(({ type, reason }) => reason ?? type),
      ['not_json', 'empty', 'decision'],
    )
    assert.equal((await topics.read(topics.deadLetters, 0)).length, 2)
    await stopCleanly(engine)
  })

  test('aborted upstream: one outcome for each visible offset, none for the others', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const producer = await topics.openTransactional('upstream')
    const engine = deployment.start()
    for (let round = 0; round < 30; round++) {
      const transaction = await producer.transaction()
      const messages = deployment.transactions(round * 10, 10).map((record) => ({
        value: record.value ?? null,
        timestamp: String(record.timestampMs),
        partition: 0,
      }))
      await transaction.send({ topic: topics.transactions, messages })
      if (round % 3 === 0) await transaction.commit()
      else await transaction.abort()
      if (round % 5 === 4) await topics.produce(0, deployment.transactions(10_000 + round, 1))
    }
    const visible = (await topics.read(topics.transactions, 0)).map(({ offset }) => offset)
    assert.equal(visible.length, 106)
    await deployment.outcomes(visible.at(-1)! + 1)
    const found = (await deployment.decisions()).map(sourceOffset)
    assert.deepEqual(found, visible)
    await stopCleanly(engine)
  })

  test('compressed input of every codec is decided, and counted once', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    const codecs = ['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed']
    for (const [n, codec] of codecs.entries()) {
      await topics.set('compression.type', codec)
      await deployment.feed(n * 300, 300)
    }
    assertCounted(assertEvery(await deployment.outcomes(1500), 1500))
    await stopCleanly(engine)
  })

  test('killed again and again while it is fed: every offset once, every transaction counted once', async (t) => {
    const deployment = await Deployment.make(t)
    const count = 3000
    const feeding = (async () => {
      for (let n = 0; n < count; n += 250) await deployment.feed(n, 250)
    })()
    for (let kill = 1; kill <= 3; kill++) {
      const engine = deployment.start()
      await deployment.outcomes(kill * 400)
      await engine.kill('SIGKILL')
    }
    await feeding
    const engine = deployment.start()
    assertCounted(assertEvery(await deployment.outcomes(count), count))
    await stopCleanly(engine)
  })

  test('the decision topic fed back in: each is rejected, nothing breaks', async (t) => {
    const deployment = await Deployment.make(t)
    const engine = deployment.start()
    await deployment.feed(0, 5)
    const decisions = await deployment.outcomes(5)
    const copies = decisions.map(({ value, headers, key }) => ({ value, headers, key }))
    await deployment.topics.produce(0, copies)
    const all = assertEvery(await deployment.outcomes(10), 10).map(documentOf)
    assert.deepEqual(
      all.slice(5).map(({ reason }) => reason),
      Array.from({ length: 5 }, () => 'missing_primary'),
    )
    await stopCleanly(engine)
  })

  test('topics that do not fit are refused, saying what to do', async (t) => {
    const deployment = await Deployment.make(t, { partitions: 2 })
    const other = await TestTopics.make(t, 1)
    const config = deployment.config.replace(deployment.topics.decisions, other.decisions)
    const { code, stderr } = await deployment.start(config).ended
    assert.equal(code, 1)
    assert.match(stderr, /expected 2 partitions .* found 1/)
    assert.match(stderr, /weir topics/)
  })

  test('brokers that cannot be reached end it with what to check', async (t) => {
    const deployment = await Deployment.make(t, { engineBrokers: '127.0.0.1:1' })
    const { code, stderr } = await deployment.start().ended
    assert.equal(code, 1)
    assert.match(stderr, /asking the brokers: .*ECONNREFUSED[^]*kafka_unavailable/)
  })
})
