// A cluster whose masters change: in order, killed, frozen and woken. What was acknowledged and is lost is noticed before anything
// is computed from it, and nothing is counted twice.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { JournalPlans } from '../journal.ts'
import { Auditor } from '../testing/auditor.ts'
import { alone, buckets, ClusterEngines, cardIn, chainOf } from '../testing/cluster-engines.ts'
import { longPlans, observeUntilAnswered } from '../testing/engines.ts'
import type { TestRow } from '../testing/journal-rows.ts'
import { randomOf } from '../testing/random-rows.ts'
import { type ClusterNode, until } from '../testing/redis-cluster.ts'
import type { RedisStore } from './redis.ts'
import { column, observe, row } from './store.contract.ts'

let engines: ClusterEngines

before(async () => {
  engines = await ClusterEngines.start()
})

beforeEach(() => engines.cluster.settled())

afterEach(async () => {
  await engines.reset()
})

after(async () => {
  await engines.stop()
})

/** Of 5 ms and a call each: far more than a failover takes, also where other work starves the nodes of their votes. */
const attempts = 12_000
const commandTimeoutMs = 300
const bucket = 3

/** A bucket that lies on another master than `bucket`. */
async function elsewhere(plans: JournalPlans): Promise<number> {
  const master = await engines.cluster.masterOf(chainOf(plans, bucket))
  for (let other = 0; other < buckets; other++) {
    if ((await engines.cluster.masterOf(chainOf(plans, other))) !== master) return other
  }
  return assert.fail('all buckets lie on one master')
}

/** What the master of `key` was written by now has reached its replica. */
async function replicated({ client }: ClusterNode, key: string): Promise<void> {
  // WAIT is for what its own connection has written.
  await client.call('SET', `${key}:mark`, 1)
  assert.equal(await client.call('WAIT', 1, 5000), 1)
}

/** What `node` is written from now on reaches no replica. */
async function cutReplicas({ client }: ClusterNode): Promise<void> {
  await client.call('ACL', 'SETUSER', 'default', '-psync', '-sync')
  await client.call('CLIENT', 'KILL', 'TYPE', 'replica')
}

async function tookOver(replica: ClusterNode): Promise<void> {
  await until('the replica does not take over', () => replica.isMaster())
}

async function load(
  store: RedisStore,
  plans: JournalPlans,
  auditor: Auditor,
  partition: number,
  isDone: () => boolean,
): Promise<void> {
  const random = randomOf(partition)
  for (let offset = 0; !isDone(); ) {
    const rows: TestRow[] = Array.from({ length: 1 + random(20) }, (_, at) =>
      row(offset + at, `p${partition}-${random(40)}`, {
        partition,
        id: `${partition}-${offset + at}`,
      }),
    )
    offset += rows.length
    const batch = await observeUntilAnswered(store, plans, rows, attempts)
    auditor.note(store, batch, rows)
    store.release(batch)
  }
}

describe('a master that steps down in order', () => {
  it('loses nothing while batches run, there and back', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const auditor = new Auditor(plans, buckets)
    let isDone = false
    const failOver = async (): Promise<void> => {
      for (let turn = 0; turn < 2; turn++) {
        const master = await cluster.masterOf(chainOf(plans, bucket))
        const replica = await cluster.replicaOf(master)
        // It asks once, and gives up when too few have heard.
        while (!(await replica.isMaster())) {
          await replica.client.call('CLUSTER', 'FAILOVER')
          for (let poll = 0; poll < 500 && !(await replica.isMaster()); poll++);
        }
        await until('the master stays', async () => !(await master.isMaster()))
        await cluster.settled()
      }
      isDone = true
    }
    const stores = [await engines.open(plans), await engines.open(plans)]
    const loading = stores.map((store, partition) =>
      load(store, plans, auditor, partition, () => isDone),
    )
    await Promise.all([...loading, failOver()])
    await auditor.check(engines.read)
    assert.deepEqual(engines.errors, [])
  })
})

