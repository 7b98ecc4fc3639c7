// Journals that are compacted in Redis while engines read and write them: no answer changes by a bit, whoever compacts when,
// whoever holds what, and whatever arrives late.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { Seen } from '../observation.ts'
import { Engines, keyOf, observeUntilAnswered } from '../testing/engines.ts'
import { show, type TestRow } from '../testing/journal-rows.ts'
import { NaiveStore } from '../testing/naive-store.ts'
import { randomOf, randomRows } from '../testing/random-rows.ts'
import type { Fate } from '../testing/redis-proxy.ts'

import type { RedisStore } from './redis.ts'
import { checkAgainst, column, freshPlans, observe, row } from './store.contract.ts'

let engines: Engines

before(async () => {
  engines = await Engines.start()
})

afterEach(async () => {
  await engines.reset()
})

after(async () => {
  await engines.stop()
})

/** Rows of one card that nobody else has anything of, by partition 0 from `from` on. */
function rowsOf(from: number, count: number, card = 'a'): TestRow[] {
  const entities = [card, null, null, null]
  return Array.from({ length: count }, (_, at) => row(from + at, card, { entities }))
}

/** Rows that push journals out of what an engine holds: cards and devices that come once. */
function floodOf(from: number): TestRow[] {
  return Array.from({ length: 64 }, (_, at) => {
    const id = `once${from + at}`
    return row(from + at, id, { partition: 3, id, entities: [id, null, id, id] })
  })
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate()
}

interface Header {
  readonly generation: number
  readonly base: number
  readonly records: number
}

async function headerOf(key: string, width: number): Promise<Header> {
  const value = (await engines.client.call('GET', key)) as Buffer
  const sums = value.readUInt32LE(24)
  return {
    generation: value.readUInt32LE(4),
    base: value.readDoubleLE(16),
    records: (value.length - 32 - sums) / width,
  }
}

/** An engine that has read `count` records of card a and was asked to compact them, and what it would have sent. */
async function compactionOf(count: number) {
  const plans = freshPlans()
  const store = await engines.open(plans)
  engines.proxy.compactions = () => 'late'
  store.release(await observe(store, plans, rowsOf(0, count)))
  await until(() => store.stats().failedCompactions === 1)
  engines.proxy.compactions = () => 'pass'
  const [sent] = engines.proxy.take()
  return { plans, store, sent: sent!, key: keyOf(plans, 'a') }
}

const headBytes = 43

/** The same call with another head. */
function changed(sent: Buffer, change: (head: Buffer) => void): Buffer {
  const copy = Buffer.from(sent)
  let at = 0
  for (let line = 0; line < 10; line++) at = copy.indexOf('\r\n', at) + 2
  change(copy.subarray(at, at + headBytes))
  return copy
}

describe('views of journals that are compacted', () => {
  const fates: readonly Fate[] = ['pass', 'pass', 'refused', 'late']
  for (const buckets of [1, 5]) {
    for (const seed of [1, 2, 3, 4]) {
      it(`are those of journals that are not, for all engines (${buckets} buckets, seed ${seed})`, async () => {
        const random = randomOf(seed * 7 + buckets)
        const fate = randomOf(seed)
        const plans = freshPlans()
        const naive = new NaiveStore(plans)
        const holder = await engines.open(plans, { buckets })
        const forgetful = await engines.open(plans, { buckets, heldBytesMax: 1 << 20 })
        engines.proxy.compactions = () => fates[fate(fates.length)]!
        // With several buckets one call each, or what is refused for its predecessor goes behind rows of other partitions.
        const rowsMax = buckets === 1 ? 64 : 16
        const send = async (store: RedisStore, rows: readonly TestRow[]): Promise<void> => {
          for (let at = 0; at < rows.length; at += rowsMax) {
            const some = rows.slice(at, at + rowsMax)
            const batch = await observeUntilAnswered(store, plans, some)
            checkAgainst(naive, store, batch, plans, some)
            store.release(batch)
          }
        }
        let flooded = 0
        for (const [round, rows] of [...randomRows(seed, 120)].entries()) {
          // What the compactions of one engine are overtaken by: calls of others, between any two of one batch.
          engines.proxy.set((call) => (call === fate(4) ? 'overtaken' : 'pass'))
          if (random(5) === 0) {
            const stranger = await engines.open(plans, { buckets })
            await send(stranger, rows)
            await stranger.close()
          } else {
            await send(random(2) === 0 ? holder : forgetful, rows)
          }
          for (let flood = random(4); flood > 0; flood--) {
            await send(forgetful, floodOf((flooded += 64)))
          }
          for (let turn = random(3) * 10; turn > 0; turn--) await setImmediate()
          if (random(9) === 0) await engines.proxy.deliver()
          if (round !== 60) continue
          await engines.client.call('SAVE')
          await engines.restart()
        }
        assert(forgetful.stats().heldBytes <= 1 << 20)
        assert(forgetful.stats().heldJournals < 2 * flooded, 'nothing was forgotten')
        for (const store of [holder, forgetful]) {
          assert(store.stats().compactions > 0 && store.stats().failedCompactions > 0)
        }
        assert.deepEqual(
          engines.said.filter(({ level }) => level === 'error'),
          [],
        )
      })
    }
  }
})

