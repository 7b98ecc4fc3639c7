// Engines that come, leave, freeze and die while they are fed, on a real broker: nothing lost, nothing twice to a
// subscriber, and nothing twice at all where nobody fails.
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { decisionCore } from '../core/decision.ts'
import {
  assertCounted,
  assertEvery,
  assertNoneTwice,
  Deployment,
  documentOf,
  sourceOffset,
  stopCleanly,
  textOf,
} from '../testing/deployment.ts'
import { test } from '../testing/limited.ts'
import { type LogRecord, send } from './kafka.ts'

/** Feeds all partitions some hundreds a second until it is stopped; resolves to how many each has got. */
function feeding(deployment: Deployment, partitions: number): { stop(): Promise<number> } {
  let isStopped = false
  const run = (async () => {
    let count = 0
    for (; !isStopped; count += 20) {
      for (let partition = 0; partition < partitions; partition++) {
        await deployment.feed(count, 20, partition)
      }
      await sleep(25)
    }
    return count
  })()
  return {
    stop: () => {
      isStopped = true
      return run
    },
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

describe('a rebalance', { concurrency: 2 }, () => {
  test('engines join and leave while they are fed: nothing is written twice, all is committed', async (t) => {
    const deployment = await Deployment.make(t, { partitions: 4 })
    const feed = feeding(deployment, 4)
    const first = deployment.start()
    await deployment.outcomes(200, 3)
    const second = deployment.start()
    await second.said('partitions assigned')
    await deployment.outcomes(600, 1)
    const third = deployment.start()
    await third.said('partitions assigned')
    await stopCleanly(first)
    await sleep(500)
    await stopCleanly(third)
    const count = await feed.stop()
    for (let partition = 0; partition < 4; partition++) {
      const records = await deployment.outcomes(count, partition)
      assertNoneTwice(records)
      assertCounted(assertEvery(records, count))
    }
    await stopCleanly(second)
    const { topics } = deployment
    for (let partition = 0; partition < 4; partition++) {
      assert.equal(await topics.committed(topics.transactions, partition), count)
    }
  })

  test('an engine is frozen and comes back: a subscriber keeps every offset once, repeats are equal', async (t) => {
    const deployment = await Deployment.make(t, { partitions: 2 })
    const feed = feeding(deployment, 2)
    const frozen = deployment.start()
    await deployment.outcomes(200, 0)
    const other = deployment.start()
    await other.said('partitions assigned')
    await deployment.outcomes(600, 1)
    for (let round = 0; round < 2; round++) {
      frozen.child.kill('SIGSTOP')
      // Its session ends, and the other one has both partitions.
      const assignments = other.stderr.split('"partitions":[0,1]').length
      while (other.stderr.split('"partitions":[0,1]').length === assignments) await sleep(50)
      await sleep(300)
      frozen.child.kill('SIGCONT')
      await sleep(1000)
    }
    const count = await feed.stop()
    for (const partition of [0, 1]) {
      const records = await deployment.outcomes(count, partition)
      assertCounted(assertEvery(records, count))
      assertRepeatsEqual(records)
    }
    // It joined anew each time, and what it could not commit any more did not end that.
    assert.doesNotMatch(frozen.stderr, /the consumer ended/)
    await stopCleanly(other, frozen)
  })

  test('the last outcomes are late ones of a frozen engine: what follows is decided again, nothing is lost', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    await deployment.feed(0, 300)
    const before = deployment.start()
    await deployment.outcomes(300)
    await stopCleanly(before)
    const written = await deployment.decisions()
    // As two frozen engines would have appended them, each what it had in flight.
    const producer = topics.client.producer()
    await producer.connect()
    for (const late of [written.slice(150, 180), written.slice(80, 100)]) {
      const records = late.map(({ key, value, headers }) => ({ key, value, headers }))
      await send(producer, topics.decisions, 0, records)
    }
    await producer.disconnect()
    const next = deployment.start()
    await deployment.feed(300, 100)
    const records = await deployment.outcomes(400)
    assertCounted(assertEvery(records, 400))
    assertRepeatsEqual(records)
    // Behind the last of all, 99, everything was decided once more.
    assert.equal(sourceOffset(records[350]!), 100)
    await stopCleanly(next)
  })

  test('killed with the session of a deployment: its partition is served again within 15 seconds', async (t) => {
    const kafka = { session_timeout: '10s', commit_interval: '1s' }
    const deployment = await Deployment.make(t, { partitions: 2, kafka })
    const feed = feeding(deployment, 2)
    const [one, other] = [deployment.start(), deployment.start()]
    await Promise.all([one.said('partitions assigned'), other.said('partitions assigned')])
    await deployment.outcomes(500, 0)
    await deployment.outcomes(500, 1)
    await one.kill('SIGKILL')
    const killed = performance.now()
    const before = await Promise.all([deployment.decisions(0), deployment.decisions(1)])
    await Promise.all(before.map(({ length }, at) => deployment.outcomes(length + 1, at)))
    const servedMs = performance.now() - killed
    assert.ok(servedMs < 15_000, `${servedMs} ms`)
    const count = await feed.stop()
    await Promise.all([deployment.outcomes(count, 0), deployment.outcomes(count, 1)])
    for (const partition of [0, 1]) {
      assertCounted(assertEvery(await deployment.decisions(partition), count))
    }
    await stopCleanly(other)
  })

  test('partitions added to the decisions first, then to the transactions, are served by running engines', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    await deployment.feed(0, 50)
    await deployment.outcomes(50)
    await topics.addPartition(topics.decisions, 2)
    await topics.addPartition(topics.transactions, 2)
    await deployment.feed(0, 50, 1)
    assertCounted(assertEvery(await deployment.outcomes(50, 1), 50))
    await deployment.feed(50, 50)
    assertCounted(assertEvery(await deployment.outcomes(100), 100))
    await stopCleanly(engine)
  })

  test('partitions added to the transactions alone end it with what is missing', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    await engine.said('partitions assigned')
    await topics.addPartition(topics.transactions, 2)
    const { code, stderr } = await engine.ended
    assert.equal(code, 1)
    assert.match(stderr, /expected partition 1, found 1 partitions[^]*topic_unfit/)
    assert.equal((await deployment.decisions()).length, 0)
  })

  test('a topic made anew ends it with a clear error, and nothing is published', async (t) => {
    const deployment = await Deployment.make(t)
    const { topics } = deployment
    const engine = deployment.start()
    await deployment.feed(0, 100)
    await deployment.outcomes(100)
    await topics.makeAnew()
    await deployment.feed(1000, 50)
    const running = await engine.ended
    assert.equal(running.code, 1)
    assert.match(running.stderr, /expected at least 100 messages.* found .*was the topic made anew/)
    const again = await deployment.start().ended
    assert.equal(again.code, 1)
    assert.match(again.stderr, /expected at least 100 messages.* found 50: was the topic made anew/)
    assert.equal((await deployment.decisions()).length, 100)
  })
})

