// Claims about an autoencoder: it learns from rows without labels what is ordinary, scores what is not, and is the same in float64
// and under ONNX Runtime.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { writeGraph } from '../graph/graph.ts'
import { AutoencoderLearner, autoencoderGraph } from './autoencoder.ts'
import type { Dense } from './dense.ts'
import type { EpochOptions } from './fit.ts'
import { type Fitted, scoreRows } from './fitted.ts'
import type { RowTable } from './row-table.ts'
import { openTensorflow, type Tensorflow } from './tensorflow.ts'
import { minstd } from './testing/minstd.ts'
import { makeTable, partsOf } from './testing/table-rows.ts'

const columns = [0, 1, 2, 3, 4]
const options: EpochOptions = {
  hidden: [16, 4, 16],
  epochsMax: 25,
  patience: 5,
  batchRows: 128,
  learningRate: 0.01,
  stepsPerHalving: 1000,
  seed: 3,
}

/** Two numbers and an absence, told in five columns. In a strange row one of the columns does not belong to the others, though it is of usual size. */
function tableOf(seed: number, count: number, isStrange: boolean): RowTable {
  const next = minstd(seed)
  const draw = (): number => (next() % 10_000) / 10_000
  return makeTable(
    5,
    Array.from({ length: count }, () => {
      const [a, b, c] = [draw(), draw(), draw()]
      const last = isStrange ? (a + 0.5) % 1 : a
      return { values: [10 * a, 5 * b, 4 * a + 3 * b, c < 0.3 ? Number.NaN : b, 2 * last] }
    }),
  )
}

const allOf = (table: RowTable): Int32Array =>
  Int32Array.from({ length: table.count }, (_, row) => row)
const ordinary = tableOf(1, 6000, false)
let tensorflow: Tensorflow
let fitted: Fitted
const losses: number[] = []

async function fit(seed: number): Promise<Fitted> {
  const learner = new AutoencoderLearner(tensorflow, { ...options, seed })
  return learner.fit(
    { table: ordinary, columns, ...partsOf(ordinary) },
    {
      stop: new AbortController().signal,
      progress: ({ loss }) => {
        losses.push(loss)
      },
    },
  )
}

before(async () => {
  tensorflow = await openTensorflow('wasm')
  fitted = await fit(3)
})

const share = (scores: Float64Array, from: number): number =>
  scores.filter((score) => score >= from).length / scores.length

test('what does not belong together is strange, though no column alone shows it', () => {
  assert.ok(losses.at(-1)! < 0.3 * losses[0]!, losses.join(' '))
  const fresh = tableOf(7, 3000, false)
  const strange = tableOf(8, 1000, true)
  const found = share(scoreRows(fitted, strange, allOf(strange)), 0.95)
  assert.ok(found > 0.8, `${found} of the strange rows are among the 5 % strangest`)
  // A score is a share: of ordinary rows, one in ten reaches 0.9.
  const scores = scoreRows(fitted, fresh, allOf(fresh))
  for (const level of [0.5, 0.9, 0.99]) {
    const reached = share(scores, level)
    assert.ok(Math.abs(reached - (1 - level)) < 0.05, `${reached} reach ${level}`)
  }
})

test('its quantiles ascend over the training rows, and their order is that of the errors', () => {
  const { output } = fitted
  assert.ok(output.kind === 'anomaly')
  assert.equal(output.quantiles.length, 1001)
  assert.deepEqual(
    output.quantiles,
    output.quantiles.toSorted((a, b) => a - b),
  )
  assert.ok(output.quantiles[0]! < output.quantiles[1000]!)
})

test('ONNX Runtime gives the error of each row within 1e-5', async () => {
  const session = await InferenceSession.create(writeGraph(fitted.graph('test')))
  const strange = tableOf(8, 64, true)
  const raw = new Float32Array(64 * 5)
  for (let row = 0; row < 64; row++) {
    for (const [input, { imputation }] of fitted.inputs.entries()) {
      const value = strange.values(row)[input]!
      raw[row * 5 + input] = Number.isNaN(value) ? imputation : value
    }
  }
  const { score } = await session.run({ features: new Tensor('float32', raw, [64, 5]) })
  assert.deepEqual(score!.dims, [64, 1])
  const errors = score!.data as Float32Array
  const { output } = fitted
  assert.ok(output.kind === 'anomaly')
  for (let row = 0; row < 64; row++) {
    // The score is linear between two quantiles: what it says of the error is known from it.
    const place = fitted.score(strange.values(row)) * 1000
    const below = output.quantiles[Math.floor(place)]!
    const above = output.quantiles[Math.ceil(place)]!
    const error = below + (place - Math.floor(place)) * (above - below)
    if (place < 1000) assert.ok(Math.abs(error - errors[row]!) < 1e-5, `${error} ${errors[row]}`)
    else assert.ok(errors[row]! >= output.quantiles[1000]!)
  }
})

test('a row has the same bits in every place of a batch', async () => {
  // As wide as the default catalog: sums of a few columns have one order, whatever the runtime does.
  const width = 51
  const next = minstd(4)
  const draw = (): number => (next() % 2000) / 1000 - 1
  const layer = (inputs: number, outputs: number): Dense => ({
    inputs,
    outputs,
    kernel: Float32Array.from({ length: inputs * outputs }, draw),
    bias: Float32Array.from({ length: outputs }, draw),
  })
  const scales = Array.from({ length: width }, (_, column) => ({
    ...{ column, mean: 0.5, factor: 1.5, imputation: 0, rawMean: 0, rawDeviation: 1 },
  }))
  const graph = autoencoderGraph('test', scales, [layer(width, 5), layer(5, width)])
  const session = await InferenceSession.create(writeGraph(graph))
  const row = Float32Array.from({ length: width }, draw)
  const rows = new Float32Array(64 * width)
  for (let n = 0; n < 64; n++) rows.set(row, n * width)
  const { score } = await session.run({ features: new Tensor('float32', rows, [64, width]) })
  assert.equal(new Set(score!.data as Float32Array).size, 1)
})

test('the same seed gives the same bytes, another seed others', async () => {
  const bytes = writeGraph(fitted.graph('test'))
  assert.deepEqual(writeGraph((await fit(3)).graph('test')), bytes)
  assert.notDeepEqual(writeGraph((await fit(4)).graph('test')), bytes)
})
