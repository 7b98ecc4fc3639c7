// What one thread packs is what the other unpacks, whatever was in the batch and in the memory before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from '../../features/catalog.ts'
import { Plan } from '../../features/plan.ts'
import { Encoder } from '../../features/record.ts'
import { randomTransactions } from '../../features/testing/random-transactions.ts'
import { Kind, type TransactionSchema } from '../../features/transaction.ts'
import { Taken } from '../core/intake.ts'
import { batchRowsMax } from '../core/limits.ts'
import type { Message } from '../core/ports.ts'
import { parseDocument } from '../document.ts'
import { parcelsMax, Turns } from './ahead.ts'
import { Parcel } from './parcel.ts'

const schema: TransactionSchema = {
  entities: ['card', 'shop'],
  primary: 0,
  fields: ['mcc', 'note'],
  hasLocation: true,
  hasLabel: true,
  kinds: [Kind.reversal, Kind.label],
}
const catalog = compileCatalog(
  parseDocument(
    'catalog.yaml',
    `features:
  - { name: card_count_1d, entity: card, aggregate: count, window: 1d }
  - { name: shop_mccs_1d, entity: shop, aggregate: distinct, of: mcc, window: 1d }
`,
  ),
)
const plan = new Plan(catalog, schema)
const reject = { reason: 'bad_amount', field: 'amount', expected: 'an amount', found: 'ten' }

function messagesOf(count: number, offset: number): Message[] {
  return Array.from({ length: count }, (_, m) => ({
    partition: 0,
    offset: offset + m,
    key: null,
    value: null,
    timestampMs: Number.NaN,
    traceparent: null,
    answer: null,
  }))
}

/** A batch of which each eleventh message from the fourth on is rejected. */
function takeIn(seed: number, messages: readonly Message[], hasTenants: boolean): Taken {
  const taken = new Taken(plan)
  const encoder = new Encoder(plan, Buffer.alloc(16, 7))
  const options = { seed, count: messages.length, entities: 9, stepMs: 1000, lifecycle: 0.2 }
  const all = [...randomTransactions(schema, options)]
  for (const [m, message] of messages.entries()) {
    if (m % 11 === 4) {
      taken.refuse(m, { ...reject, found: `${m}` })
      continue
    }
    const row = taken.batch.count
    const { entities, fields, ...rest } = all[m]!
    const transaction = Object.assign(taken.transactions[row]!, rest)
    for (const [e, text] of entities.entries()) transaction.entities[e] = text
    for (const [f, text] of fields.entries()) transaction.fields[f] = text
    if (m % 3 === 0) transaction.fields[1] = `né\n"${m}" 🙂`
    if (!hasTenants) transaction.tenant = 'default'
    taken.admit(m, message, transaction)
    encoder.encode(transaction, row, taken.batch)
  }
  return taken
}

/** All of a batch that is in use. */
function contentOf({ batch, transactions, rowOf, rejects }: Taken, messages: number) {
  const rows = batch.count
  const slots = rows * batch.entityCount
  return {
    transactions: transactions.slice(0, rows).map((one) => structuredClone(one)),
    tenants: batch.tenant.slice(0, rows),
    partitions: batch.partition.slice(0, rows),
    offsets: batch.offset.slice(0, rows),
    timesMs: batch.timeMs.slice(0, rows),
    present: batch.present.slice(0, slots),
    keys: batch.key.slice(0, slots * 4),
    records: batch.records.slice(0, slots * batch.recordStride),
    rowOf: rowOf.slice(0, messages),
    rejects: rejects.slice(0, messages),
  }
}

test('what is unpacked is what was packed: numbers, texts, absent ones, tenants and rejects', () => {
  const packing = new Parcel(plan, null)
  const unpacking = new Parcel(plan, packing.memory)
  const to = new Taken(plan)
  for (const [seed, count] of [batchRowsMax, 40, 1, 5, 200].entries()) {
    const messages = messagesOf(count, seed * 1000)
    const from = takeIn(seed, messages, seed % 2 === 0)
    const slip = structuredClone(packing.pack(from, count, true))
    unpacking.unpack(slip, messages, to)
    assert.deepEqual(contentOf(to, count), contentOf(from, count), `seed ${seed}`)
  }
})

test('of a batch that is used in part there is that part', () => {
  const messages = messagesOf(100, 0)
  const parcel = new Parcel(plan, null)
  const slip = parcel.pack(takeIn(1, messages, true), 100, true)
  const to = new Taken(plan)
  parcel.unpack(slip, messages.slice(0, 50), to)
  const part = takeIn(1, messages, true)
  part.batch.count = 45
  assert.deepEqual(contentOf(to, 50), contentOf(part, 50))
})

test('texts stay behind where nobody asks for them, and nothing else does', () => {
  const messages = messagesOf(30, 0)
  const parcel = new Parcel(plan, null)
  const from = takeIn(3, messages, false)
  const slip = parcel.pack(from, 30, false)
  assert.equal(slip.texts, null)
  const to = new Taken(plan)
  parcel.unpack(slip, messages, to)
  const withoutTexts = (taken: Taken) => ({ ...contentOf(taken, 30), transactions: [] })
  assert.deepEqual(withoutTexts(to), withoutTexts(from))
  assert.equal(to.transactions[2]!.amountMinor, from.transactions[2]!.amountMinor)
  assert.equal(to.transactions[2]!.id, '')
})

test('a parcel is given again once its batch was used, in turn', () => {
  const thread = new Turns()
  const decider = new Turns(thread.memory)
  const inTurn = Array.from({ length: parcelsMax }, (_, parcel) => parcel)
  assert.deepEqual(
    inTurn.map(() => thread.take()),
    inTurn,
  )
  assert.equal(thread.isFree, false)
  for (let used = 0; used < 3; used++) decider.release()
  assert.deepEqual([thread.take(), thread.take(), thread.take()], [0, 1, 2])
  assert.equal(thread.isFree, false)
})
