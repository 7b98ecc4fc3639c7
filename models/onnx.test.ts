// The ONNX adapter: the contract of all models, and what only it promises: how a score is read from what comes out, what
// goes in, and its sessions.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseDocument } from '../engine/document.ts'
import { modelContract } from './model.contract.ts'
import { type Model, ModelError, ModelRefusal } from './model.ts'
import { type OpenOptions, openModel } from './open.ts'
import {
  attribute,
  definitions,
  type FolderParts,
  floats,
  goldenRows,
  INT64,
  inputsOf,
  linearParts,
  linearScore,
  ModelFolders,
  modelFile,
  node,
  value,
  weights,
  wholes,
} from './testing/model-files.ts'

const folders = new ModelFolders()
after(() => {
  folders.dispose()
})

const linear = modelFile(linearParts())
const numbers = goldenRows.map((row) => row.map((one) => one ?? 0))

/** Opens a folder of these parts; closed by the test's end. */
async function open(parts: FolderParts, options: OpenOptions = {}): Promise<Model> {
  return openModel(folders.make(parts), definitions, parseDocument, options)
}

async function scoresOf(model: Model, rows: readonly (readonly number[])[]): Promise<number[]> {
  const out = new Float64Array(rows.length)
  for (const [at, row] of rows.entries()) model.rows.set(row, at * model.inputs.length)
  await model.score(rows.length, out)
  return [...out]
}

function near(found: readonly number[], expected: readonly number[]): void {
  assert.equal(found.length, expected.length)
  for (const [at, one] of expected.entries()) {
    assert.ok(Math.abs(found[at]! - one) < 1e-6, `row ${at}: expected ${one}, found ${found[at]!}`)
  }
}

modelContract('an ONNX model', {
  open: (rowMax) => open({ bytes: linear }, { rowMax }),
  rows: numbers,
})

/** `linearParts` with other nodes behind the margin [N, 1], and another output. */
function behindMargin(
  nodes: ReturnType<typeof node>[],
  shape: readonly (number | string)[] | null,
  more: ReturnType<typeof floats>[] = [],
): Buffer {
  const parts = linearParts()
  const initializer = [floats('weights', [weights.length, 1], weights), ...more]
  const output = [value('score', shape)]
  return modelFile({ ...parts, node: [parts.node[0]!, ...nodes], output, initializer })
}

/** Score and its complement, [N, 2]. */
const twoClasses = behindMargin(
  [
    node('Sigmoid', ['margin'], ['fraud']),
    node('Sub', ['one', 'fraud'], ['legit']),
    node('Concat', ['legit', 'fraud'], ['score'], [attribute.int('axis', 1)]),
  ],
  ['N', 2],
  [floats('one', [1], [1])],
)
const flat = behindMargin(
  [node('Squeeze', ['margin', 'axis'], ['line']), node('Sigmoid', ['line'], ['score'])],
  ['N'],
  [wholes('axis', [1], [1])],
)

test('a score is read from [N], [N, 1] and a column of [N, 2]', async () => {
  const expected = numbers.map(linearScore)
  near(await scoresOf(await open({ bytes: linear }), numbers), expected)
  near(await scoresOf(await open({ bytes: flat }), numbers), expected)
  const output = { name: 'score', column: 1 }
  near(await scoresOf(await open({ bytes: twoClasses, manifest: { output } }), numbers), expected)
})

test('without a declared shape a score is read from what comes out', async () => {
  const bytes = behindMargin([node('Sigmoid', ['margin'], ['score'])], null)
  near(await scoresOf(await open({ bytes }), numbers), numbers.map(linearScore))
})

test('a margin becomes a probability where the manifest says so, at its ends too', async () => {
  const bytes = behindMargin([node('Identity', ['margin'], ['score'])], ['N', 1])
  const output = { name: 'score', kind: 'margin' }
  const model = await open({ bytes, manifest: { output } })
  near(await scoresOf(model, numbers), numbers.map(linearScore))
  assert.deepEqual(
    await scoresOf(model, [
      [1e6, 0, 0],
      [-1e6, 0, 0],
    ]),
    [1, 0],
  )
})

test('a label of whole numbers is a score of 1 where it means fraud', async () => {
  const parts = linearParts()
  const bytes = modelFile({
    ...parts,
    node: [
      parts.node[0]!,
      node('Sign', ['margin'], ['sign']),
      node('Cast', ['sign'], ['score'], [attribute.int('to', INT64)]),
    ],
    output: [value('score', ['N', 1], INT64)],
  })
  const output = { name: 'score', kind: 'label', fraud: -1 }
  const rows = [
    [-4, 0, 0],
    [4, 0, 0],
  ]
  const model = await open({ bytes, manifest: { output }, golden: { rows, scores: [1, 0] } })
  assert.deepEqual(await scoresOf(model, rows), [1, 0])
})

