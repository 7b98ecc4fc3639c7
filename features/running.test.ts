// Running sums against the same fold without them and against the naive twin: in order, late, again as of an earlier view, over
// compactions and growth, with reversals and labels between. FoldRun folds each row in all three ways.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from './catalog.ts'
import { Plan } from './plan.ts'
import { type Declared, everyFeature, everySchema } from './testing/every-feature.ts'
import { type Folded, FoldRun } from './testing/fold-run.ts'
import { Oracle } from './testing/oracle.ts'
import { makeRandom, randomTransactions } from './testing/random-transactions.ts'
import { Kind, Transaction } from './transaction.ts'

const t0 = 1_700_000_000_000

function planOf(features: readonly Declared[], cap = 512): Plan {
  const catalog = compileCatalog({ file: 'test', value: { features }, lineOf: () => 1 })
  const exact = { card: cap, merchant: cap, 'card+merchant': cap }
  return new Plan({ ...catalog, exact }, everySchema)
}

for (const { seed, cap, lifecycle, share } of [
  { seed: 51, cap: 512, lifecycle: 0, share: 0.7 },
  { seed: 52, cap: 48, lifecycle: 0, share: 0.6 },
  { seed: 53, cap: 24, lifecycle: 0.01, share: 0.2 },
  { seed: 54, cap: 5, lifecycle: 0.002, share: 0.4 },
]) {
  test(`seed ${seed}: whatever comes in between, running sums change no bit; cap ${cap}, ${lifecycle * 100} % messages`, () => {
    const plan = planOf(everyFeature(['3s', '13s', '29s']), cap)
    const run = new FoldRun(plan)
    const oracle = new Oracle(plan.features, everySchema)
    const random = makeRandom(seed)
    const past: Folded[] = []
    const options = { seed, count: 700, entities: 2, stepMs: 300, lifecycle }
    for (const transaction of randomTransactions(everySchema, options)) {
      if (random() < 0.01) run.journals.compact = !run.journals.compact
      const expected = oracle.add(transaction)
      const row = run.add(transaction)
      if (transaction.kind !== Kind.transaction) continue
      for (const [f, { name }] of plan.features.entries()) {
        if (run.approximate[f] === 1) continue
        const value = expected[f] ?? Number.NaN
        assert.ok(Object.is(row[f], value), `${name}: expected ${value}, found ${row[f]}`)
      }
      past.push(run.last(transaction))
      // Redelivery: as of its view, which may be long ago.
      while (random() < 0.2) {
        const back = Math.floor(past.length * random() ** 8)
        run.again(past[past.length - 1 - Math.min(back, cap, past.length - 1)]!)
      }
    }
    const { carried, folded } = run
    assert.ok(carried > share * folded, `carried ${carried} of ${folded}`)
  })
}

test('on whole seconds, as windows are, everything is at an edge, and running sums are the naive twin’s', () => {
  const plan = planOf(everyFeature(['2s', '5s', '13s']))
  const run = new FoldRun(plan)
  const oracle = new Oracle(plan.features, everySchema)
  const options = { seed: 55, count: 450, entities: 2, stepMs: 700, lifecycle: 0 }
  for (const transaction of randomTransactions(everySchema, options)) {
    transaction.timeMs -= transaction.timeMs % 1000
    transaction.labelMs -= transaction.labelMs % 1000
    const expected = oracle.add(transaction)
    const row = run.add(transaction)
    for (const [f, { name }] of plan.features.entries()) {
      const value = expected[f] ?? Number.NaN
      assert.ok(Object.is(row[f], value), `${name}: expected ${value}, found ${row[f]}`)
    }
  }
  assert.ok(run.carried > 0.5 * run.folded, `carried ${run.carried} of ${run.folded}`)
})

/** A row for each of `steps` of one card, from 10 s after the step before on, or as it says. */
function rowsOf(features: readonly Declared[], steps: readonly Partial<Transaction>[]): number[][] {
  const run = new FoldRun(planOf(features))
  return steps.map((step, index) => {
    const transaction = new Transaction(2, 2)
    const base = { id: `t${index}`, tenant: 'default', timeMs: t0 + index * 10_000, amountMinor: 1 }
    Object.assign(transaction, base, { entities: ['c', null], fields: ['5', '1'] }, step)
    return run.add(transaction)
  })
}

const minute = { entity: 'card', window: '1m', current: 'excluded' }
const count = { ...minute, name: 'count', aggregate: 'count' }

test('a record leaves a running window at its length, not a ms before', () => {
  // t0 |----------------------- 1m -----------------------| t0 + 60,000: out; one ms earlier it is in.
  const first = [{}, { timeMs: t0 + 1 }, { timeMs: t0 + 2 }]
  const at = (timeMs: number): number => rowsOf([count], [...first, { timeMs }]).at(-1)![0]!
  assert.deepEqual([at(t0 + 59_999), at(t0 + 60_000), at(t0 + 60_001)], [3, 2, 1])
})

