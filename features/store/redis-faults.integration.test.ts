// The store in Redis while things go wrong: calls and replies that get lost, late or refused, engines that die or overlap,
// and a Redis that forgets. Its own Redis, since it is wiped and misconfigured here.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import type { JournalPlans } from '../journal.ts'
import { Seen } from '../observation.ts'
import {
  Engines,
  keyOf,
  longPlans,
  observeUntilAnswered,
  refusedAs,
  rowsOf,
} from '../testing/engines.ts'
import { show } from '../testing/journal-rows.ts'
import { NaiveStore } from '../testing/naive-store.ts'
import { randomOf } from '../testing/random-rows.ts'
import type { Fate } from '../testing/redis-proxy.ts'
import { Keys } from './keys.ts'
import { checkAgainst, column, observe, row } from './store.contract.ts'
import type { Store } from './store.ts'

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

describe('calls and replies that get lost', () => {
  for (const fate of ['unanswered', 'silent', 'lost'] as const) {
    it(`a repeat after a call was ${fate} counts once and gives the same ordinals`, async () => {
      const plans = longPlans()
      const naive = new NaiveStore(plans)
      const store = await engines.open(plans, { commandTimeoutMs: fate === 'silent' ? 150 : 5000 })
      checkAgainst(naive, store, await observe(store, plans, rowsOf(5)), plans, rowsOf(5))
      engines.proxy.set((call) => (call === 0 ? fate : 'pass'))
      const rows = rowsOf(16).slice(5)
      await refusedAs(observe(store, plans, rows), true, /observing/)
      const batch = await observeUntilAnswered(store, plans, rows)
      const expected = fate === 'lost' ? Seen.fresh : Seen.redelivery
      assert.deepEqual([...batch.seen.slice(0, 11)], Array(11).fill(expected))
      const ordinals = rows.map((test) =>
        naive.observe(test).slots.map((slot) => slot?.ordinal ?? -1),
      )
      assert.deepEqual([...batch.ordinal.slice(0, 44)], ordinals.flat())
    })
  }

  it('a call lost between two others is noticed, sent again in order and counted once', async () => {
    const plans = longPlans()
    const naive = new NaiveStore(plans)
    const store = await engines.open(plans)
    const rows = rowsOf(40)
    engines.proxy.set((call) => (call === 1 ? 'refused' : 'pass'))
    await refusedAs(observe(store, plans, rows), true, /OOM/)
    // The third call came after the lost one and was not applied.
    assert.equal(engines.proxy.calls, 3)
    const chain = new Keys(plans, 1).chain(0)
    assert.equal(await engines.client.text('HGET', chain, 'p:transactions:0'), '15')
    const batch = await observeUntilAnswered(store, plans, rows)
    const ordinals = rows.map((test) =>
      naive.observe(test).slots.map((slot) => slot?.ordinal ?? -1),
    )
    assert.deepEqual([...batch.ordinal.slice(0, 160)], ordinals.flat())
    assert.equal(engines.said.length, 0)
  })

  for (const fate of ['lost', 'unanswered'] as const) {
    it(`a crash between any two buckets' calls is mended by the repeat (call ${fate})`, async () => {
      for (let step = 0; ; step++) {
        const plans = longPlans()
        const naive = new NaiveStore(plans)
        const over = { buckets: 4, commandTimeoutMs: 2000 }
        const first = await engines.open(plans, over)
        const rows = rowsOf(30)
        checkAgainst(naive, first, await observe(first, plans, rows), plans, rows)
        const next = rowsOf(60).slice(30)
        engines.proxy.set((call) => (call < step ? 'pass' : fate))
        const failed = await observe(first, plans, next).then(
          () => false,
          () => true,
        )
        engines.proxy.set(() => 'pass')
        if (!failed) break
        assert(step < 40)
        const second = await engines.open(plans, over)
        const batch = await observe(second, plans, next)
        const ordinals = next.map((test) =>
          naive.observe(test).slots.map((slot) => slot?.ordinal ?? -1),
        )
        assert.deepEqual([...batch.ordinal.slice(0, 120)], ordinals.flat(), `step ${step}`)
        const last = rowsOf(90).slice(60)
        checkAgainst(naive, second, await observe(second, plans, last), plans, last)
      }
    })
  }
})

