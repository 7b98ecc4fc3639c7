// The fold against its naive twin, and the sentences of docs/windows.md, each with its intervals drawn.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compileCatalog } from './catalog.ts'
import { Plan } from './plan.ts'
import { FoldRun } from './testing/fold-run.ts'
import { Oracle } from './testing/oracle.ts'
import { type RandomOptions, randomTransactions } from './testing/random-transactions.ts'
import { Kind, messageKinds, Transaction, type TransactionSchema, Verdict } from './transaction.ts'

const schema: TransactionSchema = {
  entities: ['card', 'merchant', 'device'],
  primary: 0,
  fields: ['mcc'],
  hasLocation: false,
  hasLabel: true,
  kinds: [],
}

interface Declared {
  readonly [key: string]: unknown
  readonly name: string
}

function makePlan(
  features: readonly Declared[],
  change: Partial<TransactionSchema> = {},
  cap = 512,
): Plan {
  const catalog = compileCatalog({ file: 'test', value: { features }, lineOf: () => 1 })
  const exact = { card: cap, merchant: cap, device: cap }
  return new Plan({ ...catalog, exact }, { ...schema, ...change })
}

const windows = ['1s', '10s', '1m', '10m']
const everything: Declared[] = [
  { name: 'amount', value: 'amount' },
  { name: 'mcc', value: 'mcc' },
  { name: 'hour', calendar: 'hour' },
  { name: 'is_late', calendar: 'hour', between: [5, 23] },
  { name: 'weekday', calendar: 'weekday' },
  { name: 'weekend', calendar: 'weekend' },
  { name: 'day', calendar: 'day' },
  ...windows.flatMap((window) =>
    ['card', 'merchant', 'device'].flatMap((entity) => [
      { name: `${entity}_count_${window}`, entity, aggregate: 'count', window },
      {
        name: `${entity}_before_${window}`,
        entity,
        aggregate: 'count',
        window,
        current: 'excluded',
      },
      { name: `${entity}_sum_${window}`, entity, aggregate: 'sum', of: 'amount', window },
      {
        name: `${entity}_sum_before_${window}`,
        entity,
        aggregate: 'sum',
        of: 'amount',
        window,
        current: 'excluded',
      },
      { name: `${entity}_avg_${window}`, entity, aggregate: 'avg', of: 'amount', window },
      { name: `${entity}_min_${window}`, entity, aggregate: 'min', of: 'amount', window },
      {
        name: `${entity}_max_${window}`,
        entity,
        aggregate: 'max',
        of: 'amount',
        window,
        current: 'excluded',
      },
      { name: `${entity}_mccs_${window}`, entity, aggregate: 'distinct', of: 'mcc', window },
      {
        name: `${entity}_merchants_${window}`,
        entity,
        aggregate: 'distinct',
        of: 'merchant',
        window,
        current: 'excluded',
      },
      { name: `${entity}_since_${window}`, entity, aggregate: 'since_last', window },
      { name: `${entity}_frauds_${window}`, entity, aggregate: 'fraud_count', window, delay: '5s' },
      { name: `${entity}_rate_${window}`, entity, aggregate: 'fraud_rate', window },
    ]),
  ),
]

/** Returns how many numbers were compared and how many were marked approximate. */
function compare(plan: Plan, options: RandomOptions, compact: boolean): [number, number] {
  const harness = new FoldRun(plan)
  harness.journals.compact = compact
  const oracle = new Oracle(plan.features, plan.schema)
  let compared = 0
  let approximate = 0
  for (const transaction of randomTransactions(plan.schema, options)) {
    const expected = oracle.add(transaction)
    const found = harness.add(transaction)
    if (transaction.kind !== Kind.transaction) continue
    for (const [f, { name }] of plan.features.entries()) {
      if (harness.approximate[f] === 1) {
        approximate++
        continue
      }
      compared++
      const value = expected[f] ?? Number.NaN
      assert.ok(
        Object.is(found[f], value),
        `${name} of ${transaction.id}: expected ${value}, found ${found[f]} (${JSON.stringify(options)})`,
      )
    }
  }
  return [compared, approximate]
}

