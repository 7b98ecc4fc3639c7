// The shipped model: through the same gate as any other, its golden rows agreed to by two ways of computing them.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { shipped } from '../engine/assemble.ts'
import { parseDocument, readDocument } from '../engine/document.ts'
import { compileCatalog } from '../features/catalog.ts'
import { Random } from '../features/generator/random.ts'
import { readGolden, readManifest } from './manifest.ts'
import { modelContract } from './model.contract.ts'
import { type Model, ModelRefusal } from './model.ts'
import { openModel } from './open.ts'
import { NetworkWalker } from './testing/network-walker.ts'

const catalog = compileCatalog(readDocument(shipped.catalog))
const definitions = new Map(catalog.features.map(({ name, definition }) => [name, definition]))
const manifest = readManifest(readDocument(join(shipped.model, 'manifest.json')))
const golden = readGolden(readDocument(join(shipped.model, 'golden.json')), manifest.inputs.length)
/** Absent values imputed, as the pipeline does. */
const goldenRows = golden.rows.map((row) =>
  row.map((value, input) => value ?? manifest.inputs[input]!.imputation),
)

const open = (rowMax: number): Promise<Model> =>
  openModel(shipped.model, definitions, parseDocument, { rowMax })
const walk = (rowMax: number): NetworkWalker => new NetworkWalker(shipped.model, manifest, rowMax)

// The contract asks that no two rows be alike in score, too.
const rows = goldenRows.slice(0, 20)
modelContract('the shipped model in ONNX Runtime', { open, rows })
modelContract('the shipped model walked node by node', {
  open: (rowMax) => Promise.resolve(walk(rowMax)),
  rows,
})

async function scoresOf(model: Model, all: readonly (readonly number[])[]): Promise<number[]> {
  const out = new Float64Array(model.rowMax)
  const scores: number[] = []
  for (let first = 0; first < all.length; first += model.rowMax) {
    const chunk = all.slice(first, first + model.rowMax)
    for (const [at, row] of chunk.entries()) model.rows.set(row, at * row.length)
    await model.score(chunk.length, out)
    scores.push(...out.subarray(0, chunk.length))
  }
  return scores
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length)
  return Math.max(...a.map((one, at) => Math.abs(one - b[at]!)))
}

test('the gate admits the shipped model for the shipped catalog', async () => {
  const model = await open(64)
  const stated = readFileSync(join(shipped.model, 'manifest.json'))
  assert.equal(model.hash, createHash('sha256').update(stated).digest('hex'))
  assert.equal(model.inputs.length, catalog.features.length)
  await model.close()
})

test('it is refused for a catalog that computes one of its features otherwise', async () => {
  const [name] = [...definitions.keys()]
  const others = new Map(definitions).set(name!, '0'.repeat(16))
  await assert.rejects(openModel(shipped.model, others, parseDocument), (error) => {
    assert.ok(error instanceof ModelRefusal)
    assert.deepEqual(
      error.faults.map(({ path }) => path),
      ['inputs[0].definition'],
    )
    return true
  })
})

test('its golden scores are those of the runtime and of the walked network', async () => {
  const model = await open(64)
  assert.ok(largestDifference(await scoresOf(model, goldenRows), golden.scores) <= 1e-6)
  assert.ok(largestDifference(await scoresOf(walk(64), goldenRows), golden.scores) <= 1e-6)
  await model.close()
})

test('on 3,000 random rows, absent values among them, runtime and walked network agree', async () => {
  const random = Random.of(5, 'rows')
  const any = Array.from({ length: 3000 }, () =>
    manifest.inputs.map(({ mean, deviation, imputation }, input) => {
      const chance = random.uniform()
      if (chance < 0.1) return imputation
      if (chance < 0.6) return goldenRows[Math.floor(random.uniform() * goldenRows.length)]![input]!
      return Math.fround(mean + deviation * (random.uniform() * 6 - 2))
    }),
  )
  const model = await open(64)
  const scores = await scoresOf(model, any)
  // The runtime sums in float32 and has its own exponential.
  assert.ok(largestDifference(scores, await scoresOf(walk(64), any)) <= 2e-6)
  assert.ok(new Set(scores).size > 1000, 'rows that say nothing')
  await model.close()
})

test('it ranks better than the best rule, a logistic regression and the amount, as its run has judged them', () => {
  const { judged, baselines } = manifest.training as {
    judged: { averagePrecision: number; auc: number; cardPrecision100: number }
    baselines: { name: string; averagePrecision: number; auc: number; cardPrecision100: number }[]
  }
  assert.equal(baselines.length, 3)
  for (const { name, averagePrecision, auc, cardPrecision100 } of baselines) {
    assert.ok(judged.averagePrecision > averagePrecision, name)
    assert.ok(judged.auc > auc, name)
    assert.ok(judged.cardPrecision100 > cardPrecision100, name)
  }
})
