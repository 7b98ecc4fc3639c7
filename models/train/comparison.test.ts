// Claims about a comparison: thresholds that hurt as many honest customers, counted by hand and naively, and models scored with
// their own inputs.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { shipped } from '../../engine/assemble.ts'
import { parseDocument, readDocument } from '../../engine/document.ts'
import { compileCatalog } from '../../features/catalog.ts'
import { readGolden } from '../manifest.ts'
import { openModel } from '../open.ts'
import { compare, comparisonTable, modelScores, thresholdHurting } from './comparison.ts'
import { type Truth, thresholdEffect } from './judgement.ts'
import { minstd } from './testing/minstd.ts'
import { makeTable } from './testing/table-rows.ts'

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

test('a model reads its own inputs wherever their columns are, absent ones imputed as it says', async () => {
  const catalog = compileCatalog(readDocument(shipped.catalog))
  const definitions = new Map(catalog.features.map(({ name, definition }) => [name, definition]))
  // A model with a number for absent values, and one that takes them as they are.
  for (const folder of [join(shipped.model, '../default-v2'), shipped.model]) {
    const model = await openModel(folder, definitions, parseDocument)
    const columns = model.inputs.length
    const golden = readGolden(readDocument(join(folder, 'golden.json')), columns)
    const absent = golden.rows.flat().filter((value) => value === null).length
    assert.ok(absent > 20, `${absent} absent values`)
    // The columns of the table the other way round.
    const features = catalog.features.toReversed()
    const places = features.map(({ name }) =>
      model.inputs.findIndex(({ feature }) => feature === name),
    )
    const table = makeTable(
      columns,
      golden.rows.map((row) => ({ values: places.map((place) => row[place] ?? Number.NaN) })),
    )
    const rows = Int32Array.from(golden.rows.keys()).reverse()
    const scores = await modelScores(model, features, table, rows)
    await model.close()
    const expected = golden.scores.toReversed()
    for (const [at, score] of expected.entries()) assert.ok(Math.abs(scores[at]! - score) < 1e-6)
  }
})
