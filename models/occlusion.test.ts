// What occlusion says of a model whose margin is known: each input's own part, in chunks of any size, bounded, and nothing
// of what has no score.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ModelInput } from './model.ts'
import { occlude } from './occlusion.ts'
import { sigmoid } from './reading.ts'

const columns = 4

function inputsOf(baselines: readonly number[]): ModelInput[] {
  return baselines.map((baseline, at) => {
    const named = { feature: `f${at}`, definition: '' }
    return { ...named, imputation: 0, mean: 0, deviation: 1, baseline }
  })
}

/** A model of `marginOf`, with batches of at most `rowMax`; tells how large they were. */
function modelOf(
  marginOf: (row: Float32Array) => number,
  baselines: readonly number[],
  rowMax: number,
) {
  const rows = new Float32Array(rowMax * columns)
  const sizes: number[] = []
  const score = (count: number, out: Float64Array): Promise<void> => {
    sizes.push(count)
    for (let row = 0; row < count; row++) {
      out[row] = sigmoid(marginOf(rows.subarray(row * columns, (row + 1) * columns)))
    }
    return Promise.resolve()
  }
  return { inputs: inputsOf(baselines), rows, rowMax, score, sizes }
}

const small = fc.integer({ min: -8, max: 8 }).map((whole) => whole / 8)
const four = fc.tuple(small, small, small, small)

test('of a weighted sum each input added its weight times what it is beyond its baseline, in batches of any size', async () => {
  const rowsOf = fc.array(four, { minLength: 1, maxLength: 5 })
  const sizes = fc.integer({ min: 1, max: 30 })
  await fc.assert(
    fc.asyncProperty(four, four, rowsOf, sizes, async (weights, baselines, rows, rowMax) => {
      const marginOf = (row: Float32Array): number =>
        weights.reduce((sum, weight, at) => sum + weight * row[at]!, 0)
      const model = modelOf(marginOf, baselines, rowMax)
      const out = new Float64Array(rows.length * columns)
      await occlude(model, Float32Array.from(rows.flat()), rows.length, out)
      const expected = rows.flatMap((row) =>
        row.map((one, at) => weights[at]! * (one - baselines[at]!)),
      )
      for (const [at, one] of expected.entries()) {
        assert.ok(Math.abs(out[at]! - one) < 1e-9, `${at}: ${one}, found ${out[at]!}`)
      }
      const variants = rows.length * (columns + 1)
      assert.equal(model.sizes.length, Math.ceil(variants / rowMax))
    }),
  )
})

test('margins end where scores are told: at a millionth', async () => {
  const model = modelOf((row) => 1000 * row[0]!, [0, 0, 0, 0], 8)
  const out = new Float64Array(2 * columns)
  await occlude(model, Float32Array.from([1, 0, 0, 0, -1, 0, 0, 0]), 2, out)
  const most = Math.log((1 - 1e-6) / 1e-6)
  assert.ok(Math.abs(out[0]! - most) < 1e-9 && Math.abs(out[4]! + most) < 1e-9, String(out))
})

test('an input that leaves no score, and every input of a row without one, added nothing', async () => {
  const model = modelOf((row) => row[0]! / row[1]!, [0, 0, 0, 0], 8)
  const out = new Float64Array(2 * columns)
  // Without its second input the first row is 0/0, and the second row is so as it stands.
  await occlude(model, Float32Array.from([0, 2, 3, 4, 0, 0, 1, 1]), 2, out)
  assert.deepEqual([...out], [0, 0, 0, 0, 0, 0, 0, 0])
})
