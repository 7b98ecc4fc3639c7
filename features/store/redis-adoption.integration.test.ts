// Messages that adopt what calls appended, where the engine holds the journal as the call left it and Redis has another one.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import { Engines, keyOf, longPlans, observeUntilAnswered } from '../testing/engines.ts'
import type { TestRow } from '../testing/journal-rows.ts'
import { observe, row } from './store.contract.ts'

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

function call(id: string, card = 'a'): TestRow {
  return row(-1, card, { partition: -1, id, timeMs: 2e12 })
}

describe('a call’s record that is held as the call left it', () => {
  it('is held once, also when its journal is another one by the time that several calls name it', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    store.release(await observe(store, plans, [call('x')]))
    const { heldJournals } = store.stats()
    await engines.client.call('DEL', keyOf(plans, 'a'))
    const rows = Array.from({ length: 17 }, (_, at) => row(at, 'a'))
    rows.push(row(17, 'a', { id: 'x' }))
    store.release(await observe(store, plans, rows))
    assert.equal(store.stats().heldJournals, heldJournals)
    const next = await observe(store, plans, [row(18, 'a')])
    assert.equal(next.ordinal[0], 18)
  })

  it('is missed when Redis has lost it, before its message is counted as new', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    const entities = ['a', null, null, null]
    store.release(await observe(store, plans, [row(0, 'a', { entities })]))
    await engines.client.call('SAVE')
    store.release(await observe(store, plans, [{ ...call('x'), entities }]))
    await engines.restart()
    const message = row(1, 'a', { id: 'x', timeMs: 3e12, entities })
    const batch = await observeUntilAnswered(store, plans, [message])
    assert.equal(batch.ordinal[0], 1)
    assert.equal(batch.historySinceMs[0], 3e12)
    assert.deepEqual(
      engines.said.map(({ level }) => level),
      ['error'],
    )
  })
})
