// The store in a real Redis: the contract of all stores, with one bucket, with several, and with little memory for what is held.

import { optionsOf, redisForTests } from '../testing/redis-world.ts'
import { RedisStore } from './redis.ts'
import { storeContract } from './store.contract.ts'

for (const over of [{ buckets: 1 }, { buckets: 8 }, { buckets: 1, heldBytesMax: 1 << 20 }]) {
  storeContract(`Redis store ${JSON.stringify(over)}`, async () => {
    const redis = await redisForTests()
    const stores: RedisStore[] = []
    return {
      open: async (plans) => {
        const store = await RedisStore.open(optionsOf(redis.url, plans, over))
        stores.push(store)
        return store
      },
      close: async () => {
        for (const store of stores) await store.close()
        await redis.stop()
      },
    }
  })
}
