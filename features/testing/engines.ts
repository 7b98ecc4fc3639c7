// Engines over a Redis of their own, behind a proxy, for tests in which things go wrong between them. Never used elsewhere.
import { strict as assert } from 'node:assert'
import { identityAt, identityBytes, type JournalPlans } from '../journal.ts'
import { type Observation, Seen } from '../observation.ts'
import { Keys } from '../store/keys.ts'
import { type RedisOptions, RedisStore } from '../store/redis.ts'
import { freshPlans, row } from '../store/store.contract.ts'
import { type Store, StoreError } from '../store/store.ts'
import { batchOf, fill, kinds, recordOf, show, type TestRow, wordsOf } from './journal-rows.ts'
import type { RedisClient } from './redis-client.ts'
import { RedisProxy } from './redis-proxy.ts'
import { RedisServer } from './redis-server.ts'
import { optionsOf, type Said } from './redis-world.ts'

/** As journal.lua has it. */
const headerBytes = 32

export class Engines {
  readonly server: RedisServer
  readonly proxy: RedisProxy
  client: RedisClient
  /** What the stores opened since `reset` have said. */
  said: Said[] = []
  #stores: Store[] = []

  private constructor(server: RedisServer, proxy: RedisProxy, client: RedisClient) {
    this.server = server
    this.proxy = proxy
    this.client = client
  }

  static async start(): Promise<Engines> {
    const server = await RedisServer.start()
    const proxy = await RedisProxy.start(server.port)
    return new Engines(server, proxy, await server.client())
  }

  /** An engine's store, through the proxy. */
  async open(plans: JournalPlans, over: Partial<RedisOptions> = {}): Promise<RedisStore> {
    const store = await RedisStore.open(optionsOf(this.proxy.url, plans, over, this.said))
    this.#stores.push(store)
    return store
  }

  /** Closes all stores and lets everything pass again. */
  async reset(): Promise<void> {
    this.proxy.set(() => 'pass')
    this.proxy.compactions = () => 'pass'
    this.proxy.rewrite = (reply) => reply
    this.proxy.take()
    this.proxy.away(false)
    for (const store of this.#stores) await store.close()
    this.#stores = []
    this.said = []
  }

  /** Redis ends and comes back with what it saved last. */
  async restart(): Promise<void> {
    this.client.close()
    await this.server.restart()
    this.client = await this.server.client()
  }

  async stop(): Promise<void> {
    this.client.close()
    await this.proxy.stop()
    await this.server.stop()
  }

  /**
   * Holds a batch's answers against what stands in Redis: each row's record at its ordinal, its view all before it, and no
   * record twice. `plans` with exact tails that hold all.
   */
  async check(
    store: RedisStore,
    batch: Observation,
    plans: JournalPlans,
    rows: readonly TestRow[],
    buckets: number,
  ): Promise<void> {
    const keys = new Keys(plans, buckets)
    for (const [at, test] of rows.entries()) {
      for (const [entity, plan] of plans.journals.entries()) {
        const slot = at * batch.entityCount + entity
        if (batch.handle[slot] === -1) continue
        const where = `${plan.kind} of row ${at}: ${JSON.stringify(test)}`
        const key = keys.journal(test.tenant ?? 'default', entity, batch.key, slot * 4)
        const value = (await this.client.call('GET', key)) as Buffer
        const records = value.subarray(headerBytes)
        const end = batch.ordinal[slot]! * plan.width
        const found = records.subarray(end, end + plan.width)
        const own = recordOf(test, plan)
        // Of a duplicate or conflict, the first message's is there.
        const isOwn = batch.seen[at]! < Seen.duplicate
        const from = isOwn ? 0 : identityAt
        const to = isOwn ? plan.width : identityAt + identityBytes
        assert.equal(found.toString('hex', from, to), own.toString('hex', from, to), where)
        const { bytes } = show(store, batch, plans, slot)
        assert.equal(bytes, records.toString('hex', 0, end), `view, ${where}`)
        const identities = new Set<string>()
        for (let record = 0; record < records.length; record += plan.width) {
          const identity = record + identityAt
          identities.add(records.toString('hex', identity, identity + identityBytes))
        }
        assert.equal(identities.size, records.length / plan.width, `twice, ${where}`)
      }
    }
  }

  /** All of a namespace's journals and chains, to see that nothing has changed. */
  async dump(plans: JournalPlans): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const key of (await this.client.call('KEYS', `w:${plans.namespace}:{*`)) as Buffer[]) {
      const isChain = key.toString().endsWith(':chain')
      const value = await this.client.call(isChain ? 'HGETALL' : 'GET', key)
      found.set(key.toString(), isChain ? String(value) : (value as Buffer).toString('hex'))
    }
    return found
  }
}

/** Plans whose exact tails hold all that a test writes, so that every repeat finds its own ordinal. */
export function longPlans(): JournalPlans {
  return freshPlans(kinds.map((kind) => ({ ...kind, cap: 4096 })))
}

export async function refusedAs(
  observing: Promise<unknown>,
  isRetriable: boolean,
  text: RegExp,
): Promise<void> {
  await assert.rejects(observing, (error) => {
    assert(error instanceof StoreError, String(error))
    assert.match(error.message, text)
    assert.equal(error.retriable, isRetriable)
    return true
  })
}

/** Sends a batch until it is answered, as the pipeline does; the store may have to reconnect. */
export async function observeUntilAnswered(
  store: Store,
  plans: JournalPlans,
  rows: readonly TestRow[],
  attempts = 2000,
): Promise<Observation> {
  const batch = batchOf(plans, Math.max(64, rows.length))
  let last: unknown
  for (let attempt = 0; attempt < attempts; attempt++) {
    fill(batch, plans, rows)
    try {
      await store.observe(batch)
      return batch
    } catch (error) {
      assert(error instanceof StoreError && error.retriable, String(error))
      last = error
      store.release(batch)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return assert.fail(`never answered: ${String(last)}`)
}

/** Rows of partition 0 with offsets from 0 on, by few cards at one merchant and one device. */
export function rowsOf(count: number, cards = 7): TestRow[] {
  return Array.from({ length: count }, (_, at) => row(at, `card${(at * 5) % cards}`))
}

/** Key of a card's journal in a store of one bucket. */
export function keyOf(plans: JournalPlans, card: string): string {
  return new Keys(plans, 1).journal('default', 0, wordsOf(`card:${card}`), 0)
}
