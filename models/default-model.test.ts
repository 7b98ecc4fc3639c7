// The shipped model, and the network that was shipped before it: through the same gate as any other, golden rows agreed to by
// two ways of computing them.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { shipped } from '../engine/assemble.ts'
import { parseDocument, readDocument } from '../engine/document.ts'
import { compileCatalog } from '../features/catalog.ts'
import { Random } from '../features/generator/random.ts'
import { type Manifest, readGolden, readManifest } from './manifest.ts'
import { modelContract } from './model.contract.ts'
import { type Model, ModelRefusal } from './model.ts'
import { openModel } from './open.ts'
import { NetworkWalker } from './testing/network-walker.ts'

const catalog = compileCatalog(readDocument(shipped.catalog))
const definitions = new Map(catalog.features.map(({ name, definition }) => [name, definition]))

interface Folder {
  readonly manifest: Manifest
  /** Absent values imputed, as the pipeline does. */
  readonly rows: readonly (readonly number[])[]
  readonly scores: readonly number[]
  open(rowMax: number): Promise<Model>
}

function folderOf(folder: string): Folder {
  const manifest = readManifest(readDocument(join(folder, 'manifest.json')))
  const { inputs } = manifest
  const { rows, scores } = readGolden(readDocument(join(folder, 'golden.json')), inputs.length)
  return {
    manifest,
    rows: rows.map((row) => row.map((value, input) => value ?? inputs[input]!.imputation)),
    scores,
    open: (rowMax) => openModel(folder, definitions, parseDocument, { rowMax }),
  }
}

const networkFolder = fileURLToPath(import.meta.resolve('#root/models/default-v2'))
const model = folderOf(shipped.model)
const network = folderOf(networkFolder)
const walk = (rowMax: number): NetworkWalker =>
  new NetworkWalker(networkFolder, network.manifest, rowMax)

/** The contract asks that no two rows be alike in score, too. */
function unlike({ rows, scores }: Folder): readonly (readonly number[])[] {
  return rows.filter((_, at) => scores.indexOf(scores[at]!) === at).slice(0, 20)
}

modelContract('the shipped model', { open: (rowMax) => model.open(rowMax), rows: unlike(model) })
modelContract('the network in ONNX Runtime', {
  open: (rowMax) => network.open(rowMax),
  rows: unlike(network),
})
modelContract('the network walked node by node', {
  open: (rowMax) => Promise.resolve(walk(rowMax)),
  rows: unlike(network),
})

async function scoresOf(of: Model, all: readonly (readonly number[])[]): Promise<number[]> {
  const out = new Float64Array(of.rowMax)
  const scores: number[] = []
  for (let first = 0; first < all.length; first += of.rowMax) {
    const chunk = all.slice(first, first + of.rowMax)
    for (const [at, row] of chunk.entries()) of.rows.set(row, at * row.length)
    await of.score(chunk.length, out)
    scores.push(...out.subarray(0, chunk.length))
  }
  return scores
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length)
  return Math.max(...a.map((one, at) => Math.abs(one - b[at]!)))
}

test('the gate admits the shipped model for the shipped catalog', async () => {
  const opened = await model.open(64)
  const stated = readFileSync(join(shipped.model, 'manifest.json'))
  assert.equal(opened.hash, createHash('sha256').update(stated).digest('hex'))
  assert.equal(opened.inputs.length, catalog.features.length)
  await opened.close()
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

test('golden scores, which the trainer computed, are those of whoever serves, and of the walked network', async () => {
  for (const folder of [model, network]) {
    const opened = await folder.open(64)
    assert.ok(largestDifference(await scoresOf(opened, folder.rows), folder.scores) <= 1e-6)
    await opened.close()
  }
  assert.ok(largestDifference(await scoresOf(walk(64), network.rows), network.scores) <= 1e-6)
})

test('on 3,000 random rows, absent values among them, runtime and walked network agree', async () => {
  const random = Random.of(5, 'rows')
  const any = Array.from({ length: 3000 }, () =>
    network.manifest.inputs.map(({ mean, deviation, imputation }, input) => {
      const chance = random.uniform()
      if (chance < 0.1) return imputation
      if (chance < 0.6) {
        return network.rows[Math.floor(random.uniform() * network.rows.length)]![input]!
      }
      return Math.fround(mean + deviation * (random.uniform() * 6 - 2))
    }),
  )
  const opened = await network.open(64)
  const scores = await scoresOf(opened, any)
  // The runtime sums in float32 and has its own exponential.
  assert.ok(largestDifference(scores, await scoresOf(walk(64), any)) <= 2e-6)
  assert.ok(new Set(scores).size > 1000, 'rows that say nothing')
  await opened.close()
})

test('the shipped model ranks better than the best rule, a logistic regression and the amount, as its run has judged them', () => {
  const { judged, baselines } = model.manifest.training as {
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
