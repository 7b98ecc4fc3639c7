// Long journals with tiny caps: what is not marked approximate equals the oracle, what is marked is marked for a reason, and
// is off by no more than that. And hops are sums: no order of adding changes a bit.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Aggregate, aggregates, ruleOf } from './aggregate.ts'
import { compileCatalog, type Feature } from './catalog.ts'
import { Slice } from './hops.ts'
import { Plan } from './plan.ts'
import { sketchError } from './sketch.ts'
import { FoldRun } from './testing/fold-run.ts'
import { HopOracle } from './testing/hop-oracle.ts'
import { Oracle } from './testing/oracle.ts'
import { type RandomOptions, randomTransactions } from './testing/random-transactions.ts'
import { Kind, messageKinds, Transaction, type TransactionSchema } from './transaction.ts'

const schema: TransactionSchema = {
  entities: ['card', 'merchant'],
  primary: 0,
  fields: ['mcc'],
  hasLocation: true,
  hasLabel: true,
  kinds: [],
}

/** Every aggregate, of one entity, in windows that hold a few transactions, many, and nearly all. */
function features(aggregatesOf: readonly Aggregate[], windows: readonly string[]): Feature[] {
  const list = windows.flatMap((window) =>
    aggregatesOf.flatMap((aggregate) => {
      const { of, over, isEarlierOnly, option } = ruleOf(aggregate)
      const name = `${aggregate}_${window}`
      const one = {
        name,
        entity: 'card',
        aggregate,
        window,
        ...(of === 'value' && { of: 'mcc' }),
        ...(option === 'short' && { short: '3s' }),
      }
      const late = { ...one, name: `${name}_late`, delay: '20s' }
      const some = { ...one, name: `${name}_some`, where: { mcc: ['1', '3'] } }
      const all = { ...one, name: `${name}_all`, basis: 'gross' }
      const before = { ...one, name: `${name}_before`, current: 'excluded' }
      return [
        one,
        late,
        some,
        ...(over === 'messages' ? [] : [all]),
        ...(isEarlierOnly ? [] : [before]),
      ]
    }),
  )
  return [...compileCatalog({ file: 'test', value: { features: list }, lineOf: () => 1 }).features]
}

function planOf(all: readonly Feature[], cap: number, hasKinds: boolean): Plan {
  const catalog = { features: all, exact: { card: cap, merchant: cap }, hash: '' }
  return new Plan(catalog, { ...schema, kinds: hasKinds ? messageKinds : [] })
}

interface Tally {
  exact: number
  approximate: number
  /** Marked, and right all the same. */
  lucky: number
}

function compare(all: readonly Feature[], cap: number, options: RandomOptions): Map<string, Tally> {
  const plan = planOf(all, cap, options.lifecycle > 0)
  const run = new FoldRun(plan)
  run.journals.compact = options.seed % 2 === 0
  const oracle = new Oracle(plan.features, plan.schema)
  const tallies = new Map(all.map(({ name }) => [name, { exact: 0, approximate: 0, lucky: 0 }]))
  for (const transaction of randomTransactions(plan.schema, options)) {
    const journal = [...oracle.journal(transaction.tenant, 'card', transaction.entities[0]!)]
    const expected = oracle.add(transaction)
    const found = run.add(transaction)
    if (transaction.kind !== Kind.transaction) continue
    const newestMs = Math.max(
      ...journal.filter(({ kind }) => kind === Kind.transaction).map(({ timeMs }) => timeMs),
    )
    assert.equal(run.lateMs, Math.max(0, newestMs - transaction.timeMs), 'late')
    const hops = new HopOracle(transaction.timeMs, journal, cap)
    for (const [f, feature] of all.entries()) {
      const tally = tallies.get(feature.name)!
      const value = expected[f] ?? Number.NaN
      const isEqual = Object.is(found[f], value)
      const { isApproximate, uncertain } = hops.mark(feature)
      const where = `${feature.name} of ${transaction.id}, ${JSON.stringify({ ...options, cap })}`
      const isMarked = run.approximate[f] === 1
      if (isApproximate !== null) assert.equal(isMarked, isApproximate, `mark of ${where}`)
      if (!isMarked) assert.ok(isEqual, `${where}: expected ${value}, found ${found[f]}`)
      else if (options.lifecycle === 0) assertNear(feature, found[f]!, value, uncertain, where)
      if (isMarked) tally.approximate++
      else tally.exact++
      if (isMarked && isEqual) tally.lucky++
    }
  }
  return tallies
}

