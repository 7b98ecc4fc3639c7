// Claims about boosted trees: as good as LightGBM's on the same rows, calibrated whatever a fraud weighs, the same again, and
// the same under ONNX Runtime.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import onnxProto from 'onnx-proto'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { Verdict } from '../../../features/transaction.ts'
import { writeGraph } from '../../graph/graph.ts'
import { fraudOf } from '../fit.ts'
import { areaUnderRoc, averagePrecision, rank } from '../ranking.ts'
import type { RowTable } from '../row-table.ts'
import { formulaColumns, formulaTable } from '../testing/formula-rows.ts'
import { makeTable } from '../testing/table-rows.ts'
import { fitTrees, type Round, type TreeOptions } from './boosting.ts'
import { ensembleGraph } from './ensemble-graph.ts'
import { type Ensemble, marginOf } from './tree.ts'

/** Those of lightgbm-reference.py. */
const options: TreeOptions = {
  treesMax: 60,
  patience: 60,
  leavesMax: 15,
  depthMax: 64,
  learningRate: 0.1,
  rowsMin: 20,
  hessianMin: 1e-3,
  l2: 1,
  rowShare: 1,
  featureShare: 1,
  fraudWeight: 1,
  seed: 1,
}

interface Reference {
  readonly frauds: number
  readonly fits: readonly {
    readonly trees: number
    readonly fraudWeight: number
    readonly auc: number
    readonly averagePrecision: number
  }[]
}

const referenceFile = fileURLToPath(
  import.meta.resolve('#root/models/train/testing/lightgbm-reference.json'),
)
const reference = JSON.parse(readFileSync(referenceFile, 'utf8')) as Reference

const allOf = (table: RowTable): Int32Array =>
  Int32Array.from({ length: table.count }, (_, row) => row)
const table = formulaTable(7, 16_000)
const judged = formulaTable(11, 8000)
const truth = fraudOf(judged, allOf(judged))
const columns = Array.from({ length: formulaColumns }, (_, column) => column)
const data = { table, columns, train: allOf(table), validation: allOf(table).subarray(0, 4000) }
const stop = new AbortController().signal
const quiet = { stop, round: (): void => undefined }

const marginsOf = (ensemble: Ensemble, of: RowTable): Float64Array =>
  Float64Array.from(allOf(of), (row) => marginOf(ensemble, of.values(row)))
const scoreOf = (margin: number): number => 1 / (1 + Math.exp(-margin))

test('the rows that LightGBM was fitted on are made again', () => {
  assert.equal(
    truth.reduce((sum, value) => sum + value, 0),
    reference.frauds,
  )
})

for (const { trees, fraudWeight, auc, averagePrecision: precision } of reference.fits) {
  test(`${trees} trees with frauds weighing ${fraudWeight} rank as LightGBM's do: AUC within 0.01, average precision within 0.015`, async () => {
    // The validation rows are among those trained on, so that no tree is left out.
    const own = { ...options, treesMax: trees, fraudWeight }
    const { ensemble } = await fitTrees(data, own, quiet)
    const ranking = rank(marginsOf(ensemble, judged), truth)
    const found = `AUC ${areaUnderRoc(ranking)}, average precision ${averagePrecision(ranking)}`
    assert.ok(Math.abs(areaUnderRoc(ranking) - auc) < 0.01, found)
    assert.ok(Math.abs(averagePrecision(ranking) - precision) < 0.015, found)
  })
}

test('the weight of fraud moves no probability: scores stay calibrated', async () => {
  const { ensemble } = await fitTrees(data, { ...options, treesMax: 30, fraudWeight: 9 }, quiet)
  const scores = marginsOf(ensemble, judged).map(scoreOf)
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  const share = reference.frauds / judged.count
  assert.ok(Math.abs(mean / share - 1) < 0.1, `mean score ${mean}, fraud ${share}`)
})

test('the same seed gives the same bits, another seed others, and samples learn, too', async () => {
  const sampled = { ...options, treesMax: 20, rowShare: 0.6, featureShare: 0.5 }
  const fitOf = async (seed: number): Promise<Ensemble> =>
    (await fitTrees(data, { ...sampled, seed }, quiet)).ensemble
  const first = await fitOf(5)
  assert.deepEqual(await fitOf(5), first)
  assert.notDeepEqual(await fitOf(6), first)
  assert.ok(areaUnderRoc(rank(marginsOf(first, judged), truth)) > 0.71)
})

