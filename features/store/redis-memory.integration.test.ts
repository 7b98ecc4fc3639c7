// The estimate of what journals take, against MEMORY USAGE of real ones that came record by record.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchOf, fill, kinds } from '../testing/journal-rows.ts'
import { RedisServer } from '../testing/redis-server.ts'
import { optionsOf } from '../testing/redis-world.ts'
import { Keys } from './keys.ts'
import { RedisStore } from './redis.ts'
import { journalBytes } from './redis-memory.ts'
import { freshPlans, row } from './store.contract.ts'

test('a journal of any length takes what is estimated, to a few hundredths', async (t) => {
  const server = await RedisServer.start()
  t.after(() => server.stop())
  const client = await server.client()
  t.after(() => {
    client.close()
  })
  const plans = freshPlans(kinds.map((kind) => ({ ...kind, cap: 4096 })))
  const store = await RedisStore.open(optionsOf(server.url, plans))
  t.after(() => store.close())
  const batch = batchOf(plans, 1)
  const keys = new Keys(plans, 1)
  for (let n = 1; n <= 600; n++) {
    fill(batch, plans, [row(n, 'a')])
    await store.observe(batch)
    for (const [entity, { width }] of plans.journals.entries()) {
      if (batch.present[entity] === 0 || !isLooked(n)) continue
      const key = keys.journal('default', entity, batch.key, entity * 4)
      const found = Number(await client.call('MEMORY', 'USAGE', key))
      const estimated = journalBytes(n, width, key.length)
      const off = Math.abs(found - estimated) / found
      assert.ok(off <= 0.05, `${n} records of ${width}: estimated ${estimated}, found ${found}`)
    }
    store.release(batch)
  }
})

/** Every one of the short, some of the long. */
function isLooked(n: number): boolean {
  return n <= 40 || n % 37 === 0
}
