// Redis and brokers away, slow, and lost, under a running engine: nothing is published that is not so, nothing is lost,
// nothing is decided twice, and what waits stays small.
import assert from 'node:assert/strict'
import { describe, type TestContext } from 'node:test'
import { corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import {
  assertCounted,
  assertEvery,
  assertNoneTwice,
  Deployment,
  stopCleanly,
} from '../testing/deployment.ts'
import type { EngineProcess } from '../testing/engine-process.ts'
import { Api, KafkaProxy } from '../testing/kafka-proxy.ts'
import { KafkaServer } from '../testing/kafka-server.ts'
import { test } from '../testing/limited.ts'
import { testBrokers } from '../testing/topics.ts'

const mebibyte = 2 ** 20

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

async function startProxy(t: TestContext): Promise<KafkaProxy> {
  const proxy = await KafkaProxy.start(testBrokers())
  t.after(() => proxy.stop())
  return proxy
}

/** Feeds so many transactions of ten kilobytes each. */
async function feedLarge(deployment: Deployment, from: number, count: number): Promise<void> {
  const pad = 'x'.repeat(10_000)
  for (let first = from; first < from + count; first += 500) {
    const records = Array.from({ length: 500 }, (_, index) => {
      const n = first + index
      const timeMs = corpusReceivedMs + n * 1000
      const time = new Date(timeMs).toISOString()
      const value = transactionJson({ id: `l${n}`, card: `l${n % 7}`, time, pad })
      return { value, timestampMs: timeMs }
    })
    await deployment.topics.produce(0, records)
  }
}

/** Watches the memory of an engine while something lasts; returns how much it grew at most. */
async function growth(engine: EngineProcess, lasts: Promise<void>): Promise<number> {
  const before = engine.residentBytes
  let most = 0
  let isOver = false
  const over = lasts.finally(() => {
    isOver = true
  })
  while (!isOver) {
    most = Math.max(most, engine.residentBytes - before)
    await sleep(50)
  }
  await over
  return most
}

describe('Redis', { concurrency: 2 }, () => {
  test('away: nothing is published, then it carries on and has counted once', async (t) => {
    const deployment = await Deployment.make(t)
    const engine = deployment.start()
    await deployment.feed(0, 200)
    await deployment.outcomes(200)
    deployment.redis.pause()
    await deployment.feed(200, 200)
    await engine.said('deciding failed, trying again')
    assert.equal((await deployment.decisions()).length, 200)
    deployment.redis.resume()
    const records = await deployment.outcomes(400)
    assertCounted(assertEvery(records, 400))
    assertNoneTwice(records)
    await stopCleanly(engine)
  })

  test('away while the input grows by 150 MiB: the engine does not, and stays a member', async (t) => {
    const deployment = await Deployment.make(t)
    const engine = deployment.start()
    await feedLarge(deployment, 0, 1000)
    await deployment.outcomes(1000)
    deployment.redis.pause()
    const count = 16_000
    const grown = await growth(
      engine,
      feedLarge(deployment, 1000, count - 1000).then(() => sleep(1000)),
    )
    assert.ok(grown < 100 * mebibyte, `grown by ${Math.round(grown / mebibyte)} MiB`)
    assert.equal(engine.stderr.split('partitions assigned').length, 2)
    deployment.redis.resume()
    await deployment.outcomes(2000)
    await stopCleanly(engine)
  })

  test('away during a rebalance and at SIGTERM: the partition moves on, the stop is clean', async (t) => {
    const deployment = await Deployment.make(t, { partitions: 2 })
    const first = deployment.start()
    for (const partition of [0, 1]) await deployment.feed(0, 500, partition)
    await deployment.outcomes(500, 1)
    const second = deployment.start()
    await second.said('partitions assigned')
    deployment.redis.pause()
    for (const partition of [0, 1]) await deployment.feed(500, 500, partition)
    await first.said('deciding failed, trying again')
    await stopCleanly(first)
    while (!second.stderr.includes('"partitions":[0,1]')) await sleep(20)
    await stopCleanly(second)
    deployment.redis.resume()
    const third = deployment.start()
    for (const partition of [0, 1]) {
      const records = await deployment.outcomes(1000, partition)
      assertCounted(assertEvery(records, 1000))
      assertNoneTwice(records)
    }
    await stopCleanly(third)
  })
})

describe('the broker', { concurrency: 2 }, () => {
  test('does not acknowledge decisions: fetching pauses, memory stays, then all are written once', async (t) => {
    const proxy = await startProxy(t)
    const deployment = await Deployment.make(t, {
      engineBrokers: proxy.brokers,
      kafka: { outbox_max: 1000, request_timeout: '60s' },
    })
    const engine = deployment.start()
    await feedLarge(deployment, 0, 1000)
    await deployment.outcomes(1000)
    let fetches = 0
    proxy.set((request) => {
      const isFetch = request.api === Api.fetch && request.has(deployment.topics.transactions)
      if (isFetch) fetches++
      return request.api === Api.produce ? 'held' : 'pass'
    })
    const grown = await growth(
      engine,
      feedLarge(deployment, 1000, 12_000).then(() => sleep(1000)),
    )
    assert.ok(grown < 100 * mebibyte, `grown by ${Math.round(grown / mebibyte)} MiB`)
    fetches = 0
    await sleep(500)
    assert.equal(fetches, 0)
    proxy.set(() => 'pass')
    proxy.deliver()
    const records = await deployment.outcomes(13_000)
    assertEvery(records, 13_000)
    assertNoneTwice(records)
    await stopCleanly(engine)
  })

  test('loses requests and replies of all kinds: every offset once, counted once, and the commits follow', async (t) => {
    const proxy = await startProxy(t)
    const deployment = await Deployment.make(t, { engineBrokers: proxy.brokers })
    const { topics } = deployment
    const engine = deployment.start()
    await engine.said('partitions assigned')
    const fates = ['lost', 'unanswered', 'silent', 'pass', 'pass', 'pass'] as const
    let requests = 0
    // One in forty: some of a join, of a commit, of a fetch, of a send.
    proxy.set(() => {
      requests++
      return requests % 40 === 0 ? fates[(requests / 40) % fates.length]! : 'pass'
    })
    for (let n = 0; n < 3000; n += 100) {
      await deployment.feed(n, 100)
      await sleep(100)
    }
    proxy.set(() => 'pass')
    assertCounted(assertEvery(await deployment.outcomes(3000), 3000))
    while ((await topics.committed(topics.transactions, 0)) !== 3000) await sleep(50)
    await stopCleanly(engine)
  })

  test('stopped and started again: it carries on, every offset once, and the commits follow', async (t) => {
    const broker = await KafkaServer.start()
    t.after(() => broker.stop())
    const deployment = await Deployment.make(t, { brokers: broker.brokers })
    const { topics } = deployment
    const engine = deployment.start()
    await deployment.feed(0, 300)
    await deployment.outcomes(300)
    await broker.kill('SIGTERM')
    await sleep(1500)
    await broker.restart()
    await deployment.feed(300, 300)
    assertCounted(assertEvery(await deployment.outcomes(600), 600))
    while ((await topics.committed(topics.transactions, 0)) !== 600) await sleep(50)
    // Away for good: the engine ends all the same.
    await deployment.feed(600, 100)
    await broker.kill()
    await stopCleanly(engine)
  })

  test('of three, leaders are killed while decisions are written: nothing lost, nothing twice', async (t) => {
    const cluster = await KafkaServer.startCluster(3)
    t.after(() => Promise.all(cluster.map((broker) => broker.stop())))
    const brokers = cluster.map((broker) => broker.brokers).join(',')
    const deployment = await Deployment.make(t, { partitions: 3, brokers, replicas: 3 })
    const [one, other] = [deployment.start(), deployment.start()]
    let isOver = false
    let count = 0
    const feed = (async () => {
      for (; !isOver; count += 30) {
        for (const partition of [0, 1, 2]) await deployment.feed(count, 30, partition)
        await sleep(50)
      }
    })()
    const failed = feed.then(() => new Promise<never>(() => undefined))
    await Promise.all([0, 1, 2].map((partition) => deployment.outcomes(300, partition)))
    for (const broker of cluster.slice(0, 2)) {
      // Each leads one partition of the decisions; one of them may coordinate the group.
      await broker.kill()
      const reached = count
      while (count < reached + 300) await Promise.race([sleep(50), failed])
      await Promise.all([0, 1, 2].map((partition) => deployment.outcomes(reached, partition)))
      if (broker === cluster[0]) await broker.restart()
    }
    isOver = true
    await feed
    for (const partition of [0, 1, 2]) {
      assertCounted(assertEvery(await deployment.outcomes(count, partition), count))
    }
    await stopCleanly(one, other)
  })
})