/** Without reversals a number is off by no more than the records whose place is uncertain. */
function assertNear(
  { aggregate }: Feature,
  found: number,
  expected: number,
  uncertain: readonly { readonly amount: number }[],
  where: string,
): void {
  if (aggregate === 'count' || aggregate === 'fraud_count') {
    assert.ok(Math.abs(found - expected) <= uncertain.length, `${where}: ${found}, ${expected}`)
  }
  if (aggregate === 'sum' && !Number.isNaN(expected)) {
    const amounts = uncertain.map(({ amount }) => amount).filter((amount) => !Number.isNaN(amount))
    const slack = Number(amounts.reduce((sum, amount) => sum + BigInt(amount), 0n))
    const rounding = 2 * Number.EPSILON * Math.max(found, expected)
    assert.ok(Math.abs(found - expected) <= slack + rounding, `${where}: ${found}, ${expected}`)
  }
}

/** What needs no reversals or declines. */
const ofTransactions = aggregates.filter((aggregate) => ruleOf(aggregate).over !== 'messages')

describe('marks and values over hops', () => {
  const windows = ['5s', '1m', '10m']
  for (const [seed, cap, entities, stepMs] of [
    [11, 2, 1, 300],
    [12, 4, 2, 300],
    [13, 16, 1, 1000],
    [14, 3, 1, 20],
    [15, 32, 3, 5000],
  ] as const) {
    test(`seed ${seed}: cap ${cap}, ${entities} cards, a transaction every ${stepMs} ms, out of order`, () => {
      const options = { seed, count: 500, entities, stepMs, lifecycle: 0 }
      const tallies = compare(features(ofTransactions, windows), cap, options)
      const sum = [...tallies.values()].reduce((a, b) => ({
        exact: a.exact + b.exact,
        approximate: a.approximate + b.approximate,
        lucky: a.lucky + b.lucky,
      }))
      assert.ok(sum.approximate > 100 && sum.exact > 100, JSON.stringify(sum))
    })
  }

  for (const [seed, cap] of [
    [21, 2],
    [22, 8],
    [23, 24],
  ] as const) {
    test(`seed ${seed}: cap ${cap}, with reversals and label messages`, () => {
      const options = { seed, count: 400, entities: 1, stepMs: 300, lifecycle: 0.15 }
      compare(features(aggregates, windows), cap, options)
    })
  }

  test('in a journal in order, only windows with an edge inside a slice and what is of values are marked', () => {
    const all = features(ofTransactions, ['1000s']).filter(({ where }) => where === null)
    const plan = planOf(all, 8, false)
    const run = new FoldRun(plan)
    const marked = new Set<string>()
    // One transaction for each of the 64 slices that a window has: edges fall between slices.
    for (let n = 0; n < 300; n++) {
      run.add(card(`t${n}`, 1_699_999_984_000 + n * 16_000))
      for (const [f, { name }] of all.entries()) if (run.approximate[f] === 1) marked.add(name)
    }
    const sketched = all.filter(({ aggregate }) => ['distinct', 'share'].includes(aggregate!))
    assert.deepEqual([...marked].sort(), sketched.map(({ name }) => name).sort())
  })
})

function card(id: string, timeMs: number, mcc = '1'): Transaction {
  const transaction = new Transaction(2, 1)
  Object.assign(transaction, { id, tenant: 'default', timeMs, atMs: timeMs, amountMinor: 100 })
  transaction.entities[0] = 'c'
  transaction.fields[0] = mcc
  return transaction
}

test('one card at ten thousand merchants: the count is exact, the distinct count is near, and says so', () => {
  const all = features(['count', 'distinct'], ['365d']).filter(({ where }) => where === null)
  const run = new FoldRun(planOf(all, 64, false))
  for (let n = 0; n < 9999; n++) run.append(card(`t${n}`, 1.7e12 + n * 60_000, `m${n}`))
  const row = run.add(card('last', 1.7e12 + 9999 * 60_000, 'other'))
  const of = (name: string): number => row[all.findIndex((feature) => feature.name === name)]!
  assert.deepEqual([of('count_365d'), of('count_365d_before')], [10_000, 9999])
  for (const name of ['distinct_365d', 'distinct_365d_late', 'distinct_365d_before']) {
    assert.ok(Math.abs(of(name) / 10_000 - 1) < 3 * sketchError, `${name}: ${of(name)}`)
    assert.equal(run.approximate[all.findIndex((feature) => feature.name === name)], 1)
  }
})

test('the counts of a sketch are as far off as is said: a standard error of 9.2 %', () => {
  const errors: number[] = []
  const all = features(['distinct'], ['365d']).slice(0, 1)
  for (let round = 0; round < 40; round++) {
    const run = new FoldRun(planOf(all, 16, false))
    for (let n = 0; n < 1999; n++) run.append(card(`t${n}`, 1.7e12 + n, `m${round} ${n}`))
    errors.push(run.add(card('last', 1.7e12 + 1999, 'other'))[0]! / 2000 - 1)
  }
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
  const square = errors.reduce((sum, error) => sum + error * error, 0) / errors.length
  assert.ok(Math.sqrt(square) < 1.4 * sketchError, `root mean square ${Math.sqrt(square)}`)
  assert.ok(Math.abs(mean) < 0.5 * sketchError, `mean ${mean}`)
})

