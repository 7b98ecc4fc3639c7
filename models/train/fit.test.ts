// Claims about a fit: it finds what no single feature shows, again with the same bits, and scores the same in TensorFlow.js,
// in float64 and in ONNX Runtime.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { memory } from '@tensorflow/tfjs-core'
import onnxProto from 'onnx-proto'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { writeGraph } from '../graph/graph.ts'
import { bestRule, ruleScores } from './baselines.ts'
import { type Epoch, type FitOptions, fitNetwork, fraudOf } from './fit.ts'
import { scoreRows } from './fitted.ts'
import { FittedNetwork } from './network-learner.ts'
import { type Perceptron, perceptronGraph, perceptronScore } from './perceptron.ts'
import { areaUnderRoc, rank } from './ranking.ts'
import type { RowTable } from './row-table.ts'
import { boundDeviations, fitScaling, type InputScale, writeScaled } from './scaling.ts'
import { openTensorflow, type Tensorflow } from './tensorflow.ts'
import { minstd } from './testing/minstd.ts'
import { makeTable, partsOf, plantedTable } from './testing/table-rows.ts'

const options: FitOptions = {
  hidden: [16, 8],
  epochsMax: 12,
  patience: 4,
  batchRows: 256,
  learningRate: 0.01,
  stepsPerHalving: 400,
  fraudWeight: 4,
  seed: 5,
}
const table = plantedTable(1, 8000)
const parts = partsOf(table)
const scales = fitScaling(table, parts.train, [0, 1, 2, 3])
const data = { table, scales, ...parts }
const stop = new AbortController().signal
let tensorflow: Tensorflow

before(async () => {
  tensorflow = await openTensorflow('wasm')
})

const scoresOf = (perceptron: Perceptron, of: RowTable, rows: Int32Array): Float64Array =>
  scoreRows(new FittedNetwork(scales, perceptron, { description: [], facts: {} }), of, rows)

const quiet = { stop, epoch: (): void => undefined }

test('a network learns what no single feature and no straight line shows', async () => {
  const { perceptron } = await fitNetwork(tensorflow, data, options, quiet)
  const straight = await fitNetwork(tensorflow, data, { ...options, hidden: [] }, quiet)
  const judged = plantedTable(99, 4000)
  const rows = Int32Array.from({ length: 4000 }, (_, row) => row)
  const auc = (scores: Float64Array): number => areaUnderRoc(rank(scores, fraudOf(judged, rows)))
  const rule = bestRule(table, parts.train, [0, 1, 2, 3])
  assert.ok(auc(scoresOf(perceptron, judged, rows)) > 0.87)
  assert.ok(auc(scoresOf(straight.perceptron, judged, rows)) < 0.65)
  assert.ok(auc(ruleScores(judged, rows, rule)) < 0.65)
})

test('the same seed gives the same bits, another seed others', async () => {
  const short = { ...options, epochsMax: 2 }
  const bytes = async (seed: number): Promise<Buffer> => {
    const { perceptron } = await fitNetwork(tensorflow, data, { ...short, seed }, quiet)
    return writeGraph(perceptronGraph('test', scales, perceptron))
  }
  const first = await bytes(5)
  assert.deepEqual(await bytes(5), first)
  assert.notDeepEqual(await bytes(6), first)
})

test('the epoch that ranked the validation rows best is kept, and it stops after the patience', async () => {
  const epochs: Epoch[] = []
  const hot = { ...options, learningRate: 0.3, epochsMax: 40, patience: 3 }
  const fit = await fitNetwork(tensorflow, data, hot, {
    stop,
    epoch: (epoch) => {
      epochs.push(epoch)
    },
  })
  const best = Math.max(...epochs.map(({ quality }) => quality))
  assert.equal(fit.best.quality, best)
  assert.equal(epochs.length, fit.epochs)
  assert.ok(epochs.length === fit.best.number + 3 || epochs.length === 40)
  const scores = scoresOf(fit.perceptron, table, parts.validation)
  const { averagePrecision } = await import('./ranking.ts')
  const kept = averagePrecision(rank(scores, fraudOf(table, parts.validation)))
  assert.ok(Math.abs(kept - best) < 1e-6, `${kept} is not of the best epoch, ${best}`)
})

test('the weight of fraud moves no probability: scores stay calibrated', async () => {
  const { perceptron } = await fitNetwork(tensorflow, data, { ...options, fraudWeight: 9 }, quiet)
  const scores = scoresOf(perceptron, table, parts.train)
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  const share = fraudOf(table, parts.train).reduce((sum, one) => sum + one, 0) / scores.length
  assert.ok(Math.abs(mean / share - 1) < 0.15, `mean score ${mean}, fraud ${share}`)
})

test('a fit that is stopped rejects, and leaves no tensors', async () => {
  const tensors = memory().numTensors
  const abort = new AbortController()
  const fit = fitNetwork(tensorflow, data, options, {
    stop: abort.signal,
    epoch: () => {
      abort.abort()
    },
  })
  await assert.rejects(fit, { name: 'AbortError' })
  assert.equal(memory().numTensors, tensors)
})

