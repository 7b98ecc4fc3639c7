// A catalog changes while transactions come: on a real broker and a real Redis, with engines and backfills as users run them.
// Every offset has one outcome, and what the new catalog decides is what a replay of the whole topic says.
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogRecord } from '../stream/kafka.ts'
import { CatalogChange, type CatalogName, decidedOf } from '../testing/catalog-change.ts'
import { assertEvery, stopCleanly } from '../testing/deployment.ts'
import { test } from '../testing/limited.ts'

/** Reaches further back than any history here: what it counts tells whether anything at all is missing. */
const longest = ['card_total']
const caughtUp = 'following until stopped'
const silentBegan = 'recording what was decided before, without deciding'
const silentDone = 'recorded what was decided before'

/** From an offset on, a partition's decisions have the features of a replay under the catalog. */
async function assertReplayed(
  change: CatalogChange,
  catalog: CatalogName,
  records: readonly LogRecord[],
  from: number,
  partition = 0,
): Promise<void> {
  const expected = await change.replayed(catalog, partition)
  const kept = assertEvery(records, records.length)
  for (const [offset, record] of kept.entries()) {
    if (offset < from) continue
    const { type, features } = decidedOf(record)
    assert.equal(type, 'decision')
    assert.deepEqual(features, expected.get(offset), `offset ${offset}`)
  }
}

/** All windows reach into what is known, which begins with the first transaction. */
function assertWarm(change: CatalogChange, records: readonly LogRecord[], from: number): void {
  for (const record of records.slice(from)) {
    const { warming, history_since_ms } = decidedOf(record)
    assert.deepEqual(warming, longest)
    assert.equal(history_since_ms, change.timeMs(0))
  }
}

/** Of what an engine logged: the fields of the line that says so. */
function logged(stderr: string, message: string): Record<string, unknown> {
  const line = stderr.split('\n').find((one) => one.includes(`"${message}"`))
  assert.ok(line, `${message} in: ${stderr}`)
  return JSON.parse(line) as Record<string, unknown>
}

