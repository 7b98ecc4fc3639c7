// Tree ensembles drawn at random, as a converter would write them and as a few never would, through an encoder that is not
// ours; and rows that meet their thresholds.
import { Random } from '../../features/generator/random.ts'
import { attribute, modelFile, node, value } from './model-files.ts'

export const modes = [
  ...['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ'],
] as const

export interface TreeWishes {
  readonly seed: number
  readonly trees: number
  readonly depthMax: number
  readonly columns: number
  readonly modes: readonly string[]
  /** NaN holds at some nodes. */
  readonly hasMissing: boolean
  readonly base: number | null
  readonly kind: 'regressor' | 'classifier'
}

export interface TreeLists {
  readonly treeids: number[]
  readonly nodeids: number[]
  readonly featureids: number[]
  readonly values: number[]
  readonly modes: string[]
  readonly missing: number[]
  readonly truenodeids: number[]
  readonly falsenodeids: number[]
  readonly hitrates: number[]
  readonly leafTrees: number[]
  readonly leafNodes: number[]
  readonly weights: number[]
}

/** Values at which comparisons turn. */
const edges = [0, -0, 1, -1, 0.5, 2, 7, 1e-45, -1e-45, 1.17549435e-38, 3.4028234663852886e38]

/** Trees of any shape, not balanced; nodes in any order behind their tree's root, trees under any ids. */
export function randomTrees(wishes: TreeWishes): TreeLists {
  const random = Random.of(wishes.seed, 'trees')
  const lists = emptyLists()
  const ids = shuffled(random, [...Array(wishes.trees).keys()])
  for (const tree of ids) {
    const nodes = drawTree(random, wishes)
    const order = [0, ...shuffled(random, [...nodes.keys()].slice(1))]
    for (const at of order) {
      const { children, ...one } = nodes[at]!
      lists.treeids.push(tree)
      lists.nodeids.push(at)
      lists.featureids.push(one.feature)
      lists.values.push(one.value)
      lists.modes.push(one.mode)
      lists.missing.push(one.missing)
      lists.truenodeids.push(children[0] ?? 0)
      lists.falsenodeids.push(children[1] ?? 0)
      lists.hitrates.push(one.cover)
      if (one.mode !== 'LEAF') continue
      lists.leafTrees.push(tree)
      lists.leafNodes.push(at)
      lists.weights.push(one.weight)
    }
  }
  return lists
}

function emptyLists(): TreeLists {
  return {
    ...{ treeids: [], nodeids: [], featureids: [], values: [], modes: [], missing: [] },
    ...{ truenodeids: [], falsenodeids: [], hitrates: [], leafTrees: [], leafNodes: [] },
    weights: [],
  }
}

interface Drawn {
  readonly feature: number
  readonly value: number
  readonly mode: string
  readonly missing: number
  readonly children: readonly number[]
  readonly weight: number
  readonly cover: number
}

function drawTree(random: Random, wishes: TreeWishes): Drawn[] {
  const nodes: Drawn[] = []
  const draw = (depth: number): number => {
    const at = nodes.length
    const isLeaf = depth >= wishes.depthMax || random.uniform() < 0.2
    nodes.push({
      feature: isLeaf ? 0 : below(random, wishes.columns),
      value: isLeaf ? 0 : drawValue(random),
      mode: isLeaf ? 'LEAF' : wishes.modes[below(random, wishes.modes.length)]!,
      missing: wishes.hasMissing && !isLeaf ? below(random, 2) : 0,
      children: [],
      weight: Math.fround(random.normal()),
      cover: 1 + below(random, 50),
    })
    if (!isLeaf) nodes[at] = { ...nodes[at]!, children: [draw(depth + 1), draw(depth + 1)] }
    return at
  }
  draw(0)
  return nodes
}

/** Every third a value at which comparisons turn. */
export function drawValue(random: Random): number {
  return random.uniform() < 1 / 3
    ? Math.fround(edges[below(random, edges.length)]!)
    : Math.fround(random.normal())
}

function below(random: Random, limit: number): number {
  return Math.floor(random.uniform() * limit)
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const left = [...list]
  const out: T[] = []
  while (left.length > 0) out.push(left.splice(below(random, left.length), 1)[0]!)
  return out
}

