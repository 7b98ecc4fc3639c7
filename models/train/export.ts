// Writes a fitted forest as a model folder: model.onnx, manifest.json, golden.json, CARD.md. The same fit gives the same bytes.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Feature } from '../../features/catalog.ts'
import { type Attribute, type GraphNode, writeGraph } from '../graph.ts'
import type { Rows } from './rows.ts'
import { type Forest, forestMargin, type Tree } from './trees.ts'

const goldenRows = 64

export interface ModelCard {
  readonly name: string
  readonly version: number
  readonly thresholds: { readonly review: number; readonly deny: number }
  /** Facts for the manifest. */
  readonly training: unknown
  /** CARD.md. */
  readonly text: string
}

/** Writes the folder; golden rows are the first of `golden`, their scores computed here, not by the runtime that serves. */
export function writeModelFolder(
  folder: string,
  forest: Forest,
  features: readonly Feature[],
  train: Rows,
  golden: Rows,
  card: ModelCard,
): void {
  const bytes = writeGraph({
    name: card.name,
    input: 'features',
    columns: features.length,
    output: 'score',
    nodes: [
      forestNode(forest),
      { operator: 'Sigmoid', domain: '', inputs: ['margin'], outputs: ['score'], attributes: {} },
    ],
  })
  const manifest = {
    name: card.name,
    version: card.version,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    input: 'features',
    inputs: features.map(({ name, definition }, column) => ({
      feature: name,
      definition,
      imputation: 'nan',
      ...meanOf(train, column),
    })),
    output: { name: 'score', column: 0, transform: 'none' },
    thresholds: card.thresholds,
    tolerance: 1e-5,
    training: card.training,
  }
  mkdirSync(folder, { recursive: true })
  const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`
  writeFileSync(join(folder, 'model.onnx'), bytes)
  writeFileSync(join(folder, 'manifest.json'), json(manifest))
  writeFileSync(join(folder, 'golden.json'), `${JSON.stringify(goldenOf(forest, golden))}\n`)
  writeFileSync(join(folder, 'CARD.md'), card.text)
}

/** Probability of fraud. */
export function forestScore(forest: Forest, rows: Rows, row: number): number {
  return 1 / (1 + Math.exp(-forestMargin(forest, rows.values, row * rows.columns)))
}

function goldenOf(forest: Forest, rows: Rows): { rows: (number | null)[][]; scores: number[] } {
  const golden = { rows: [] as (number | null)[][], scores: [] as number[] }
  // Spread over the stream, frauds first: they are what the scores must be right for.
  const order = Array.from({ length: rows.count }, (_, row) => row)
  const frauds = order.filter((row) => rows.isFraud[row] === 1).slice(0, goldenRows / 2)
  const step = Math.floor(rows.count / (goldenRows - frauds.length))
  const honest = order.filter((row) => row % step === 0).slice(0, goldenRows - frauds.length)
  for (const row of [...frauds, ...honest]) {
    const values = [...rows.values.subarray(row * rows.columns, (row + 1) * rows.columns)]
    golden.rows.push(values.map((value) => (Number.isNaN(value) ? null : value)))
    golden.scores.push(forestScore(forest, rows, row))
  }
  return golden
}

function meanOf(
  { count, columns, values }: Rows,
  column: number,
): { mean: number; deviation: number } {
  let known = 0
  let sum = 0
  let squares = 0
  for (let row = 0; row < count; row++) {
    const value = values[row * columns + column]!
    if (Number.isNaN(value)) continue
    known++
    sum += value
    squares += value * value
  }
  if (known === 0) return { mean: 0, deviation: 0 }
  const mean = sum / known
  const round = (value: number): number => Number(value.toPrecision(6))
  return {
    mean: round(mean),
    deviation: round(Math.sqrt(Math.max(0, squares / known - mean * mean))),
  }
}

/** ai.onnx.ml TreeEnsembleRegressor: the margin, raw. */
function forestNode({ base, trees }: Forest): GraphNode {
  const nodes: NodeLists = {
    tree: [],
    id: [],
    column: [],
    mode: [],
    value: [],
    left: [],
    right: [],
    absent: [],
  }
  const leaves: LeafLists = { tree: [], id: [], weight: [] }
  for (const [index, tree] of trees.entries()) addTree(tree, index, 0, nodes, leaves)
  const attributes: Record<string, Attribute> = {
    n_targets: { int: 1 },
    aggregate_function: { text: 'SUM' },
    post_transform: { text: 'NONE' },
    base_values: { floats: [base] },
    nodes_treeids: { ints: nodes.tree },
    nodes_nodeids: { ints: nodes.id },
    nodes_featureids: { ints: nodes.column },
    nodes_modes: { texts: nodes.mode },
    nodes_values: { floats: nodes.value },
    nodes_truenodeids: { ints: nodes.left },
    nodes_falsenodeids: { ints: nodes.right },
    nodes_missing_value_tracks_true: { ints: nodes.absent },
    target_treeids: { ints: leaves.tree },
    target_nodeids: { ints: leaves.id },
    target_ids: { ints: leaves.tree.map(() => 0) },
    target_weights: { floats: leaves.weight },
  }
  return {
    operator: 'TreeEnsembleRegressor',
    domain: 'ai.onnx.ml',
    inputs: ['features'],
    outputs: ['margin'],
    attributes,
  }
}

interface NodeLists {
  readonly tree: number[]
  readonly id: number[]
  readonly column: number[]
  readonly mode: string[]
  readonly value: number[]
  readonly left: number[]
  readonly right: number[]
  readonly absent: number[]
}

interface LeafLists {
  readonly tree: number[]
  readonly id: number[]
  readonly weight: number[]
}

/** Only nodes that can be reached are written. */
function addTree(tree: Tree, index: number, n: number, nodes: NodeLists, leaves: LeafLists): void {
  const isLeaf = tree.column[n]! < 0
  nodes.tree.push(index)
  nodes.id.push(n)
  nodes.column.push(isLeaf ? 0 : tree.column[n]!)
  nodes.mode.push(isLeaf ? 'LEAF' : 'BRANCH_LEQ')
  nodes.value.push(isLeaf ? 0 : tree.threshold[n]!)
  nodes.left.push(isLeaf ? 0 : n * 2 + 1)
  nodes.right.push(isLeaf ? 0 : n * 2 + 2)
  nodes.absent.push(isLeaf ? 0 : tree.isAbsentLeft[n]!)
  if (isLeaf) {
    leaves.tree.push(index)
    leaves.id.push(n)
    leaves.weight.push(tree.value[n]!)
    return
  }
  addTree(tree, index, n * 2 + 1, nodes, leaves)
  addTree(tree, index, n * 2 + 2, nodes, leaves)
}