async function onnxScores(
  bytes: Buffer,
  rows: Float32Array,
  columns: number,
): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes)
  const input = new Tensor('float32', rows, [rows.length / columns, columns])
  const { score } = await session.run({ features: input })
  return score!.data as Float32Array
}

/** Raw inputs of all rows, absent ones imputed as the pipeline imputes them. */
function rawInputs(own: readonly InputScale[], rows: Int32Array): Float32Array {
  const raw = new Float32Array(rows.length * own.length)
  for (const [at, row] of rows.entries()) {
    for (const [input, { column, imputation }] of own.entries()) {
      const value = table.values(row)[column]!
      raw[at * own.length + input] = Number.isNaN(value) ? imputation : value
    }
  }
  return raw
}

test('ONNX Runtime, TensorFlow.js and float64 agree within 1e-6', async () => {
  const network = tensorflow.network({
    inputs: 4,
    hidden: [64, 32],
    goal: { kind: 'fraud', fraudWeight: 1, bias: -2 },
    seed: 3,
  })
  network.learningRate = 0.01
  const { train } = parts
  const scaled = new Float32Array(train.length * 4)
  for (const [at, row] of train.entries()) writeScaled(scales, table.values(row), scaled, at * 4)
  const isFraud = Float32Array.from(fraudOf(table, train))
  for (let first = 0; first + 512 <= train.length; first += 512) {
    await network.learn(scaled.subarray(first * 4), isFraud.subarray(first), 512)
  }
  const margins = new Float64Array(train.length)
  network.answer(scaled, train.length, margins, 0)
  const perceptron = { layers: network.layers() }
  network.close()
  const bytes = writeGraph(perceptronGraph('test', scales, perceptron))
  const served = await onnxScores(bytes, rawInputs(scales, train), 4)
  let worst = 0
  for (let row = 0; row < train.length; row++) {
    const trained = 1 / (1 + Math.exp(-margins[row]!))
    const exact = perceptronScore(perceptron, scaled, row * 4)
    worst = Math.max(worst, Math.abs(served[row]! - trained), Math.abs(served[row]! - exact))
  }
  assert.ok(worst < 1e-6, `they differ by ${worst}`)
})

test('an independent decoder finds the constants of the graph', () => {
  const layers = [
    { inputs: 2, outputs: 2, kernel: Float32Array.of(1, 2, 3, 4), bias: Float32Array.of(5, 6) },
    { inputs: 2, outputs: 1, kernel: Float32Array.of(7, 8), bias: Float32Array.of(9) },
  ]
  const bytes = writeGraph(perceptronGraph('test', scales.slice(0, 2), { layers }))
  const { graph } = onnxProto.onnx.ModelProto.decode(bytes)
  const constants = new Map(
    graph!.initializer!.map(({ name, dims, rawData }) => [
      name,
      { dims: dims!.map(Number), values: [...new Float32Array(Uint8Array.from(rawData!).buffer)] },
    ]),
  )
  assert.deepEqual(constants.get('kernel_0'), { dims: [2, 2], values: [1, 2, 3, 4] })
  assert.deepEqual(constants.get('bias_1'), { dims: [1], values: [9] })
  assert.deepEqual(constants.get('highest'), { dims: [], values: [boundDeviations] })
  const operators = graph!.node!.map(({ opType }) => opType)
  const scaling = ['Asinh', 'Sub', 'Mul', 'Clip']
  assert.deepEqual(operators, [...scaling, 'Gemm', 'Relu', 'Gemm', 'Sigmoid'])
})

test('a constant whose shape holds another number of values is refused', () => {
  const initializers = [{ name: 'k', shape: [2, 2], values: Float32Array.of(1, 2, 3) }]
  const source = { name: 'test', input: 'x', columns: 1, output: 'y', nodes: [], initializers }
  assert.throws(() => writeGraph(source), /tensor k: expected 4 values, found 3/)
})

test('an absent value is told from the lowest one, and what training never saw is bounded', () => {
  const next = minstd(8)
  const rows = Array.from({ length: 500 }, () => ({
    values: [next() % 3 === 0 ? Number.NaN : 1 + (next() % 50), 7],
  }))
  const small = makeTable(2, rows)
  const own = fitScaling(small, Int32Array.from(rows.keys()), [0, 1])
  const scaledOf = (...values: number[]): number[] => {
    const out = new Float32Array(2)
    writeScaled(own, Float32Array.from(values), out, 0)
    return [...out]
  }
  const [lowest] = scaledOf(1, 7) as [number, number]
  const [absent] = scaledOf(Number.NaN, 7) as [number, number]
  assert.ok(Math.abs(lowest - absent - 1) < 1e-3, `${lowest} and ${absent}`)
  assert.equal(scaledOf(1e15, 7)[0], boundDeviations)
  // A column that never varied is 0 in every row.
  assert.ok(Math.abs(scaledOf(1, 7)[1]!) < 1e-6)
})

test('a column without a single value is left out', () => {
  const empty = makeTable(2, [{ values: [Number.NaN, 1] }, { values: [Number.NaN, 2] }])
  const own = fitScaling(empty, Int32Array.of(0, 1), [0, 1])
  assert.deepEqual(
    own.map(({ column }) => column),
    [1],
  )
})
