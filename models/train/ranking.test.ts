// Claims about ranking measures: what scikit-learn computes, and what a count of pairs says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areaUnderRoc, averagePrecision, rank } from './ranking.ts'
import { minstd } from './testing/minstd.ts'

function measure(scores: readonly number[], isFraud: readonly number[]) {
  const ranking = rank(Float64Array.from(scores), Uint8Array.from(isFraud))
  return { auc: areaUnderRoc(ranking), ap: averagePrecision(ranking) }
}

/** Few distinct scores, so that many rows are tied; frauds lean upwards. */
function tiedRows(seed: number, count: number): { scores: number[]; isFraud: number[] } {
  const next = minstd(seed)
  const scores: number[] = []
  const isFraud: number[] = []
  for (let row = 0; row < count; row++) {
    const fraud = next() % 8 === 0
    scores.push(((next() % 31) + (fraud ? next() % 12 : 0)) / 42)
    isFraud.push(fraud ? 1 : 0)
  }
  return { scores, isFraud }
}

/** Over all pairs of a fraud and an honest row: won, or half of a tie. */
function naiveAuc({ scores, isFraud }: ReturnType<typeof tiedRows>): number {
  let won = 0
  let pairs = 0
  for (const [f, fraud] of scores.entries()) {
    for (const [h, honest] of scores.entries()) {
      if (isFraud[f] !== 1 || isFraud[h] !== 0) continue
      pairs++
      won += fraud > honest ? 1 : fraud === honest ? 0.5 : 0
    }
  }
  return won / pairs
}

/** For each distinct score as a threshold: precision there, times the recall it adds. */
function naivePrecision({ scores, isFraud }: ReturnType<typeof tiedRows>): number {
  const frauds = isFraud.filter((one) => one === 1).length
  let before = 0
  let sum = 0
  for (const threshold of [...new Set(scores)].sort((a, b) => b - a)) {
    const alerts = isFraud.filter((_, row) => scores[row]! >= threshold)
    const caught = alerts.filter((one) => one === 1).length
    sum += (caught / alerts.length) * ((caught - before) / frauds)
    before = caught
  }
  return sum
}

test("the example of scikit-learn's documentation", () => {
  // sklearn.metrics.roc_auc_score: 0.75, average_precision_score: 0.83 (user guide, "Model evaluation").
  const { auc, ap } = measure([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
  assert.equal(auc, 0.75)
  assert.equal(ap.toFixed(2), '0.83')
})

test('400 rows with ties measure as scikit-learn 1.9.1 measures them', () => {
  const { scores, isFraud } = tiedRows(7, 400)
  const { auc, ap } = measure(scores, isFraud)
  assert.ok(Math.abs(auc - 0.6069849690539345) < 1e-12, `${auc}`)
  assert.ok(Math.abs(ap - 0.3120728452444152) < 1e-12, `${ap}`)
})

test('any rows measure as a count of pairs and of thresholds says', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const rows = tiedRows(seed, 20 + seed)
    if (!rows.isFraud.includes(1)) continue
    const { auc, ap } = measure(rows.scores, rows.isFraud)
    assert.ok(Math.abs(auc - naiveAuc(rows)) < 1e-12, `seed ${seed}: ${auc}`)
    assert.ok(Math.abs(ap - naivePrecision(rows)) < 1e-12, `seed ${seed}: ${ap}`)
  }
})

test('the order of tied rows changes nothing', () => {
  assert.deepEqual(measure([1, 1, 1, 1], [1, 0, 0, 0]), measure([1, 1, 1, 1], [0, 0, 0, 1]))
  assert.deepEqual(measure([1, 1, 1, 1], [1, 0, 0, 0]), { auc: 0.5, ap: 0.25 })
})

test('rows without a score rank last, and are tied', () => {
  const none = Number.NEGATIVE_INFINITY
  assert.deepEqual(measure([none, none, 0, -1e300], [0, 1, 1, 0]), { auc: 0.625, ap: 0.75 })
})
