// The operators TreeEnsembleRegressor and TreeEnsembleClassifier of ai.onnx.ml (1 and 3) as an ensemble: of one of their
// outputs' columns, and only where that column is a sum over the trees.
import type { Node, NodeAttribute } from '../graph/graph-nodes.ts'
import { type Ensemble, ensembleOf, type NodeTable } from './ensemble.ts'

/** A column of an operator's output: the sum over the trees, or its sigmoid. */
export interface Column {
  readonly ensemble: Ensemble
  readonly isSigmoid: boolean
  /** Columns of the output. */
  readonly width: number
}

/** Null for whatever does more than sum: then the runtime computes it. `columns` inputs; `output` as the node lists them. */
export function readColumn(
  node: Node,
  output: number,
  column: number,
  columns: number,
): Column | null {
  if (node.domain !== 'ai.onnx.ml') return null
  const attributes = new Attributes(node.attributes)
  const read = operators.get(node.operator)
  const found = read === undefined ? null : read(attributes, output, column)
  if (found === null || attributes.text('aggregate_function', 'SUM') !== 'SUM') return null
  const table = readTable(attributes, found)
  if (table === null) return null
  const ensemble = ensembleOf(table, columns, found.base)
  return ensemble && { ensemble, isSigmoid: found.isSigmoid, width: found.width }
}

/** What the two operators tell in different ways. */
interface Votes {
  readonly tree: Float64Array
  readonly node: Float64Array
  readonly target: Float64Array
  readonly weight: Float32Array
  /** Whose votes are summed, of how many. */
  readonly wanted: number
  readonly width: number
  readonly base: number
  readonly isSigmoid: boolean
}

const operators: ReadonlyMap<
  string,
  (attributes: Attributes, output: number, column: number) => Votes | null
> = new Map([
  ['TreeEnsembleRegressor', readRegressor],
  ['TreeEnsembleClassifier', readClassifier],
])

function readRegressor(attributes: Attributes, output: number, column: number): Votes | null {
  const targets = attributes.int('n_targets', 0)
  const bases = attributes.floats('base_values')
  if (output !== 0 || column >= targets) return null
  // Of several targets the runtime transforms each, of one it does not: nobody can mean either.
  if (attributes.text('post_transform', 'NONE') !== 'NONE') return null
  if (bases.length !== 0 && bases.length !== targets) return null
  const votes = attributes.votes('target')
  if (votes === null) return null
  return { ...votes, wanted: column, width: targets, base: bases[column] ?? 0, isSigmoid: false }
}

/**
 * Of two classes. Where all votes are for one class, ONNX Runtime takes their sum s for the second class's: [1 − s, s] if
 * none is below zero, else through the transform, which then has to be LOGISTIC (it gives [s, −s] without one).
 */
function readClassifier(attributes: Attributes, output: number, column: number): Votes | null {
  const labels = attributes.ints('classlabels_int64s').length
  const classes = labels > 0 ? labels : attributes.texts('classlabels_strings').length
  const transform = attributes.text('post_transform', 'NONE')
  const isSigmoid = transform === 'LOGISTIC'
  const bases = attributes.floats('base_values')
  const votes = attributes.votes('class')
  if (votes === null || output !== 1 || classes !== 2) return null
  if (!isSigmoid && transform !== 'NONE') return null
  // Fraud as the first of two classes would be read from a complement.
  if (column !== 1) return null
  if (votes.target.every((target) => target === 0)) {
    if (bases.length > 1 || isSigmoid !== votes.weight.some((one) => one < 0)) return null
    return { ...votes, wanted: 0, width: 2, base: bases[0] ?? 0, isSigmoid }
  }
  return bases.length > 0 ? null : { ...votes, wanted: 1, width: 2, base: 0, isSigmoid }
}

