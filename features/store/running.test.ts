// Running sums in a store's own memory, where journals grow, move, and are compacted, against a fold over whole journals.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from '../catalog.ts'
import { Fold } from '../fold.ts'
import { Observation } from '../observation.ts'
import { Plan } from '../plan.ts'
import { Encoder } from '../record.ts'
import { Head, State } from '../running-plan.ts'
import { everyFeature, everySchema } from '../testing/every-feature.ts'
import { FoldRun } from '../testing/fold-run.ts'
import { randomTransactions } from '../testing/random-transactions.ts'
import { View } from '../view.ts'
import { MemoryStore } from './memory.ts'

test('journals that grow, move and are compacted give what whole ones give, with running sums where they are longer', async () => {
  const features = everyFeature(['3s', '13s', '29s'])
  const catalog = compileCatalog({ file: 'test', value: { features }, lineOf: () => 1 })
  const plan = new Plan({ ...catalog, exact: { card: 64, merchant: 100 } }, everySchema)
  const store = new MemoryStore(plan, { bytesMax: 2 ** 30 })
  const encoder = new Encoder(plan, new Uint8Array(16))
  const fold = new Fold(plan)
  const whole = new FoldRun(plan)
  const batch = new Observation(1, plan.journals.length, plan.recordStride)
  const rows = new Float64Array(plan.features.length)
  const marks = new Uint8Array(plan.features.length)
  const view = new View()
  let carried = 0
  let offset = 0
  const options = { seed: 61, count: 1500, entities: 2, stepMs: 100, lifecycle: 0 }
  for (const transaction of randomTransactions(everySchema, options)) {
    batch.count = 1
    batch.tenant[0] = transaction.tenant
    batch.partition[0] = 0
    batch.offset[0] = offset++
    batch.timeMs[0] = transaction.timeMs
    encoder.encode(transaction, 0, batch)
    await store.observe(batch)
    const lateMs = fold.fill(transaction, 0, batch, store, rows, 0, marks, 0)
    const expected = whole.add(transaction)
    assert.deepEqual([[...rows], lateMs], [expected, whole.lateMs], `offset ${offset}`)
    assert.deepEqual(marks, whole.approximate)
    for (let e = 0; e < plan.journals.length; e++) {
      if (batch.present[e] === 0) continue
      store.view(batch.handle[e]!, batch.ordinal[e]!, view)
      if (view.running === null) continue
      if (view.running[view.runningAt + Head.state] === State.live) carried++
    }
    store.release(batch)
  }
  assert.ok(carried > 2000, `carried ${carried}`)
  await store.close()
})
