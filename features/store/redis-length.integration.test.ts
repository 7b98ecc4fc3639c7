// A merchant with a hundred thousand transactions: what Redis keeps of it and what comes back to whoever does not hold it stay
// where they were after the first few thousand, and its views are those of a store that never forgot.
import { strict as assert } from 'node:assert'
import { after, before, it } from 'node:test'
import { Engines } from '../testing/engines.ts'
import { batchOf, fill, show, type TestRow, wordsOf } from '../testing/journal-rows.ts'
import { Keys } from './keys.ts'
import { MemoryStore } from './memory.ts'
import { freshPlans, row } from './store.contract.ts'

let engines: Engines

before(async () => {
  engines = await Engines.start()
})

after(async () => {
  await engines.reset()
  await engines.stop()
})

const total = 100_000
const batchRows = 64
const width = 48
const cap = 512
const hopFloats = 2000
/** Bytes of records when it is compacted at the latest, a call's records more, and its sums. */
const bytesMax = (9 * cap + 16) * width + 1024

it(`a journal of ${total.toLocaleString('en')} records takes no more memory and bytes than one of a tenth`, async (t) => {
  const plans = freshPlans([
    { kind: 'card', width, cap, hopFloats: 3 },
    { kind: 'merchant', width, cap, hopFloats },
  ])
  const store = await engines.open(plans)
  const memory = new MemoryStore(plans, { bytesMax: 64 << 20 })
  const key = new Keys(plans, 1).journal('default', 1, wordsOf('merchant:shop'), 0)
  const batch = batchOf(plans, batchRows)
  const twin = batchOf(plans, batchRows)
  const usage: number[] = []
  const received: number[] = []
  for (let at = 0; at < total; at += batchRows) {
    const rows: TestRow[] = []
    for (let next = at; next < Math.min(total, at + batchRows); next++) {
      rows.push(row(next, `card${next}`, { entities: [`card${next}`, 'shop'] }))
    }
    fill(batch, plans, rows)
    fill(twin, plans, rows)
    await store.observe(batch)
    await memory.observe(twin)
    for (const slot of [1, 2 * rows.length - 1]) {
      assert.deepEqual(show(store, batch, plans, slot), show(memory, twin, plans, slot))
    }
    store.release(batch)
    memory.release(twin)
    // No multiple of a cap.
    if (at % (batchRows * 13) > 0) continue
    usage.push(Number(await engines.client.call('MEMORY', 'USAGE', key, 'SAMPLES', 0)))
    const stranger = await engines.open(plans)
    fill(batch, plans, rows.slice(-1))
    const before = stranger.stats().bytesReceived
    await stranger.observe(batch)
    received.push(stranger.stats().bytesReceived - before)
    fill(twin, plans, rows.slice(-1))
    await memory.observe(twin)
    assert.deepEqual(show(stranger, batch, plans, 1), show(memory, twin, plans, 1))
    stranger.release(batch)
    memory.release(twin)
    await stranger.close()
  }
  t.diagnostic(`MEMORY USAGE ${usage.join(' ')}`)
  t.diagnostic(`bytes to who holds nothing ${received.join(' ')}`)
  t.diagnostic(`compactions ${store.stats().compactions}`)
  const early = Math.floor(usage.length / 10)
  for (const [values, most] of [
    [received, bytesMax],
    // APPEND leaves as much free as there is, up to one megabyte.
    [usage, 2 * bytesMax],
  ] as const) {
    assert(Math.max(...values) <= most, `${Math.max(...values)} bytes`)
    assert(Math.max(...values.slice(early)) <= 1.2 * Math.max(...values.slice(0, early)))
  }
})
