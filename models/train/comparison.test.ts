// Claims about a comparison: thresholds that hurt as many honest customers, counted by hand and naively, and models scored with
// their own inputs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare, comparisonTable, thresholdHurting } from './comparison.ts'
import { type Truth, thresholdEffect } from './judgement.ts'
import { minstd } from './testing/minstd.ts'

interface Judged {
  readonly customer: number
  readonly fraud: number
  readonly amount?: number
}

function truthOf(rows: readonly Judged[]): Truth {
  return {
    count: rows.length,
    isFraud: Uint8Array.from(rows, ({ fraud }) => fraud),
    timeMs: Float64Array.from(rows.keys()),
    customer: Float64Array.from(rows, ({ customer }) => customer),
    amountMinor: Float64Array.from(rows, ({ amount }) => amount ?? 1),
  }
}

test('the threshold is the lowest that hurts no more customers, one of them twice counting once', () => {
  // Customer 9 is defrauded: its honest row hurts nobody that is counted.
  const truth = truthOf([
    { customer: 1, fraud: 0 },
    { customer: 9, fraud: 1 },
    { customer: 1, fraud: 0 },
    { customer: 9, fraud: 0 },
    { customer: 2, fraud: 0 },
    { customer: 3, fraud: 0 },
    { customer: 9, fraud: 1 },
  ])
  const scores = Float64Array.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4)
  assert.equal(thresholdHurting(scores, truth, 0), Number.POSITIVE_INFINITY)
  assert.equal(thresholdHurting(scores, truth, 1), 0.6)
  // Two customers share the next score: none or both.
  assert.equal(thresholdHurting(scores, truth, 2), 0.6)
  assert.equal(thresholdHurting(scores, truth, 3), 0.4)
})

test('whoever tries every score as a threshold finds the same one', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const next = minstd(seed)
    const rows = Array.from({ length: 200 }, () => {
      const customer = next() % 60
      return { customer, fraud: customer % 7 === 0 && next() % 2 === 0 ? 1 : 0 }
    })
    const truth = truthOf(rows)
    const scores = Float64Array.from(rows, () => (next() % 90) / 90)
    for (const most of [0, 1, 5, 20, 60]) {
      const fits = [...scores].filter(
        (score) => thresholdEffect(scores, truth, score).honestCustomers <= most,
      )
      const naive = Math.min(Number.POSITIVE_INFINITY, ...fits)
      assert.equal(thresholdHurting(scores, truth, most), naive, `seed ${seed}, ${most}`)
    }
  }
})

test('all are put where the first one hurts its customers, and what they save there is told', () => {
  const truth = truthOf([
    { customer: 1, fraud: 0 },
    { customer: 8, fraud: 1, amount: 1000 },
    { customer: 9, fraud: 1, amount: 500 },
    { customer: 2, fraud: 0 },
  ])
  const champion = {
    name: 'champion 1',
    scores: Float64Array.of(0.6, 0.7, 0.2, 0.3),
    isProbability: true,
  }
  const stranger = {
    name: 'stranger 1',
    scores: Float64Array.of(0.2, 0.9, 0.8, 0.95),
    isProbability: false,
  }
  const comparison = compare([stranger, champion], champion, 0.5, truth)
  const [other, own] = comparison.rows
  assert.equal(comparison.referenceEffect.honestCustomers, 1)
  assert.equal(own!.effect.moneyCaughtMinor, 1000)
  assert.equal(other!.effect.moneyCaughtMinor, 1500)
  assert.equal(other!.effect.honestCustomers, 1)
  assert.equal(other!.brier, null)
  assert.ok(Math.abs(own!.brier! - (0.36 + 0.09 + 0.64 + 0.09) / 4) < 1e-12)
  const { markdown, text } = comparisonTable(comparison)
  assert.match(
    markdown[2]!,
    /^\| stranger 1 \|.* no probability \| 1,500 \(100\.0 %\) \| 100\.0 % \| 1 \|$/,
  )
  assert.match(text[2]!, /^champion 1 +\S+ .* 1,000 \(66\.7 %\)/)
  assert.match(text.join('\n'), /than champion 1 does at its deny threshold \(0\.5\): 1\./)
})