describe('a master that is killed', () => {
  it('with what no replica had is noticed before its bucket is used, and said once a bucket', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const other = await elsewhere(plans)
    const master = await cluster.masterOf(chainOf(plans, bucket))
    const replica = await cluster.replicaOf(master)
    const store = await engines.open(plans, { commandTimeoutMs })
    const [card, safe] = [cardIn(bucket), cardIn(other)]
    const rowsFrom = (from: number, count: number): TestRow[] =>
      Array.from({ length: count }, (_, at) =>
        alone(from + at, (from + at) % 2 === 0 ? card : safe),
      )
    store.release(await observe(store, plans, rowsFrom(0, 20)))
    await replicated(master, chainOf(plans, bucket))
    await cutReplicas(master)
    // Acknowledged, and lost.
    store.release(await observe(store, plans, rowsFrom(20, 20)))
    await master.server.kill()
    await tookOver(replica)
    const lossesBefore = store.stats().losses
    const rows = rowsFrom(40, 10)
    const batch = await observeUntilAnswered(store, plans, rows, attempts)
    // Of its 20 records, the card has 10; the other one all.
    assert.deepEqual(column(batch, batch.ordinal), [10, 20, 11, 21, 12, 22, 13, 23, 14, 24])
    assert.equal(batch.historySinceMs[0], 1e12 + 48)
    assert.equal(batch.historySinceMs[1], 1e12, 'of all buckets alike')
    assert.equal(store.stats().losses - lossesBefore, 1)
    assert.deepEqual(
      engines.errors.map(({ fields }) => fields),
      [{ bucket, chain: 'transactions', partition: 0, expectedOffset: 38, foundOffset: 18 }],
    )
    const auditor = new Auditor(plans, buckets)
    auditor.note(store, batch, rows)
    await auditor.check(engines.read, false)
  })

  it('is noticed by a call of another partition too, that lost nothing', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const master = await cluster.masterOf(chainOf(plans, bucket))
    const replica = await cluster.replicaOf(master)
    const store = await engines.open(plans, { commandTimeoutMs })
    const of = (partition: number, offset: number) =>
      alone(offset, cardIn(bucket, partition), {
        partition,
        id: `${partition}-${offset}`,
        timeMs: 1e12 + partition,
      })
    store.release(await observe(store, plans, [of(0, 0), of(1, 0)]))
    await replicated(master, chainOf(plans, bucket))
    await cutReplicas(master)
    store.release(await observe(store, plans, [of(0, 1)]))
    await master.server.kill()
    await tookOver(replica)
    const batch = await observeUntilAnswered(store, plans, [of(1, 1)], attempts)
    // Its own card has all, and what it holds of it; the bucket has not.
    assert.equal(batch.ordinal[0], 1)
    assert.equal(batch.historySinceMs[0], 1e12 + 1)
    assert.equal(engines.errors.length, 1)
  })

  it('under load counts nothing twice; what was lost was said', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const auditor = new Auditor(plans, buckets)
    let isDone = false
    const kill = async (): Promise<void> => {
      const master = await cluster.masterOf(chainOf(plans, bucket))
      const replica = await cluster.replicaOf(master)
      const key = chainOf(plans, bucket)
      await until('no load', async () => (await master.client.call('EXISTS', key)) === 1)
      await master.server.kill()
      await tookOver(replica)
      await master.restart()
      await cluster.settled()
      isDone = true
    }
    const stores: RedisStore[] = []
    while (stores.length < 3) stores.push(await engines.open(plans, { commandTimeoutMs }))
    const loading = stores.map((store, partition) =>
      load(store, plans, auditor, partition, () => isDone),
    )
    await Promise.all([...loading, kill()])
    // Loopback is fast: mostly all was replicated. What was not must have been said.
    const losses = stores.reduce((sum, store) => sum + store.stats().losses, 0)
    if (losses === 0) await auditor.check(engines.read)
    const last = new Auditor(plans, buckets)
    for (const store of stores) {
      const rows = Array.from({ length: 40 }, (_, at) =>
        row(1e6 + at, `p0-${at}`, { partition: 9, id: `9-${at}` }),
      )
      const batch = await observeUntilAnswered(store, plans, rows, attempts)
      last.note(store, batch, rows)
      store.release(batch)
    }
    await last.check(engines.read, false)
  })
})

describe('a master that freezes', () => {
  it('and wakes as a replica has counted nothing of what it was sent meanwhile', async () => {
    const plans = longPlans()
    const { cluster } = engines
    /** Of all batches, and of all but one. */
    const [all, most] = [new Auditor(plans, buckets), new Auditor(plans, buckets)]
    const master = await cluster.masterOf(chainOf(plans, bucket))
    const replica = await cluster.replicaOf(master)
    const card = cardIn(bucket)
    const one = await engines.open(plans, { commandTimeoutMs })
    const two = await engines.open(plans, { commandTimeoutMs })
    const send = async (store: RedisStore, partition: number, offset: number): Promise<void> => {
      const rows = [0, 1, 2].map((at) =>
        alone(offset + at, card, { partition, id: `${partition}-${offset + at}` }),
      )
      const batch = await observeUntilAnswered(store, plans, rows, attempts)
      all.note(store, batch, rows)
      if (store !== two || offset !== 3) most.note(store, batch, rows)
      store.release(batch)
    }
    await send(one, 0, 0)
    await send(two, 1, 0)
    await replicated(master, chainOf(plans, bucket))
    master.server.pause()
    // Waits for the timeout, then for the new master; what it had sent lies in the old one's socket.
    await send(one, 0, 3)
    assert(await replica.isMaster())
    master.server.resume()
    // It has heard of nothing, and may find the old one before that has.
    await send(two, 1, 3)
    await until('it stays a master', async () => !(await master.isMaster()))
    await send(two, 1, 6)
    await send(one, 0, 6)
    await cluster.settled()
    // Whoever was answered by the old one has noticed that it is gone.
    const isLost = engines.errors.length > 0
    assert.deepEqual(isLost, two.stats().losses > 0)
    await (isLost ? most : all).check(engines.read, !isLost)
  })
})
