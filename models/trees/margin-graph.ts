// The graph that ONNX Runtime runs in place of a tree model's own: it ends at the margin, so that both scorers take the
// same numbers from there on.
import { type GraphSource, writeGraph } from '../graph/graph.ts'
import type { Ensemble } from './ensemble.ts'

/** Names of the graph's edges. */
export const marginInput = 'features'
export const marginOutput = 'margin'

/** One TreeEnsembleRegressor: trees in the order of summing, nodes as they stand. */
export function marginGraph(ensemble: Ensemble): Buffer {
  const { columns, base } = ensemble
  const attributes = {
    n_targets: { int: 1 },
    ...nodesOf(ensemble),
    ...leavesOf(ensemble),
    ...(base === 0 ? {} : { base_values: { floats: [base] } }),
  }
  const source: GraphSource = {
    name: 'margin',
    input: marginInput,
    columns,
    output: marginOutput,
    nodes: [
      {
        operator: 'TreeEnsembleRegressor',
        domain: 'ai.onnx.ml',
        inputs: [marginInput],
        outputs: [marginOutput],
        attributes,
      },
    ],
  }
  return writeGraph(source)
}

function nodesOf({ roots, feature, threshold, isEqual, nanHolds, child }: Ensemble) {
  const nodes = [...child.keys()]
  const idsBelow = (side: number) =>
    treeOf(roots, (node, root) => (child[node] === 0 ? 0 : child[node]! + side - root))
  const mode = (node: number): string => {
    if (child[node] === 0) return 'LEAF'
    return isEqual[node] === 1 ? 'BRANCH_EQ' : 'BRANCH_LEQ'
  }
  return {
    nodes_treeids: { ints: treeOf(roots, (_, __, tree) => tree) },
    nodes_nodeids: { ints: treeOf(roots, (node, root) => node - root) },
    nodes_featureids: { ints: [...feature] },
    nodes_values: { floats: [...threshold] },
    nodes_modes: { texts: nodes.map(mode) },
    nodes_truenodeids: { ints: idsBelow(1) },
    nodes_falsenodeids: { ints: idsBelow(0) },
    nodes_missing_value_tracks_true: { ints: [...nanHolds] },
  }
}

function leavesOf({ roots, child, weight }: Ensemble) {
  const leaves = [...child.keys()].filter((node) => child[node] === 0)
  const trees = treeOf(roots, (_, __, tree) => tree)
  const ids = treeOf(roots, (node, root) => node - root)
  return {
    target_treeids: { ints: leaves.map((node) => trees[node]!) },
    target_nodeids: { ints: leaves.map((node) => ids[node]!) },
    target_ids: { ints: leaves.map(() => 0) },
    target_weights: { floats: leaves.map((node) => weight[node]!) },
  }
}

/** A number for each node, told from its tree and the tree's root. */
function treeOf(
  roots: Int32Array,
  number: (node: number, root: number, tree: number) => number,
): number[] {
  const numbers: number[] = []
  for (let tree = 0; tree + 1 < roots.length; tree++) {
    for (let node = roots[tree]!; node < roots[tree + 1]!; node++) {
      numbers.push(number(node, roots[tree]!, tree))
    }
  }
  return numbers
}