describe('engines that overlap', () => {
  it('two engines reading one partition count every message once', async () => {
    const plans = longPlans()
    const naive = new NaiveStore(plans)
    const [one, two] = [await engines.open(plans), await engines.open(plans)]
    const rows = rowsOf(200)
    const expected = rows.map((test) =>
      naive.observe(test).slots.map((slot) => slot?.ordinal ?? -1),
    )
    const read = async (store: Store, size: number): Promise<void> => {
      for (let at = 0; at < rows.length; at += size) {
        const batch = await observeUntilAnswered(store, plans, rows.slice(at, at + size))
        assert.deepEqual(
          [...batch.ordinal.slice(0, batch.count * 4)],
          expected.slice(at, at + size).flat(),
        )
        store.release(batch)
      }
    }
    await Promise.all([read(one, 7), read(two, 11)])
    assert.equal(engines.said.length, 0)
  })

  it('a call of a former owner that arrives late changes nothing', async () => {
    const plans = longPlans()
    const former = await engines.open(plans)
    await observe(former, plans, rowsOf(4))
    engines.proxy.set((call) => (call === 0 ? 'held' : 'pass'))
    await refusedAs(observe(former, plans, rowsOf(20).slice(4)), true, /observing/)
    const owner = await engines.open(plans)
    await observe(owner, plans, rowsOf(40).slice(4))
    const settled = await engines.dump(plans)
    await engines.proxy.deliver()
    assert.deepEqual(await engines.dump(plans), settled)
  })

  it('a call of a former owner between reading positions and the first call is answered by dedupe', async () => {
    const plans = longPlans()
    const former = await engines.open(plans)
    await observe(former, plans, rowsOf(4))
    const owner = await engines.open(plans)
    await observe(owner, plans, rowsOf(4))
    engines.proxy.set((call) => (call === 0 ? 'held' : 'pass'))
    await refusedAs(observe(former, plans, rowsOf(12).slice(4)), true, /observing/)
    await engines.proxy.deliver()
    const batch = await observe(owner, plans, rowsOf(20).slice(4))
    assert.deepEqual(
      [...batch.seen.slice(0, 16)],
      [...Array<number>(8).fill(Seen.redelivery), ...Array<number>(8).fill(Seen.fresh)],
    )
    assert.deepEqual(
      column(batch, batch.ordinal, 1),
      Array.from({ length: 16 }, (_, at) => at + 4),
    )
    assert.equal(engines.said.length, 0)
  })
})

describe('held journals that are no longer what they were', () => {
  const cases: Record<string, (key: string, plans: JournalPlans) => Promise<void>> = {
    deleted: async (key) => {
      await engines.client.call('DEL', key)
    },
    'of another incarnation': async (key) => {
      await engines.client.call('SETRANGE', key, 8, 'otherone')
    },
    'of another generation': async (key) => {
      await engines.client.call('SETRANGE', key, 4, '\u0001')
    },
    shorter: async (key) => {
      const value = (await engines.client.call('GET', key)) as Buffer
      await engines.client.call('SET', key, value.subarray(0, value.length - 48 * 2))
    },
    'regrown with other records': async (key, plans) => {
      await engines.client.call('DEL', key)
      const other = await engines.open(plans, { chain: 'another topic' })
      const rows = Array.from({ length: 12 }, (_, at) => row(at, 'a', { id: `other ${at}` }))
      await observe(other, plans, rows)
    },
    'cut and regrown': async (key, plans) => {
      const value = (await engines.client.call('GET', key)) as Buffer
      await engines.client.call('SET', key, value.subarray(0, value.length - 48 * 3))
      const other = await engines.open(plans, { chain: 'another topic' })
      const rows = Array.from({ length: 5 }, (_, at) => row(at, 'a', { id: `other ${at}` }))
      await observe(other, plans, rows)
    },
  }
  for (const [name, damage] of Object.entries(cases)) {
    for (const length of [6, 30]) {
      it(`a journal of ${length} records found ${name} is read anew`, async () => {
        const plans = longPlans()
        const store = await engines.open(plans)
        const rows = Array.from({ length }, (_, at) => row(at, 'a'))
        await observe(store, plans, rows)
        const key = keyOf(plans, 'a')
        await damage(key, plans)
        const records =
          (((await engines.client.call('GET', key)) as Buffer | null)?.length ?? 32) / 48
        const batch = await observe(store, plans, [row(length, 'a')])
        assert.equal(batch.ordinal[0], Math.floor(records))
        // What an engine sees that holds nothing is the truth.
        const fresh = await engines.open(plans)
        const check = await observe(fresh, plans, [row(length, 'a')])
        assert.equal(check.ordinal[0], batch.ordinal[0])
        assert.deepEqual(show(store, batch, plans, 0), show(fresh, check, plans, 0))
      })
    }
  }

  it('something else at the key of a journal is refused, not overwritten', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await engines.client.call('SET', keyOf(plans, 'a'), 'x'.repeat(80))
    await refusedAs(observe(store, plans, [row(0, 'a')]), false, /WEIRFORMAT/)
    const batch = await observe(store, plans, [row(1, 'b')])
    assert.equal(batch.ordinal[1], 0)
  })
})

