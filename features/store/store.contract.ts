// What every store must do. The suite runs against each adapter, on the real thing.
import { strict as assert } from 'node:assert'
import { after, before, describe, it } from 'node:test'
import { type JournalPlan, type JournalPlans, sourceAt, sourceBytes } from '../journal.ts'
import { type Observation, Seen } from '../observation.ts'
import {
  batchOf,
  fill,
  kinds,
  plansOf,
  type Shown,
  show,
  type TestRow,
} from '../testing/journal-rows.ts'
import { NaiveStore } from '../testing/naive-store.ts'
import { randomRows } from '../testing/random-rows.ts'
import { namespacePrefix } from '../testing/redis-world.ts'
import type { Store } from './store.ts'

/** How a suite gets at an adapter. */
export interface StoreWorld {
  /** A store over the journals of `plans`; each call is another observer of the same journals. */
  open(plans: JournalPlans): Promise<Store>
  close(): Promise<void>
}

let namespaces = 0

/** Plans that no other test has used. */
export function freshPlans(of = kinds): JournalPlans {
  return plansOf(`${namespacePrefix}${namespaces++}`, of)
}

export function row(offset: number, card: string, over: Partial<TestRow> = {}): TestRow {
  const entities = [card, 'shop', 'phone', null]
  return { partition: 0, offset, timeMs: 1e12 + offset, id: `tx${offset}`, entities, ...over }
}

/** Observes rows in a batch of their own. */
export async function observe(store: Store, plans: JournalPlans, rows: readonly TestRow[]) {
  const batch = batchOf(plans)
  fill(batch, plans, rows)
  await store.observe(batch)
  return batch
}

export function column(batch: Observation, values: ArrayLike<number>, entity = 0): number[] {
  return Array.from({ length: batch.count }, (_, at) => values[at * batch.entityCount + entity]!)
}

/** Holds a batch's answers against the naive store's, bytes of views included. */
export function checkAgainst(
  naive: NaiveStore,
  store: Store,
  batch: Observation,
  plans: JournalPlans,
  rows: readonly TestRow[],
): void {
  for (const [at, test] of rows.entries()) {
    const expected = naive.observe(test)
    const where = `row ${at}: ${JSON.stringify(test)}`
    assert.equal(batch.seen[at], expected.seen, `seen of ${where}`)
    assert.deepEqual(
      [batch.firstPartition[at], batch.firstOffset[at]],
      [expected.first.partition, expected.first.offset],
      where,
    )
    for (const [entity, slot] of expected.slots.entries()) {
      const place = at * batch.entityCount + entity
      assert.equal(batch.ordinal[place], slot?.ordinal ?? -1, `ordinal ${entity} of ${where}`)
      assert.equal(
        batch.applied[place],
        slot?.applied === true ? 1 : 0,
        `applied ${entity} of ${where}`,
      )
      if (slot === null) assert.equal(batch.handle[place], -1, where)
      else {
        const plan = plans.journals[entity]!
        const shown = withoutSources(show(store, batch, plans, place), plan)
        assert.deepEqual(shown, withoutSources(slot.shown, plan), `view ${entity} of ${where}`)
      }
    }
  }
}

/** Whoever holds a call's record need not know yet which message adopted it; no feature reads it. */
function withoutSources({ hops, bytes }: Shown, { isPrimary, width }: JournalPlan): Shown {
  if (!isPrimary) return { hops, bytes }
  const records = Buffer.from(bytes, 'hex')
  for (let at = sourceAt; at < records.length; at += width) {
    records.fill(0, at, at + sourceBytes)
  }
  return { hops, bytes: records.toString('hex') }
}