function readTable(attributes: Attributes, votes: Votes): NodeTable | null {
  const tree = attributes.ints('nodes_treeids')
  const missing = attributes.ints('nodes_missing_value_tracks_true')
  const nodes = {
    tree,
    id: attributes.ints('nodes_nodeids'),
    feature: attributes.ints('nodes_featureids'),
    threshold: attributes.floats('nodes_values'),
    mode: attributes.texts('nodes_modes'),
    missingHolds: missing.length === 0 ? new Float64Array(tree.length) : missing,
    holds: attributes.ints('nodes_truenodeids'),
    fails: attributes.ints('nodes_falsenodeids'),
  }
  // Thresholds or votes in doubles: float32 trees have none.
  if (attributes.names.some((name) => name.endsWith('_as_tensor'))) return null
  if (Object.values(nodes).some((list) => list.length !== tree.length)) return null
  const weight = weightsOf(nodes, votes)
  return weight && { ...nodes, weight, covers: coversOf(attributes, tree.length) }
}

/** What each leaf votes; null where one votes twice or not at all, or a vote belongs to no node. */
function weightsOf(
  { tree, id, mode }: Pick<NodeTable, 'tree' | 'id' | 'mode'>,
  votes: Votes,
): Float32Array | null {
  const rows = new Map<number, Map<number, number>>()
  for (const [row, one] of tree.entries()) {
    const nodes = rows.get(one) ?? new Map<number, number>()
    rows.set(one, nodes.set(id[row]!, row))
  }
  const weight = new Float32Array(tree.length)
  const hasVoted = new Uint8Array(tree.length)
  for (const [vote, target] of votes.target.entries()) {
    const row = rows.get(votes.tree[vote]!)?.get(votes.node[vote]!)
    if (row === undefined) return null
    // Votes of branches, which old converters wrote, do not count.
    if (target !== votes.wanted || mode[row] !== 'LEAF') continue
    if (hasVoted[row] === 1) return null
    hasVoted[row] = 1
    weight[row] = votes.weight[vote]!
  }
  return mode.every((one, row) => one !== 'LEAF' || hasVoted[row] === 1) ? weight : null
}

/** Converters that do not know them write 1 everywhere. */
function coversOf(attributes: Attributes, size: number): Float64Array | null {
  const rates = attributes.floats('nodes_hitrates')
  const isReal = rates.every((rate) => rate >= 0 && Number.isFinite(rate))
  if (rates.length !== size || !isReal || rates.every((rate) => rate === 1)) return null
  return Float64Array.from(rates)
}

/** Attributes by kind; what is absent, or of another kind, is empty. */
class Attributes {
  readonly names: readonly string[]
  readonly #attributes: ReadonlyMap<string, NodeAttribute>

  constructor(attributes: ReadonlyMap<string, NodeAttribute>) {
    this.#attributes = attributes
    this.names = [...attributes.keys()]
  }

  int(name: string, preset: number): number {
    const one = this.#attributes.get(name)
    return one !== undefined && 'int' in one ? one.int : preset
  }

  text(name: string, preset: string): string {
    const one = this.#attributes.get(name)
    return one !== undefined && 'text' in one ? one.text : preset
  }

  ints(name: string): Float64Array {
    const one = this.#attributes.get(name)
    return one !== undefined && 'ints' in one ? one.ints : new Float64Array(0)
  }

  floats(name: string): Float32Array {
    const one = this.#attributes.get(name)
    return one !== undefined && 'floats' in one ? one.floats : new Float32Array(0)
  }

  texts(name: string): readonly string[] {
    const one = this.#attributes.get(name)
    return one !== undefined && 'texts' in one ? one.texts : []
  }

  /** Null unless each has a tree, a node, a target and a weight. */
  votes(of: 'target' | 'class'): Pick<Votes, 'tree' | 'node' | 'target' | 'weight'> | null {
    const votes = {
      tree: this.ints(`${of}_treeids`),
      node: this.ints(`${of}_nodeids`),
      target: this.ints(`${of}_ids`),
      weight: this.floats(`${of}_weights`),
    }
    const isWhole = Object.values(votes).every((list) => list.length === votes.tree.length)
    return isWhole ? votes : null
  }
}