describe('a catalog change', { concurrency: 2 }, () => {
  for (const buckets of [1, 16]) {
    test(`with a backfill that follows hands over without a gap, ${buckets} buckets`, async (t) => {
      const change = await CatalogChange.make(t, buckets, 2)
      const { deployment } = change
      const before = change.stream('old')
      for (const partition of [0, 1]) await change.feed(0, 400, partition)
      const backfill = change.backfill('next', '--follow')
      await backfill.said(caughtUp)
      for (const partition of [0, 1]) await change.feed(400, 200, partition)
      for (const partition of [0, 1]) await deployment.outcomes(600, partition)
      await stopCleanly(before)
      for (const partition of [0, 1]) {
        while ((await change.coveredBy('next', partition)) < 600) await sleep(20)
      }
      await stopCleanly(backfill)
      const after = change.stream('next')
      for (const partition of [0, 1]) {
        await change.feed(600, 150, partition)
        const records = await deployment.outcomes(750, partition)
        await assertReplayed(change, 'next', records, 600, partition)
        assertWarm(change, records, 600)
      }
      await stopCleanly(after)
      assert.ok(!after.stderr.includes(silentBegan), 'nothing was left to record')
    })

    test(`with a backfill that stopped early records the gap first, ${buckets} buckets`, async (t) => {
      const change = await CatalogChange.make(t, buckets)
      const { deployment } = change
      const before = change.stream('old')
      await change.feed(0, 700)
      await deployment.outcomes(700)
      const { code, stderr } = await change.backfill('next', '--to', '300').ended
      assert.equal(code, 0, stderr)
      await stopCleanly(before)
      await change.feed(700, 100)
      const after = change.stream('next')
      const records = await deployment.outcomes(800)
      await assertReplayed(change, 'next', records, 700)
      assertWarm(change, records, 700)
      await stopCleanly(after)
      const { ranges, messages, fresh } = logged(after.stderr, silentDone)
      assert.deepEqual(ranges, [{ partition: 0, from: 300, to: 700 }])
      assert.deepEqual([messages, fresh], [400, 400])
    })

    test(`killed while it records the gap counts each transaction once, ${buckets} buckets`, async (t) => {
      const change = await CatalogChange.make(t, buckets)
      const { deployment } = change
      const total = 9000
      const before = change.stream('old')
      await change.feed(0, total)
      await deployment.outcomes(total)
      await stopCleanly(before)
      const { code, stderr } = await change.backfill('next', '--to', '100').ended
      assert.equal(code, 0, stderr)
      const killed = change.stream('next')
      while ((await change.coveredBy('next')) < 600);
      await killed.kill('SIGKILL')
      const reached = await change.coveredBy('next')
      assert.ok(reached < total, `killed too late, at ${reached}`)
      assert.equal((await deployment.decisions()).length, total)
      const after = change.stream('next')
      await change.feed(total, 50)
      const records = await deployment.outcomes(total + 50)
      await assertReplayed(change, 'next', records, total)
      assertWarm(change, records, total)
      await stopCleanly(after)
      const { ranges } = logged(after.stderr, silentDone)
      assert.deepEqual(ranges, [{ partition: 0, from: reached, to: total }])
    })
  }

  test('rolled back, the old catalog records what the new one decided, and neither touches the other’s keys', async (t) => {
    const change = await CatalogChange.make(t, 16)
    const { deployment } = change
    const journals = async (): Promise<Map<string, string>> => {
      const pattern = `w:${await change.namespaceOf('old')}:*`
      const found = new Map<string, string>()
      for (const key of (await change.redis.call('KEYS', pattern)) as Buffer[]) {
        // Who records is said anew, and says nothing of transactions.
        if (key.includes(':recorder:')) continue
        const expires = await change.redis.text('PEXPIRETIME', key)
        const value = (await change.redis.call('DUMP', key)) as Buffer
        found.set(key.toString(), `${expires} ${value.toString('hex')}`)
      }
      return found
    }
    const first = change.stream('old')
    await change.feed(0, 200)
    await deployment.outcomes(200)
    await stopCleanly(first)
    const left = await journals()
    const expiring = [...left].filter(([key]) => key.includes(':card:'))
    assert.equal(expiring.length, 11)
    for (const [key, text] of expiring) assert.ok(!text.startsWith('-1'), `${key} never expires`)
    const { code, stderr } = await change.backfill('next').ended
    assert.equal(code, 0, stderr)
    const second = change.stream('next')
    await change.feed(200, 200)
    await deployment.outcomes(400)
    await stopCleanly(second)
    assert.deepEqual(await journals(), left)
    const third = change.stream('old')
    await change.feed(400, 100)
    const records = await deployment.outcomes(500)
    await assertReplayed(change, 'old', records, 400)
    assertWarm(change, records, 400)
    await stopCleanly(third)
    assert.deepEqual(logged(third.stderr, silentDone)['ranges'], [
      { partition: 0, from: 200, to: 400 },
    ])
  })

  test('a gap that retention deleted is said, and history starts anew behind it', async (t) => {
    const change = await CatalogChange.make(t, 16)
    const { deployment } = change
    const before = change.stream('old')
    await change.feed(0, 300)
    await deployment.outcomes(300)
    await stopCleanly(before)
    await change.backfill('next', '--to', '100').ended
    await deployment.topics.deleteBefore(change.topic, 0, 250)
    await change.feed(300, 20)
    const after = change.stream('next')
    const records = await deployment.outcomes(320)
    await stopCleanly(after)
    const { from, to } = logged(
      after.stderr,
      'retention has deleted transactions before they were read: history starts anew',
    )
    assert.deepEqual([from, to], [100, 250])
    assert.deepEqual(logged(after.stderr, silentDone)['ranges'], [
      { partition: 0, from: 250, to: 300 },
    ])
    const { history_since_ms, warming } = decidedOf(records.at(-1)!)
    assert.equal(history_since_ms, change.timeMs(250))
    // 69 steps of 40 minutes are more than a day and less than a week.
    assert.deepEqual(warming, [...longest, 'card_sum', 'card_shops', 'shop_count'])
  })
})

