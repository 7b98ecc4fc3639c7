// What other engines mean by a window, as they define it or compute it, and how it is said here. The vectors of pandas were made by
// testing/outside/pandas-rolling.py.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileCatalog } from './catalog.ts'
import { Plan } from './plan.ts'
import { FoldRun } from './testing/fold-run.ts'
import { Transaction, type TransactionSchema, Verdict } from './transaction.ts'

const schema: TransactionSchema = {
  entities: ['card'],
  primary: 0,
  fields: [],
  hasLocation: false,
  hasLabel: true,
  kinds: [],
}

interface Declared {
  readonly [key: string]: unknown
  readonly name: string
}

function runOf(features: readonly Declared[]): FoldRun {
  const declared = features.map((feature) => ({ entity: 'card', ...feature }))
  const document = { file: 'test', value: { features: declared }, lineOf: () => 1 }
  return new FoldRun(new Plan(compileCatalog(document), schema))
}

let made = 0

function transaction(timeMs: number, change: Partial<Transaction> = {}, card = 'c'): Transaction {
  const one = new Transaction(1, 0)
  const id = `t${made++}`
  Object.assign(one, { id, tenant: 'default', timeMs, atMs: timeMs, amountMinor: 1 }, change)
  one.entities[0] = card
  return one
}

interface PandasRow {
  readonly card: string
  readonly time: number
  readonly amount: number
  readonly fraud: number
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly std: number
  readonly frauds: number
  readonly labelled: number
}

const pandasFile = '#root/features/testing/outside/pandas-rolling.json'
const pandasRows = JSON.parse(
  readFileSync(fileURLToPath(import.meta.resolve(pandasFile)), 'utf8'),
) as PandasRow[]

//     t − W                      t
// ──────○──────●──────●─────●────●──▶   pandas: rolling('3D') is (t − W, t]; of the same time what stands before
//      out     in     in         in
test("pandas' rolling('3D') over time is the plain window: count, sum, min, max, mean and population deviation", () => {
  const window = '3d'
  const of = (aggregate: string): Declared => ({ name: aggregate, aggregate, window })
  const run = runOf(['count', 'sum', 'min', 'max', 'avg', 'stddev'].map(of))
  for (const row of pandasRows) {
    const found = run.add(transaction(row.time, { amountMinor: row.amount }, row.card))
    assert.deepEqual(found.slice(0, 4), [row.count, row.sum, row.min, row.max])
    assertNear(found[4]!, row.mean, 1e-12)
    assertNear(found[5]!, row.std, 1e-9)
  }
})

//   t − D − W            t − D           t
// ──────○────────●─────────●──────○──────e──▶   the handbook's terminal risk: rolling(D + W) less rolling(D)
//      out       in        in    out
test('the delayed risk window of the fraud detection handbook is a fraud count with delay: (t − D − W, t − D]', () => {
  const risk = { window: '3d', delay: '2d' }
  const run = runOf([
    { name: 'frauds', aggregate: 'fraud_count', ...risk },
    { name: 'rate', aggregate: 'fraud_rate', ...risk },
  ])
  for (const row of pandasRows) {
    // Labels are known at once there: the delay is what keeps them back.
    const verdict = row.fraud === 1 ? Verdict.fraud : Verdict.legit
    const [frauds, rate] = run.add(transaction(row.time, { verdict, labelMs: row.time }, row.card))
    assert.equal(frauds, row.frauds)
    assert.equal(rate, row.labelled === 0 ? Number.NaN : row.frauds / row.labelled)
  }
})

//   t − d                  t
// ────●────────●───────────●──▶   Kafka Streams: [t − d, t], both ends inclusive
//     in       in          in
test("Kafka Streams' sliding window of time difference d (KIP-450) is a window of d + 1 ms", () => {
  // KIP-450: "[…] inclusive on both the start and end time bounds": at 20, with a difference of 10, the window is [10, 20].
  const t0 = 1_700_000_000_000
  const run = runOf([{ name: 'n', aggregate: 'count', window: '11ms' }])
  const counts = [9, 10, 15, 20].map((ms) => run.add(transaction(t0 + ms))[0])
  assert.deepEqual(counts, [1, 2, 3, 3], '[10, 20] has 10, 15 and 20; 9 is out')
})

//   t − W               t
// ────●────────●────────○──▶   Chronon: [t − W, t), the query's own instant excluded
//     in       in      out
test("Chronon's [t − W, t) is `current: excluded` where nothing else has the same ms, and to the ms a delay of 1 ms", () => {
  // Chronon's NaiveAggregator counts a row when `queryTime > ts && ts >= queryTime − window`.
  const t0 = 1_700_000_000_000
  const run = runOf([
    { name: 'excluded', aggregate: 'count', window: '10ms', current: 'excluded' },
    { name: 'exactly', aggregate: 'count', window: '10ms', delay: '1ms' },
  ])
  run.add(transaction(t0))
  run.add(transaction(t0 + 4))
  assert.deepEqual(run.add(transaction(t0 + 9)), [2, 2])
  assert.deepEqual(run.add(transaction(t0 + 9)), [3, 2], 'the one at the same ms')
  assert.deepEqual(run.add(transaction(t0 + 10)), [3, 4], 'the one exactly W old')
})

function assertNear(found: number, expected: number, relative: number): void {
  const slack = relative * Math.max(1, Math.abs(expected))
  assert.ok(Math.abs(found - expected) <= slack, `expected ${expected}, found ${found}`)
}
