// The store on a real cluster of six nodes: the contracts of all stores and of all places for answers, the fold against the
// oracle, and what is found out when it is opened.
import { strict as assert } from 'node:assert'
import { after, before, describe, it } from 'node:test'
import { answersContract } from '../../engine/api/answers.contract.ts'
import { longPlans, refusedAs, rowsOf } from '../testing/engines.ts'
import { RedisCluster } from '../testing/redis-cluster.ts'
import { RedisServer } from '../testing/redis-server.ts'
import { optionsOf, type Said } from '../testing/redis-world.ts'
import { Keys } from './keys.ts'
import { type RedisOptions, RedisStore } from './redis.ts'
import { slotOf } from './slots.ts'
import { column, freshPlans, observe, storeContract } from './store.contract.ts'
import { windowsSuite } from './windows.contract.ts'

const horizonMs = 3_600_000
const stores: RedisStore[] = []
let cluster: RedisCluster
let said: Said[] = []

async function open(plans = longPlans(), over: Partial<RedisOptions> = {}): Promise<RedisStore> {
  said = []
  const options = optionsOf(cluster.url, plans, { buckets: 16, ...over }, said)
  const store = await RedisStore.open(options)
  stores.push(store)
  return store
}

async function closeAll(): Promise<void> {
  for (const store of stores.splice(0)) await store.close()
}

before(async () => {
  cluster = await RedisCluster.start()
})

after(async () => {
  await closeAll()
  await cluster.stop()
})

for (const buckets of [16, 256]) {
  storeContract(`Redis Cluster, ${buckets} buckets`, () =>
    Promise.resolve({ open: (plans) => open(plans, { buckets }), close: closeAll }),
  )
  answersContract(`answers in a Redis Cluster, ${buckets} buckets`, () => {
    const plans = freshPlans()
    return Promise.resolve({
      open: async () => (await open(plans, { buckets })).answers(horizonMs),
      close: closeAll,
    })
  })
  windowsSuite(
    `Redis Cluster, ${buckets} buckets`,
    async (plan) => {
      for (const { client } of cluster.nodes.slice(0, 3)) await client.call('FLUSHALL')
      return open(plan, { buckets })
    },
    1,
    1_000_000,
    400,
  )
}

describe('opening on a cluster', () => {
  it('loads the function on every master and agrees on the deployment once', async () => {
    for (const { client } of cluster.nodes.slice(0, 3)) await client.call('FUNCTION', 'FLUSH')
    const plans = longPlans()
    await open(plans)
    for (const { client } of cluster.nodes.slice(0, 3)) {
      assert.match(String(await client.call('FUNCTION', 'LIST')), /weir_observe_v2/)
    }
    const key = new Keys(plans, 16).deployment
    assert.equal(String(await cluster.at(key, 'GET', key)), 'buckets=16 hash_key=test')
    await refusedAs(open(plans, { buckets: 32 }), false, /expected buckets=32.*, found buckets=16/)
  })

  it('takes any node for a seed, a replica too, and passes over those that are gone', async () => {
    for (const { url } of cluster.nodes) await open(longPlans(), { url })
    const gone = 'redis://127.0.0.1:1'
    await open(longPlans(), { url: `${gone},${cluster.nodes[4]!.url}` })
    await refusedAs(
      open(longPlans(), { url: `${gone},${gone}` }),
      true,
      /127.0.0.1:1.*ECONNREFUSED/,
    )
  })

  it('refuses one node that evicts, and names it', async () => {
    const { client, server } = cluster.nodes[2]!
    await client.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const text = new RegExp(`127.0.0.1:${server.port}: expected maxmemory-policy noeviction`)
    await refusedAs(open(), false, text)
    await client.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  })

  it('refuses fewer buckets than masters while that can be changed, and says what to set', async () => {
    const plans = longPlans()
    await refusedAs(open(plans, { buckets: 1 }), false, /3 masters.*redis.buckets 1.*set it to 256/)
    // A deployment that has its journals already goes on.
    const key = new Keys(plans, 1).deployment
    await cluster.at(key, 'SET', key, 'buckets=1 hash_key=test')
    const store = await open(plans, { buckets: 1 })
    const batch = await observe(store, plans, rowsOf(3))
    assert.deepEqual(column(batch, batch.ordinal, 1), [0, 1, 2])
    assert.match(said[0]!.message, /fewer buckets than masters/)
  })

  it('refuses the number of a database, and several single ones', async () => {
    await refusedAs(open(longPlans(), { url: `${cluster.nodes[0]!.url}/3` }), false, /found \/3/)
    const server = await RedisServer.start()
    const url = `${server.url},${cluster.nodes[0]!.url}`
    await refusedAs(open(longPlans(), { url }), false, /found a single Redis/)
    await server.stop()
  })

  it('knows the slot of a key as the cluster does', async () => {
    const keys = ['', 'a', '{}x', 'a{b}c', '{a{b}', '}{', 'w:x:{b07}:chain', 'w:x:deployment', 'é']
    for (const key of keys) {
      const found = await cluster.nodes[0]!.client.call('CLUSTER', 'KEYSLOT', key)
      assert.equal(slotOf(key), found, key)
    }
  })
})

describe('what a batch costs', () => {
  it('waits twice however many nodes and buckets it reaches', async () => {
    const plans = longPlans()
    const store = await open(plans, { buckets: 256 })
    store.release(await observe(store, plans, rowsOf(60, 60)))
    const before = store.stats().roundTrips
    const rows = rowsOf(120, 60).slice(60)
    store.release(await observe(store, plans, rows))
    // Positions of buckets that are new to this engine are read first, once for each role.
    assert.equal(store.stats().roundTrips - before, 2)
  })
})
