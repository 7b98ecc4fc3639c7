// Exact tails as a catalog asks for them, on a real Redis: held whole, and with so little memory that journals come and go.
import { after, before, describe } from 'node:test'
import { RedisServer } from '../testing/redis-server.ts'
import { optionsOf } from '../testing/redis-world.ts'
import { exactSuite } from './exact.contract.ts'
import { RedisStore } from './redis.ts'

for (const heldBytesMax of [2 ** 28, 2 ** 20]) {
  describe(`exact tails on Redis, ${heldBytesMax} bytes held`, () => {
    let redis: RedisServer
    before(async () => {
      redis = await RedisServer.start()
    })
    after(() => redis.stop())
    // Each length is a namespace: none finds what another has written.
    exactSuite('Redis', (plan) => RedisStore.open(optionsOf(redis.url, plan, { heldBytesMax })))
  })
}
