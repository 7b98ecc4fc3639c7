// Rows that come to a store many at a time, some of them again, while another batch may still be open: each is folded as if it
// had come alone. Under random catalogs, at the edges of their windows, with journals long enough for running sums.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from '../catalog.ts'
import { Fold } from '../fold.ts'
import { Observation, Seen } from '../observation.ts'
import { Plan } from '../plan.ts'
import { Encoder } from '../record.ts'
import { Head, State } from '../running-plan.ts'
import { everySchema } from '../testing/every-feature.ts'
import { FoldRun } from '../testing/fold-run.ts'
import { randomFeatures } from '../testing/random-catalog.ts'
import { makeRandom, randomTransactions } from '../testing/random-transactions.ts'
import { Kind, Transaction, Verdict } from '../transaction.ts'
import { View } from '../view.ts'
import { MemoryStore } from './memory.ts'

const t0 = 1_700_000_000_000
const batchRows = 64
const spansMs = [0, 0, 0, 1000, 2000, 5000, 13_000, 14_000, 29_000, 60_000]
const amounts = [0, 1, 1, 2, 3, 94_906_265, 94_906_266, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]

interface Sent {
  readonly transaction: Transaction
  readonly offset: number
  readonly row: readonly number[]
  readonly marks: Uint8Array
  readonly lateMs: number
}

/** Transactions at the edges of what is there: times, arrivals of labels, amounts that are there again. */
function* edgy(seed: number, count: number, lifecycle: number): Iterable<Transaction> {
  const random = makeRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const recent: number[] = []
  // On whole seconds, as windows are, what is not at an edge is at another one.
  const grainMs = seed % 2 === 0 ? 1000 : 1
  const options = { seed, count, entities: 2, stepMs: 150, lifecycle }
  for (const transaction of randomTransactions(everySchema, options)) {
    const nearMs = (): number => pick(recent) + pick(spansMs) + pick([-1, 0, 0, 1])
    if (transaction.kind === Kind.transaction && recent.length > 0) {
      if (random() < 0.3) transaction.timeMs = nearMs()
      if (random() < 0.5) transaction.amountMinor = pick(amounts)
      if (transaction.verdict !== Verdict.none && random() < 0.7) transaction.labelMs = nearMs()
      transaction.timeMs -= transaction.timeMs % grainMs
      transaction.atMs = transaction.timeMs
      transaction.labelMs -= transaction.labelMs % grainMs
    }
    recent.push(transaction.timeMs)
    if (recent.length > 20) recent.shift()
    yield transaction
  }
}

/** A store beside a run of the same rows one by one. */
class Beside {
  carried = 0
  readonly #plan: Plan
  readonly #store: MemoryStore
  readonly #encoder: Encoder
  readonly #fold: Fold
  readonly #whole: FoldRun
  readonly #view = new View()
  #offset = 0

  constructor(plan: Plan) {
    this.#plan = plan
    this.#store = new MemoryStore(plan, { bytesMax: 2 ** 28 })
    this.#encoder = new Encoder(plan, new Uint8Array(16))
    this.#fold = new Fold(plan)
    this.#whole = new FoldRun(plan)
  }