test('an absent golden value is the imputation, NaN where the model takes it', async () => {
  const inputs = inputsOf(['amount', 'card_count_1h', 'card_count_1d'])
  inputs[1] = { ...inputs[1], imputation: 8 }
  const rows = [
    [1, null, 1],
    [1, 8, 1],
  ]
  const golden = { rows, scores: [linearScore([1, 8, 1]), linearScore([1, 8, 1])] }
  const model = await open({ bytes: linear, manifest: { inputs }, golden })
  assert.equal(model.inputs[1]!.imputation, 8)
  const nan = inputs.map((input) => ({ ...input, imputation: 'nan' }))
  await assert.rejects(open({ bytes: linear, manifest: { inputs: nan }, golden }), ModelRefusal)
  const whole = { rows: [[1, 8, 1]], scores: [linearScore([1, 8, 1])] }
  const taken = await open({ bytes: linear, manifest: { inputs: nan }, golden: whole })
  assert.ok(Number.isNaN(taken.inputs[0]!.imputation))
})

test('a number that is no probability is no score', async () => {
  const model = await open({
    bytes: behindMargin([node('Abs', ['margin'], ['score'])], ['N', 1]),
    golden: {
      rows: [
        [0.5, 0, 0],
        [2, 0, 0],
      ],
      scores: [0.25, 1],
    },
  })
  // Float32 sums of shares end a little beyond 1, and that is 1.
  const rows = [
    [2.000001, 0, 0],
    [2.1, 0, 0],
    [Number.NaN, 0, 0],
    [Infinity, 0, 0],
    [1, 0, 0],
  ]
  assert.deepEqual(await scoresOf(model, rows), [1, Number.NaN, Number.NaN, Number.NaN, 0.5])
})

/** A part of a score that is as large as its batch, in millionths: 64e-6 in the largest. */
const byBatchSize = behindMargin(
  [
    node('Sigmoid', ['margin'], ['alone']),
    node('Shape', ['features'], ['shape']),
    node('Slice', ['shape', 'zero', 'one'], ['size']),
    node('Cast', ['size'], ['rows'], [attribute.int('to', 1)]),
    node('Mul', ['rows', 'millionth'], ['share']),
    node('Add', ['alone', 'share'], ['score']),
  ],
  ['N', 1],
  [wholes('zero', [1], [0]), wholes('one', [1], [1]), floats('millionth', [1], [1e-6])],
)
const tolerance = 1e-4

modelContract('a model whose scores depend on the size of the batch, padded to one', {
  open: (rowMax) => open({ bytes: byBatchSize, manifest: { tolerance } }, { rowMax }),
  rows: numbers.slice(0, 4),
})

test('padded rows do not count: the same score whatever the calls before left there', async () => {
  const model = await open({ bytes: byBatchSize, manifest: { tolerance } })
  model.rows.fill(Number.NaN)
  const among = await scoresOf(model, [numbers[0]!])
  model.rows.fill(0)
  assert.deepEqual(await scoresOf(model, [numbers[0]!]), among)
  near(among, [linearScore(numbers[0]!) + 64e-6])
})

/** Scores of a batch around their mean: a transaction's score would depend on its neighbours. */
const amongOthers = behindMargin(
  [
    node('ReduceMean', ['margin'], ['mean'], [attribute.ints('axes', [0])]),
    node('Sub', ['margin', 'mean'], ['own']),
    node('Sigmoid', ['own'], ['score']),
  ],
  ['N', 1],
)
/** The place in the batch, in millionths. */
const byPlace = behindMargin(
  [
    node('Sigmoid', ['margin'], ['alone']),
    node('Mul', ['alone', 'zero'], ['zeros']),
    node('Add', ['zeros', 'millionth'], ['millionths']),
    node('CumSum', ['millionths', 'axis'], ['places']),
    node('Add', ['alone', 'places'], ['score']),
  ],
  ['N', 1],
  [floats('zero', [1], [0]), floats('millionth', [1], [1e-6]), wholes('axis', [], [0])],
)

test('a score that depends on the other rows or on its place is refused, not padded', async () => {
  const same = goldenRows.slice(0, 1)
  const golden = { rows: same, scores: [0.5] }
  const expected =
    /run: expected a score that depends on its own row alone, found two scores of one row/
  await assert.rejects(open({ bytes: amongOthers, golden }), expected)
  await assert.rejects(open({ bytes: amongOthers, manifest: { tolerance: 0.01 } }), expected)
  await assert.rejects(open({ bytes: byPlace, manifest: { tolerance } }), expected)
})

test('an output of three dimensions, of one row for all, or without the column is refused', async () => {
  const cube = [node('Unsqueeze', ['margin', 'axis'], ['score'])]
  const axis = wholes('axis', [1], [2])
  await assert.rejects(
    open({ bytes: behindMargin(cube, ['N', 1, 1], [axis]) }),
    /output score: expected the shape \[N\], \[N, 1\] or \[N, columns\], found \[N, 1, 1\]/,
  )
  await assert.rejects(
    open({ bytes: behindMargin(cube, null, [axis]) }),
    /run: expected a score for each row, found expected an output float32 \[1, more than 0\], found float32 \[1, 1, 1\]/,
  )
  const total = [node('ReduceSum', ['margin'], ['score'], [attribute.int('keepdims', 0)])]
  await assert.rejects(open({ bytes: behindMargin(total, null) }), /found float32 \[\]/)
  const most = [node('ReduceMax', ['margin'], ['score'], [attribute.ints('axes', [0])])]
  await assert.rejects(open({ bytes: behindMargin(most, null) }), /found float32 \[1, 1\]/)
  const second = { output: { name: 'score', column: 1 } }
  const sigmoid = [node('Sigmoid', ['margin'], ['score'])]
  await assert.rejects(
    open({ bytes: behindMargin(sigmoid, null), manifest: second }),
    /more than 1\], found float32 \[1, 1\]/,
  )
})