describe('an engine that did not see a compaction', () => {
  it('reads on behind the last record it holds, and not the whole', async () => {
    const plans = freshPlans()
    const [store, other] = [await engines.open(plans), await engines.open(plans)]
    store.release(await observe(store, plans, rowsOf(0, 30)))
    other.release(await observe(other, plans, rowsOf(30, 8)))
    await until(() => other.stats().compactions === 1)
    assert.equal((await headerOf(keyOf(plans, 'a'), 48)).base, 16)
    const before = store.stats().bytesReceived
    await engines.client.call('CONFIG', 'RESETSTAT')
    store.release(await observe(store, plans, rowsOf(38, 1)))
    // What others appended, and not the records from the base on; nor does Redis read those.
    assert.doesNotMatch(String(await engines.client.call('INFO', 'commandstats')), /cmdstat_mget/)
    assert(store.stats().bytesReceived - before < 8 * 48 + 100)
  })

  it('takes over a journal that goes on beyond all it holds, and misses nothing', async () => {
    const plans = freshPlans()
    const naive = new NaiveStore(plans)
    const [store, other] = [await engines.open(plans), await engines.open(plans)]
    checkAgainst(naive, store, await observe(store, plans, rowsOf(0, 12)), plans, rowsOf(0, 12))
    const rows = rowsOf(12, 40)
    const batch = await observe(other, plans, rows)
    checkAgainst(naive, other, batch, plans, rows)
    other.release(batch)
    await until(() => other.stats().compactions === 1)
    assert.equal((await headerOf(keyOf(plans, 'a'), 48)).base, 32)
    checkAgainst(naive, store, await observe(store, plans, rowsOf(52, 9)), plans, rowsOf(52, 9))
    assert.deepEqual(engines.said, [])
  })

  it('finds what others append behind the base between two calls of its batch', async () => {
    const plans = freshPlans()
    const [store, other] = [await engines.open(plans), await engines.open(plans)]
    other.release(await observe(other, plans, rowsOf(0, 60)))
    await until(() => other.stats().compactions === 1)
    engines.proxy.set(() => 'late')
    const others = rowsOf(0, 3).map((test, at) => ({ ...test, partition: 1, id: `other ${at}` }))
    await assert.rejects(observe(other, plans, others), /OOM/)
    engines.proxy.set((call) => (call === 1 ? 'overtaken' : 'pass'))
    const rows = rowsOf(60, 20)
    const batch = await observe(store, plans, rows)
    assert.deepEqual(column(batch, batch.ordinal).slice(14, 18), [74, 75, 79, 80])
    const stranger = await engines.open(plans)
    const last = await observe(stranger, plans, rows.slice(-1))
    assert.deepEqual(show(store, batch, plans, 19 * 4), show(stranger, last, plans, 0))
  })

  it('adopts a call’s record where it lies by now', async () => {
    const plans = freshPlans()
    const [store, other] = [await engines.open(plans), await engines.open(plans)]
    const call = row(-1, 'a', { partition: -1, id: 'x', entities: ['a', null, null, null] })
    store.release(await observe(store, plans, [...rowsOf(0, 34), call]))
    engines.proxy.compactions = () => 'pass'
    other.release(await observe(other, plans, rowsOf(34, 5)))
    await until(() => store.stats().compactions + other.stats().compactions > 0)
    const message = { ...call, partition: 0, offset: 39 }
    const adopted = await observe(store, plans, [message])
    assert.deepEqual([adopted.seen[0], adopted.ordinal[0]], [Seen.adopted, 34])
    const stranger = await engines.open(plans)
    const duplicate = await observe(stranger, plans, [{ ...message, offset: 40 }])
    assert.deepEqual([duplicate.seen[0], duplicate.firstOffset[0]], [Seen.duplicate, 39])
  })

  it('notices a Redis that went back behind a compaction', async () => {
    const plans = freshPlans()
    const [store, other] = [await engines.open(plans), await engines.open(plans)]
    const key = keyOf(plans, 'a')
    other.release(await observe(other, plans, rowsOf(0, 31)))
    const past = (await engines.client.call('GET', key)) as Buffer
    other.release(await observe(other, plans, rowsOf(31, 9)))
    await until(() => other.stats().compactions === 1)
    store.release(await observe(store, plans, rowsOf(40, 1)))
    // As after a failover: the same incarnation as it was before, of an earlier generation.
    await engines.client.call('SET', key, past)
    const batch = await observe(store, plans, rowsOf(41, 1))
    assert.equal(batch.ordinal[0], 31)
    assert(store.stats().losses > 0)
  })
})

