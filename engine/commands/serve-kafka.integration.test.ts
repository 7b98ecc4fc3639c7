// Sidecars whose calls go to the transaction topic, beside a stream that decides it: counted once, answered the same, each
// once on the decision topic; and brokers that are away.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { transactionJson } from '../../features/testing/corpus.ts'
import { randomOf } from '../../features/testing/random-rows.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import type { Response } from '../api/testing/http-client.ts'
import { documentOf as replyOf } from '../api/testing/sidecar-world.ts'
import { decisionCore } from '../core/decision.ts'
import { type LogRecord, partitionerOf } from '../stream/kafka.ts'
import {
  assertEvery,
  assertNoneTwice,
  Deployment,
  sourceOffset,
  stopCleanly,
  textOf,
} from '../testing/deployment.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { Api, KafkaProxy } from '../testing/kafka-proxy.ts'
import { type SidecarOptions, SidecarProcess } from '../testing/sidecar-process.ts'
import { TestTopics } from '../testing/topics.ts'

interface Published {
  readonly type: string
  readonly id: string
  readonly answer?: object
  readonly ordinals?: Readonly<Record<string, number>>
}

function published(record: LogRecord): Published {
  return JSON.parse(textOf(record)) as Published
}

async function startSidecar(t: TestContext, options: SidecarOptions): Promise<SidecarProcess> {
  const sidecar = await SidecarProcess.start(options)
  t.after(() => {
    sidecar.kill()
  })
  return sidecar
}

function kafkaOf({ transactions, decisions, deadLetters }: TestTopics, brokers: string) {
  return { brokers: [brokers], transactions, decisions, dead_letters: deadLetters }
}

/** All outcomes of partitions whose every message has one. */
async function allOutcomes(topics: TestTopics, partitions: number): Promise<LogRecord[]> {
  const all: LogRecord[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const messages = await topics.read(topics.transactions, partition)
    const last = messages.at(-1)?.offset ?? -1
    const outcomes = await topics.follow(topics.decisions, partition, (records) =>
      last < 0 ? true : records.length > 0 && sourceOffset(records.at(-1)!) >= last,
    )
    assertEvery(outcomes, last + 1)
    assertNoneTwice(outcomes)
    all.push(...outcomes)
  }
  return all
}

test('a stream and two sidecars on the same cards at once, and the payment system’s own messages: counted once, answered the same', async (t) => {
  const partitions = 2
  const count = 300
  const cards = 5
  const deployment = await Deployment.make(t, { partitions })
  const { topics, redis } = deployment
  const stream = deployment.start()
  const options = { redisUrl: redis.url, kafka: kafkaOf(topics, topics.brokers) }
  const sidecars = [await startSidecar(t, options), await startSidecar(t, options)]
  await stream.said('deciding')

  const random = randomOf(11)
  const answers = new Map<string, string>()
  const check = ({ status, body }: Response, id: string): void => {
    assert.equal(status, 200, body)
    assert.equal(replyOf({ body }).type, 'decision')
    assert.equal(answers.get(id) ?? body, body, 'every call of a transaction gets the same bytes')
    answers.set(id, body)
  }
  const one = async (n: number): Promise<void> => {
    const card = `card-${n % cards}`
    const change = { id: `n${n}`, card, merchant: 'busy' }
    const produce = () =>
      topics.produce(partitionerOf(partitions)(card), [
        { key: card, value: transactionJson(change) },
      ])
    const call = async (at: number) => {
      check(await sidecars[at]!.ask(change), change.id)
    }
    const ways = [
      () => call(0),
      () => Promise.all([call(0), call(1)]),
      () => Promise.all([call(1), produce()]),
      () => produce().then(() => call(0)),
      () =>
        call(1)
          .then(produce)
          .then(() => call(0)),
      produce,
    ]
    await ways[random(ways.length)]!()
  }
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: 8 }, work))

  for (const sidecar of sidecars) assert.match(await sidecar.stop(), / 0 stand-ins/)
  const outcomes = (await allOutcomes(topics, partitions)).map((record) => ({
    text: textOf(record),
    ...published(record),
  }))
  await stopCleanly(stream)

  const decisions = outcomes.filter(({ type }) => type === 'decision')
  const ids = Array.from({ length: count }, (_, n) => `n${n}`)
  assert.deepEqual(decisions.map(({ id }) => id).sort(), ids.sort(), 'each decided once')
  for (const { id, type, answer } of outcomes) {
    assert.ok(type === 'decision' || type === 'duplicate', `${id} ${type}`)
    if (answer !== undefined) assert.equal(JSON.stringify(answer), answers.get(id))
  }
  let same = 0
  for (const { id, text } of decisions) {
    const answered = answers.get(id)
    // What the stream had decided before the call came: the same decision, by another engine.
    if (answered !== undefined) assert.equal(decisionCore(text), decisionCore(answered), id)
    if (answered === text) same++
  }
  assert.ok(same > count / 4, `${same} answers are on the topic byte for byte`)
  const places = (kind: string, ofCard: number | null) =>
    decisions
      .filter(({ id }) => ofCard === null || Number(id.slice(1)) % cards === ofCard)
      .map(({ ordinals }) => ordinals![kind]!)
      .sort((a, b) => a - b)
  const from0 = (length: number) => Array.from({ length }, (_, ordinal) => ordinal)
  for (let card = 0; card < cards; card++) {
    assert.deepEqual(places('card', card), from0(count / cards), 'each place once')
  }
  assert.deepEqual(places('merchant', null), from0(count))
})