describe('a Redis that forgot', { concurrency: 2 }, () => {
  test('while no engine ran is filled again from the topic, before anything is decided', async (t) => {
    const change = await CatalogChange.make(t, 16)
    const { deployment } = change
    const first = change.stream('next')
    await change.feed(0, 300)
    await deployment.outcomes(300)
    await stopCleanly(first)
    change.redis.close()
    const client = await deployment.redis.client()
    await client.call('SAVE')
    client.close()
    const second = change.stream('next')
    await change.feed(300, 200)
    await deployment.outcomes(500)
    await stopCleanly(second)
    await deployment.redis.restart()
    const third = change.stream('next')
    await change.feed(500, 100)
    const records = await deployment.outcomes(600)
    await assertReplayed(change, 'next', records, 500)
    assertWarm(change, records, 500)
    await stopCleanly(third)
    const { ranges } = logged(third.stderr, silentDone)
    assert.deepEqual(ranges, [{ partition: 0, from: 300, to: 500 }])
  })

  test('under a stream has journals that begin anew, which no backfill takes for covered', async (t) => {
    const change = await CatalogChange.make(t, 1)
    const { deployment } = change
    const engine = change.stream('next')
    await change.feed(0, 50)
    await deployment.outcomes(50)
    while ((await change.coveredBy('next')) < 50) await sleep(20)
    await change.redis.call('FLUSHALL')
    await change.feed(50, 20)
    await deployment.outcomes(70)
    await stopCleanly(engine)
    const { code, stderr } = await change.backfill('next').ended
    assert.equal(code, 2)
    assert.match(stderr, /expected --from of at least [567]\d, where the journals of this catalog/)
  })
})

describe('history_since', { concurrency: 2 }, () => {
  const warmed = async (
    t: Parameters<Parameters<typeof test>[1]>[0],
    fill: (change: CatalogChange) => Promise<void>,
  ): Promise<{ change: CatalogChange; all: ReturnType<typeof decidedOf>[] }> => {
    const change = await CatalogChange.make(t, 16)
    await fill(change)
    const engine = change.stream('next')
    const { length } = await change.deployment.topics.read(change.topic, 0)
    await change.feed(300, 40)
    const records = await change.deployment.outcomes(length + 40)
    await stopCleanly(engine)
    return { change, all: records.slice(-40).map(decidedOf) }
  }

  test('is that of a file that was recorded before', async (t) => {
    const { change, all } = await warmed(t, async (one) => {
      const lines = one.transactions(0, 300).map(({ value }) => value)
      const { code, stderr } = await one.backfillFile('next', lines)
      assert.equal(code, 0, stderr)
    })
    for (const { history_since_ms, warming } of all) {
      assert.deepEqual([history_since_ms, warming], [change.timeMs(0), longest])
    }
  })

  test('is that of the topic that was recorded before', async (t) => {
    const { change, all } = await warmed(t, async (one) => {
      await one.feed(0, 300)
      const { code, stderr } = await one.backfill('next').ended
      assert.equal(code, 0, stderr)
    })
    for (const { history_since_ms, warming } of all) {
      assert.deepEqual([history_since_ms, warming], [change.timeMs(0), longest])
    }
  })

  test('is that of the first transaction in all buckets where nothing was recorded', async (t) => {
    const { change, all } = await warmed(t, () => Promise.resolve())
    for (const { history_since_ms, warming } of all) {
      assert.equal(history_since_ms, change.timeMs(300))
      assert.ok(warming.includes('card_sum'))
    }
  })
})

