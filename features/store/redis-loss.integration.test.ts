// A Redis that has less than it had, or journals that lack what the chain of their offsets says: noticed before a feature is
// made of it, said once, and accepted from then on.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import type { JournalPlans } from '../journal.ts'
import { Seen } from '../observation.ts'
import { Engines, keyOf, longPlans, observeUntilAnswered, rowsOf } from '../testing/engines.ts'
import { kinds, type TestRow } from '../testing/journal-rows.ts'
import { Keys } from './keys.ts'
import { column, freshPlans, observe, row } from './store.contract.ts'

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

function levels(): string[] {
  return engines.said.map(({ level }) => level)
}

/** Rows of one partition from `from` on, by cards of their own at the common merchant. */
function rowsFrom(partition: number, from: number, count: number): TestRow[] {
  return Array.from({ length: count }, (_, at) =>
    row(from + at, `p${partition}-${(from + at) % 3}`, {
      partition,
      id: `${partition}-${from + at}`,
    }),
  )
}

describe('a Redis that forgets', () => {
  it('a wiped Redis is accepted loudly, once per bucket, and history starts anew', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    const two = [row(0, 'a'), row(1, 'b'), row(0, 'c', { partition: 1, id: 'p1' })]
    await observe(store, plans, two)
    await engines.client.call('FLUSHALL')
    await engines.client.call('FUNCTION', 'FLUSH')
    const batch = await observe(store, plans, [row(9, 'a'), row(10, 'b')])
    assert.deepEqual(column(batch, batch.ordinal), [0, 0])
    // Of what came before the newest of them, something may be missing.
    assert.equal(batch.historySinceMs[0], 1e12 + 10)
    assert.deepEqual(levels(), ['error'])
    assert.equal(store.stats().losses > 0, true)
    assert.deepEqual(engines.said[0]!.fields, {
      bucket: 0,
      chain: 'transactions',
      partition: 0,
      expectedOffset: 1,
      foundOffset: -1,
    })
    const next = await observe(store, plans, [
      row(11, 'a'),
      row(4, 'c', { partition: 1, id: 'p3' }),
    ])
    assert.deepEqual(column(next, next.ordinal), [1, 0])
    assert.equal(next.historySinceMs[0], 1e12 + 10)
    assert.equal(levels().length, 1)
    // What all engines must agree on is there again, too.
    const agreed = await engines.client.text('GET', new Keys(plans, 1).deployment)
    assert.equal(agreed, 'buckets=1 hash_key=test')
  })

  it('a Redis that fell behind is accepted loudly, and what is held is read anew', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(6, 1))
    const past = await engines.client.call('GET', keyOf(plans, 'card0'))
    await observe(store, plans, rowsOf(9, 1).slice(6))
    await engines.client.call('SET', keyOf(plans, 'card0'), past as Buffer)
    await engines.client.call('HSET', new Keys(plans, 1).chain(0), 'p:transactions:0', 5)
    const batch = await observe(store, plans, [row(20, 'card0')])
    assert.equal(batch.ordinal[0], 6)
    assert.equal(batch.historySinceMs[0], 1e12 + 20)
    assert.equal(levels().length, 1)
    assert.match(engines.said[0]!.message, /lost/)
  })

  for (const buckets of [1, 4]) {
    it(`a Redis restarted from an older snapshot is noticed by a partition that lost nothing (${buckets} buckets)`, async () => {
      const plans = longPlans()
      const store = await engines.open(plans, { buckets })
      store.release(await observe(store, plans, [...rowsFrom(0, 0, 6), ...rowsFrom(1, 0, 6)]))
      await engines.client.call('SAVE')
      store.release(await observe(store, plans, rowsFrom(0, 6, 6)))
      await engines.restart()
      // The merchant lacks six records of partition 0; partition 1 is where it was.
      const next = rowsFrom(1, 6, 3).map((test) => ({ ...test, timeMs: 2e12 }))
      const batch = await observeUntilAnswered(store, plans, next)
      assert.deepEqual(column(batch, batch.ordinal, 1), [12, 13, 14])
      const losses = engines.said.filter(({ level }) => level === 'error')
      assert(losses.length > 0)
      assert(losses.every(({ fields }) => 'partition' in fields && fields.partition === 0))
      if (buckets === 1) assert.equal(batch.historySinceMs[0], 2e12)
      const later = await observe(store, plans, rowsFrom(0, 12, 1))
      assert.equal(later.ordinal[1], 15)
      assert.equal(engines.said.filter(({ level }) => level === 'error').length, losses.length)
    })

    it(`a Redis wiped between two calls of a pipeline gets the whole batch (${buckets} buckets)`, async () => {
      for (let wiped = 0; ; wiped++) {
        const plans = longPlans()
        const store = await engines.open(plans, { buckets })
        store.release(await observe(store, plans, rowsFrom(0, 0, 20)))
        engines.proxy.set((call) => (call === wiped ? 'wiped' : 'pass'))
        // Partition 1 is new: alone, its calls would be taken by the emptied bucket without a word.
        const rows = [...rowsFrom(0, 20, 20), ...rowsFrom(1, 0, 20)]
        const batch = await observe(store, plans, rows)
        const { calls } = engines.proxy
        if (levels().length === 0) break
        await engines.check(store, batch, plans, rows, buckets)
        // Every record was written after the wipe, whatever was answered before it.
        const primaries = column(batch, batch.ordinal)
        assert.equal(Math.max(...primaries), 6, primaries.join())
        store.release(batch)
        engines.said.splice(0)
        assert(wiped < calls)
      }
    })
  }

  for (const partition of [0, -1]) {
    it(`who lost nothing notices by what it holds that others have (partition ${partition})`, async () => {
      const plans = longPlans()
      const [other, store] = [await engines.open(plans), await engines.open(plans)]
      const own = (offset: number): TestRow =>
        row(partition === -1 ? -1 : offset, 'own', { partition, id: `own ${offset}`, timeMs: 2e12 })
      other.release(await observe(other, plans, rowsFrom(1, 0, 6)))
      store.release(await observe(store, plans, [own(0)]))
      await engines.client.call('SAVE')
      other.release(await observe(other, plans, rowsFrom(1, 6, 30)))
      // A repeat writes nothing, but reads what the merchant's journal has by now.
      store.release(await observe(store, plans, [own(0)]))
      await engines.restart()
      const batch = await observeUntilAnswered(store, plans, [own(1)])
      assert.equal(batch.ordinal[1], 7)
      assert.equal(batch.historySinceMs[0], 2e12)
      assert.equal(engines.said.filter(({ level }) => level === 'error').length, 1)
    })
  }

  it('what was acknowledged is not forgotten while others own the partition', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    store.release(await observe(store, plans, rowsFrom(0, 0, 6)))
    await engines.client.call('SAVE')
    const other = await engines.open(plans)
    store.release(await observe(store, plans, rowsFrom(0, 6, 6)))
    // The partition goes to the other one, and comes back after Redis was restarted.
    other.release(await observe(other, plans, rowsFrom(0, 12, 6)))
    await engines.restart()
    const batch = await observeUntilAnswered(store, plans, rowsFrom(0, 18, 2))
    assert.deepEqual(column(batch, batch.ordinal, 1), [6, 7])
    assert.equal(engines.said.filter(({ level }) => level === 'error').length, 1)
  })
})

