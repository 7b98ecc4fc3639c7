// Finds the tree ensemble that a graph's score comes from, where nothing but it stands between input and score.
import type { Node, Nodes, Tensor } from '../graph/graph-nodes.ts'
import type { Ensemble } from './ensemble.ts'
import { readColumn } from './operator.ts'

/** A score that is a sum over trees, or the sigmoid of one. */
export interface TreeScore {
  readonly ensemble: Ensemble
  readonly isSigmoid: boolean
}

/** Where a graph's score is to be read. */
export interface ScorePlace {
  readonly input: string
  readonly columns: number
  readonly output: string
  readonly column: number
}

/** Null where the score is anything else: then the runtime runs the graph whole. */
export function treeScoreOf(
  graph: Nodes,
  { input, columns, output, column }: ScorePlace,
): TreeScore | null {
  const before = new Producers(graph)
  let name = output
  let isSigmoid = false
  let isReshaped = false
  // Each step goes to an earlier node, so the walk ends.
  for (let end = graph.nodes.length; ; ) {
    const at = before.of(name)
    if (at === undefined || at >= end) return null
    end = at
    const node = graph.nodes[at]!
    const passed = passedBy(node, graph)
    if (passed === null) {
      const found = readColumn(node, node.outputs.indexOf(name), column, columns)
      const isFromInput = found !== null && before.isSame(node.inputs[0] ?? '', input)
      if (!isFromInput || (found.isSigmoid && isSigmoid) || (isReshaped && found.width !== 1)) {
        return null
      }
      return { ensemble: found.ensemble, isSigmoid: found.isSigmoid || isSigmoid }
    }
    if (node.operator === 'Sigmoid' && isSigmoid) return null
    isSigmoid ||= node.operator === 'Sigmoid'
    isReshaped ||= node.operator === 'Reshape'
    name = passed
  }
}

class Producers {
  readonly #graph: Nodes
  readonly #at = new Map<string, number>()

  constructor(graph: Nodes) {
    this.#graph = graph
    for (const [at, { outputs }] of graph.nodes.entries()) {
      for (const output of outputs) this.#at.set(output, at)
    }
  }

  of(name: string): number | undefined {
    return this.#at.get(name)
  }

  /** True if `name` is `input`, on its way at most kept as it is. */
  isSame(name: string, input: string): boolean {
    let at = this.#at.get(name)
    let end = this.#graph.nodes.length
    while (name !== input) {
      if (at === undefined || at >= end) return false
      end = at
      const node = this.#graph.nodes[at]!
      if (node.operator !== 'Identity' && !isCastToFloat(node)) return false
      name = node.inputs[0] ?? ''
      at = this.#at.get(name)
    }
    return true
  }
}

/** What a node between ensemble and score reads; null if it is no such node. */
function passedBy(node: Node, { initializers }: Nodes): string | null {
  const [first, second] = node.inputs
  if (node.domain !== '' || first === undefined) return null
  switch (node.operator) {
    case 'Identity':
    case 'Sigmoid':
      return first
    case 'Cast':
      return isCastToFloat(node) ? first : null
    case 'Mul':
      // LightGBM's converter multiplies by one to give the tensor another name.
      if (isOne(initializers.get(second ?? ''))) return first
      return second !== undefined && isOne(initializers.get(first)) ? second : null
    case 'Reshape':
      return isColumn(initializers.get(second ?? '')) ? first : null
    default:
      return null
  }
}

function isCastToFloat({ operator, domain, attributes }: Node): boolean {
  const to = attributes.get('to')
  return operator === 'Cast' && domain === '' && to !== undefined && 'int' in to && to.int === 1
}

function isOne(tensor: Tensor | undefined): boolean {
  return tensor?.values?.length === 1 && tensor.values[0] === 1
}

/** A shape [−1] or [−1, 1]. */
function isColumn(tensor: Tensor | undefined): boolean {
  const [rows, columns = 1] = tensor?.values ?? []
  return rows === -1 && columns === 1 && tensor!.values!.length <= 2
}