test('records at the same ms are in a running window as they came before', () => {
  assert.deepEqual(
    rowsOf([count], [{}, { timeMs: t0 }, { timeMs: t0 }, { timeMs: t0 }]).map(([n]) => n),
    [0, 1, 2, 3],
  )
})

test('a late record is put where it belongs, and leaves when its time has come', () => {
  const late = [{}, {}, { timeMs: t0 + 30_000 }, { timeMs: t0 + 5_000 }, { timeMs: t0 + 40_000 }]
  // Behind it: 0, 10, 30 and 5 s of which 0 and 5 s are out at 65 s.
  const rows = rowsOf([count], [...late, { timeMs: t0 + 65_000 }, { timeMs: t0 + 90_000 }])
  assert.deepEqual(
    rows.slice(4).map(([n]) => n),
    [4, 3, 2],
  )
})

test('the least amount is looked for when it leaves, and the same amount may be there again', () => {
  const least = { ...minute, name: 'min', aggregate: 'min', of: 'amount' }
  const steps = [3, 5, 3, 9, 7, 8, 8, 8, 8, 8, 8].map((amountMinor) => ({ amountMinor }))
  const rows = rowsOf([least], steps).map(([n]) => n)
  assert.deepEqual(rows, [Number.NaN, 3, 3, 3, 3, 3, 3, 3, 7, 7, 8])
})

test('a value that comes back counts once, and as long as its latest record is in the window', () => {
  const distinct = { ...minute, name: 'values', aggregate: 'distinct', of: 'mcc' }
  const steps = ['1', '2', '1', '3', '3', '3', '3', '3', '3', '3'].map((mcc) => ({
    fields: [mcc, '1'],
  }))
  const rows = rowsOf([distinct], steps).map(([n]) => n)
  // At 70 s the window holds 1 3 3 3 3 of 20 s to 60 s; the 2 of 10 s is gone.
  assert.deepEqual(rows, [0, 1, 2, 2, 3, 3, 3, 2, 1, 1])
})

test('a value that comes back at the ms at which it leaves a shorter window is new there, and not in the longer one', () => {
  const distinct = { ...minute, aggregate: 'distinct', of: 'mcc' }
  const short = { ...distinct, name: 'short', window: '10s' }
  const long = { ...distinct, name: 'long' }
  const steps = [{}, {}, {}, {}, {}, { timeMs: t0 + 45_000 }]
  // 0 ··· 10 ··· 20 ··· 30 ··· 40 · 45 s: the one ten seconds before is always just out of the short window.
  const rows = rowsOf([short, long], steps)
  const shorts = rows.map(([n]) => n)
  assert.deepEqual(shorts, [0, 0, 0, 0, 0, 1])
  const longs = rows.map(([, n]) => n)
  assert.deepEqual(longs, [0, 1, 1, 1, 1, 1])
})

test('a label that comes while its transaction is in the running window counts from then on, and leaves with it', () => {
  const frauds = {
    entity: 'card',
    window: '1m',
    name: 'frauds',
    aggregate: 'fraud_count',
    delay: '10s',
  }
  const labelled = { verdict: 2, labelMs: t0 + 40_000 } as const
  const rows = rowsOf([frauds], [{}, {}, labelled, {}, {}, {}, {}, {}, {}, {}, {}]).map(([n]) => n)
  // At 20 s, in windows from 30 s on, known at 40 s, out at 90 s.
  assert.deepEqual(rows, [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0])
})

test('a transaction that is folded again does not see what came after it at the same ms', () => {
  const run = new FoldRun(planOf([count]))
  const rows = [0, 0, 0, 0].map((timeMs, index) => {
    const transaction = new Transaction(2, 2)
    Object.assign(transaction, { id: `t${index}`, tenant: 'default', timeMs: t0 + timeMs })
    transaction.entities[0] = 'c'
    run.add(transaction)
    return run.last(transaction)
  })
  assert.deepEqual(
    rows.map((folded) => run.again(folded)),
    [[0], [1], [2], [3]],
  )
})

test('running sums of another catalog with the same records are not taken for one’s own', () => {
  const ten = { ...count, window: '10s' }
  const run = new FoldRun(planOf([count]))
  const other = new FoldRun(planOf([ten]), run.journals)
  for (let index = 0; index < 9; index++) {
    const transaction = new Transaction(2, 2)
    Object.assign(transaction, { id: `t${index}`, tenant: 'default', timeMs: t0 + index * 4000 })
    transaction.entities[0] = 'c'
    assert.deepEqual(run.add(transaction), [index])
    assert.deepEqual(other.again(run.last(transaction)), [Math.min(index, 2)])
  }
})