test('the trees up to the best validation are kept, and it stops after the patience', async () => {
  const rounds: Round[] = []
  const hot = { ...options, learningRate: 0.6, treesMax: 200, patience: 7 }
  const validation = formulaTable(3, 2000)
  const joined = { table: validation, columns, train: allOf(validation).subarray(0, 1200) }
  const fit = await fitTrees({ ...joined, validation: allOf(validation).subarray(1200) }, hot, {
    stop,
    round: (round) => {
      rounds.push(round)
    },
  })
  const best = Math.max(...rounds.map((round) => round.averagePrecision))
  assert.equal(fit.best.averagePrecision, best)
  assert.equal(fit.ensemble.trees.length, fit.best.number)
  assert.equal(rounds.length, fit.best.number + 7)
  const kept = allOf(validation).subarray(1200)
  const margins = Float64Array.from(kept, (row) => marginOf(fit.ensemble, validation.values(row)))
  const again = averagePrecision(rank(margins, fraudOf(validation, kept)))
  assert.ok(Math.abs(again - best) < 1e-4, `${again} is not of the best round, ${best}`)
})

test('a fit that is stopped rejects', async () => {
  const abort = new AbortController()
  const fit = fitTrees(data, options, {
    stop: abort.signal,
    round: () => {
      abort.abort()
    },
  })
  await assert.rejects(fit, { name: 'AbortError' })
})

test('rows that nothing tells apart give a constant: their share of fraud', async () => {
  const rows = Array.from({ length: 200 }, (_, row) => ({
    values: [5],
    verdict: row % 4 === 0 ? Verdict.fraud : Verdict.legit,
  }))
  const flat = makeTable(1, rows)
  const { ensemble } = await fitTrees(
    { table: flat, columns: [0], train: allOf(flat), validation: allOf(flat) },
    options,
    quiet,
  )
  const share = fraudOf(flat, allOf(flat)).reduce((sum, value) => sum + value, 0) / 200
  for (const value of [5, -1e9, Number.NaN]) {
    const score = scoreOf(marginOf(ensemble, Float32Array.of(value)))
    assert.ok(Math.abs(score - share) < 1e-6, `${score}`)
  }
})

test('ONNX Runtime gives the scores of the trainer, absent values and far ones among them', async () => {
  const sampled = { ...options, fraudWeight: 4, featureShare: 0.6 }
  const { ensemble } = await fitTrees(data, sampled, quiet)
  const session = await InferenceSession.create(writeGraph(ensembleGraph('test', ensemble)))
  const rows = 2003
  const raw = new Float32Array(rows * formulaColumns)
  for (let row = 0; row < 2000; row++) raw.set(judged.values(row), row * formulaColumns)
  raw.fill(Number.NaN, 2000 * formulaColumns, 2001 * formulaColumns)
  raw.fill(3e38, 2001 * formulaColumns, 2002 * formulaColumns)
  raw.fill(-3e38, 2002 * formulaColumns)
  const input = new Tensor('float32', raw, [rows, formulaColumns])
  const { score } = await session.run({ features: input })
  let worst = 0
  for (let row = 0; row < rows; row++) {
    const values = raw.subarray(row * formulaColumns, (row + 1) * formulaColumns)
    const own = scoreOf(marginOf(ensemble, values))
    worst = Math.max(worst, Math.abs(own - (score!.data[row] as number)))
  }
  assert.ok(worst < 1e-6, `they differ by ${worst}`)
})

test('an independent decoder finds covers that add up, and thresholds that are float32', async () => {
  const { ensemble } = await fitTrees(data, { ...options, treesMax: 3 }, quiet)
  const { graph } = onnxProto.onnx.ModelProto.decode(writeGraph(ensembleGraph('test', ensemble)))
  const [node, sigmoid] = graph!.node!
  assert.equal(node!.opType, 'TreeEnsembleRegressor')
  assert.equal(sigmoid!.opType, 'Sigmoid')
  const attributes = new Map(node!.attribute!.map((one) => [one.name, one]))
  const ints = (name: string): number[] => attributes.get(name)!.ints!.map(Number)
  const floats = (name: string): number[] => attributes.get(name)!.floats!
  const modes = attributes.get('nodes_modes')!.strings!.map((text) => Buffer.from(text).toString())
  const trees = ints('nodes_treeids')
  const numbers = ints('nodes_nodeids')
  const covers = floats('nodes_hitrates')
  const placeOf = (tree: number, number: number): number =>
    trees.findIndex((own, at) => own === tree && numbers[at] === number)
  let splits = 0
  for (const [at, mode] of modes.entries()) {
    if (mode === 'LEAF') continue
    splits++
    assert.equal(mode, 'BRANCH_LEQ')
    const left = placeOf(trees[at]!, ints('nodes_truenodeids')[at]!)
    const right = placeOf(trees[at]!, ints('nodes_falsenodeids')[at]!)
    assert.equal(covers[left]! + covers[right]!, covers[at])
    if (numbers[at] === 0) assert.equal(covers[at], table.count)
    const threshold = floats('nodes_values')[at]!
    assert.equal(Math.fround(threshold), threshold)
  }
  assert.equal(splits, 3 * 14)
})
