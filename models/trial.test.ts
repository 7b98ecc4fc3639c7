// Refusals that take a run: golden rows that differ, scores that are no numbers, slow models. What a batch does to a
// score is in onnx.test.ts, where its graphs are.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseDocument } from '../engine/document.ts'
import { ModelRefusal } from './model.ts'
import { openModel } from './open.ts'
import {
  definitions,
  floats,
  goldenRows,
  linearParts,
  linearScore,
  ModelFolders,
  modelFile,
  node,
  value,
  weights,
} from './testing/model-files.ts'
import { latencyUsMax, type OnTrial, tryModel } from './trial.ts'

const folders = new ModelFolders()
after(() => {
  folders.dispose()
})

const linear = modelFile(linearParts())
const scores = goldenRows.map(linearScore)

/** `linearParts` walked in JavaScript. */
class WalkedModel implements OnTrial {
  readonly name = 'walked'
  readonly version = 1
  readonly hash = 'ab'
  readonly scorer = 'trees'
  readonly attribution = 'path'
  readonly thresholds = { review: 0.4, deny: 0.8 }
  readonly rowMax = 64
  readonly inputs = ['a', 'b', 'c'].map((feature) => {
    return { feature, definition: '', imputation: 0, mean: 0, deviation: 1, baseline: 0 }
  })
  readonly rows = new Float32Array(64 * 3)
  calls = 0

  pad(): void {
    assert.fail('it needs no padding')
  }

  score(count: number, out: Float64Array): Promise<void> {
    this.calls++
    for (let row = 0; row < count; row++) {
      out[row] = linearScore([...this.rows.subarray(row * 3, row * 3 + 3)])
    }
    return Promise.resolve()
  }

