// Encoder, store and fold together against the naive oracle: 200,000 seeded transactions, some sent again by another message
// (duplicates), some redelivered, must count once and equal the oracle integer for integer. Every store passes this.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { compileCatalog } from '../catalog.ts'
import { Fold } from '../fold.ts'
import { Observation, Seen } from '../observation.ts'
import { Plan } from '../plan.ts'
import { Encoder } from '../record.ts'
import { Oracle } from '../testing/oracle.ts'
import { makeRandom, randomTransactions } from '../testing/random-transactions.ts'
import { Kind, type Transaction, type TransactionSchema } from '../transaction.ts'
import type { Store } from './store.ts'

const schema: TransactionSchema = {
  entities: ['card', 'merchant', 'device'],
  primary: 0,
  fields: ['mcc'],
  hasLocation: false,
  hasLabel: true,
  hasKinds: true,
}

const features = [
  { name: 'card_n', entity: 'card', aggregate: 'count', window: '1m' },
  { name: 'card_sum', entity: 'card', aggregate: 'sum', of: 'amount', window: '10m' },
  { name: 'card_avg', entity: 'card', aggregate: 'avg', of: 'amount', window: '1h' },
  { name: 'card_merchants', entity: 'card', aggregate: 'distinct', of: 'merchant', window: '1h' },
  { name: 'card_since', entity: 'card', aggregate: 'since_last', window: '1d' },
  { name: 'card_frauds', entity: 'card', aggregate: 'fraud_count', window: '1h', delay: '1m' },
  {
    name: 'merchant_n',
    entity: 'merchant',
    aggregate: 'count',
    window: '10m',
    current: 'excluded',
  },
  { name: 'merchant_max', entity: 'merchant', aggregate: 'max', of: 'amount', window: '1h' },
  { name: 'merchant_rate', entity: 'merchant', aggregate: 'fraud_rate', window: '1d' },
  { name: 'device_min', entity: 'device', aggregate: 'min', of: 'amount', window: '1m' },
  { name: 'device_mccs', entity: 'device', aggregate: 'distinct', of: 'mcc', window: '10m' },
]

const batchRows = 64
const seed = 20_171_111

interface Sent {
  readonly transaction: Transaction
  readonly offset: number
  readonly expected: readonly (number | null)[] | null
}

export function windowsSuite(
  name: string,
  open: (plan: Plan) => Promise<Store>,
  count = 200_000,
): void {
  test(`${name}: ${count.toLocaleString('en')} random transactions equal the oracle, duplicates and redeliveries counted once`, async (t: TestContext) => {
    const catalog = compileCatalog({ file: 'test', value: { features }, lineOf: () => 1 })
    const plan = new Plan(catalog, schema, { caps: { card: 32, merchant: 64, device: 32 } })
    const store = await open(plan)
    t.after(() => store.close())
    const run = new Run(plan, store)
    const options = {
      seed,
      count,
      entities: Math.round(count * 0.015),
      stepMs: 40,
      lifecycle: 0.01,
    }
    const random = makeRandom(seed)
    const oracle = new Oracle(plan.features, schema)
    let offset = 0
    let last: Sent | null = null
    for (const transaction of randomTransactions(schema, options)) {
      if (last !== null && random() < 0.01) {
        // The same content by another message: a duplicate, which touches nothing.
        await run.send({ ...last, offset: offset++ }, Seen.duplicate)
      }
      const expected: (number | null)[] = oracle.add(transaction)
      last = { transaction, offset: offset++, expected }
      await run.send(last, Seen.fresh)
    }
    await run.flush()
    assert.ok(run.compared > 10 * count, `compared ${run.compared}`)
    assert.ok(run.approximate > 0, 'no hop was reached')
    assert.ok(run.redelivered > count / 200)
  })
}

/** Sends in batches; now and then the whole batch again, as after a lost acknowledgement. */
class Run {
  compared = 0
  approximate = 0
  redelivered = 0
  readonly #plan: Plan
  readonly #store: Store
  readonly #encoder: Encoder
  readonly #fold: Fold
  readonly #batch: Observation
  readonly #rows: Float64Array
  readonly #marks: Uint8Array
  readonly #random = makeRandom(seed + 1)
  #pending: { readonly sent: Sent; readonly seen: Seen }[] = []

  constructor(plan: Plan, store: Store) {
    this.#plan = plan
    this.#store = store
    this.#encoder = new Encoder(plan, new Uint8Array(16).fill(3))
    this.#fold = new Fold(plan)
    this.#batch = new Observation(batchRows, plan.journals.length, plan.recordStride)
    this.#rows = new Float64Array(plan.features.length)
    this.#marks = new Uint8Array(plan.features.length)
  }

  async send(sent: Sent, seen: Seen): Promise<void> {
    this.#pending.push({ sent, seen })
    if (this.#pending.length === batchRows) await this.flush()
  }

  async flush(): Promise<void> {
    await this.#observe(false)
    if (this.#random() < 0.02) await this.#observe(true)
    this.#pending = []
  }

  async #observe(isRedelivery: boolean): Promise<void> {
    const batch = this.#batch
    batch.count = this.#pending.length
    for (const [row, { sent }] of this.#pending.entries()) {
      batch.tenant[row] = sent.transaction.tenant
      batch.partition[row] = 0
      batch.offset[row] = sent.offset
      batch.timeMs[row] = sent.transaction.timeMs
      this.#encoder.encode(sent.transaction, row, batch)
    }
    await this.#store.observe(batch)
    for (const [row, { sent, seen }] of this.#pending.entries()) {
      const expected = isRedelivery && seen === Seen.fresh ? Seen.redelivery : seen
      assert.equal(batch.seen[row], expected, `offset ${sent.offset}, seed ${seed}`)
      if (seen === Seen.fresh && sent.transaction.kind === Kind.transaction)
        this.#compare(row, sent)
      if (isRedelivery) this.redelivered++
    }
    this.#store.release(batch)
  }

  #compare(row: number, { transaction, expected }: Sent): void {
    this.#fold.fill(transaction, row, this.#batch, this.#store, this.#rows, 0, this.#marks, 0)
    for (const [f, { name }] of this.#plan.features.entries()) {
      if (this.#marks[f] === 1) {
        this.approximate++
        continue
      }
      this.compared++
      const value = expected?.[f] ?? Number.NaN
      assert.ok(
        Object.is(this.#rows[f], value),
        `${name} of ${transaction.id}: expected ${value}, found ${this.#rows[f]} (seed ${seed})`,
      )
    }
  }
}
