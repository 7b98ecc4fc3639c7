// How scores are read is what agrees with the golden ones, and the usual one of several that do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sigmoid } from '../reading.ts'
import { guessReading, type RawOutput, type Wishes } from './guess.ts'

const open: Wishes = { output: null, column: null, kind: null, fraud: 1 }
const scores = [0.1, 0.8, 0.3]

const output = (name: string, values: readonly number[], columns = 1): RawOutput => {
  return { name, isLabel: false, columns, values: Float64Array.from(values) }
}
const labels = (values: readonly number[]): RawOutput => {
  return { ...output('label', values), isLabel: true }
}
const classes = (values: readonly number[]): RawOutput =>
  output(
    'classes',
    values.flatMap((one) => [1 - one, one]),
    2,
  )
const margins = (values: readonly number[]): RawOutput =>
  output(
    'margin',
    values.map((one) => Math.log(one / (1 - one))),
  )

function read(
  outputs: readonly RawOutput[],
  said: readonly number[],
  wishes: Partial<Wishes> = {},
) {
  const guess = guessReading(outputs, said, { ...open, ...wishes }, 1e-6)
  if (guess === null) return null
  const { reading, isOnly, difference } = guess
  const text = `${reading.name} ${reading.column} ${reading.kind}`
  return { text, isOnly, agrees: difference <= 1e-6 }
}

test('the one reading that agrees is taken, whatever is usual', () => {
  const only = { isOnly: true, agrees: true }
  const complement = scores.map((one) => 1 - one)
  assert.deepEqual(read([classes(scores)], scores), { text: 'classes 1 probability', ...only })
  assert.deepEqual(read([classes(scores)], complement), { text: 'classes 0 probability', ...only })
  assert.deepEqual(read([margins(scores)], scores), { text: 'margin 0 margin', ...only })
  const both = [labels([0, 1, 0]), output('other', [1, 2, 3])]
  assert.deepEqual(read(both, [0, 1, 0]), { text: 'label 0 label', ...only })
  assert.deepEqual(read(both, [7, 1, 0], { fraud: 1 }), { text: 'label 0 label', ...only })
})

test('of several that agree a probability comes before a margin, and both before a label', () => {
  const all = [labels([0, 1, 0]), margins(scores), classes(scores)]
  const several = { isOnly: false, agrees: true }
  assert.deepEqual(read(all, scores), { text: 'classes 1 probability', ...several })
  assert.deepEqual(read([labels([0, 1]), output('score', [0, 1])], [0, 1]), {
    text: 'score 0 probability',
    ...several,
  })
})

test('where none agrees the nearest is taken, and never labels for scores that are none', () => {
  const off = scores.map((one) => one + 0.01)
  // A classifier that finds no fraud: every label is 0, and so is every score that is not 1.
  const all = [labels([0, 0, 0]), classes(scores)]
  assert.deepEqual(read(all, off), {
    text: 'classes 1 probability',
    isOnly: false,
    agrees: false,
  })
  const strange = [output('a', [Number.NaN, 0, 0]), output('b', [5, 5, 5])]
  assert.deepEqual(read(strange, [2, 3, 4], { kind: 'anomaly' }), {
    text: 'b 0 anomaly',
    isOnly: false,
    agrees: false,
  })
})

test('margins may be said as they are, or as their probabilities', () => {
  const said = [margins(scores)]
  const asMargin = { kind: 'margin' } as const
  const expected = { text: 'margin 0 margin', isOnly: true, agrees: true }
  assert.deepEqual(read(said, scores, asMargin), expected)
  assert.deepEqual(read(said, [...said[0]!.values], asMargin), expected)
  assert.equal(sigmoid(said[0]!.values[1]!).toFixed(6), '0.800000')
})

test('what was asked for by name is all that is tried, and null where it is not there', () => {
  const all = [labels([0, 1, 0]), classes(scores)]
  assert.equal(read(all, scores, { output: 'label' })!.text, 'label 0 label')
  assert.equal(read(all, scores, { column: 0, kind: 'margin' })!.text, 'classes 0 margin')
  assert.equal(read(all, scores, { output: 'label', kind: 'probability' }), null)
  assert.equal(read(all, scores, { output: 'none' }), null)
  assert.equal(read(all, scores, { column: 2 }), null)
})
