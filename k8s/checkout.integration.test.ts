// The pod of the sample payment service as it is deployed, without a cluster: both containers as processes, Weir with the
// rendered configuration, the socket between them; Redis and Kafka are real.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { call } from '../engine/api/testing/http-client.ts'
import { partitionerOf } from '../engine/stream/kafka.ts'
import { EngineProcess } from '../engine/testing/engine-process.ts'
import { freePort } from '../engine/testing/sidecar-process.ts'
import { TestTopics } from '../engine/testing/topics.ts'
import { RedisServer } from '../features/testing/redis-server.ts'
import { weirOf } from './testing/container-world.ts'
import { parseObjects, podsOf, readRendering } from './testing/objects.ts'
import { SampleProcess, sampleCharge } from './testing/sample-process.ts'

const objects = parseObjects(readRendering('dev'))
const [checkout] = podsOf(objects)
const partitions = 3

class CheckoutPod {
  readonly redis: RedisServer
  readonly topics: TestTopics
  readonly sample: SampleProcess
  readonly #t: TestContext
  readonly #folder: string

  private constructor(
    t: TestContext,
    redis: RedisServer,
    topics: TestTopics,
    sample: SampleProcess,
    folder: string,
  ) {
    this.#t = t
    this.redis = redis
    this.topics = topics
    this.sample = sample
    this.#folder = folder
  }

  static async start(t: TestContext): Promise<CheckoutPod> {
    const redis = await RedisServer.start()
    t.after(() => redis.stop())
    const topics = await TestTopics.make(t, partitions)
    const folder = mkdtempSync(join(tmpdir(), 'weir-pod-'))
    // It waits for whatever Weir does: what makes it go on without is seen, not timed.
    const sample = await SampleProcess.start(join(folder, 'weir.sock'), 60_000)
    t.after(() => {
      sample.kill()
    })
    return new CheckoutPod(t, redis, topics, sample, folder)
  }

  /** The sidecar; of its deployment only addresses differ, and what `flags` say. */
  async startWeir(...flags: readonly string[]): Promise<EngineProcess> {
    const { container, environment, file } = weirOf(checkout!, objects, this.#folder)
    const here = {
      ...environment,
      WEIR_CONFIG: file,
      KAFKA_BROKERS: this.topics.brokers,
      WEIR_KAFKA_TRANSACTIONS: this.topics.transactions,
      REDIS_URL: this.redis.url,
      // No test is about time.
      WEIR_BUDGET_DEADLINE: '5s',
    }
    const port = String(await freePort())
    const places = ['--host', '127.0.0.1', '--port', port, '--socket', this.#socket]
    const weir = new EngineProcess([...container.args!, ...places, ...flags], null, here)
    this.#t.after(() => weir.kill('SIGKILL'))
    await weir.said('answering on')
    return weir
  }

  /** What the transaction topic has of the sample's card. */
  async charges(count: number) {
    const partition = partitionerOf(partitions)('card-7f3a')
    const records = await this.topics.waitFor(this.topics.transactions, partition, count)
    return records.map(({ key, value, headers }) => ({
      key: String(key),
      value: value!.toString(),
      // Behind the MAC.
      answer: JSON.parse((headers['weir-answer'] as Buffer).subarray(32).toString()) as {
        readonly outcome: string
        readonly features: Readonly<Record<string, number | null>>
      },
    }))
  }

  writePolicy(text: string): string {
    const file = join(this.#folder, 'policy.yaml')
    writeFileSync(file, text)
    return file
  }

  /** Until a call is at Weir and has no answer. */
  async untilCallWaits(): Promise<void> {
    const target = { socketPath: this.#socket }
    for (;;) {
      const { body } = await call(target, { method: 'GET', path: '/metrics' })
      if (/^weir_calls_waiting 1$/m.test(body)) return
    }
  }

  get #socket(): string {
    return join(this.#folder, 'weir.sock')
  }
}

/** The sample's, of a time that is past on every machine. */
function chargeOf(id: string, amount = '49.90'): string {
  const sample = JSON.parse(sampleCharge.toString()) as object
  return JSON.stringify({ ...sample, id, amount, time: '2026-03-01T12:00:00.000Z' })
}

for (const [outcome, policy, status, word] of [
  ['approve', 'thresholds: { review: 1, deny: 1 }', 201, 'accepted'],
  ['review', 'thresholds: { review: 0, deny: 1 }', 202, 'held'],
  ['deny', 'thresholds: { review: 0, deny: 0 }', 402, 'refused'],
] as const) {
  test(`${outcome} of the sidecar: the charge is ${word}, and is on the transaction topic with that answer`, async (t) => {
    const pod = await CheckoutPod.start(t)
    const weir = await pod.startWeir('--policy', pod.writePolicy(policy))
    const charged = chargeOf(outcome)
    assert.deepEqual(await pod.sample.pay(charged), [status, { charge: word }])
    const [charge] = await pod.charges(1)
    assert.equal(charge!.key, 'card-7f3a')
    assert.equal(charge!.value, charged)
    assert.equal(charge!.answer.outcome, outcome)
    assert.equal((await weir.kill('SIGTERM')).code, 0)
  })
}

test('a charge that is wrong is told so in the words of the sidecar', async (t) => {
  const pod = await CheckoutPod.start(t)
  await pod.startWeir()
  const [status, body] = await pod.sample.pay(chargeOf('wrong', 'free'))
  assert.equal(status, 400)
  assert.equal((body as { readonly field: string }).field, 'amount')
})

test('the sidecar is killed with a charge open: it is held at once, as are those that follow; the next sidecar decides it, once', async (t) => {
  const pod = await CheckoutPod.start(t)
  const { redis, sample } = pod
  const killed = await pod.startWeir()
  assert.deepEqual(await sample.pay(chargeOf('before')), [201, { charge: 'accepted' }])
  // What waits for Kafka dies with it.
  await pod.charges(1)
  redis.pause()
  const paid = sample.pay(chargeOf('open'))
  await pod.untilCallWaits()
  await killed.kill('SIGKILL')
  assert.deepEqual(await paid, [202, { charge: 'held' }])
  assert.deepEqual(await sample.pay(chargeOf('without')), [202, { charge: 'held' }])
  redis.resume()

  await pod.startWeir()
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await sample.pay(chargeOf('open')), [201, { charge: 'accepted' }])
  }
  assert.deepEqual(await sample.pay(chargeOf('after')), [201, { charge: 'accepted' }])
  const charges = await pod.charges(3)
  const told = charges.map(({ value, answer }) => [
    (JSON.parse(value) as { readonly id: string }).id,
    answer.features['card_count_1d'],
  ])
  assert.deepEqual(told, [
    ['before', 1],
    ['open', 2],
    ['after', 3],
  ])
})
