// Which scorer a model gets: the walker and ONNX Runtime for trees, with the same bits; ONNX Runtime for all else, and for
// trees that it takes otherwise than we do. Without ONNX Runtime, trees only.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { parseDocument } from '../engine/document.ts'
import { modelContract } from './model.contract.ts'
import { type AdmittedModel, type OpenOptions, openModel, openTried } from './open.ts'
import {
  attribute,
  definitions,
  inputsOf,
  linearParts,
  ModelFolders,
  modelFile,
  node,
  value,
} from './testing/model-files.ts'
import {
  naiveMargin,
  randomRows,
  randomTrees,
  type TreeWishes,
  treeAttributes,
  treeFile,
} from './testing/random-trees.ts'

const folders = new ModelFolders()
after(() => {
  folders.dispose()
})

const columns = 3
const wish: TreeWishes = {
  ...{ seed: 5, trees: 20, depthMax: 6, columns, hasMissing: true, base: 0.25 },
  ...{ modes: ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_EQ'], kind: 'regressor' },
}
const trees = randomTrees(wish)
const inputs = inputsOf(['amount', 'card_count_1h', 'card_count_1d']).map((input) => {
  return { ...input, imputation: 'nan' }
})

/** Golden rows have no infinities, nor what JSON rounds. */
const rows = Array.from({ length: 30 }, (_, at) =>
  [...randomRows(at, 1, columns)].map((one) => (Math.abs(one) < 1000 ? one : Number.NaN)),
)
const sigmoid = (margin: number): number => 1 / (1 + Math.exp(-margin))
const scoreOfRow = (row: readonly number[], lists = trees): number =>
  sigmoid(naiveMargin(lists, 0.25, Float32Array.from(row)))
const golden = {
  rows: rows.map((row) => row.map((one) => (Number.isNaN(one) ? null : one))),
  scores: rows.map((row) => scoreOfRow(row)),
}
const output = { name: 'margin', kind: 'margin' }
const manifest = { inputs, output }

function treeFolder(bytes = treeFile(trees, wish), more: Record<string, unknown> = {}): string {
  return folders.make({ bytes, manifest: { ...manifest, ...more }, golden })
}

function open(folder: string, options: OpenOptions = {}): Promise<AdmittedModel> {
  return openModel(folder, definitions, parseDocument, options)
}

/** A clock that a scorer's calls move: each `score` of the runtime lies over several turns of the loop. */
function turnClock(favours: 'trees' | 'onnxruntime'): () => number {
  let turns = 0
  const turn = (): void => {
    turns++
    setImmediate(turn).unref()
  }
  turn()
  return () => (favours === 'trees' ? turns : -turns)
}

modelContract('a tree model, walked', { open: (rowMax) => open(treeFolder(), { rowMax }), rows })

modelContract('a tree model on ONNX Runtime', {
  open: async (rowMax) => {
    const model = await open(treeFolder(), { rowMax, monotonicUs: turnClock('onnxruntime') })
    assert.equal(model.scorer, 'cpu')
    return model
  },
  rows,
})

async function scoresOf(model: AdmittedModel): Promise<number[]> {
  const out = new Float64Array(rows.length)
  for (const [at, row] of rows.entries()) model.rows.set(row, at * columns)
  await model.score(rows.length, out)
  return [...out]
}

async function addedTo(model: AdmittedModel): Promise<number[]> {
  const out = new Float64Array(rows.length * columns)
  await model.explain(Float32Array.from(rows.flat()), rows.length, out)
  return [...out]
}

test('both scorers of a tree model give the same bits, explanations too, and the faster one stays', async () => {
  const walked = await open(treeFolder(), { monotonicUs: turnClock('trees') })
  const run = await open(treeFolder(), { monotonicUs: turnClock('onnxruntime') })
  assert.deepEqual([walked.scorer, run.scorer], ['trees', 'cpu'])
  assert.deepEqual([walked.attribution, run.attribution], ['path', 'path'])
  assert.deepEqual(await scoresOf(walked), golden.scores)
  assert.deepEqual(await scoresOf(run), golden.scores)
  assert.deepEqual(await addedTo(walked), await addedTo(run))
  for (const {
    tried: { admission },
  } of [walked, run]) {
    assert.ok(admission.trees !== null && admission.onnxruntime !== null)
  }
  assert.equal(walked.hash, run.hash)
})

test('for a replay the walker scores, whatever the clock says', async () => {
  const model = await open(treeFolder(), {
    monotonicUs: turnClock('onnxruntime'),
    isForReplay: true,
  })
  assert.equal(model.scorer, 'trees')
})

test('what passed its trial is made again of what was read, without its folder', async () => {
  for (const folder of [treeFolder(), folders.make({ bytes: modelFile(linearParts()) })]) {
    const first = await open(folder)
    const { tried } = first
    const second = await openTried(structuredClone(first.candidate), tried)
    assert.equal(second.tried, tried)
    assert.equal(second.hash, first.hash)
    assert.deepEqual(await addedTo(second), await addedTo(first))
    assert.deepEqual(await scoresOf(second), await scoresOf(first))
    assert.equal(second.scorer, first.scorer)
  }
})

test('without a clock a tree model is walked, and nothing is measured', async () => {
  const model = await open(treeFolder())
  assert.equal(model.scorer, 'trees')
  assert.deepEqual(model.tried.admission, { trees: null, onnxruntime: null })
})

test('providers are told of for the scorer that stays, and for no other', async () => {
  const told: string[] = []
  const onAttempt: OpenOptions['onAttempt'] = ({ provider, failure }) => {
    told.push(`${provider}: ${failure === null ? 'fine' : 'failed'}`)
  }
  await open(treeFolder(), { onAttempt })
  assert.deepEqual(told, [])
  const providers = ['nowhere', 'cpu']
  await open(treeFolder(), { onAttempt, providers, monotonicUs: turnClock('onnxruntime') })
  assert.deepEqual(told, ['nowhere: failed', 'cpu: fine'])
})

test('a model of anything else is run by the runtime and explained by occlusion', async () => {
  const model = await open(folders.make({ bytes: modelFile(linearParts()) }))
  assert.deepEqual([model.scorer, model.attribution], ['cpu', 'occlusion'])
})

test('a sigmoid in the graph and one that the manifest asks for are the same score', async () => {
  const bytes = modelFile({
    input: [value('features', ['N', columns])],
    output: [value('score', ['N', 1])],
    node: [
      node(
        'TreeEnsembleRegressor',
        ['features'],
        ['sum'],
        treeAttributes(trees, wish),
        'ai.onnx.ml',
      ),
      node('Sigmoid', ['sum'], ['score']),
    ],
  })
  const model = await open(treeFolder(bytes, { output: { name: 'score' } }))
  assert.equal(model.scorer, 'trees')
  assert.deepEqual(await scoresOf(model), golden.scores)
})

test('a margin that the graph has squashed before is no sum over trees', async () => {
  const bytes = modelFile({
    input: [value('features', ['N', columns])],
    output: [value('margin', ['N', 1])],
    node: [
      node(
        'TreeEnsembleRegressor',
        ['features'],
        ['sum'],
        treeAttributes(trees, wish),
        'ai.onnx.ml',
      ),
      node('Sigmoid', ['sum'], ['margin']),
    ],
  })
  const twice = { rows: golden.rows, scores: golden.scores.map(sigmoid) }
  const folder = folders.make({ bytes, manifest, golden: twice })
  const model = await open(folder)
  assert.deepEqual([model.scorer, model.attribution], ['cpu', 'occlusion'])
  assert.match(await withoutRuntime(folder), /expected onnxruntime-node, to run this model on/)
})

test('where a graph has no covers, the rows of the background weigh its leaves, else the golden rows', async () => {
  const uncovered = { ...trees, hitrates: trees.hitrates.map(() => 1) }
  const background = {
    rows: [
      [1, 2, 3],
      [null, 0.25, -1],
    ],
  }
  const explained = async (
    lists: typeof trees,
    parts: { background?: unknown },
  ): Promise<number[]> =>
    addedTo(await open(folders.make({ bytes: treeFile(lists, wish), manifest, golden, ...parts })))
  const byGolden = await explained(uncovered, {})
  assert.notDeepEqual(await explained(uncovered, { background }), byGolden)
  assert.notDeepEqual(await explained(trees, {}), byGolden)
  assert.deepEqual(await explained(trees, { background }), await explained(trees, {}))
})

test('golden scores count for whoever scores: a tree model that misses one is refused', async () => {
  const scores = golden.scores.with(3, 0.123)
  const folder = folders.make({
    bytes: treeFile(trees, wish),
    manifest,
    golden: { ...golden, scores },
  })
  await assert.rejects(open(folder), /golden row 3: expected 0\.123/)
})

const run = promisify(execFile)

/** Opens a folder in a process where onnxruntime-node is not to be found; what it prints. */
async function withoutRuntime(folder: string): Promise<string> {
  const hooks = `export function resolve(name, context, next) {
    if (name === 'onnxruntime-node') throw new Error('not for this machine')
    return next(name, context)
  }`
  const asModule = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`
  const register = `import { register } from 'node:module'
    register(${JSON.stringify(asModule(hooks))})`
  const script = `
    const { openModel } = await import(${JSON.stringify(import.meta.resolve('./open.js'))})
    const { parseDocument } = await import(${JSON.stringify(import.meta.resolve('../engine/document.js'))})
    const definitions = new Map(${JSON.stringify([...definitions])})
    try {
      const model = await openModel(${JSON.stringify(folder)}, definitions, parseDocument)
      const out = new Float64Array(1)
      model.rows.set([1, 2, 3])
      await model.score(1, out)
      console.log(model.scorer, out[0])
    } catch (error) {
      console.log(error.name, error.message)
    }`
  const options = ['--import', asModule(register), '--input-type=module', '-e', script]
  const { stdout } = await run(process.execPath, options)
  return stdout.trim()
}

test('where ONNX Runtime cannot be loaded, trees are walked and all else is refused with the reason', async () => {
  assert.equal(await withoutRuntime(treeFolder()), `trees ${scoreOfRow([1, 2, 3])}`)
  const folder = folders.make({ bytes: modelFile(linearParts()) })
  const refused = await withoutRuntime(folder)
  const file = join(folder, 'model.onnx')
  assert.equal(
    refused,
    `ModelRefusal ${file}: (file): expected onnxruntime-node, to run this model on, found not for this machine ` +
      '(without it only tree models run, whose score is a sum over trees or its sigmoid)',
  )
})

test('a tree model’s attributes that no converter writes leave it to the runtime', async () => {
  const doubled = attribute.text('aggregate_function', 'AVERAGE')
  const scores = rows.map((row) => {
    const margin = naiveMargin(trees, 0, Float32Array.from(row))
    return sigmoid(margin / wish.trees + 0.25)
  })
  const bytes = treeFile(trees, wish, [doubled])
  const model = await open(folders.make({ bytes, manifest, golden: { rows: golden.rows, scores } }))
  assert.deepEqual([model.scorer, model.attribution], ['cpu', 'occlusion'])
})