describe('who compacts', () => {
  it('is whoever appends over a boundary, from four caps on', async () => {
    const plans = freshPlans()
    const store = await engines.open(plans)
    for (let at = 0; at < 31; at++) store.release(await observe(store, plans, rowsOf(at, 1)))
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    const key = keyOf(plans, 'a')
    assert.deepEqual(await headerOf(key, 48), { generation: 0, base: 0, records: 31 })
    store.release(await observe(store, plans, rowsOf(31, 1)))
    await until(() => store.stats().compactions === 1)
    assert.deepEqual(await headerOf(key, 48), { generation: 1, base: 16, records: 16 })
    // Not again before the next four caps.
    store.release(await observe(store, plans, rowsOf(32, 15)))
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    assert.deepEqual(await headerOf(key, 48), { generation: 1, base: 16, records: 31 })
  })

  it('is anybody who is answered from more than eight caps, also one that holds nothing and appends nothing', async () => {
    const plans = freshPlans()
    const store = await engines.open(plans)
    engines.proxy.compactions = () => 'refused'
    store.release(await observe(store, plans, rowsOf(0, 60)))
    store.release(await observe(store, plans, rowsOf(60, 5)))
    await until(() => store.stats().failedCompactions > 0)
    engines.proxy.compactions = () => 'pass'
    const stranger = await engines.open(plans)
    stranger.release(await observe(stranger, plans, rowsOf(64, 1)))
    await until(() => stranger.stats().compactions === 1)
    assert.deepEqual(await headerOf(keyOf(plans, 'a'), 48), {
      generation: 1,
      base: 48,
      records: 17,
    })
  })

  it('does no more than a few at a time, and the others by and by', async () => {
    const plans = freshPlans()
    const store = await engines.open(plans)
    const cards = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const [at, card] of cards.entries()) {
      const rows = rowsOf(at * 31, 31, card)
      store.release(await observe(store, plans, rows))
    }
    const last = cards.flatMap((card, at) => rowsOf(200 + at, 1, card))
    store.release(await observe(store, plans, last))
    await until(() => store.stats().compactions === 4)
    for (let round = 0; round < 40; round++) {
      const rows = cards.flatMap((card, at) => rowsOf(300 + 6 * round + at, 1, card))
      store.release(await observe(store, plans, rows))
    }
    for (const card of cards) {
      const { records } = await headerOf(keyOf(plans, card), 48)
      assert(records <= 9 * 8, `${records} records of ${card}`)
    }
  })

  it('says once that it fails, counts it, and lets no batch fail', async () => {
    const plans = freshPlans()
    const store = await engines.open(plans)
    engines.proxy.compactions = () => 'refused'
    for (let at = 0; at < 3; at++) {
      store.release(await observe(store, plans, rowsOf(at * 40, 40)))
      await until(() => store.stats().failedCompactions === at + 1)
    }
    assert.deepEqual(
      engines.said.map(({ level }) => level),
      ['warn'],
    )
  })

  it('leaves nothing behind when its store is closed', async () => {
    const plans = freshPlans()
    const store = await engines.open(plans)
    store.release(await observe(store, plans, rowsOf(0, 40)))
    await store.close()
    const closed = await headerOf(keyOf(plans, 'a'), 48)
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    assert.deepEqual(await headerOf(keyOf(plans, 'a'), 48), closed)
    assert.deepEqual(engines.said, [])
    assert.equal(store.stats().failedCompactions, 0)
  })

  it('lets no journal live longer or shorter, and may write where Redis is full', async () => {
    const { store, sent, key } = await compactionOf(40)
    await engines.client.call('EXPIRE', key, 1000)
    await engines.client.call('CONFIG', 'SET', 'maxmemory', '1')
    const reply = await engines.client.send(sent)
    await engines.client.call('CONFIG', 'SET', 'maxmemory', '0')
    assert.equal(String(reply), '1')
    assert.equal((await headerOf(key, 48)).base, 24)
    const ttl = Number(await engines.client.call('TTL', key))
    assert(ttl > 900 && ttl <= 1000)
    await store.close()
  })
})

