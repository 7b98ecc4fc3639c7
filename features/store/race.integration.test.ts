// Sixty-four engines on one card at one instant: whoever comes when, each sees another number of transactions before its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from '../catalog.ts'
import { Fold } from '../fold.ts'
import { Observation } from '../observation.ts'
import { Plan } from '../plan.ts'
import { Encoder } from '../record.ts'
import { RedisServer } from '../testing/redis-server.ts'
import { optionsOf } from '../testing/redis-world.ts'
import { Transaction, type TransactionSchema } from '../transaction.ts'
import { RedisStore } from './redis.ts'

const connections = 64
const transactions = 10_000
const timeMs = 1_700_000_000_000

const schema: TransactionSchema = {
  entities: ['card'],
  primary: 0,
  fields: [],
  hasLocation: false,
  hasLabel: false,
  kinds: [],
}
const features = [
  { name: 'before', entity: 'card', aggregate: 'count', window: '1s', current: 'excluded' },
]

test('64 connections, one card, 10,000 transactions of one event time: they see 0…9,999 earlier ones, each number once', async (t) => {
  const server = await RedisServer.start()
  t.after(() => server.stop())
  const catalog = compileCatalog({ file: 'test', value: { features }, lineOf: () => 1 })
  const plan = new Plan(catalog, schema)
  const seen = new Uint8Array(transactions)
  let next = 0

  async function engine(): Promise<void> {
    const store = await RedisStore.open(optionsOf(server.url, plan, { heldBytesMax: 2 ** 22 }))
    const encoder = new Encoder(plan, new Uint8Array(16))
    const fold = new Fold(plan)
    const batch = new Observation(4, 1, plan.recordStride)
    const transaction = new Transaction(1, 0)
    const rows = new Float64Array(1)
    const marks = new Uint8Array(1)
    Object.assign(transaction, { tenant: 'default', timeMs, atMs: timeMs, amountMinor: 1 })
    transaction.entities[0] = 'c'
    while (next < transactions) {
      const first = next
      // Some come alone, some a few at a time.
      batch.count = Math.min(1 + (first % 4), transactions - first)
      next += batch.count
      for (let row = 0; row < batch.count; row++) {
        transaction.id = `t${first + row}`
        batch.tenant[row] = 'default'
        batch.partition[row] = -1
        batch.offset[row] = -1
        batch.timeMs[row] = timeMs
        encoder.encode(transaction, row, batch)
      }
      await store.observe(batch)
      for (let row = 0; row < batch.count; row++) {
        fold.fill(transaction, row, batch, store, rows, 0, marks, 0)
        assert.equal(marks[0], 0)
        seen[rows[0]!]!++
      }
      store.release(batch)
    }
    await store.close()
  }

  await Promise.all(Array.from({ length: connections }, engine))
  assert.deepEqual([...new Set(seen)], [1], 'each number exactly once')
})
