// Claims about the split in time: who may be trained on, who may be judged, and who falls between.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Verdict } from '../../features/transaction.ts'
import { judgedRows, splitHistory, warmUpMsOf } from './split.ts'
import { makeTable, type TableRow } from './testing/table-rows.ts'

const day = 86_400_000

/** A row a day, each labelled `delay` days later. */
function daily(days: number, delay: number, change: (row: number) => TableRow = () => ({})) {
  return makeTable(
    1,
    Array.from({ length: days }, (_, row): TableRow => {
      const timeMs = row * day
      return { timeMs, verdict: Verdict.legit, labelMs: timeMs + delay * day, ...change(row) }
    }),
  )
}

test('rows to train on end a label delay before the rows to judge by begin', () => {
  // 101 days, labels after 7. Judged: the last 20 of 100 days.
  //   0 ─────────── 73 │ 73 ── 80 │ 80 ───── 100
  //   train, validation │   gap    │   judged
  const split = splitHistory(daily(101, 7), {
    warmUpMs: 0,
    labelDelayMs: null,
    judgedShare: 0.2,
    needsLabels: true,
  })
  assert.equal(split.labelDelayMs, 7 * day)
  assert.equal(split.asOfMs, 80 * day)
  assert.deepEqual(
    [...split.train],
    Array.from({ length: 62 }, (_, row) => row),
  )
  assert.deepEqual(
    [...split.validation],
    Array.from({ length: 11 }, (_, row) => 62 + row),
  )
  assert.deepEqual(
    [...split.judged],
    Array.from({ length: 21 }, (_, row) => 80 + row),
  )
  assert.deepEqual(split.leftOut, { warmUp: 0, unlabelled: 0, gap: 7, tooLate: 0 })
})

test('no row is trained on whose label came after the judged rows began', () => {
  const table = daily(101, 7, (row) => (row === 70 ? { labelMs: 81 * day } : {}))
  const split = splitHistory(table, {
    warmUpMs: 0,
    labelDelayMs: 7 * day,
    judgedShare: 0.2,
    needsLabels: true,
  })
  const known = [...split.train, ...split.validation]
  assert.ok(!known.includes(70))
  assert.equal(split.leftOut.tooLate, 1)
  for (const row of known) assert.ok(table.labelMs(row) <= split.asOfMs)
})

test('rows are not judged whose label had no time to come', () => {
  // As label messages do: none is newer than the history, so its last week has few.
  const table = daily(101, 7, (row) =>
    row > 93 && row % 2 === 0 ? {} : row > 93 ? { verdict: Verdict.none } : {},
  )
  const lastLabel = makeTable(
    1,
    Array.from({ length: 101 }, (_, row): TableRow => {
      const isKnown = row <= 93 || row === 97
      return {
        timeMs: row * day,
        verdict: isKnown ? Verdict.fraud : Verdict.none,
        labelMs: row === 97 ? 100 * day : isKnown ? (row + 7) * day : Number.NaN,
      }
    }),
  )
  const options = { warmUpMs: 0, labelDelayMs: 7 * day, judgedShare: 0.2, needsLabels: true }
  assert.deepEqual(splitHistory(lastLabel, options).judged.at(-1), 93)
  assert.equal(splitHistory(lastLabel, options).leftOut.tooLate, 1)
  // Where labels stand in the rows, with the time at which they will come, none is left out.
  assert.equal(splitHistory(table, options).judged.at(-1), 100)
})

test('rows of the warm-up and rows without a label are left out and counted', () => {
  const table = daily(101, 7, (row) => (row % 2 === 0 ? { verdict: Verdict.none } : {}))
  const split = splitHistory(table, {
    warmUpMs: 10 * day,
    labelDelayMs: null,
    judgedShare: 0.2,
    needsLabels: true,
  })
  assert.equal(split.train[0], 11)
  assert.equal(split.leftOut.warmUp, 10)
  assert.equal(split.leftOut.unlabelled, 46)
})

test('the label delay is what 99 of 100 labels took', () => {
  const table = daily(200, 3, (row) => (row === 5 ? { labelMs: 900 * day } : {}))
  const { labelDelayMs } = splitHistory(table, {
    warmUpMs: 0,
    labelDelayMs: null,
    judgedShare: 0.2,
    needsLabels: true,
  })
  assert.equal(labelDelayMs, 3 * day)
})

test('a history that is judged on another one is trained on to its end', () => {
  const split = splitHistory(daily(101, 7), {
    warmUpMs: 0,
    labelDelayMs: null,
    judgedShare: 0,
    needsLabels: true,
  })
  assert.equal(split.train.length + split.validation.length, 101)
  assert.equal(split.judged.length, 0)
  assert.deepEqual([...judgedRows(daily(5, 7), 2 * day)], [2, 3, 4])
})

test('the warm-up is the longest window, but not more than a share of the history', () => {
  assert.equal(warmUpMsOf(daily(101, 7), 5 * day, 0.25), 5 * day)
  assert.equal(warmUpMsOf(daily(101, 7), 90 * day, 0.25), 25 * day)
  assert.equal(warmUpMsOf(daily(0, 7), 90 * day, 0.25), 0)
})

test('a history without rows or labels splits into nothing', () => {
  for (const table of [daily(0, 7), daily(50, 7, () => ({ verdict: Verdict.none }))]) {
    const split = splitHistory(table, {
      warmUpMs: 0,
      labelDelayMs: null,
      judgedShare: 0.2,
      needsLabels: true,
    })
    assert.equal(split.train.length + split.validation.length + split.judged.length, 0)
  }
})

test('without labels all rows teach up to the day of training, but for frauds known by then', () => {
  // Of 101 days the first 80 teach. Fraud on day 70 is known on day 77, that on day 79 only on day 86.
  const table = daily(101, 7, (row) => ({
    verdict:
      row === 70 || row === 79 ? Verdict.fraud : row % 2 === 0 ? Verdict.none : Verdict.legit,
  }))
  const options = { warmUpMs: 0, labelDelayMs: null, judgedShare: 0.2, needsLabels: false }
  const split = splitHistory(table, options)
  const teaching = [...split.train, ...split.validation]
  assert.deepEqual(
    teaching,
    Array.from({ length: 80 }, (_, row) => row).filter((row) => row !== 70),
  )
  assert.equal(split.knownFrauds, 1)
  for (const row of split.judged) assert.ok(row >= 80 && table.isLabelled(row))
  assert.ok(split.judged.length > 0)
})

test('of a history without any label all rows teach', () => {
  const table = daily(50, 0, () => ({ verdict: Verdict.none, labelMs: Number.NaN }))
  const options = { warmUpMs: 0, labelDelayMs: null, judgedShare: 0, needsLabels: false }
  const split = splitHistory(table, options)
  assert.equal(split.train.length + split.validation.length, 50)
  assert.equal(split.judged.length, 0)
})