describe('journals that lack what the chain says', () => {
  for (const buckets of [1, 4]) {
    it(`offsets that begin anew are counted, loudly (${buckets} buckets)`, async () => {
      const plans = longPlans()
      const former = await engines.open(plans, { buckets })
      former.release(await observe(former, plans, [...rowsFrom(0, 0, 60), ...rowsFrom(1, 0, 4)]))
      const store = await engines.open(plans, { buckets })
      const rows = [
        ...Array.from({ length: 20 }, (_, at) => row(at, `p0-${at % 3}`, { id: `new ${at}` })),
        row(0, 'p1-0', { id: 'new 0', partition: 1 }),
      ]
      const batch = await observe(store, plans, rows)
      assert.deepEqual(
        column(batch, batch.ordinal, 1).toSorted((a, b) => a - b),
        rows.map((_, at) => 64 + at),
      )
      assert.deepEqual([...batch.applied.slice(0, 84)], Array(84).fill(0))
      await engines.check(store, batch, plans, rows, buckets)
      const said = levels().length
      assert(said >= 1)
      assert.match(engines.said[0]!.message, /offsets began anew/)
      // From now on they are redelivered as any.
      const again = await observe(store, plans, rows)
      assert.deepEqual([...again.seen.slice(0, 21)], Array(21).fill(Seen.redelivery))
      assert.deepEqual(again.ordinal, batch.ordinal)
      const next = await observe(store, plans, [row(20, 'p0-1', { id: 'new 20' })])
      assert.equal(next.ordinal[1], 85)
      assert.equal(levels().length, said)
    })
  }

  it('a journal that is gone is noticed by the redelivery of one of its records', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(30))
    await engines.client.call('DEL', keyOf(plans, 'card0'))
    const other = await engines.open(plans)
    const batch = await observe(other, plans, rowsOf(30).slice(20))
    assert.deepEqual(levels(), ['error'])
    // Cards 2, 0, 5, 3, 1, 6, 4, 2, 0, 5.
    assert.deepEqual(column(batch, batch.ordinal), [2, 0, 3, 3, 3, 3, 3, 3, 1, 4])
    assert.equal(batch.historySinceMs[0], 1e12 + 29)
  })

  for (const buckets of [1, 4]) {
    it(`a conflict whose first message left the exact tail adds nothing when it is redelivered (${buckets} buckets)`, async () => {
      const plans: JournalPlans = freshPlans(
        kinds.map((kind, at) => ({ ...kind, cap: at === 0 ? 8 : 4096 })),
      )
      const store = await engines.open(plans, { buckets })
      const first = row(0, 'a', { id: 'x', content: 'one' })
      const conflict = row(1, 'a', { id: 'x', content: 'two', entities: ['a', 'else', null, null] })
      const rest = Array.from({ length: 20 }, (_, at) =>
        row(at + 2, 'a', { entities: ['a', 'else', null, null] }),
      )
      const batch = await observe(store, plans, [first, conflict, ...rest])
      assert.equal(batch.seen[1], Seen.conflict)
      // Now it looks like any applied record that has left the tail of its card.
      const again = await observe(store, plans, [conflict])
      assert.deepEqual([again.seen[0], again.applied[0]], [Seen.redelivery, 1])
      assert.deepEqual([again.ordinal[1], again.applied[1]], [20, 1])
      assert.deepEqual(levels(), [])
      const next = await observe(store, plans, [{ ...rest[0]!, offset: 40, id: 'next' }])
      assert.equal(next.ordinal[1], 20)
    })
  }
})