describe('SIGTERM', { concurrency: 2 }, () => {
  test('at any moment of start, join, work and return it ends with 0 within ten seconds', async (t) => {
    const deployment = await Deployment.make(t, { partitions: 3 })
    const feed = feeding(deployment, 3)
    const stay = deployment.start()
    await deployment.outcomes(100)
    // Before it says anything it may not be listening yet.
    const stopEarly = async (waitMs: number): Promise<void> => {
      const engine = deployment.start()
      await engine.said('weir: ')
      await sleep(waitMs)
      await stopCleanly(engine)
    }
    await Promise.all([0, 200, 400, 600].map(stopEarly))
    await Promise.all([100, 300, 500, 800].map(stopEarly))
    // Frozen for longer than its session, then stopped while it finds out.
    const stopReturned = async (waitMs: number): Promise<void> => {
      const engine = deployment.start()
      await engine.said('partitions assigned')
      engine.child.kill('SIGSTOP')
      await sleep(2500)
      engine.child.kill('SIGCONT')
      await sleep(waitMs)
      await stopCleanly(engine)
    }
    await Promise.all([0, 100, 600].map(stopReturned))
    const count = await feed.stop()
    for (const partition of [0, 1, 2]) {
      assertCounted(assertEvery(await deployment.outcomes(count, partition), count))
    }
    await stopCleanly(stay)
  })
})

/** An outcome that was written again says the same. */
function assertRepeatsEqual(records: readonly LogRecord[]): void {
  const cores = new Map<number, string>()
  for (const record of records) {
    const offset = sourceOffset(record)
    const core = decisionCore(textOf(record))
    assert.equal(documentOf(record).type, 'decision')
    assert.equal(cores.get(offset) ?? core, core, `offset ${offset}`)
    cores.set(offset, core)
  }
}