describe('compact.lua', () => {
  it('writes nothing over a journal that is not the one it is called for', async () => {
    const { plans, sent, key } = await compactionOf(40)
    const value = (await engines.client.call('GET', key)) as Buffer
    const other = await compactionOf(40)
    const another = (await engines.client.call('GET', other.key)) as Buffer
    // The same ordinals, widths and generation, but another incarnation.
    await engines.client.call('SET', key, another)
    const cases: Record<string, Buffer | null> = {
      'of another incarnation': another,
      'of another generation': Buffer.concat([
        value.subarray(0, 4),
        Buffer.from([1]),
        value.subarray(5),
      ]),
      'without the last record known': value.subarray(0, value.length - 48),
      'with another last record': Buffer.concat([
        value.subarray(0, value.length - 48),
        another.subarray(-48).fill(7, 8, 16),
      ]),
      gone: null,
    }
    for (const [name, found] of Object.entries(cases)) {
      if (found === null) await engines.client.call('DEL', key)
      else await engines.client.call('SET', key, found)
      assert.equal(String(await engines.client.send(sent)), '0', name)
      assert.deepEqual(await engines.client.call('GET', key), found, name)
    }
    await engines.client.call('SET', key, 'x'.repeat(80))
    await assert.rejects(engines.client.send(sent), /WEIRFORMAT/)
    await engines.client.call('SET', key, value)
    assert.equal(String(await engines.client.send(sent)), '1')
    assert.equal(String(await engines.client.send(sent)), '0')
    assert.equal((await engines.dump(plans)).size, 2)
  })

  it('refuses a base less than one cap behind the exact tail, and what else no engine sends', async () => {
    const { sent, key } = await compactionOf(40)
    const value = await engines.client.call('GET', key)
    const wrong: Record<string, (head: Buffer) => void> = {
      'another version': (head) => head.writeUInt8(2, 0),
      'another width': (head) => head.writeUInt16LE(40, 1),
      'no cap': (head) => head.writeUInt32LE(0, 3),
      'half a record': (head) => head.writeDoubleLE(39.5, 27),
      'a base of nothing': (head) => head.writeDoubleLE(0, 35),
      'a base before the begin': (head) => head.writeDoubleLE(-8, 35),
      'a base that is no boundary': (head) => head.writeDoubleLE(23, 35),
      'a base in the cap before the exact tail': (head) => head.writeDoubleLE(32, 35),
      'no number for a base': (head) => head.writeDoubleLE(Number.NaN, 35),
    }
    for (const [name, change] of Object.entries(wrong)) {
      await assert.rejects(engines.client.send(changed(sent, change)), /WEIRARGS|WEIRFORMAT/, name)
      assert.deepEqual(await engines.client.call('GET', key), value, name)
    }
  })

  it('of two engines that were asked under one generation compacts one, and no view differs', async () => {
    const plans = freshPlans()
    const naive = new NaiveStore(plans)
    const stores = [await engines.open(plans), await engines.open(plans)]
    engines.proxy.compactions = () => 'late'
    for (const [at, store] of stores.entries()) {
      const rows = rowsOf(at * 40, 40)
      const batch = await observe(store, plans, rows)
      checkAgainst(naive, store, batch, plans, rows)
      store.release(batch)
      await until(() => store.stats().failedCompactions === 1)
    }
    const [early, late] = engines.proxy.take()
    engines.proxy.compactions = () => 'pass'
    assert.equal(String(await engines.client.send(late!)), '1')
    assert.equal(String(await engines.client.send(early!)), '0')
    for (const [at, store] of [await engines.open(plans), ...stores].entries()) {
      const rows = rowsOf(80 + at * 30, 30)
      const batch = await observe(store, plans, rows)
      checkAgainst(naive, store, batch, plans, rows)
      store.release(batch)
    }
  })
})
