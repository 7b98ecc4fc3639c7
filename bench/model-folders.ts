// Model folders of any size with random weights, over features of the shipped catalog: what a score costs does not depend on
// what it means. Golden scores are the runtime's own.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { shipped } from '../engine/assemble.ts'
import { readDocument } from '../engine/document.ts'
import { compileCatalogs } from '../features/catalogs.ts'
import { Random } from '../features/generator/random.ts'
import { type GraphNode, type GraphSource, writeGraph } from '../models/graph/graph.ts'
import { autoencoderGraph } from '../models/train/autoencoder.ts'
import type { Dense } from '../models/train/dense.ts'
import type { InputScale } from '../models/train/scaling.ts'

const catalog = compileCatalogs([readDocument(shipped.catalog)])

/** Of the shipped catalog, by name. */
export const definitions: ReadonlyMap<string, string> = new Map(
  catalog.features.map(({ name, definition }) => [name, definition]),
)

export const inputCount = 40
const goldenRows = 16

/** What a model reads, and what its golden rows are drawn from. */
export interface Inputs {
  /** Definition by feature. */
  readonly definitions: ReadonlyMap<string, string>
  draw(random: Random, input: number): number
}

const shippedInputs: Inputs = {
  definitions: new Map([...definitions].slice(0, inputCount)),
  draw: (random) => random.normal() * 3,
}

/** Writes a folder; `version` makes another manifest, and so another model, of the same file. */
export async function writeFolder(
  folder: string,
  name: string,
  source: GraphSource,
  version = 1,
  inputs = shippedInputs,
): Promise<void> {
  const bytes = writeGraph(source)
  const random = Random.of(7, name)
  const rows = Array.from({ length: goldenRows }, () =>
    Array.from({ length: inputCount }, (_, input) => Math.fround(inputs.draw(random, input))),
  )
  const manifest = {
    name,
    version,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    input: 'features',
    inputs: [...inputs.definitions].map(([feature, definition]) => {
      return { feature, definition, imputation: -1, mean: 0, deviation: 1 }
    }),
    output: { name: 'score' },
    thresholds: { review: 0.9, deny: 0.99 },
    tolerance: 1e-5,
    training: null,
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), bytes)
  const scores = await scoresOf(bytes, rows)
  writeFileSync(join(folder, 'golden.json'), JSON.stringify({ rows, scores }))
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
}

/** Dense layers with ReLU, a sigmoid at the end. */
export function networkGraph(hidden: readonly number[]): GraphSource {
  const random = Random.of(1, `network ${hidden.join('-')}`)
  const sizes = [inputCount, ...hidden, 1]
  const nodes: GraphNode[] = []
  const initializers = []
  let below = 'features'
  for (let layer = 1; layer < sizes.length; layer++) {
    const [rows, columns] = [sizes[layer - 1]!, sizes[layer]!]
    const scale = 1 / Math.sqrt(rows)
    const weights = (count: number): Float32Array =>
      Float32Array.from({ length: count }, () => random.normal() * scale)
    initializers.push(
      { name: `w${layer}`, shape: [rows, columns], values: weights(rows * columns) },
      { name: `b${layer}`, shape: [columns], values: weights(columns) },
    )
    const isLast = layer === sizes.length - 1
    nodes.push(node('Gemm', [below, `w${layer}`, `b${layer}`], `s${layer}`))
    nodes.push(node(isLast ? 'Sigmoid' : 'Relu', [`s${layer}`], isLast ? 'score' : `h${layer}`))
    below = `h${layer}`
  }
  return {
    name: 'network',
    input: 'features',
    columns: inputCount,
    output: 'score',
    nodes,
    initializers,
  }
}

/** Dense layers to as many outputs as inputs, and the mean squared error of what comes back; a sigmoid at the end. */
export function strangenessGraph(hidden: readonly number[]): GraphSource {
  const random = Random.of(1, `autoencoder ${hidden.join('-')}`)
  const sizes = [inputCount, ...hidden, inputCount]
  const layers = sizes.slice(1).map((outputs, at): Dense => {
    const inputs = sizes[at]!
    const scale = 1 / Math.sqrt(inputs)
    const kernel = Float32Array.from({ length: inputs * outputs }, () => random.normal() * scale)
    return { inputs, outputs, kernel, bias: new Float32Array(outputs) }
  })
  const scales = Array.from({ length: inputCount }, (_, column): InputScale => {
    return { column, mean: 0, factor: 1, imputation: -1, rawMean: 0, rawDeviation: 1 }
  })
  const graph = autoencoderGraph('autoencoder', scales, layers)
  const last = graph.nodes.at(-1)!
  const nodes = [
    ...graph.nodes.slice(0, -1),
    { ...last, outputs: ['error'] },
    node('Sigmoid', ['error'], 'score'),
  ]
  return { ...graph, nodes }
}

/** Full trees with random splits, drawn by `threshold` where inputs are not around zero; a sigmoid at the end. */
export function treesGraph(
  trees: number,
  depth: number,
  threshold: Inputs['draw'] = (random) => random.normal() * 2,
): GraphSource {
  const random = Random.of(2, `trees ${trees}x${depth}`)
  const inner = 2 ** depth - 1
  const all = 2 ** (depth + 1) - 1
  const count = trees * all
  const leaves = trees * (all - inner)
  const each = <T>(value: (tree: number, place: number) => T): T[] =>
    Array.from({ length: count }, (_, at) => value(Math.floor(at / all), at % all))
  const child = (step: number): number[] => each((_, at) => (at < inner ? 2 * at + step : 0))
  const leaf = (value: (at: number) => number): number[] =>
    Array.from({ length: leaves }, (_, at) => value(at))
  const features = each((_, at) => (at < inner ? random.below(inputCount) : 0))
  const attributes = {
    n_targets: { int: 1 },
    nodes_treeids: { ints: each((tree) => tree) },
    nodes_nodeids: { ints: each((_, at) => at) },
    nodes_featureids: { ints: features },
    nodes_values: {
      floats: each((tree, at) => (at < inner ? threshold(random, features[tree * all + at]!) : 0)),
    },
    nodes_modes: { texts: each((_, at) => (at < inner ? 'BRANCH_LEQ' : 'LEAF')) },
    nodes_truenodeids: { ints: child(1) },
    nodes_falsenodeids: { ints: child(2) },
    nodes_hitrates: { floats: each((_, at) => 2 ** (depth - Math.floor(Math.log2(at + 1)))) },
    target_treeids: { ints: leaf((at) => Math.floor(at / (all - inner))) },
    target_nodeids: { ints: leaf((at) => inner + (at % (all - inner))) },
    target_ids: { ints: leaf(() => 0) },
    target_weights: { floats: leaf(() => random.normal() * 0.1) },
  }
  const ensemble = {
    ...node('TreeEnsembleRegressor', ['features'], 'margin'),
    domain: 'ai.onnx.ml',
    attributes,
  }
  return {
    ...{ name: 'trees', input: 'features', columns: inputCount, output: 'score' },
    nodes: [ensemble, node('Sigmoid', ['margin'], 'score')],
  }
}

function node(operator: string, inputs: readonly string[], output: string): GraphNode {
  return { operator, domain: '', inputs, outputs: [output], attributes: {} }
}

async function scoresOf(bytes: Buffer, rows: readonly number[][]): Promise<number[]> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const tensor = new Tensor('float32', Float32Array.from(rows.flat()), [rows.length, inputCount])
  const { score } = await session.run({ features: tensor })
  await session.release()
  return [...(score!.data as Float32Array)]
}
