// Where history begins in buckets that no record has reached, on a real Redis: with the first record of the namespace, and
// never before what is known to be missing.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import { Engines, longPlans, rowsOf } from '../testing/engines.ts'
import type { TestRow } from '../testing/journal-rows.ts'
import { observe, row } from './store.contract.ts'

const buckets = 16
let engines: Engines

before(async () => {
  engines = await Engines.start()
})

afterEach(async () => {
  await engines.reset()
})

after(async () => {
  await engines.stop()
})

describe('history with several buckets', () => {
  it('begins with the earliest transaction of the first batch, in all of them', async () => {
    const plans = longPlans()
    const store = await engines.open(plans, { buckets })
    const { timeMs } = rowsOf(1)[0]!
    await observe(store, plans, rowsOf(3))
    const batch = await observe(store, plans, later(timeMs))
    assert.deepEqual([...new Set(batch.historySinceMs.subarray(0, 60))], [timeMs])
  })

  it('reaches no further back than where it was said to begin anew, also for other engines', async () => {
    const plans = longPlans()
    const store = await engines.open(plans, { buckets })
    const { timeMs } = rowsOf(1)[0]!
    await observe(store, plans, rowsOf(3))
    const sinceMs = timeMs + 5000
    await store.renewHistory(sinceMs)
    // One that knows of an earlier beginning does not lower it.
    await store.renewHistory(timeMs)
    const other = await engines.open(plans, { buckets })
    const batch = await observe(other, plans, later(timeMs))
    assert.deepEqual([...new Set(batch.historySinceMs.subarray(0, 60))], [sinceMs])
  })

  it('begins also where the function got lost before the first batch', async () => {
    const plans = longPlans()
    const store = await engines.open(plans, { buckets })
    await engines.client.call('FUNCTION', 'FLUSH')
    const batch = await observe(store, plans, rowsOf(3))
    assert.equal(batch.historySinceMs[0], rowsOf(1)[0]!.timeMs)
  })
})

/** A day later, of cards of their own: enough for every bucket. */
function later(timeMs: number): TestRow[] {
  return Array.from({ length: 60 }, (_, n) =>
    row(1000 + n, `later${n}`, { timeMs: timeMs + 86_400_000 }),
  )
}
