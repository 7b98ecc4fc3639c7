// The walker gives ONNX Runtime's bits: on the graph that a converter wrote and on the one that ends at the margin, for
// trees of any shape and rows of any values.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { readNodes } from '../graph/graph-nodes.ts'
import { attribute } from '../testing/model-files.ts'
import {
  modes,
  randomRows,
  randomTrees,
  type TreeWishes,
  treeFile,
} from '../testing/random-trees.ts'
import { treeScoreOf } from './graph-trees.ts'
import { marginGraph } from './margin-graph.ts'
import { Walker } from './walker.ts'

const rowMax = 21

const wishes = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  trees: fc.integer({ min: 1, max: 12 }),
  depthMax: fc.integer({ min: 0, max: 8 }),
  columns: fc.integer({ min: 1, max: 6 }),
  modes: fc.oneof(
    fc.constantFrom(...modes.map((mode) => [mode])),
    fc.uniqueArray(fc.constantFrom(...modes), { minLength: 1 }),
  ),
  hasMissing: fc.boolean(),
  base: fc.option(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })),
  kind: fc.constant('regressor' as const),
}) satisfies fc.Arbitrary<TreeWishes>

/** What ONNX Runtime makes of `features`. */
async function run(bytes: Buffer, rows: Float32Array, columns: number): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 4,
  })
  const features = new Tensor('float32', rows, [rows.length / columns, columns])
  const { margin } = await session.run({ features }, ['margin'])
  await session.release()
  return margin!.data as Float32Array
}

function scoreOf(bytes: Buffer, columns: number, column: number) {
  const place = { input: 'features', columns, output: 'margin', column }
  const score = treeScoreOf(readNodes(bytes), place)
  assert.ok(score !== null, 'no tree model')
  return score
}

const bitsOf = (floats: Float32Array): Int32Array => new Int32Array(floats.slice().buffer)

test('the margins are those of the runtime to the bit, on both graphs and in batches of any size', async () => {
  await fc.assert(
    fc.asyncProperty(wishes, async (wish) => {
      const { columns } = wish
      const bytes = treeFile(randomTrees(wish), wish)
      const rows = randomRows(wish.seed, rowMax, columns)
      const expected = bitsOf(await run(bytes, rows, columns))
      const { ensemble, isSigmoid } = scoreOf(bytes, columns, 0)
      assert.ok(!isSigmoid)
      const walker = new Walker(ensemble, rowMax)
      const bits = new Int32Array(rows.buffer)
      assert.deepEqual(bitsOf(walker.walk(bits, rowMax)), expected)
      for (let row = 0; row < rowMax; row++) {
        const alone = walker.walk(bits.subarray(row * columns, (row + 1) * columns), 1)
        assert.equal(bitsOf(alone)[0], expected[row], `row ${row} alone`)
      }
      assert.deepEqual(bitsOf(await run(marginGraph(ensemble), rows, columns)), expected)
    }),
    { numRuns: 300 },
  )
})

test('what a classifier says of the second class is the margin, or its sigmoid', async () => {
  const transforms = fc.constantFrom('NONE', 'LOGISTIC')
  await fc.assert(
    fc.asyncProperty(wishes, transforms, async (regressor, transform) => {
      const wish = { ...regressor, kind: 'classifier' as const }
      const { columns } = wish
      const lists = randomTrees(wish)
      // Without a transform, a sum of votes is only given as it is where none is below zero.
      const isShare = transform === 'NONE'
      const weights = isShare ? lists.weights.map(Math.abs) : [...lists.weights, -1].slice(0, -1)
      if (!isShare) weights[0] = -1
      const bytes = treeFile({ ...lists, weights }, wish, [
        attribute.text('post_transform', transform),
      ])
      const rows = randomRows(wish.seed, rowMax, columns)
      const scores = await run(bytes, rows, columns)
      const { ensemble, isSigmoid } = scoreOf(bytes, columns, 1)
      assert.equal(isSigmoid, !isShare)
      const margins = new Walker(ensemble, rowMax).walk(new Int32Array(rows.buffer), rowMax)
      for (let row = 0; row < rowMax; row++) {
        const margin = margins[row]!
        const expected = isSigmoid ? 1 / (1 + Math.exp(-margin)) : margin
        const found = scores[2 * row + 1]!
        assert.ok(Math.abs(found - expected) < 1e-6, `row ${row}: ${expected}, found ${found}`)
      }
    }),
  )
})