  take(transaction: Transaction): Sent {
    const row = this.#whole.add(transaction)
    const marks = this.#whole.approximate.slice()
    return { transaction, offset: this.#offset++, row, marks, lateMs: this.#whole.lateMs }
  }

  async observe(rows: readonly Sent[], seen: Seen): Promise<Observation> {
    const { journals, recordStride } = this.#plan
    const batch = new Observation(batchRows, journals.length, recordStride)
    batch.count = rows.length
    batch.partition.fill(0)
    for (const [r, { transaction, offset }] of rows.entries()) {
      batch.tenant[r] = transaction.tenant
      batch.offset[r] = offset
      batch.timeMs[r] = transaction.timeMs
      this.#encoder.encode(transaction, r, batch)
    }
    await this.#store.observe(batch)
    assert.deepEqual([...new Set(batch.seen.subarray(0, rows.length))], [seen])
    return batch
  }

  /** Folds a batch and releases it. */
  check(batch: Observation, rows: readonly Sent[]): void {
    const found = new Float64Array(this.#plan.features.length)
    const marks = new Uint8Array(found.length)
    for (const [r, { transaction, row, marks: expected, lateMs }] of rows.entries()) {
      if (transaction.kind !== Kind.transaction) continue
      const late = this.#fold.fill(transaction, r, batch, this.#store, found, 0, marks, 0)
      this.#count(batch, r, transaction)
      const slot = r * batch.entityCount
      const hasLeft = batch.applied.subarray(slot, slot + batch.entityCount).includes(1)
      for (const [f, { name }] of this.#plan.features.entries()) {
        const where = `${name} of row ${r}, ${transaction.id}`
        if (hasLeft && (marks[f] === 1 || expected[f] === 1)) continue
        assert.ok(Object.is(found[f], row[f]), `${where}: expected ${row[f]}, found ${found[f]}`)
        assert.equal(marks[f], expected[f], `mark of ${where}`)
      }
      if (!hasLeft) assert.equal(late, lateMs)
    }
    this.#store.release(batch)
  }

  #count(batch: Observation, r: number, { timeMs }: Transaction): void {
    for (let e = 0; e < batch.entityCount; e++) {
      const slot = r * batch.entityCount + e
      if (batch.present[slot] === 0) continue
      this.#store.view(batch.handle[slot]!, batch.ordinal[slot]!, this.#view)
      const { running, runningAt } = this.#view
      if (running?.[runningAt + Head.state] !== State.live) continue
      if (running[runningAt + Head.nowMs] === timeMs) this.carried++
    }
  }
}

test('under any catalog the rows of a batch fold as if each had come alone, also when they come again or late', async () => {
  let carried = 0
  for (let seed = 700; seed < 710; seed++) {
    const random = makeRandom(seed)
    const features = randomFeatures(random)
    const catalog = compileCatalog({ file: 'test', value: { features }, lineOf: () => 1 })
    const exact = { card: 40 + Math.floor(random() * 60), merchant: 64, 'card+merchant': 100 }
    const beside = new Beside(new Plan({ ...catalog, exact }, everySchema))
    const transactions = [...edgy(seed, 450, seed % 3 === 0 ? 0.01 : 0)]
    let open: (() => void) | null = null
    while (transactions.length > 0) {
      const size = 1 + Math.floor(batchRows * random() ** 2)
      const rows = transactions.splice(0, size).map((transaction) => beside.take(transaction))
      const batch = await beside.observe(rows, Seen.fresh)
      if (open === null && random() < 0.2) {
        // Folded only once the next batch's records are there.
        open = () => {
          beside.check(batch, rows)
        }
        continue
      }
      beside.check(batch, rows)
      open?.()
      open = null
      if (random() < 0.2) beside.check(await beside.observe(rows, Seen.redelivery), rows)
    }
    carried += beside.carried
  }
  assert.ok(carried > 1200, `carried ${carried}`)
})

test('what comes again when its record has left the exact tail leaves nothing in running sums', async () => {
  const count = { name: 'count', entity: 'card', aggregate: 'count', window: '30m' }
  const value = { features: [count] }
  const catalog = compileCatalog({ file: 'test', value, lineOf: () => 1 })
  const beside = new Beside(new Plan({ ...catalog, exact: { card: 40 } }, everySchema))
  const hourMs = 3_600_000
  const takeAt = (timeMs: number, index: number): Sent => {
    const transaction = new Transaction(2, 2)
    Object.assign(transaction, { id: `t${timeMs}-${index}`, tenant: 'default', timeMs })
    transaction.entities[0] = 'c'
    return beside.take(transaction)
  }
  // The first one is of a later time than all that follow: when it comes again, sums are brought to it.
  const first = takeAt(t0 + hourMs, 0)
  const old = Array.from({ length: 130 }, (_, index) => takeAt(t0 + index, index))
  for (const sent of [first, ...old]) beside.check(await beside.observe([sent], Seen.fresh), [sent])
  beside.check(await beside.observe([first], Seen.redelivery), [first])
  const carried = beside.carried
  for (let index = 0; index < 9; index++) {
    const next = takeAt(t0 + hourMs + index, 1 + index)
    beside.check(await beside.observe([next], Seen.fresh), [next])
  }
  assert.equal(beside.carried - carried, 9)
})
