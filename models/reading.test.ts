// How a score is read from each kind of output, number by number.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OutputRule, scoreOf } from './reading.ts'

const rule: OutputRule = {
  name: 'score',
  column: 0,
  kind: 'probability',
  fraud: 1,
  stranger: 'higher',
  quantiles: new Float64Array(),
}

const scores = (parts: Partial<OutputRule>, values: readonly number[]): number[] =>
  values.map(scoreOf({ ...rule, ...parts }))

test('a probability is a score as it is, and a number that is none is no score', () => {
  assert.deepEqual(scores({}, [0, 0.25, 1, -5e-7, 1 + 5e-7]), [0, 0.25, 1, 0, 1])
  assert.deepEqual(scores({}, [1.1, -0.1, Number.NaN, Infinity]), Array(4).fill(Number.NaN))
})

test('a margin is its sigmoid in float64', () => {
  const expected = [0.5, 1 / (1 + Math.exp(-2.5)), 1, 0]
  assert.deepEqual(scores({ kind: 'margin' }, [0, 2.5, 1e6, -1e6]), expected)
  assert.deepEqual(scores({ kind: 'margin' }, [Number.NaN]), [Number.NaN])
})

test('a label is 1 where it means fraud and 0 where it is any other', () => {
  assert.deepEqual(scores({ kind: 'label' }, [0, 1, 2]), [0, 1, 0])
  assert.deepEqual(scores({ kind: 'label', fraud: -1 }, [-1, 1]), [1, 0])
  assert.deepEqual(scores({ kind: 'label' }, [Number.NaN]), [Number.NaN])
})

test('an anomaly is the share of training rows that are less strange', () => {
  //  value      0       10       20       30       40
  //  share      0      0.25      0.5     0.75      1
  const quantiles = Float64Array.of(0, 10, 20, 30, 40)
  const values = [-5, 0, 5, 10, 32, 40, 41, Infinity, Number.NaN]
  const higher = scores({ kind: 'anomaly', quantiles }, values)
  assert.deepEqual(higher, [0, 0, 0.125, 0.25, 0.8, 1, 1, 1, Number.NaN])
  const lower = scores({ kind: 'anomaly', quantiles, stranger: 'lower' }, values)
  const expected = [1, 1, 0.875, 0.75, 0.2, 0, 0, 0, Number.NaN]
  for (const [at, one] of lower.entries()) {
    assert.ok(
      Math.abs(one - expected[at]!) < 1e-12 || Number.isNaN(one + expected[at]!),
      String(at),
    )
  }
})

test('of many rows that are equally strange none is less strange than another', () => {
  const quantiles = Float64Array.of(1, 2, 2, 2, 3)
  assert.deepEqual(scores({ kind: 'anomaly', quantiles }, [2, 2.5, 3]), [0.25, 0.875, 1])
  const lower = scores({ kind: 'anomaly', quantiles, stranger: 'lower' }, [2, 2.5, 1])
  assert.deepEqual(lower, [0.25, 0.125, 1])
  const same = Float64Array.of(5, 5)
  assert.deepEqual(scores({ kind: 'anomaly', quantiles: same }, [4, 5, 6]), [0, 0, 1])
})
