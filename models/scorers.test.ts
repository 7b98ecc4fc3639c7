// Scorers that differ in one bit are told apart, as is a graph that means something else than the trees read out of it.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseDocument } from '../engine/document.ts'
import { readCandidate } from './gate.ts'
import { readNodes } from './graph/graph-nodes.ts'
import { isSame, timingOf } from './scorers.ts'
import { definitions, inputsOf, ModelFolders } from './testing/model-files.ts'
import { randomTrees, type TreeWishes, treeFile } from './testing/random-trees.ts'
import { coversOf } from './trees/covers.ts'
import type { Ensemble } from './trees/ensemble.ts'
import { treeScoreOf } from './trees/graph-trees.ts'
import { planOf, TreeModel } from './trees/tree-model.ts'

const folders = new ModelFolders()
after(() => {
  folders.dispose()
})

const columns = 3
const wish: TreeWishes = {
  ...{ seed: 3, trees: 1, depthMax: 3, columns, hasMissing: true, base: null },
  ...{ modes: ['BRANCH_LEQ'], kind: 'regressor' },
}
const bytes = treeFile(randomTrees(wish), wish)
const inputs = inputsOf(['amount', 'card_count_1h', 'card_count_1d'])
const manifest = { inputs, output: { name: 'margin', kind: 'margin' } }
const golden = { rows: [[1, 2, 3]], scores: [0.5] }
const folder = folders.make({ bytes, manifest, golden })
const candidate = readCandidate(folder, definitions, parseDocument)
const place = { input: 'features', columns, output: 'margin', column: 0 }
const { ensemble } = treeScoreOf(readNodes(bytes), place)!

function modelOf(one: Ensemble, rowMax = 4): TreeModel {
  const covers = coversOf(one, new Float32Array(columns))
  return new TreeModel(planOf(candidate, one, covers, rowMax))
}

/** All leaves another weight by `by`. */
function moved(by: (weight: number) => number): Ensemble {
  return { ...ensemble, weight: ensemble.weight.map(by) }
}

test('three of the same agree; one that differs in a bit does not, nor a graph that is a millionth off', async () => {
  const [same, bit] = [modelOf(ensemble), modelOf(moved((weight) => weight * (1 + 2 ** -23)))]
  const [near, far] = [modelOf(moved((w) => w + 1e-7)), modelOf(moved((w) => w + 1e-4))]
  assert.equal(await isSame(same, modelOf(ensemble), same, golden.rows), true)
  assert.equal(await isSame(same, bit, same, golden.rows), false)
  assert.equal(await isSame(same, same, near, golden.rows), true)
  assert.equal(await isSame(same, same, far, golden.rows), false)
})

test('a scorer that fails is not the same', async () => {
  const closed = modelOf(ensemble)
  await closed.close()
  assert.equal(await isSame(modelOf(ensemble), modelOf(ensemble), closed, golden.rows), false)
})

test('a row takes what the best call took, shared by the rows of its batch', async () => {
  let [ticks, us] = [0, 0]
  // A call takes 32 µs; the sixth of those with 8 rows takes 8.
  const clock = (): number => (us += ++ticks === 12 ? 8 : 32)
  const timing = await timingOf(modelOf(ensemble, 8), golden, clock)
  assert.deepEqual(timing, { batchedUs: 1, aloneUs: 32 })
})