export function storeContract(name: string, start: () => Promise<StoreWorld>): void {
  describe(name, () => {
    let world: StoreWorld
    before(async () => {
      world = await start()
    })
    after(() => world.close())

    it('shows N parallel observers of one card exactly 0…N−1 earlier records', async () => {
      const plans = freshPlans()
      const observers = 8
      const calls = 40
      const seen: number[] = []
      const observeAll = async (observer: number): Promise<void> => {
        const store = await world.open(plans)
        for (let call = 0; call < calls; call++) {
          const rows = [row(call, 'card', { partition: observer, id: `${observer}-${call}` })]
          const batch = await observe(store, plans, rows)
          seen.push(batch.ordinal[0]!)
          assert.equal(batch.seen[0], Seen.fresh)
          store.release(batch)
        }
      }
      await Promise.all(Array.from({ length: observers }, (_, observer) => observeAll(observer)))
      const everyone = Array.from({ length: observers * calls }, (_, ordinal) => ordinal)
      assert.deepEqual(
        seen.toSorted((a, b) => a - b),
        everyone,
      )
    })

    it('gives a repeated batch the same ordinals and appends nothing', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const rows = Array.from({ length: 40 }, (_, at) => row(at, `card${at % 7}`))
      const first = await observe(store, plans, rows)
      const second = await observe(await world.open(plans), plans, rows.slice(36))
      const next = await observe(store, plans, [row(40, 'card5')])
      assert.deepEqual(column(second, second.ordinal), column(first, first.ordinal).slice(36))
      assert.deepEqual([...second.seen.slice(0, 4)], Array(4).fill(Seen.redelivery))
      assert.equal(next.ordinal[0], 5)
      assert.equal(next.ordinal[1], 40)
    })

    it('sees one card twice in a batch, the second with the first before it', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const batch = await observe(store, plans, [
        row(0, 'a'),
        row(1, 'b'),
        row(2, 'a'),
        row(3, 'a'),
      ])
      assert.deepEqual(column(batch, batch.ordinal), [0, 0, 1, 2])
      assert.deepEqual(column(batch, batch.ordinal, 1), [0, 1, 2, 3])
    })

    it('names the first message of a duplicate and touches no other journal', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      await observe(store, plans, [row(5, 'a', { id: 'same', partition: 3 })])
      const again = row(9, 'a', { id: 'same', entities: ['a', 'other shop', 'phone', 'new'] })
      const batch = await observe(store, plans, [again, row(10, 'a', { entities: again.entities })])
      assert.equal(batch.seen[0], Seen.duplicate)
      assert.deepEqual([batch.firstPartition[0], batch.firstOffset[0]], [3, 5])
      assert.deepEqual([...batch.ordinal.slice(0, 4)], [0, -1, -1, -1])
      // Its entities have nothing of it: the next one is the first there.
      assert.deepEqual([...batch.ordinal.slice(4, 8)], [1, 0, 1, 0])
    })

    it('calls the same id with other content a conflict', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const batch = await observe(store, plans, [
        row(0, 'a', { id: 'x', content: 'one' }),
        row(1, 'a', { id: 'x', content: 'two', entities: ['a', 'elsewhere', null, null] }),
        row(2, 'a', { id: 'y', entities: ['a', 'elsewhere', null, null] }),
      ])
      assert.deepEqual([...batch.seen.slice(0, 3)], [Seen.fresh, Seen.conflict, Seen.fresh])
      assert.deepEqual([batch.firstPartition[1], batch.firstOffset[1]], [0, 0])
      assert.deepEqual(column(batch, batch.ordinal), [0, 0, 1])
      assert.deepEqual(column(batch, batch.ordinal, 1), [0, -1, 0])
    })

    it('takes rows without a source for redelivered only with the same content', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const call = row(-1, 'a', { partition: -1, id: 'x', content: 'one' })
      const batch = await observe(store, plans, [call, call, { ...call, content: 'two' }])
      assert.deepEqual([...batch.seen.slice(0, 3)], [Seen.fresh, Seen.redelivery, Seen.conflict])
    })

    it('lets the first message of a call adopt its record; all others are duplicates that name it', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const call = row(-1, 'a', { partition: -1, id: 'x' })
      const message = { ...call, partition: 1, offset: 7 }
      const other = { ...call, partition: 1, offset: 9 }
      await observe(store, plans, [call, row(-1, 'a', { partition: -1, id: 'y' })])
      // Another observer, that holds the record as the call left it.
      const holder = await world.open(plans)
      await observe(holder, plans, [row(5, 'a', { partition: 2, id: 'z' })])
      for (const from of [store, store, holder]) {
        const batch = await observe(from, plans, [message, other])
        assert.deepEqual([...batch.seen.slice(0, 2)], [Seen.adopted, Seen.duplicate])
        assert.deepEqual(column(batch, batch.ordinal), [0, 0])
        assert.deepEqual(column(batch, batch.ordinal, 1), [0, -1])
        assert.deepEqual([batch.firstPartition[1], batch.firstOffset[1]], [1, 7])
        from.release(batch)
      }
      const again = await observe(store, plans, [call])
      assert.equal(again.seen[0], Seen.redelivery)
      assert.deepEqual([...again.ordinal.slice(0, 3)], [0, 0, 0])
      const conflict = await observe(holder, plans, [{ ...other, content: 'else' }])
      assert.equal(conflict.seen[0], Seen.conflict)
      assert.deepEqual([conflict.firstPartition[0], conflict.firstOffset[0]], [1, 7])
      const next = await observe(store, plans, [row(10, 'a', { partition: 1 })])
      assert.deepEqual([next.ordinal[0], next.ordinal[1], next.ordinal[2]], [3, 3, 3])
    })

    it('names the message that adopted in the same batch, whatever of the batch is read before', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const call = (id: string) => row(-1, 'a', { partition: -1, id })
      await observe(store, plans, [call('x')])
      // The card is read by the first rows already, as the call left it.
      const before = Array.from({ length: 20 }, (_, at) => row(at, at % 8 === 0 ? 'a' : `b${at}`))
      const message = (offset: number, id: string) => row(offset, 'a', { id })
      const rows = [...before, message(20, 'x'), message(21, 'x')]
      const mixed = [call('y'), message(22, 'y'), message(23, 'y')]
      const batch = await observe(await world.open(plans), plans, [...rows, ...mixed])
      const seen = [Seen.adopted, Seen.duplicate, Seen.fresh, Seen.adopted, Seen.duplicate]
      assert.deepEqual([...batch.seen.slice(20, 25)], seen)
      assert.deepEqual([...batch.firstPartition.slice(20, 25)], [-1, 0, -1, -1, 0])
      assert.deepEqual([...batch.firstOffset.slice(20, 25)], [-1, 20, -1, -1, 22])
    })

    it('never counts a call again whose record has left an exact tail', async () => {
      const plans = freshPlans(kinds.map((kind, at) => ({ ...kind, cap: at === 1 ? 8 : 512 })))
      const store = await world.open(plans)
      const call = row(-1, 'a', { partition: -1, id: 'x' })
      await observe(store, plans, [call])
      // The shop is busy: what the call left there is no longer in its exact tail.
      await observe(
        store,
        plans,
        Array.from({ length: 20 }, (_, at) => row(at, `c${at}`)),
      )
      for (const again of [call, { ...call, offset: 30, partition: 0 }]) {
        const batch = await observe(await world.open(plans), plans, [again])
        assert.deepEqual([batch.ordinal[0], batch.ordinal[1], batch.ordinal[2]], [0, 21, 0])
        assert.deepEqual([batch.applied[0], batch.applied[1], batch.applied[2]], [0, 1, 0])
      }
      const next = await observe(store, plans, [row(31, 'a')])
      assert.equal(next.ordinal[1], 21)
    })

    it('gives an applied record that has left the exact tail the present view', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      // Cap 8 for cards: with 17 records the exact tail is [8, 17), so the record of offset 3 has left it.
      const rows = Array.from({ length: 17 }, (_, at) => row(at, 'a'))
      await observe(store, plans, rows)
      const batch = await observe(store, plans, [rows[3]!, rows[8]!])
      assert.deepEqual([...batch.seen.slice(0, 2)], [Seen.redelivery, Seen.redelivery])
      assert.deepEqual(column(batch, batch.ordinal), [17, 8])
      assert.deepEqual(column(batch, batch.applied), [1, 0])
      // The device's cap is 512: it is found there.
      assert.deepEqual(column(batch, batch.ordinal, 2), [3, 8])
      assert.deepEqual(column(batch, batch.applied, 2), [0, 0])
    })

    it('counts offsets that begin anew, where no record can have left its exact tail', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const alone = (offset: number, card: string, id: string) =>
        row(offset, card, { id, entities: [card, null, null, null] })
      // The topic was made anew: other messages stand under offsets that were observed.
      await observe(
        store,
        plans,
        Array.from({ length: 10 }, (_, at) => alone(at, 'a', `old ${at}`)),
      )
      const anew = [alone(0, 'a', 'new 0'), alone(1, 'b', 'new 1'), alone(2, 'a', 'new 2')]
      for (const seen of [Seen.fresh, Seen.redelivery]) {
        const batch = await observe(store, plans, anew)
        // Noticed by one bucket, it is all observed again: what another one had taken by then is its own redelivery.
        assert(
          [...batch.seen.slice(0, 3)].every((found) => found === seen || found === Seen.redelivery),
        )
        assert.deepEqual(column(batch, batch.ordinal), [10, 0, 11])
        assert.deepEqual(column(batch, batch.applied), [0, 0, 0])
      }
    })

    it('keeps tenants apart', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const batch = await observe(store, plans, [
        row(0, 'a', { id: 'x' }),
        row(1, 'a', { id: 'x', tenant: 'other' }),
        row(2, 'a', { id: 'y', tenant: 'other' }),
      ])
      assert.deepEqual([...batch.seen.slice(0, 3)], [Seen.fresh, Seen.fresh, Seen.fresh])
      assert.deepEqual(column(batch, batch.ordinal), [0, 0, 1])
    })

    it('knows history from the earliest transaction of its first call', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      const batch = await observe(store, plans, [
        row(0, 'a', { timeMs: 5000 }),
        row(1, 'a', { timeMs: 4000 }),
      ])
      const later = await observe(store, plans, [row(2, 'a', { timeMs: 1000 })])
      assert.equal(later.historySinceMs[0], batch.historySinceMs[0])
      assert.equal(later.historySinceMs[0], 4000)
    })

    it('shows a view until its release, whatever is observed meanwhile', async () => {
      const plans = freshPlans()
      const store = await world.open(plans)
      let offset = 0
      const rows = Array.from({ length: 21 }, () => row(offset++, 'a'))
      const batch = await observe(store, plans, rows)
      const before = rows.map((_, at) => show(store, batch, plans, at * batch.entityCount))
      for (let round = 0; round < 10; round++) {
        const more = Array.from({ length: 40 }, () =>
          row(offset++, round % 2 === 0 ? 'a' : `b${offset}`),
        )
        store.release(await observe(store, plans, more))
      }
      const then = rows.map((_, at) => show(store, batch, plans, at * batch.entityCount))
      assert.deepEqual(then, before)
      store.release(batch)
    })

    for (const seed of [1, 2, 3, 4]) {
      it(`equals an array per journal on random batches (seed ${seed})`, async () => {
        const plans = freshPlans()
        const naive = new NaiveStore(plans)
        const store = await world.open(plans)
        const batch = batchOf(plans)
        for (const rows of randomRows(seed, 60)) {
          fill(batch, plans, rows)
          await store.observe(batch)
          checkAgainst(naive, store, batch, plans, rows)
          store.release(batch)
        }
      })
    }
  })
}