describe('what stands in Redis', () => {
  it('no id is in a key, and the text of the function has no data', async () => {
    const plans = longPlans()
    const store = await engines.open(plans, { buckets: 16 })
    await observe(store, plans, [row(0, '4111111111111111', { id: 'secret-id', tenant: 'acme' })])
    const keys = String(await engines.client.call('KEYS', `w:${plans.namespace}*`))
    assert.match(
      keys,
      new RegExp(`w:${plans.namespace}:\\{b0[0-9a-f]\\}:acme:card:[\\w-]{22}(,|$)`),
    )
    assert.doesNotMatch(keys, /4111|secret|shop|phone/)
    assert.doesNotMatch(
      String(await engines.client.call('FUNCTION', 'LIST', 'WITHCODE')),
      /4111|secret|acme/,
    )
  })

  it('a journal lives for its TTL from its last touch on, whoever touched it', async () => {
    const plans = longPlans()
    const store = await engines.open(plans, { ttlMs: 80_000 })
    await observe(store, plans, [row(0, 'a')])
    const key = keyOf(plans, 'a')
    const ttl = async (): Promise<number> => Number(await engines.client.call('TTL', key))
    assert((await ttl()) > 80 && (await ttl()) <= 90)
    // An earlier step of the clock: the next touch sets it again.
    await engines.client.call('EXPIRE', key, 20)
    await engines.client.call('SETRANGE', key, 30, '\u0000\u0000')
    await observe(store, plans, [row(1, 'a')])
    assert((await ttl()) > 80 && (await ttl()) <= 90)
    assert.equal(await engines.client.call('TTL', new Keys(plans, 1).chain(0)), -1)
  })
})

describe('random faults', () => {
  const fates: readonly Fate[] = ['lost', 'unanswered', 'refused', 'held']
  for (const buckets of [1, 4]) {
    for (const seed of [1, 2, 3]) {
      it(`every message counts once in offset order (${buckets} buckets, seed ${seed})`, async () => {
        const random = randomOf(seed * 31 + buckets)
        const plans = longPlans()
        const naive = new NaiveStore(plans)
        let store = await engines.open(plans, { buckets })
        engines.proxy.set(() => (random(5) === 0 ? fates[random(fates.length)]! : 'pass'))
        for (let offset = 0; offset < 600; ) {
          const size = 1 + random(40)
          const rows = Array.from({ length: size }, (_, at) => row(offset + at, `card${random(5)}`))
          offset += size
          if (random(4) === 0) store = await engines.open(plans, { buckets })
          const batch = await observeUntilAnswered(store, plans, rows)
          if (random(3) === 0) await engines.proxy.deliver()
          const expected = rows.map((test) =>
            naive.observe(test).slots.map((slot) => slot?.ordinal ?? -1),
          )
          assert.deepEqual(
            [...batch.ordinal.slice(0, size * 4)],
            expected.flat(),
            `offset ${offset}`,
          )
          store.release(batch)
        }
        assert.equal(engines.said.filter(({ level }) => level === 'error').length, 0)
      })
    }
  }
})
