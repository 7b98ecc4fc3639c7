// What Redis answers when it cannot or may not serve: refused for good where a person must act, and tried again elsewhere;
// checked when a store is opened, and again on every new connection.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import { Engines, longPlans, observeUntilAnswered, refusedAs, rowsOf } from '../testing/engines.ts'
import { kinds, type TestRow } from '../testing/journal-rows.ts'
import { until } from '../testing/redis-cluster.ts'
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

const no = (): boolean => false
const isBusy = (error: unknown): boolean => String(error).includes('BUSY')

describe('a Redis that cannot serve', () => {
  it('a function that is gone is loaded again', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(3))
    await engines.client.call('FUNCTION', 'FLUSH')
    const batch = await observe(store, plans, rowsOf(40).slice(3))
    assert.deepEqual(
      column(batch, batch.ordinal, 1),
      Array.from({ length: 37 }, (_, at) => at + 3),
    )
  })

  it('a Redis that is full or away is retriable, and the batch counts once afterwards', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(3))
    await engines.client.call('CONFIG', 'SET', 'maxmemory', '1')
    await refusedAs(observe(store, plans, rowsOf(6).slice(3)), true, /OOM/)
    await engines.client.call('CONFIG', 'SET', 'maxmemory', '0')
    engines.proxy.away(true)
    await refusedAs(observe(store, plans, rowsOf(6).slice(3)), true, /observing|offsets/)
    engines.proxy.away(false)
    const batch = await observeUntilAnswered(store, plans, rowsOf(6).slice(3))
    assert.deepEqual(column(batch, batch.ordinal, 1), [3, 4, 5])
  })

  it('functions that are gone between two calls are loaded, and the calls sent again in order', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(3))
    engines.proxy.set((call) => (call === 1 ? 'unloaded' : 'pass'))
    const rows = rowsOf(60).slice(3)
    const batch = await observe(store, plans, rows)
    assert.deepEqual(
      column(batch, batch.ordinal, 1),
      rows.map(({ offset }) => offset),
    )
    assert.deepEqual(engines.said, [])
  })

  it('a Redis that a script keeps busy is retriable', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(3))
    await engines.client.call('CONFIG', 'SET', 'busy-reply-threshold', 20)
    const other = await engines.server.client()
    const script = assert.rejects(other.call('EVAL', 'while true do end', 0), /killed/)
    // It runs from when others are told so, not from when it was sent.
    await until('the script runs', () => engines.client.call('PING').then(no, isBusy))
    await refusedAs(observe(store, plans, rowsOf(6).slice(3)), true, /BUSY/)
    await engines.client.call('SCRIPT', 'KILL')
    await script
    other.close()
    const batch = await observeUntilAnswered(store, plans, rowsOf(6).slice(3))
    assert.deepEqual(column(batch, batch.ordinal, 1), [3, 4, 5])
  })

  it('a Redis that became a replica is retriable, and served again by who leads', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(3))
    await engines.client.call('REPLICAOF', '127.0.0.1', '1')
    await refusedAs(observe(store, plans, rowsOf(6).slice(3)), true, /READONLY/)
    await engines.client.call('REPLICAOF', 'NO', 'ONE')
    const batch = await observeUntilAnswered(store, plans, rowsOf(6).slice(3))
    assert.deepEqual(column(batch, batch.ordinal, 1), [3, 4, 5])
    assert.deepEqual(
      engines.said.filter(({ level }) => level === 'error'),
      [],
    )
  })

  it('failed calls leave nothing held that could not be forgotten', async () => {
    const plans = freshPlans(kinds)
    const store = await engines.open(plans, { heldBytesMax: 1 << 20, commandTimeoutMs: 2000 })
    const rowsFrom = (from: number): TestRow[] =>
      Array.from({ length: 60 }, (_, at) => row(from + at, `card${from + at}`))
    for (let round = 0; round < 120; round++) {
      engines.proxy.set((call) => (call === round % 4 ? 'refused' : 'pass'))
      await refusedAs(observe(store, plans, rowsFrom(round * 60)), true, /OOM/)
      assert(store.stats().heldBytes <= 1 << 20, `${store.stats().heldBytes} bytes`)
    }
  })
})

describe('opening', () => {
  it('refuses a Redis before version 7', async () => {
    engines.proxy.rewrite = (reply) =>
      Buffer.from(reply.toString('latin1').replace(/(redis_version):\d/, '$1:6'), 'latin1')
    await refusedAs(engines.open(longPlans()), false, /expected version 7 or later, found 6/)
  })

  it('refuses a Redis that evicts, naming what to do', async () => {
    await engines.client.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await refusedAs(
      engines.open(longPlans()),
      false,
      /expected maxmemory-policy noeviction, found allkeys-lru.*CONFIG SET/,
    )
    await engines.client.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  })

  it('refuses what the journals were not written with: buckets, and the key of the hashes', async () => {
    const plans = longPlans()
    await engines.open(plans, { buckets: 4 })
    const buckets = engines.open(plans, { buckets: 8 })
    await refusedAs(
      buckets,
      false,
      /expected buckets=8 hash_key=test, found buckets=4 hash_key=test/,
    )
    const hashKey = engines.open(plans, { buckets: 4, hashKeyId: 'other' })
    await refusedAs(
      hashKey,
      false,
      /expected buckets=4 hash_key=other, found buckets=4 hash_key=test/,
    )
  })

  it('refuses another text under the name of its function, and never replaces it', async () => {
    const other =
      "#!lua name=weir_observe_v2\nredis.register_function('observe_v2', function() return 1 end)"
    await engines.client.call('FUNCTION', 'LOAD', 'REPLACE', other)
    await refusedAs(engines.open(longPlans()), false, /another text/)
    assert.match(String(await engines.client.call('FUNCTION', 'LIST', 'WITHCODE')), /return 1 end/)
    await engines.client.call('FUNCTION', 'DELETE', 'weir_observe_v2')
    await engines.open(longPlans())
  })

  it('refuses where there is no Redis', async () => {
    engines.proxy.away(true)
    await refusedAs(engines.open(longPlans()), true, /opening Redis/)
  })

  it('survives other engines that load the function at the same time', async () => {
    await engines.client.call('FUNCTION', 'FLUSH')
    await Promise.all(Array.from({ length: 6 }, () => engines.open(longPlans())))
  })

  it('is checked again behind a new connection, where there may be another Redis', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    await observe(store, plans, rowsOf(3))
    await engines.client.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    engines.proxy.away(true)
    engines.proxy.away(false)
    const answered = observeUntilAnswered(store, plans, rowsOf(6).slice(3))
    await assert.rejects(answered, /expected maxmemory-policy noeviction, found allkeys-lru/)
    await engines.client.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    const batch = await observe(store, plans, rowsOf(6).slice(3))
    assert.deepEqual(column(batch, batch.ordinal, 1), [3, 4, 5])
  })
})
