// Claims about what scores are worth: the handbook's card precision, scikit-learn's Brier score and reliability, and effects
// of a threshold counted by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  brierScore,
  calibration,
  cardPrecision,
  type Truth,
  thresholdAt,
  thresholdEffect,
} from './judgement.ts'
import { minstd } from './testing/minstd.ts'

const dayMs = 86_400_000

interface TruthRow {
  readonly day: number
  readonly customer: number
  readonly fraud: number
  readonly score: number
  readonly amount?: number
}

function columns(rows: readonly TruthRow[]): { truth: Truth; scores: Float64Array } {
  const truth = {
    count: rows.length,
    isFraud: Uint8Array.from(rows, ({ fraud }) => fraud),
    timeMs: Float64Array.from(rows, ({ day }, index) => day * dayMs + index),
    customer: Float64Array.from(rows, ({ customer }) => customer),
    amountMinor: Float64Array.from(rows, ({ amount }) => amount ?? 0),
  }
  return { truth, scores: Float64Array.from(rows, ({ score }) => score) }
}

/** Six days, sixty customers, every ninth of them now and then defrauded. */
function handbookRows(): TruthRow[] {
  const next = minstd(11)
  return Array.from({ length: 600 }, () => {
    const day = next() % 6
    const customer = next() % 60
    const fraud = customer % 9 === 0 && next() % 3 === 0 ? 1 : 0
    return { day, customer, fraud, score: ((next() % 100_000) + 40_000 * fraud) / 140_000 }
  })
}

test("600 rows have the card precision@3 that the handbook's own function gives them", () => {
  // card_precision_top_k of shared_functions (Fraud-Detection-Handbook, commit 9e43e9bc, run with pandas 3.1.1 on the rows of
  // handbookRows): 2/3, 2/3, 1/3, 0, 1/3, 0 on the six days; cards with fraud of those not yet found: 4, 4, 2, 1, 1, 1.
  const { truth, scores } = columns(handbookRows())
  const { mean, days } = cardPrecision(scores, truth, 3)
  assert.equal(days, 6)
  assert.ok(Math.abs(mean - (2 / 3 + 2 / 3 + 1 / 3 + 1 / 3) / 6) < 1e-12, `${mean}`)
})

test('a card counts once a day, by its highest score, and no more once it was found', () => {
  const rows: TruthRow[] = [
    { day: 1, customer: 1, fraud: 0, score: 0.9 },
    { day: 1, customer: 1, fraud: 1, score: 0.1 },
    { day: 1, customer: 2, fraud: 0, score: 0.8 },
    { day: 2, customer: 1, fraud: 1, score: 0.9 },
    { day: 2, customer: 3, fraud: 1, score: 0.2 },
    { day: 2, customer: 2, fraud: 0, score: 0.1 },
  ]
  const { truth, scores } = columns(rows)
  // Day 1: card 1. Day 2: card 1 is blocked, so card 3.
  assert.deepEqual(cardPrecision(scores, truth, 1), { mean: 1, best: 1, days: 2 })
  assert.deepEqual(cardPrecision(scores, truth, 2), { mean: 0.5, best: 0.5, days: 2 })
  // Turned round, card 1 still leads day 1, by what was its lowest, and card 2 leads day 2.
  const turned = scores.map((score) => -score)
  assert.equal(cardPrecision(turned, truth, 1).mean, 0.5)
})

test("the Brier score of scikit-learn's documentation", () => {
  // sklearn.metrics.brier_score_loss: 0.0375.
  const score = brierScore(Float64Array.of(0.1, 0.9, 0.8, 0.3), Uint8Array.of(0, 1, 1, 0))
  assert.ok(Math.abs(score - 0.0375) < 1e-12, `${score}`)
})

test("the reliability curve of scikit-learn's documentation", () => {
  // sklearn.calibration.calibration_curve, n_bins=3: prob_true 0, 0.5, 1; prob_pred 0.2, 0.525, 0.85.
  const scores = Float64Array.of(0.1, 0.2, 0.3, 0.4, 0.65, 0.7, 0.8, 0.9, 1)
  const isFraud = Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 1, 1)
  const bands = calibration(scores, isFraud, [0, 1 / 3, 2 / 3, 1])
  assert.deepEqual(
    bands.map(({ rows, fraudShare }) => [rows, fraudShare]),
    [
      [3, 0],
      [2, 0.5],
      [4, 1],
    ],
  )
  for (const [band, expected] of [0.2, 0.525, 0.85].entries()) {
    assert.ok(Math.abs(bands[band]!.meanScore - expected) < 1e-12)
  }
})

test('a threshold catches frauds and money at or above it, and hurts customers who had no fraud', () => {
  const rows: TruthRow[] = [
    { day: 1, customer: 1, fraud: 1, score: 0.9, amount: 500 },
    { day: 1, customer: 1, fraud: 0, score: 0.6, amount: 70 },
    { day: 1, customer: 2, fraud: 1, score: 0.2, amount: 1500 },
    { day: 1, customer: 3, fraud: 0, score: 0.5, amount: 10 },
    { day: 2, customer: 3, fraud: 0, score: 0.7, amount: 20 },
    { day: 2, customer: 4, fraud: 0, score: 0.4, amount: 30 },
  ]
  const { truth, scores } = columns(rows)
  assert.deepEqual(thresholdEffect(scores, truth, 0.5), {
    threshold: 0.5,
    alerts: 4,
    fraudCaught: 0.5,
    moneyCaught: 0.25,
    moneyCaughtMinor: 500,
    precision: 0.25,
    honestAlerts: 3,
    honestCustomers: 1,
  })
  assert.equal(thresholdEffect(scores, truth, 1.1).alerts, 0)
})

test('a threshold at a share is reached by that share of the rows', () => {
  const next = minstd(3)
  const scores = Float64Array.from({ length: 5000 }, () => next() / 2 ** 31)
  for (const share of [0.002, 0.01, 0.5]) {
    const threshold = thresholdAt(scores, share)
    assert.equal(scores.filter((score) => score >= threshold).length, 5000 * share)
  }
})