describe('every feature equals the naive oracle, bit for bit', () => {
  for (const [seed, entities, stepMs] of [
    [1, 3, 400],
    [2, 1, 2000],
    [3, 40, 50],
  ] as const) {
    test(`seed ${seed}: ${entities} ids, a transaction every ${stepMs} ms`, () => {
      const options = { seed, count: 400, entities, stepMs, lifecycle: 0 }
      const [compared, approximate] = compare(makePlan(everything), options, false)
      assert.equal(approximate, 0)
      assert.equal(compared, 400 * everything.length)
    })
  }

  for (const [seed, cap] of [
    [4, 8],
    [5, 16],
    [6, 64],
  ] as const) {
    for (const compact of [false, true]) {
      test(`with hops: seed ${seed}, cap ${cap}, ${compact ? 'compacted' : 'whole'} journals`, () => {
        const options = { seed, count: 350, entities: 2, stepMs: 700, lifecycle: 0 }
        const [compared, approximate] = compare(makePlan(everything, {}, cap), options, compact)
        assert.ok(approximate > 0, 'no hop was reached')
        assert.ok(compared > approximate, 'nothing stayed exact')
      })
    }
  }

  test('with reversals and label messages', () => {
    const plan = makePlan(everything, { kinds: messageKinds })
    const options = { seed: 7, count: 500, entities: 3, stepMs: 500, lifecycle: 0.2 }
    const [, approximate] = compare(plan, options, false)
    assert.equal(approximate, 0)
  })
})

function transaction(id: string, timeMs: number, change: Partial<Transaction> = {}): Transaction {
  const made = new Transaction(3, 1)
  Object.assign(made, { id, timeMs, atMs: timeMs, tenant: 'default', amountMinor: 100 }, change)
  made.entities[0] = 'c'
  made.entities[1] = 'm'
  return made
}

const t0 = 1_700_000_000_000
const count10s: Declared = { name: 'n', entity: 'card', aggregate: 'count', window: '10s' }

