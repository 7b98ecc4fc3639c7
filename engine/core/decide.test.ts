// Evidence: what stands out, and in which order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ModelInput } from '../../models/model.ts'
import { Evidence } from './decide.ts'

const input = (mean: number, deviation: number): ModelInput => ({
  feature: 'f',
  definition: '',
  imputation: 0,
  mean,
  deviation,
  baseline: mean,
})

test('evidence is the inputs furthest from their mean, in deviations; absent and constant ones never', () => {
  const inputs = [input(0, 1), input(10, 2), input(5, 0), input(1, 1)]
  const evidence = new Evidence(inputs, [0, 1, 2, 3])
  const out = new Int16Array(3)
  evidence.find(Float64Array.of(3, 0, 999, Number.NaN), 0, out)
  assert.deepEqual([...out], [1, 0, -1])
})

test('evidence equals a stable sort by strength', () => {
  const values = fc.array(fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constant(Number.NaN)), {
    minLength: 1,
    maxLength: 12,
  })
  fc.assert(
    fc.property(values, (row) => {
      const inputs = row.map((_, index) => input(index % 3, 1 + (index % 2)))
      const at = row.map((_, index) => index)
      const strength = (i: number): number =>
        Math.abs(row[i]! - inputs[i]!.mean) / inputs[i]!.deviation
      const sorted = at
        .filter((i) => strength(i) > 0)
        .sort((a, b) => strength(b) - strength(a) || a - b)
      const out = new Int16Array(3)
      new Evidence(inputs, at).find(Float64Array.from(row), 0, out)
      assert.deepEqual(
        [...out].filter((i) => i >= 0),
        sorted.slice(0, 3),
      )
    }),
  )
})
