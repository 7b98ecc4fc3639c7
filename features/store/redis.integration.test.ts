// The store in a real Redis: the contract of all stores, with one bucket and with several.
import type { JournalPlans } from '../journal.ts'
import { RedisServer } from '../testing/redis-server.ts'
import { type RedisOptions, RedisStore } from './redis.ts'
import { storeContract } from './store.contract.ts'

export const quiet = { warn: () => undefined, error: () => undefined }

function optionsOf(
  url: string,
  plans: JournalPlans,
  over: Partial<RedisOptions> = {},
): RedisOptions {
  return {
    url,
    plans,
    buckets: 1,
    ttlMs: 3_600_000,
    heldBytesMax: 64 << 20,
    commandTimeoutMs: 5000,
    chain: 'transactions',
    log: quiet,
    ...over,
  }
}

for (const over of [{ buckets: 1 }, { buckets: 8 }, { buckets: 1, heldBytesMax: 1 << 20 }]) {
  storeContract(`Redis store ${JSON.stringify(over)}`, async () => {
    const server = await RedisServer.start()
    const stores: RedisStore[] = []
    return {
      open: async (plans) => {
        const store = await RedisStore.open(optionsOf(server.url, plans, over))
        stores.push(store)
        return store
      },
      close: async () => {
        for (const store of stores) await store.close()
        await server.stop()
      },
    }
  })
}