describe('docs/windows.md', () => {
  //        t0        t0+1                t0+10s
  // ───────●─────────●───────────────────●──▶
  //        out (exactly one window old)  e
  test('2: a record exactly one window old is out, one a ms younger is in', () => {
    const harness = new FoldRun(makePlan([count10s]))
    harness.add(transaction('a', t0))
    harness.add(transaction('b', t0 + 1))
    assert.deepEqual(harness.add(transaction('e', t0 + 10_000)), [2])
  })

  test('2: at the same ms what came before counts, and what comes after does not', () => {
    const harness = new FoldRun(makePlan([count10s]))
    assert.deepEqual(harness.add(transaction('a', t0)), [1])
    assert.deepEqual(harness.add(transaction('b', t0)), [2])
  })

  //           e (last to arrive)
  // ──●───────●───────×──▶
  //   in              out: later than e
  test('3: records later than e do not count, and e is late', () => {
    const harness = new FoldRun(makePlan([count10s]))
    harness.add(transaction('a', t0))
    harness.add(transaction('z', t0 + 9000))
    assert.deepEqual(harness.add(transaction('e', t0 + 5000)), [2])
    assert.equal(harness.lateMs, 4000)
  })

  test('6: a reversal counts from its own time, whether it came before or after its transaction, or twice', () => {
    const reversal = (atMs: number): Transaction =>
      transaction('a', t0, { kind: Kind.reversal, atMs })
    for (const order of ['after', 'before', 'twice'] as const) {
      const harness = new FoldRun(makePlan([count10s], { kinds: messageKinds }))
      if (order === 'before') harness.add(reversal(t0 + 3000))
      harness.add(transaction('a', t0))
      if (order !== 'before') harness.add(reversal(t0 + 3000))
      if (order === 'twice') harness.add(reversal(t0 + 3000))
      assert.deepEqual(harness.add(transaction('early', t0 + 2999)), [2], order)
      assert.deepEqual(harness.add(transaction('e', t0 + 3000)), [2], order)
    }
  })

  //    t−D−W      t−D         e.time
  // ─────●──●──────●─────●──────●──▶   D = 5 s, W = 10 s
  //    out  in     in   too recent
  test('7: a label counts once it has arrived, in the delayed window of its transaction', () => {
    const rate: Declared = {
      name: 'r',
      entity: 'card',
      aggregate: 'fraud_rate',
      window: '10s',
      delay: '5s',
    }
    const frauds: Declared = { ...rate, name: 'f', aggregate: 'fraud_count' }
    const label = (id: string, timeMs: number, verdict: Verdict, labelMs: number): Transaction =>
      transaction(id, timeMs, { verdict, labelMs })
    const harness = new FoldRun(makePlan([rate, frauds]))
    harness.add(label('edge', t0, Verdict.fraud, t0))
    harness.add(label('in', t0 + 1, Verdict.fraud, t0 + 2))
    harness.add(label('legit', t0 + 10_000, Verdict.legit, t0 + 10_000))
    harness.add(label('unarrived', t0 + 2000, Verdict.fraud, t0 + 15_001))
    harness.add(label('recent', t0 + 10_001, Verdict.fraud, t0 + 10_002))
    harness.add(transaction('unlabelled', t0 + 3))
    const own = label('e', t0 + 15_000, Verdict.fraud, t0 + 15_000)
    assert.deepEqual(harness.add(own), [0.5, 1])
  })

  test('7: without labels the rate is absent and the count is 0', () => {
    const rate: Declared = { name: 'r', entity: 'card', aggregate: 'fraud_rate', window: '10s' }
    const harness = new FoldRun(makePlan([rate, { ...rate, name: 'f', aggregate: 'fraud_count' }]))
    harness.add(transaction('a', t0))
    assert.deepEqual(harness.add(transaction('e', t0 + 1)), [Number.NaN, 0])
  })

  test('8: sums are exact beyond 2^53, whatever the order', () => {
    const sum: Declared = {
      name: 's',
      entity: 'card',
      aggregate: 'sum',
      of: 'amount',
      window: '10s',
    }
    const large = Number.MAX_SAFE_INTEGER
    for (const amounts of [
      [large, 1, 1, large, 3],
      [3, large, large, 1, 1],
    ]) {
      const harness = new FoldRun(makePlan([sum]))
      let found: number[] = []
      for (const [index, amountMinor] of amounts.entries()) {
        found = harness.add(transaction(`t${index}`, t0 + index, { amountMinor }))
      }
      assert.deepEqual(found, [Number(BigInt(large) * 2n + 5n)])
    }
  })

  test('8: a record without an amount is skipped, and its own amount features are absent', () => {
    const avg: Declared = {
      name: 'a',
      entity: 'card',
      aggregate: 'avg',
      of: 'amount',
      window: '10s',
    }
    const before: Declared = { ...avg, name: 'b', current: 'excluded' }
    const harness = new FoldRun(makePlan([avg, before]))
    harness.add(transaction('a', t0, { amountMinor: 30 }))
    const none = transaction('b', t0 + 1, { amountMinor: Number.NaN })
    assert.deepEqual(harness.add(none), [Number.NaN, 30])
    assert.deepEqual(harness.add(transaction('c', t0 + 2, { amountMinor: 50 })), [40, 30])
  })
})

test('features that the mapping cannot deliver are listed and absent', () => {
  const plan = makePlan([
    count10s,
    { name: 'x', entity: 'ip', aggregate: 'count', window: '1d' },
    { name: 'y', entity: 'card', aggregate: 'distinct', of: 'colour', window: '1d' },
    { name: 'z', value: 'height' },
  ])
  assert.deepEqual(plan.absent, ['x', 'y', 'z'])
  const row = new FoldRun(plan).add(transaction('a', t0))
  assert.deepEqual(row, [1, Number.NaN, Number.NaN, Number.NaN])
})

test('an entity that a transaction lacks leaves its features absent', () => {
  const plan = makePlan([{ name: 'd', entity: 'device', aggregate: 'count', window: '1d' }])
  assert.deepEqual(new FoldRun(plan).add(transaction('a', t0)), [Number.NaN])
})