//  late ──────────────────────────────────┐
//  ●●●●●●●●●●●●●●●●●●●●●●●● e ············●  newest, which came first and lies in hops
test('how late a transaction is, is known where the newest one lies in hops, also if no feature reads its journal', () => {
  for (const all of [features(['count'], ['1m']), features(['fraud_count'], ['1m']), []]) {
    const run = new FoldRun(planOf(all, 4, true))
    run.append(card('newest', 1.7e12 + 9_000_000))
    const reversal = card('reversed', 1.7e12 + 99_000_000)
    run.append(Object.assign(reversal, { kind: Kind.reversal, atMs: 1.7e12 }))
    for (let n = 0; n < 40; n++) run.add(card(`t${n}`, 1.7e12 + n))
    assert.equal(run.lateMs, 9_000_000 - 39)
  }
})

test('hops of the same records are the same bits, in whatever pieces they are added', () => {
  assertSameHops(aggregates, false)
})

test('and in whatever order, but for who was first and last at the same ms', () => {
  const ends = ['first', 'last', 'speed']
  assertSameHops(
    aggregates.filter((aggregate) => !ends.includes(aggregate)),
    true,
  )
})

test('a sum is exact however many records it is of, also where the low half of each amount is large', () => {
  const plan = planOf(features(['sum'], ['10m']), 8, false)
  const journal = plan.journals[0]!
  const { layout, width } = journal
  const hops = new Float64Array(journal.hopFloats)
  journal.clearHops(hops)
  const perPiece = 4096
  const data = new DataView(new ArrayBuffer(perPiece * width))
  const add = (amount: number): void => {
    for (let r = 0; r < perPiece; r++) data.setFloat64(r * width + layout.amount, amount, true)
    journal.addToHops(hops, data, 0, perPiece)
  }
  // 2^21 of them fill a float: from there on ones would be lost.
  for (let piece = 0; piece < 513; piece++) add(2 ** 32 - 1)
  add(1)
  add(1)
  const at = journal.hops.series[0]!.at + 1
  const [high, low] = [hops[at + Slice.sumHigh]!, hops[at + Slice.sumLow]!]
  const sum = (BigInt(high) << 32n) + BigInt(low)
  assert.equal(sum, BigInt(perPiece) * (513n * (2n ** 32n - 1n) + 2n))
})

function assertSameHops(of: readonly Aggregate[], isShuffled: boolean): void {
  const plan = planOf(features(of, ['5s', '10m']), 8, true)
  const { layout, width, hopFloats } = plan.journals[0]!
  const record = fc.record({
    timeMs: fc.integer({ min: 1.7e12, max: 1.7e12 + 2_000_000 }),
    kind: fc.constantFrom(0, 0, 0, 1, 2, 3),
    verdict: fc.constantFrom(0, 1, 2),
    amount: fc.oneof(fc.nat(3), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant(Number.NaN)),
    arrivalMs: fc.integer({ min: 1.7e12, max: 1.7e12 + 9_000_000 }),
  })
  const shuffled = fc
    .array(record, { maxLength: 40 })
    .chain((records) =>
      fc.tuple(
        fc.constant(records),
        isShuffled
          ? fc.shuffledSubarray(records, { minLength: records.length })
          : fc.constant(records),
        fc.nat(40),
      ),
    )
  type Made = typeof record extends fc.Arbitrary<infer T> ? T : never
  const sum = (records: readonly Made[], pieces: readonly number[]): Buffer => {
    const data = new DataView(new ArrayBuffer(Math.max(1, records.length) * width))
    for (const [r, { timeMs, kind, verdict, amount, arrivalMs }] of records.entries()) {
      const at = r * width
      data.setUint32(at, timeMs % 2 ** 32, true)
      data.setUint16(at + 4, Math.floor(timeMs / 2 ** 32), true)
      data.setUint8(at + 6, kind)
      data.setUint8(at + 7, kind === 1 ? 0 : verdict)
      data.setFloat64(at + layout.amount, amount, true)
      data.setFloat64(at + layout.label, arrivalMs, true)
    }
    const hops = new Float64Array(hopFloats)
    plan.journals[0]!.clearHops(hops)
    let from = 0
    for (const to of [...pieces, records.length]) {
      plan.journals[0]!.addToHops(hops, data, from * width, to - from)
      from = to
    }
    return Buffer.from(hops.buffer)
  }
  fc.assert(
    fc.property(shuffled, ([records, others, cut]) => {
      const whole = sum(records, [])
      assert.ok(whole.equals(sum(others, [Math.min(cut, others.length)])))
    }),
    { numRuns: 1000 },
  )
}
