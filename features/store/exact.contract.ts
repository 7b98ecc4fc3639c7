// Exact tails of the lengths that a catalog may ask for, against the naive twin: a merchant whose journal becomes longer than some of
// them. Whatever the length, what is not marked approximate is the twin's number; and nothing is marked before two tails are full.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { decisionBatchRowsMax } from '../../engine/core/limits.ts'
import { parseDocument } from '../../engine/document.ts'
import { type Catalog, compileCatalog } from '../catalog.ts'
import { exactMax, exactMin, exactOf } from '../catalog-exact.ts'
import { Fold } from '../fold.ts'
import { Observation, Seen } from '../observation.ts'
import { Plan } from '../plan.ts'
import { Encoder } from '../record.ts'
import { Oracle } from '../testing/oracle.ts'
import { makeRandom } from '../testing/random-transactions.ts'
import { Transaction, type TransactionSchema } from '../transaction.ts'
import type { Store } from './store.ts'

const schema: TransactionSchema = {
  ...{ entities: ['card', 'merchant'], primary: 0, fields: [] },
  ...{ hasLocation: false, hasLabel: false, kinds: [] },
}
const count = 5000
const cards = 40
const seed = 4711
const batchRows = 64

const features = [
  'features:',
  '  - { name: card_count, entity: card, aggregate: count, window: 30m }',
  '  - { name: card_since, entity: card, aggregate: since_last, window: 30m }',
  '  - { name: shop_count, entity: merchant, aggregate: count, window: 30m }',
  '  - { name: shop_sum, entity: merchant, aggregate: sum, window: 80m }',
  '  - { name: shop_max, entity: merchant, aggregate: max, window: 80m }',
  '  - { name: shop_cards, entity: merchant, aggregate: distinct, of: card, window: 30m }',
]

function catalogOf(exact: string): Catalog {
  return compileCatalog(parseDocument('catalog.yaml', [...features, exact].join('\n')))
}

/** A second apart on average, some ties, some late: of one merchant. */
function* transactions(): Iterable<Transaction> {
  const random = makeRandom(seed)
  let nowMs = 1_700_000_000_000
  for (let n = 0; n < count; n++) {
    nowMs += Math.floor(random() * 2000)
    const transaction = new Transaction(2, 0)
    const timeMs = random() < 0.1 ? nowMs - Math.floor(random() * 60_000) : nowMs
    Object.assign(transaction, { tenant: 'default', id: `t${n}`, timeMs, atMs: timeMs })
    transaction.amountMinor = Math.floor(random() * 100_000)
    transaction.entities[0] = `c${Math.floor(random() * cards)}`
    transaction.entities[1] = 'shop'
    yield transaction
  }
}

let expected: readonly (readonly (number | null)[])[] | null = null

function expectedRows(catalog: Catalog): readonly (readonly (number | null)[])[] {
  const oracle = new Oracle(catalog.features, schema)
  return Array.from(transactions(), (transaction) => oracle.add(transaction))
}

/** `open`: a store of journals that nobody has written. */
export function exactSuite(name: string, open: (plan: Plan) => Promise<Store>): void {
  repeatSuite(name, open)
  for (const { exact, isMarked } of [
    { exact: `exact: { card: ${exactMin}, merchant: ${exactMin} }`, isMarked: true },
    { exact: '', isMarked: true },
    { exact: 'exact: { card: 64, merchant: 2048 }', isMarked: true },
    { exact: `exact: { card: ${exactMax}, merchant: ${exactMax} }`, isMarked: false },
  ]) {
    const what = `${exact || 'no exact'}: what is not marked is the naive twin's`
    test(`${name}, ${what}, and ${isMarked ? 'something' : 'nothing'} is marked`, async (t: TestContext) => {
      const catalog = catalogOf(exact)
      const plan = new Plan(catalog, schema)
      const store = await open(plan)
      t.after(() => store.close())
      const marked = await compareAll(catalog, plan, store)
      assert.equal(marked > 0, isMarked, `${marked} numbers are marked`)
      t.diagnostic(`${marked} of ${count * plan.features.length} numbers are marked`)
    })
  }
}

/** Calls have no offset: nothing but their records tells that they come again. */
function repeatSuite(name: string, open: (plan: Plan) => Promise<Store>): void {
  test(`${name}, the shortest exact tail: a batch of calls of one card that comes again whole is counted once`, async (t: TestContext) => {
    const plan = new Plan(catalogOf(`exact: { card: ${exactMin} }`), schema)
    const store = await open(plan)
    t.after(() => store.close())
    const encoder = new Encoder(plan, new Uint8Array(16).fill(3))
    const calls = [...transactions()].slice(0, decisionBatchRowsMax)
    const observe = async (): Promise<Observation> => {
      const batch = new Observation(calls.length, plan.journals.length, plan.recordStride)
      batch.count = calls.length
      batch.partition.fill(-1)
      for (const [at, call] of calls.entries()) {
        call.entities[0] = 'c'
        batch.tenant[at] = call.tenant
        batch.timeMs[at] = call.timeMs
        encoder.encode(call, at, batch)
      }
      await store.observe(batch)
      return batch
    }
    const first = await observe()
    store.release(first)
    const again = await observe()
    assert.deepEqual([...new Set(again.seen)], [Seen.redelivery])
    assert.deepEqual(again.ordinal, first.ordinal)
    store.release(again)
  })
}

/** How many numbers are marked. */
async function compareAll(catalog: Catalog, plan: Plan, store: Store): Promise<number> {
  expected ??= expectedRows(catalog)
  const encoder = new Encoder(plan, new Uint8Array(16).fill(3))
  const fold = new Fold(plan)
  const batch = new Observation(batchRows, plan.journals.length, plan.recordStride)
  const row = new Float64Array(plan.features.length)
  const marks = new Uint8Array(plan.features.length)
  const merchantTail = exactOf(catalog.exact, 'merchant')
  const all = [...transactions()]
  let marked = 0
  for (let first = 0; first < count; first += batchRows) {
    const some = all.slice(first, first + batchRows)
    batch.count = some.length
    for (const [at, transaction] of some.entries()) {
      batch.tenant[at] = transaction.tenant
      batch.partition[at] = 0
      batch.offset[at] = first + at
      batch.timeMs[at] = transaction.timeMs
      encoder.encode(transaction, at, batch)
    }
    await store.observe(batch)
    for (const [at, transaction] of some.entries()) {
      fold.fill(transaction, at, batch, store, row, 0, marks, 0)
      for (const [f, { name, entity }] of plan.features.entries()) {
        const where = `${name} of ${transaction.id}, seed ${seed}`
        if (marks[f] === 1) {
          marked++
          const isEarly = entity === 'merchant' && first + at < 2 * merchantTail
          assert.ok(!isEarly, `marked though all is kept one by one: ${where}`)
          continue
        }
        const value = expected[first + at]![f] ?? Number.NaN
        assert.ok(Object.is(row[f], value), `${where}: expected ${value}, found ${row[f]}`)
      }
    }
    store.release(batch)
  }
  return marked
}