  explain(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

class SlowModel extends WalkedModel {
  nowUs = 0
  readonly #rowUs: number

  constructor(rowUs: number) {
    super()
    this.#rowUs = rowUs
  }

  override score(count: number, out: Float64Array): Promise<void> {
    this.nowUs += count * this.#rowUs
    return super.score(count, out)
  }
}

class KeepingModel extends WalkedModel {
  readonly #kept: Buffer[] = []
  readonly #bytes: number

  constructor(bytes: number) {
    super()
    this.#bytes = bytes
  }

  override score(count: number, out: Float64Array): Promise<void> {
    this.#kept.push(Buffer.alloc(this.#bytes, 1))
    return super.score(count, out)
  }
}

/** What the trial says of a folder, a line each; nothing for an admitted one. */
async function refusalsOf(
  parts: Parameters<ModelFolders['make']>[0],
  monotonicUs: (() => number) | null = null,
  isForReplay = false,
): Promise<string[]> {
  const folder = folders.make(parts)
  try {
    const model = await openModel(folder, definitions, parseDocument, { monotonicUs, isForReplay })
    await model.close()
    return []
  } catch (error) {
    assert.ok(error instanceof ModelRefusal, String(error))
    return error.message.replaceAll(`${folder}/model.onnx: `, '').split('\n')
  }
}

test('golden scores within the tolerance are agreed to, one beyond it is named', async () => {
  const [first, ...rest] = scores
  const golden = (off: number) => ({ rows: goldenRows, scores: [first! + off, ...rest] })
  const manifest = { tolerance: 0.001 }
  assert.deepEqual(await refusalsOf({ bytes: linear, manifest, golden: golden(0.0009) }), [])
  const [fault, ...more] = await refusalsOf({ bytes: linear, manifest, golden: golden(0.0011) })
  const form = /^golden row 0: expected 0\.5937\d+ ± 0\.001, found 0\.5926\d+$/
  assert.match(fault!, form)
  assert.deepEqual(more, [])
})

test('of many golden rows that differ the three worst are named, and all are counted', async () => {
  const rows = Array.from({ length: 200 }, (_, at) => [at / 50, 0, 0])
  const golden = {
    rows,
    scores: rows.map((row, at) => linearScore(row) * (at < 100 ? 1 : at === 150 ? 0.1 : 0.9)),
  }
  const faults = await refusalsOf({ bytes: linear, golden })
  assert.deepEqual(
    faults.map((fault) => fault.split(':')[0]),
    ['golden row 150', 'golden row 199', 'golden row 198', 'golden rows'],
  )
  assert.equal(
    faults[3],
    'golden rows: expected all 200 within the tolerance, found 100 that are not, the worst of them above',
  )
})

/** Three inputs, their weighted sum, and an operator on it. */
const behindMargin = (operator: string): Buffer =>
  modelFile({
    ...linearParts(),
    initializer: [floats('weights', [weights.length, 1], weights)],
    node: [
      node('MatMul', ['features', 'weights'], ['margin']),
      node(operator, ['margin'], ['score']),
    ],
    output: [value('score', ['N', 1])],
  })

test('NaN on a golden row is refused', async () => {
  const golden = {
    rows: [
      [2, 0, 0],
      [-1, 0, 0],
    ],
    scores: [0, 0.5],
  }
  assert.deepEqual(await refusalsOf({ bytes: behindMargin('Log'), golden }), [
    'golden row 1: expected 0.5 ± 0.000001, found no number within 0…1 (NaN, or a margin: that needs kind: margin)',
  ])
})

test('a margin that is taken for a probability is refused, and says what to write', async () => {
  const golden = { rows: [[4, 0, 0]], scores: [linearScore([4, 0, 0])] }
  const bytes = behindMargin('Identity')
  const [fault] = await refusalsOf({ bytes, golden })
  assert.match(fault!, /found no number within 0…1 \(NaN, or a margin: that needs kind: margin\)/)
  const output = { name: 'score', kind: 'margin' }
  assert.deepEqual(await refusalsOf({ bytes, golden, manifest: { output } }), [])
})

/** A clock on which the nth call of the model takes `stepsUs[n]`, the last one for ever. */
function clockOf(...stepsUs: number[]): () => number {
  let nowUs = 0
  let reads = 0
  return () => {
    const call = Math.min(Math.floor(reads / 2), stepsUs.length - 1)
    if (reads++ % 2 === 1) nowUs += stepsUs[call]!
    return nowUs
  }
}

test('a model that takes two seconds a row is refused after its second call', async () => {
  const model = new SlowModel(2_000_000)
  const terms = {
    file: 'model.onnx',
    golden: { rows: goldenRows, scores },
    tolerance: 1e-6,
    latencyUsMax,
  }
  const refused = tryModel(model, { ...terms, monotonicUs: () => model.nowUs })
  await assert.rejects(
    refused,
    /latency: expected at most 1000 µs for a row alone, found 2000000 µs/,
  )
  assert.equal(model.calls, 2)
})

test('a model that keeps memory of every call is refused, one that keeps none is not', async () => {
  const terms = {
    file: 'model.onnx',
    golden: { rows: goldenRows, scores },
    tolerance: 1e-6,
    latencyUsMax,
  }
  const form = /memory: expected calls that give back what they take, found \d+ kB more after each/
  const leaking = new KeepingModel(256 * 1024)
  await assert.rejects(tryModel(leaking, { ...terms, monotonicUs: null }), form)
  assert.ok(leaking.calls < 1000, `${leaking.calls} calls until it was noticed`)
  await tryModel(new KeepingModel(0), { ...terms, monotonicUs: null })
})

test('a model is as slow as its fastest warm-up, and may not take more than the budget', async () => {
  const slow = `latency: expected at most ${latencyUsMax} µs for a row alone, found ${latencyUsMax + 1} µs at best`
  assert.deepEqual(await refusalsOf({ bytes: linear }, clockOf(latencyUsMax + 1)), [slow])
  assert.deepEqual(await refusalsOf({ bytes: linear }, clockOf(latencyUsMax)), [])
  assert.deepEqual(await refusalsOf({ bytes: linear }, clockOf(9000, 9000, 300, 9000)), [])
  assert.deepEqual(
    await refusalsOf({ bytes: linear }, null),
    [],
    'without a clock any speed will do',
  )
})

test('a replay takes a hundred times as long, and no longer', async () => {
  const replay = (us: number): Promise<string[]> => refusalsOf({ bytes: linear }, clockOf(us), true)
  assert.deepEqual(await replay(100_000), [])
  assert.deepEqual(await replay(100_001), [
    'latency: expected at most 100000 µs for a row alone, found 100001 µs at best',
  ])
})