const comparisons: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  BRANCH_LEQ: (value, threshold) => value <= threshold,
  BRANCH_LT: (value, threshold) => value < threshold,
  BRANCH_GTE: (value, threshold) => value >= threshold,
  BRANCH_GT: (value, threshold) => value > threshold,
  BRANCH_EQ: (value, threshold) => value === threshold,
  BRANCH_NEQ: (value, threshold) => value !== threshold,
}

/**
 * The margin of a row as ONNX tells it, node by node out of the lists: the walker's naive twin. `round` is applied to every
 * sum.
 */
export function naiveMargin(
  lists: TreeLists,
  base: number,
  row: Float32Array,
  round: (sum: number) => number = Math.fround,
): number {
  const places = new Map(lists.nodeids.map((id, at) => [`${lists.treeids[at]!} ${id}`, at]))
  let sum = 0
  for (const tree of new Set(lists.treeids)) {
    let at = places.get(`${tree} 0`)!
    for (;;) {
      const compare = comparisons[lists.modes[at]!]
      if (compare === undefined) break
      const value = row[lists.featureids[at]!]!
      const holds =
        compare(value, lists.values[at]!) || (Number.isNaN(value) && lists.missing[at] === 1)
      at = places.get(`${tree} ${holds ? lists.truenodeids[at]! : lists.falsenodeids[at]!}`)!
    }
    const isLeaf = (vote: number): boolean =>
      lists.leafTrees[vote] === tree && lists.leafNodes[vote] === lists.nodeids[at]
    sum = round(sum + lists.weights[[...lists.weights.keys()].find(isLeaf)!]!)
  }
  return round(sum + base)
}

/** Rows side by side, with NaN, infinities and thresholds among their values. */
export function randomRows(seed: number, count: number, columns: number): Float32Array {
  const random = Random.of(seed, 'rows')
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  return Float32Array.from({ length: count * columns }, () =>
    random.uniform() < 0.2 ? odd[below(random, odd.length)]! : drawValue(random),
  )
}

/** A graph of one operator: `features` [N, columns] to `margin`, a classifier's [N, 2]. */
export function treeFile(
  lists: TreeLists,
  wishes: TreeWishes,
  attributes: Attributes = [],
): Buffer {
  const isRegressor = wishes.kind === 'regressor'
  const operator = isRegressor ? 'TreeEnsembleRegressor' : 'TreeEnsembleClassifier'
  const outputs = isRegressor ? ['margin'] : ['label', 'margin']
  const all = [...treeAttributes(lists, wishes), ...attributes]
  return modelFile({
    input: [value('features', ['N', wishes.columns])],
    output: [value('margin', ['N', isRegressor ? 1 : 2])],
    node: [node(operator, ['features'], outputs, all, 'ai.onnx.ml')],
  })
}

type Attributes = ReturnType<typeof attribute.int>[]

export function treeAttributes(lists: TreeLists, { kind, base }: TreeWishes): Attributes {
  const isRegressor = kind === 'regressor'
  const of = isRegressor ? 'target' : 'class'
  return [
    attribute.ints('nodes_treeids', lists.treeids),
    attribute.ints('nodes_nodeids', lists.nodeids),
    attribute.ints('nodes_featureids', lists.featureids),
    attribute.floats('nodes_values', lists.values),
    attribute.floats('nodes_hitrates', lists.hitrates),
    attribute.texts('nodes_modes', lists.modes),
    attribute.ints('nodes_missing_value_tracks_true', lists.missing),
    attribute.ints('nodes_truenodeids', lists.truenodeids),
    attribute.ints('nodes_falsenodeids', lists.falsenodeids),
    attribute.ints(`${of}_treeids`, lists.leafTrees),
    attribute.ints(`${of}_nodeids`, lists.leafNodes),
    attribute.ints(`${of}_ids`, Array<number>(lists.weights.length).fill(0)),
    attribute.floats(`${of}_weights`, lists.weights),
    ...(isRegressor ? [attribute.int('n_targets', 1)] : []),
    ...(isRegressor ? [] : [attribute.ints('classlabels_int64s', [0, 1])]),
    ...(base === null ? [] : [attribute.floats('base_values', [base])]),
  ]
}
