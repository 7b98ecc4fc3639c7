// The Redis store under the fold, against the naive twin: one bucket and several, and with so little held that journals come and go.
import { strict as assert } from 'node:assert'
import { describe } from 'node:test'
import { RedisServer } from '../testing/redis-server.ts'
import { RedisStore } from './redis.ts'
import { windowsSuite } from './windows.contract.ts'

const silent = { warn: () => undefined, error: () => undefined }

describe('windows on Redis', () => {
  for (const { buckets, heldBytesMax } of [
    { buckets: 1, heldBytesMax: 2 ** 28 },
    { buckets: 16, heldBytesMax: 2 ** 20 },
  ]) {
    windowsSuite(
      `${buckets} buckets, ${heldBytesMax} bytes held`,
      async (plan) => {
        const server = await RedisServer.start()
        const store = await RedisStore.open({
          url: server.url,
          plans: plan,
          buckets,
          ttlMs: 3_600_000,
          heldBytesMax,
          commandTimeoutMs: 5000,
          chain: 'test',
          hashKeyId: 'test',
          log: silent,
        })
        const close = store.close.bind(store)
        store.close = async () => {
          assert(store.stats().compactions > 100, 'hardly anything was compacted')
          await close()
          await server.stop()
        }
        return store
      },
      1,
      1_000_000,
      400,
    )
  }
})
