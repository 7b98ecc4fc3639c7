// Engines over a cluster of their own, for tests in which its slots and masters change. Never used elsewhere.
import { strict as assert } from 'node:assert'
import type { JournalPlans } from '../journal.ts'
import { Keys } from '../store/keys.ts'
import { type RedisOptions, RedisStore } from '../store/redis.ts'
import { row } from '../store/store.contract.ts'
import { type TestRow, wordsOf } from './journal-rows.ts'
import { RedisCluster } from './redis-cluster.ts'
import { optionsOf, type Said } from './redis-world.ts'

export const buckets = 16

export class ClusterEngines {
  readonly cluster: RedisCluster
  said: Said[] = []
  #stores: RedisStore[] = []

  private constructor(cluster: RedisCluster) {
    this.cluster = cluster
  }

  static async start(isProxied = false): Promise<ClusterEngines> {
    return new ClusterEngines(await RedisCluster.start(isProxied))
  }

  async open(plans: JournalPlans, over: Partial<RedisOptions> = {}): Promise<RedisStore> {
    const options = optionsOf(this.cluster.url, plans, { buckets, ...over }, this.said)
    const store = await RedisStore.open(options)
    this.#stores.push(store)
    return store
  }

  async reset(): Promise<void> {
    for (const { proxy } of this.cluster.nodes) proxy?.set(() => 'pass')
    for (const store of this.#stores) await store.close()
    this.#stores = []
    this.said = []
    await this.cluster.revive()
  }

  async stop(): Promise<void> {
    await this.reset()
    await this.cluster.stop()
  }

  /** What has been said of lost records. */
  get errors(): Said[] {
    return this.said.filter(({ level }) => level === 'error')
  }

  read = async (key: string): Promise<Buffer> => {
    const value = await this.cluster.at(key, 'GET', key)
    assert(Buffer.isBuffer(value), `nothing at ${key}`)
    return value
  }

  /** How often nodes have answered with each code. */
  async errorCounts(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { client } of this.cluster.nodes) {
      const info = String(await client.call('INFO', 'errorstats'))
      for (const [, code = '', count] of info.matchAll(/errorstat_(\w+):count=(\d+)/g)) {
        counts[code] = (counts[code] ?? 0) + Number(count)
      }
    }
    return counts
  }
}

/** The n-th card that lies in a bucket. */
export function cardIn(bucket: number, n = 0): string {
  for (let at = 0, found = -1; ; at++) {
    if (wordsOf(`card:c${at}`)[0]! % buckets === bucket && ++found === n) return `c${at}`
  }
}

/** A row that touches its card's bucket only. */
export function alone(offset: number, card: string, over: Partial<TestRow> = {}): TestRow {
  return row(offset, card, { entities: [card, null, null, null], ...over })
}

export function chainOf(plans: JournalPlans, bucket: number): string {
  return new Keys(plans, buckets).chain(bucket)
}