test('with Kafka away calls are answered and wait; the full backlog refuses; when it is back each is there once, in order', async (t) => {
  const topics = await TestTopics.make(t, 1)
  const proxy = await KafkaProxy.start(topics.brokers)
  t.after(() => proxy.stop())
  proxy.set(() => 'lost')
  const redis = await RedisServer.start()
  t.after(() => redis.stop())
  const sidecar = await startSidecar(t, {
    redisUrl: redis.url,
    kafka: { ...kafkaOf(topics, proxy.brokers), request_timeout: '1s' },
    http: { backlog_bytes_max: '1MiB' },
  })
  assert.match(sidecar.stderr, /Kafka is away: calls wait in memory/)
  assert.equal((await sidecar.get('/readyz')).status, 200)

  const bodies: string[] = []
  const note = 'x'.repeat(3000)
  for (let n = 0; ; n++) {
    const { status, body } = await sidecar.ask({ id: `n${n}`, card: 'c', note })
    if (status !== 200) {
      assert.equal(status, 429, body)
      assert.match(body, /"backlog_full"/)
      break
    }
    bodies.push(body)
  }
  assert.ok(bodies.length > 50, `${bodies.length} calls wait`)
  const metrics = (await sidecar.get('/metrics')).body
  assert.match(metrics, new RegExp(`^weir_call_backlog_messages ${bodies.length}$`, 'm'))
  assert.match(metrics, /^weir_calls_refused_total 1$/m)

  proxy.set(() => 'pass')
  const count = bodies.length
  const read = await topics.waitFor(topics.transactions, 0, count)
  assert.equal(read.length, count, 'each once')
  const sealed = read.map(({ headers }) => headers['weir-answer'] as Buffer)
  assert.deepEqual(
    sealed.map((bytes) => bytes.subarray(32).toString()),
    bodies,
  )
  const after = await sidecar.ask({ id: 'after', card: 'c' })
  assert.equal(after.status, 200)
  // A stop drains: the broker gets the last one though its first sends are lost.
  let losses = 3
  proxy.set(({ api }) => (api === Api.produce && losses-- > 0 ? 'lost' : 'pass'))
  await sidecar.ask({ id: 'last', card: 'c' })
  assert.doesNotMatch(await sidecar.stop(), /never came to Kafka/)
  const ids = (await topics.read(topics.transactions, 0)).map(
    ({ value }) => (JSON.parse(value!.toString()) as { id: string }).id,
  )
  assert.equal(ids[count], 'after')
  assert.ok(ids.includes('last'))
})

test('a stop with Kafka away ends in time and says what never came there', async (t) => {
  const topics = await TestTopics.make(t, 1)
  const proxy = await KafkaProxy.start(topics.brokers)
  t.after(() => proxy.stop())
  const sidecar = await startSidecar(t, { kafka: kafkaOf(topics, proxy.brokers) })
  proxy.set(() => 'lost')
  await sidecar.ask({ id: 'stuck' })
  const began = performance.now()
  assert.match(await sidecar.stop(), /"unsent":1.*never came to Kafka/)
  assert.ok(performance.now() - began < 10_000)
})

test('a call larger than the topic takes is answered, counted in the metrics, and holds nobody back', async (t) => {
  const topics = await TestTopics.make(t, 1)
  await topics.set('max.message.bytes', '20000')
  const sidecar = await startSidecar(t, { kafka: kafkaOf(topics, topics.brokers) })
  const asked = [
    sidecar.ask({ id: 'small', card: 'c' }),
    sidecar.ask({ id: 'large', card: 'c', unmapped: 'x'.repeat(30_000) }),
    sidecar.ask({ id: 'next', card: 'c' }),
  ]
  for (const reply of await Promise.all(asked)) assert.equal(reply.status, 200, reply.body)
  const read = await topics.waitFor(topics.transactions, 0, 2)
  const ids = read.map(({ value }) => (JSON.parse(value!.toString()) as { id: string }).id)
  assert.deepEqual(ids.sort(), ['next', 'small'])
  assert.match((await sidecar.get('/metrics')).body, /^weir_calls_too_large_total 1$/m)
  await sidecar.stop()
})

test('a topic that is not there is refused at start, with what to do', async (t) => {
  const topics = await TestTopics.make(t, 1)
  const kafka = { ...kafkaOf(topics, topics.brokers), transactions: 'nowhere' }
  const config = JSON.stringify({ kafka, hash_key: '00112233445566778899aabbccddeeff' })
  const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }
  const { code, stderr } = await new EngineProcess(['serve'], config, clean).ended
  assert.equal(code, 1)
  assert.match(stderr, /nowhere: expected a topic, found none[^]*weir topics/)
})