describe('weir backfill of a topic', { concurrency: 2 }, () => {
  test('covers the offsets at its end that hold nothing to be seen', async (t) => {
    const change = await CatalogChange.make(t, 1)
    const producer = await change.deployment.topics.openTransactional('upstream')
    const transaction = await producer.transaction()
    const messages = change.transactions(0, 10).map(({ value, timestampMs }) => {
      return { value, timestamp: String(timestampMs), partition: 0 }
    })
    await transaction.send({ topic: change.topic, messages })
    await transaction.commit()
    const { code, stderr } = await change.backfill('next').ended
    assert.equal(code, 0, stderr)
    assert.equal(await change.coveredBy('next'), 11)
  })

  test('again goes on where it was, and says what it skipped', async (t) => {
    const change = await CatalogChange.make(t, 1)
    await change.feed(0, 50)
    const first = await change.backfill('next', '--to', '20').ended
    assert.match(first.stderr, /20 messages: 20 recorded, 0 known before, 0 rejected\n/)
    const second = await change.backfill('next').ended
    assert.match(
      second.stderr,
      /30 messages: 30 recorded, .*, 20 offsets skipped that were recorded before/,
    )
    const third = await change.backfill('next').ended
    assert.equal(third.code, 0)
    assert.match(third.stderr, /0 messages: .*, 50 offsets skipped that were recorded before/)
  })

  test('of one that was made anew under its name records it from its beginning', async (t) => {
    const change = await CatalogChange.make(t, 1)
    await change.feed(0, 50)
    assert.equal((await change.backfill('next').ended).code, 0)
    await change.deployment.topics.makeAnew()
    await change.feed(50, 20)
    const { code, stderr } = await change.backfill('next').ended
    assert.equal(code, 0, stderr)
    assert.match(stderr, /20 messages: 20 recorded, 0 known before, 0 rejected\n/)
    assert.equal(await change.coveredBy('next'), 20)
  })

  test('is refused where it would leave a hole, or come before what a stream has begun with', async (t) => {
    const change = await CatalogChange.make(t, 1)
    const { deployment } = change
    await change.feed(0, 50)
    assert.equal((await change.backfill('next', '--to', '20').ended).code, 0)
    const hole = await change.backfill('next', '--from', '30').ended
    assert.equal(hole.code, 2)
    assert.match(hole.stderr, /\/0: expected --from of at most 20, .* found 30: .* missing/)
    const old = change.stream('old')
    await deployment.outcomes(50)
    await stopCleanly(old)
    const [namespace] = [await change.namespaceOf('next')]
    for (const key of (await change.redis.call('KEYS', `w:${namespace}:*`)) as Buffer[]) {
      await change.redis.call('DEL', key)
    }
    const next = change.stream('next')
    await change.feed(50, 10)
    await deployment.outcomes(60)
    await stopCleanly(next)
    const late = await change.backfill('next').ended
    assert.equal(late.code, 2)
    assert.match(late.stderr, /\/0: expected --from of at least 50, .* found 0: older offsets/)
  })

  test('is refused while a stream or another one records, and gives way to a stream', async (t) => {
    const change = await CatalogChange.make(t, 1)
    const { deployment } = change
    await change.feed(0, 50)
    const follower = change.backfill('next', '--follow')
    await follower.said(caughtUp)
    const other = await change.backfill('next').ended
    assert.equal(other.code, 2)
    assert.match(other.stderr, /found another weir backfill/)
    const stream = change.stream('next')
    await deployment.outcomes(50)
    const { code, stderr } = await follower.ended
    assert.equal(code, 0, stderr)
    assert.match(stderr, /a stream with this catalog has taken over[^]*50 messages: 50 recorded/)
    const refused = await change.backfill('next').ended
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /found a weir stream, which does so by itself[^]*already_recorded/)
    await stopCleanly(stream)
    // It left the topic, rather than letting ten seconds pass.
    assert.equal((await change.backfill('next').ended).code, 0)
  })
})