test('providers are tried in their order, and every failure is told when none is left', async () => {
  const model = await open({ bytes: linear }, { providers: ['nowhere', 'cpu'] })
  near(await scoresOf(model, numbers), numbers.map(linearScore))
  await assert.rejects(
    open({ bytes: linear }, { providers: ['nowhere', 'elsewhere'] }),
    (error) => {
      assert.ok(error instanceof ModelRefusal)
      assert.deepEqual(
        error.faults.map(({ expected }) => expected),
        ['a model that runs on nowhere', 'a model that runs on elsewhere'],
      )
      return true
    },
  )
  await assert.rejects(open({ bytes: linear }, { providers: [] }), /expected a provider/)
})

test('bytes that claim to be of the runtime’s own format are read as what the gate has seen', async () => {
  // A producer name that puts ORTM at byte 4, where the runtime looks for it.
  const claim = Buffer.concat([Buffer.from([0x12, 0x84, 0x80, 0x00]), Buffer.from('ORTM')])
  const model = await open({ bytes: Buffer.concat([claim, linear]) })
  near(await scoresOf(model, numbers), numbers.map(linearScore))
})

test('an admitted model that fails on a row rejects with ModelError, and scores the next', async () => {
  // Looks up 0 in a table of one place for every amount but 777, which no trial meets.
  const parts = linearParts()
  const bytes = modelFile({
    ...parts,
    initializer: [
      floats('table', [1], [0.25]),
      floats('special', [1], [777]),
      wholes('first', [1], [0]),
    ],
    node: [
      node('Gather', ['features', 'first'], ['amount'], [attribute.int('axis', 1)]),
      node('Equal', ['amount', 'special'], ['isSpecial']),
      node('Cast', ['isSpecial'], ['place'], [attribute.int('to', 7)]),
      node('Gather', ['table', 'place'], ['score']),
    ],
  })
  const model = await open({ bytes, golden: { rows: [[0, 0, 0]], scores: [0.25] } })
  await assert.rejects(scoresOf(model, [[777, 0, 0]]), (error) => {
    assert.ok(error instanceof ModelError)
    assert.equal(error.message, 'scoring 1 rows with linear 1')
    assert.match(String(error.cause), /indices element out of data bounds/)
    return true
  })
  assert.deepEqual(await scoresOf(model, [[776, 0, 0]]), [0.25])
})

test('a model that fails on a golden row is refused with what the runtime says', async () => {
  const parts = linearParts()
  const bytes = modelFile({
    ...parts,
    initializer: [floats('table', [1], [0.25]), wholes('first', [1], [0])],
    node: [
      node('Gather', ['features', 'first'], ['amount'], [attribute.int('axis', 1)]),
      node('Cast', ['amount'], ['place'], [attribute.int('to', 7)]),
      node('Gather', ['table', 'place'], ['score']),
    ],
  })
  await assert.rejects(
    open({ bytes }),
    /run: expected a score for each row, found .*indices element out of data bounds/,
  )
})

test('refused models leave nothing open: a hundred of them cost no memory that stays', async () => {
  const wide = 400
  const large = Array.from({ length: 3 * wide * wide }, () => 0.001)
  const parts = linearParts()
  const bytes = modelFile({
    ...parts,
    initializer: [
      floats('w1', [3, wide], large.slice(0, 3 * wide)),
      floats('w2', [wide, wide], large.slice(0, wide * wide)),
      floats('w3', [wide, 1], large.slice(0, wide)),
    ],
    node: [
      node('MatMul', ['features', 'w1'], ['a']),
      node('MatMul', ['a', 'w2'], ['b']),
      node('MatMul', ['b', 'w3'], ['c']),
      node('Sigmoid', ['c'], ['score']),
    ],
  })
  const folder = folders.make({ bytes, golden: { rows: [[9, 9, 9]], scores: [0] } })
  const round = async (): Promise<void> => {
    const refused = openModel(folder, definitions, parseDocument, { rowMax: 2 })
    await assert.rejects(refused, /golden row 0/)
  }
  for (let warm = 0; warm < 20; warm++) await round()
  const before = process.memoryUsage.rss()
  const rounds = 100
  for (let at = 0; at < rounds; at++) await round()
  const grown = process.memoryUsage.rss() - before
  // Each session holds its 640 kB of weights.
  assert.ok(grown < (rounds * bytes.length) / 2, `${grown} bytes more after ${rounds} rounds`)
})
