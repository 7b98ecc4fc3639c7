// Encoder, store and fold together against the naive twin: seeded transactions at the boundaries of windows, with reversals,
// declines and labels, some sent again by another message (duplicates), some redelivered. Every number that is not marked
// approximate must be the twin's, bit for bit; and the suite counts what it has met, so that it cannot pass by missing it.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Aggregate } from '../aggregate.ts'
import { compileCatalog } from '../catalog.ts'
import { parseDurationMs } from '../document.ts'
import { Fold } from '../fold.ts'
import { Observation, Seen } from '../observation.ts'
import { Plan } from '../plan.ts'
import { Encoder } from '../record.ts'
import {
  type Boundaries,
  boundaryTransactions,
  countBoundaries,
} from '../testing/boundary-transactions.ts'
import { delay, everyFeature, everySchema } from '../testing/every-feature.ts'
import { Oracle } from '../testing/oracle.ts'
import { makeRandom } from '../testing/random-transactions.ts'
import { Kind, type Transaction } from '../transaction.ts'
import type { Store } from './store.ts'

const windows = ['7s', '1m', '4m'] as const
const spansMs = windows.map((window) => parseDurationMs(window)!)
const caps = { card: 16, merchant: 24, 'card+merchant': 8 }
const batchRows = 64
const messagesPerRound = 30_000
const seed = 20_171_111
/** Least share of an aggregate's numbers that are neither 0 nor absent. */
const shareLeast = 0.3

interface Sent {
  readonly transaction: Transaction
  readonly offset: number
  readonly expected: readonly (number | null)[] | null
}

/** `rounds` of 30,000 messages, each in a store of its own; `valuesLeast`: numbers to compare. */
export function windowsSuite(
  name: string,
  open: (plan: Plan) => Promise<Store>,
  rounds: number,
  valuesLeast: number,
  boundariesLeast: number,
): void {
  test(`${name}: ${valuesLeast.toLocaleString('en')} numbers of random transactions equal the naive twin's, each boundary ${boundariesLeast.toLocaleString('en')} times`, async (t: TestContext) => {
    const features = everyFeature(windows)
    const catalog = compileCatalog({ file: 'test', value: { features }, lineOf: () => 1 })
    const plan = new Plan({ ...catalog, exact: caps }, everySchema)
    const met = new Met(plan)
    for (let round = 0; round < rounds; round++) {
      const store = await open(plan)
      t.after(() => store.close())
      await runRound(plan, store, met, seed + round)
      await store.close()
    }
    met.assert(valuesLeast, boundariesLeast)
  })
}

async function runRound(plan: Plan, store: Store, met: Met, seed: number): Promise<void> {
  const run = new Run(plan, store, met, seed)
  const random = makeRandom(seed)
  const oracle = new Oracle(plan.features, everySchema)
  const spans = [...spansMs, ...spansMs.map((ms) => ms + parseDurationMs(delay)!)]
  const options = { seed, count: messagesPerRound, spansMs: spans, lifecycle: 0.25 }
  let offset = 0
  let last: Sent | null = null
  for (const transaction of boundaryTransactions(everySchema, options)) {
    if (last !== null && random() < 0.01) {
      // The same content by another message: a duplicate, which touches nothing.
      await run.send({ ...last, offset: offset++ }, Seen.duplicate)
    }
    if (transaction.kind === Kind.transaction) met.countBoundaries(transaction, oracle, spans)
    const expected: (number | null)[] = oracle.add(transaction)
    last = { transaction, offset: offset++, expected }
    await run.send(last, Seen.fresh)
  }
  await run.flush()
}

/** What was compared, and what it was. */
class Met {
  redelivered = 0
  /** Per aggregate: numbers compared, of them not zero, and marked. */
  readonly tallies = new Map<Aggregate, { compared: number; some: number; marked: number }>()
  readonly #boundaries: Boundaries = {
    sameMs: 0,
    exactly: 0,
    younger: 0,
    older: 0,
    hopEdge: 0,
    capBefore: 0,
    capAt: 0,
    capAfter: 0,
  }

  constructor({ features }: Plan) {
    for (const { aggregate } of features) {
      this.tallies.set(aggregate!, { compared: 0, some: 0, marked: 0 })
    }
  }

  /** Counts the boundaries that a transaction meets in its journals. */
  countBoundaries(transaction: Transaction, oracle: Oracle, spans: readonly number[]): void {
    for (const [e, kind] of (['card', 'merchant'] as const).entries()) {
      const id = transaction.entities[e]!
      if (!id) continue
      const journal = oracle.journal(transaction.tenant, kind, id)
      countBoundaries(transaction, journal, caps[kind], spans, this.#boundaries)
    }
  }

  assert(valuesLeast: number, boundariesLeast: number): void {
    let compared = 0
    for (const [aggregate, tally] of this.tallies) {
      compared += tally.compared
      const told = `${aggregate}: ${JSON.stringify(tally)}`
      assert.ok(tally.some >= shareLeast * tally.compared, `mostly zero or absent: ${told}`)
      assert.ok(tally.marked > 0, `no hop was reached: ${told}`)
      assert.ok(tally.compared > tally.marked, `mostly approximate: ${told}`)
    }
    assert.ok(compared >= valuesLeast, `compared ${compared}`)
    for (const [boundary, met] of Object.entries(this.#boundaries) as [string, number][]) {
      assert.ok(met >= boundariesLeast, `${boundary} met ${met} times`)
    }
    assert.ok(this.redelivered > 0)
  }
}

/** Sends in batches; now and then the whole batch again, as after a lost acknowledgement. */
class Run {
  readonly #plan: Plan
  readonly #store: Store
  readonly #met: Met
  readonly #seed: number
  readonly #encoder: Encoder
  readonly #fold: Fold
  readonly #batch: Observation
  readonly #rows: Float64Array
  readonly #marks: Uint8Array
  readonly #random: () => number
  #pending: { readonly sent: Sent; readonly seen: Seen }[] = []

  constructor(plan: Plan, store: Store, met: Met, seed: number) {
    this.#plan = plan
    this.#store = store
    this.#met = met
    this.#seed = seed
    this.#random = makeRandom(seed + 1)
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
      assert.equal(batch.seen[row], expected, `offset ${sent.offset}, seed ${this.#seed}`)
      if (seen === Seen.fresh && sent.transaction.kind === Kind.transaction)
        this.#compare(row, sent, isRedelivery)
      if (isRedelivery) this.#met.redelivered++
    }
    this.#store.release(batch)
  }

  #compare(row: number, { transaction, expected }: Sent, isRedelivery: boolean): void {
    this.#fold.fill(transaction, row, this.#batch, this.#store, this.#rows, 0, this.#marks, 0)
    for (const [f, { name, aggregate }] of this.#plan.features.entries()) {
      const tally = this.#met.tallies.get(aggregate!)!
      if (this.#marks[f] === 1) {
        if (!isRedelivery) tally.marked++
        continue
      }
      tally.compared++
      const value = expected?.[f] ?? Number.NaN
      const found = this.#rows[f]!
      if (found !== 0 && !Number.isNaN(found)) tally.some++
      if (Object.is(found, value)) continue
      assert.fail(
        `${name} of ${transaction.id}: expected ${value}, found ${found} (seed ${this.#seed})`,
      )
    }
  }
}
