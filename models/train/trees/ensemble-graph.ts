// Trees as an ONNX graph: raw features in, absent ones as NaN, the probability of fraud out. Covers go in as hit rates, so that
// whoever explains a score need not pass rows through the trees again.
import type { Attribute, GraphNode, GraphSource } from '../../graph/graph.ts'
import type { Ensemble, Tree } from './tree.ts'

export function ensembleGraph(name: string, { columns, trees, base }: Ensemble): GraphSource {
  const nodes = new NodeLists()
  for (const [index, tree] of trees.entries()) nodes.add(index, tree)
  const ensemble: GraphNode = {
    operator: 'TreeEnsembleRegressor',
    domain: 'ai.onnx.ml',
    inputs: ['features'],
    outputs: ['margin'],
    attributes: { ...nodes.attributes(), n_targets: { int: 1 }, base_values: { floats: [base] } },
  }
  const sigmoid: GraphNode = {
    operator: 'Sigmoid',
    domain: '',
    inputs: ['margin'],
    outputs: ['score'],
    attributes: {},
  }
  const edges = { input: 'features', columns: columns.length, output: 'score' }
  return { name, ...edges, nodes: [ensemble, sigmoid] }
}

/** The nodes of all trees as lists beside each other. In a tree its splits come first, the root ahead, then its leaves. */
class NodeLists {
  readonly #trees: number[] = []
  readonly #numbers: number[] = []
  readonly #features: number[] = []
  readonly #thresholds: number[] = []
  readonly #modes: string[] = []
  readonly #left: number[] = []
  readonly #right: number[] = []
  readonly #absentLeft: number[] = []
  readonly #covers: number[] = []
  readonly #leafTrees: number[] = []
  readonly #leafNumbers: number[] = []
  readonly #leafValues: number[] = []

  add(index: number, tree: Tree): void {
    const splits = tree.feature.length
    const numberOf = (child: number): number => (child >= 0 ? child : splits + ~child)
    for (let split = 0; split < splits; split++) {
      this.#node(index, split, 'BRANCH_LEQ', tree.cover[split]!)
      this.#features.push(tree.feature[split]!)
      this.#thresholds.push(tree.threshold[split]!)
      this.#left.push(numberOf(tree.left[split]!))
      this.#right.push(numberOf(tree.right[split]!))
      this.#absentLeft.push(tree.absentLeft[split]!)
    }
    for (let leaf = 0; leaf < tree.value.length; leaf++) {
      this.#node(index, splits + leaf, 'LEAF', tree.leafCover[leaf]!)
      for (const list of [this.#features, this.#thresholds, this.#left, this.#right]) list.push(0)
      this.#absentLeft.push(0)
      this.#leafTrees.push(index)
      this.#leafNumbers.push(splits + leaf)
      this.#leafValues.push(tree.value[leaf]!)
    }
  }

  #node(tree: number, number: number, mode: string, cover: number): void {
    this.#trees.push(tree)
    this.#numbers.push(number)
    this.#modes.push(mode)
    this.#covers.push(cover)
  }

  attributes(): Record<string, Attribute> {
    return {
      nodes_treeids: { ints: this.#trees },
      nodes_nodeids: { ints: this.#numbers },
      nodes_featureids: { ints: this.#features },
      nodes_values: { floats: this.#thresholds },
      nodes_modes: { texts: this.#modes },
      nodes_truenodeids: { ints: this.#left },
      nodes_falsenodeids: { ints: this.#right },
      nodes_missing_value_tracks_true: { ints: this.#absentLeft },
      nodes_hitrates: { floats: this.#covers },
      target_treeids: { ints: this.#leafTrees },
      target_nodeids: { ints: this.#leafNumbers },
      target_ids: { ints: this.#leafNumbers.map(() => 0) },
      target_weights: { floats: this.#leafValues },
    }
  }
}
