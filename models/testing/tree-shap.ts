// Shapley values of a tree ensemble, the oracle that path attributions are measured against: path-dependent TreeSHAP, and the
// definition itself over all subsets of inputs, for trees small enough.
import { type Ensemble, nextNode } from '../trees/ensemble.ts'

/** Of the path so far: an input, and the shares of it when that input is unknown and when it is known. */
interface Step {
  feature: number
  zero: number
  one: number
  /** Weight of the subsets of this size. */
  weight: number
}

/**
 * S. Lundberg, G. Erion and S. Lee, "Consistent individualized feature attribution for tree ensembles", 2018
 * (arXiv:1802.03888), algorithm 2; also S. Lundberg et al., Nature Machine Intelligence 2, 2020. `covers` of all nodes.
 */
export function treeShap(ensemble: Ensemble, covers: Float64Array, row: Float32Array): number[] {
  const added = Array<number>(ensemble.columns).fill(0)
  const { child, feature, weight } = ensemble
  const recurse = (node: number, before: readonly Step[], step: Omit<Step, 'weight'>): void => {
    const path = extended(before, step)
    const first = child[node]!
    if (first === 0) {
      for (let at = 1; at < path.length; at++) {
        const { feature: of, one, zero } = path[at]!
        const sum = unwound(path, at).reduce((total, { weight: share }) => total + share, 0)
        added[of]! += sum * (one - zero) * weight[node]!
      }
      return
    }
    const asked = feature[node]!
    const hot = nextNode(ensemble, node, row[asked]!)
    const cold = hot === first ? first + 1 : first
    const known = path.findIndex((one, at) => at > 0 && one.feature === asked)
    const { zero, one } = known < 0 ? { zero: 1, one: 1 } : path[known]!
    const rest = known < 0 ? path : unwound(path, known)
    const shareOf = (next: number): number => covers[next]! / covers[node]!
    recurse(hot, rest, { feature: asked, zero: zero * shareOf(hot), one })
    recurse(cold, rest, { feature: asked, zero: zero * shareOf(cold), one: 0 })
  }
  for (const root of ensemble.roots.subarray(0, -1)) {
    recurse(root, [], { feature: -1, zero: 1, one: 1 })
  }
  return added
}

function extended(path: readonly Step[], { feature, zero, one }: Omit<Step, 'weight'>): Step[] {
  const size = path.length
  const next = path.map((step) => ({ ...step }))
  next.push({ feature, zero, one, weight: size === 0 ? 1 : 0 })
  for (let at = size - 1; at >= 0; at--) {
    next[at + 1]!.weight += (one * next[at]!.weight * (at + 1)) / (size + 1)
    next[at]!.weight = (zero * next[at]!.weight * (size - at)) / (size + 1)
  }
  return next
}

function unwound(path: readonly Step[], index: number): Step[] {
  const last = path.length - 1
  const { one, zero } = path[index]!
  const next = path.map((step) => ({ ...step }))
  let carried = next[last]!.weight
  for (let at = last - 1; at >= 0; at--) {
    if (one === 0) {
      next[at]!.weight = (next[at]!.weight * (last + 1)) / (zero * (last - at))
    } else {
      const before = next[at]!.weight
      next[at]!.weight = (carried * (last + 1)) / ((at + 1) * one)
      carried = before - (next[at]!.weight * zero * (last - at)) / (last + 1)
    }
  }
  for (let at = index; at < last; at++) {
    const { feature, zero: zeroOf, one: oneOf } = next[at + 1]!
    Object.assign(next[at]!, { feature, zero: zeroOf, one: oneOf })
  }
  return next.slice(0, last)
}

/** L. Shapley, "A value for n-person games", 1953: the mean over all orders in which inputs can become known. */
export function shapleyByDefinition(
  ensemble: Ensemble,
  covers: Float64Array,
  row: Float32Array,
): number[] {
  const { columns } = ensemble
  const value = Array.from({ length: 2 ** columns }, (_, known) =>
    expectedMargin(ensemble, covers, row, known),
  )
  return Array.from({ length: columns }, (_, input) => {
    let sum = 0
    for (let known = 0; known < 2 ** columns; known++) {
      if ((known >> input) % 2 === 1) continue
      const size = known.toString(2).replaceAll('0', '').length
      const orders = factorial(size) * factorial(columns - size - 1)
      sum += (orders / factorial(columns)) * (value[known + 2 ** input]! - value[known]!)
    }
    return sum
  })
}

/** Where only the inputs in `known` (a bit each) are: at any other both sides are taken, by their covers. */
function expectedMargin(
  ensemble: Ensemble,
  covers: Float64Array,
  row: Float32Array,
  known: number,
): number {
  const { child, feature, weight, roots } = ensemble
  const below = (node: number): number => {
    const first = child[node]!
    if (first === 0) return weight[node]!
    const asked = feature[node]!
    if ((known >> asked) % 2 === 1) return below(nextNode(ensemble, node, row[asked]!))
    const sum = covers[first]! * below(first) + covers[first + 1]! * below(first + 1)
    return sum / covers[node]!
  }
  return roots.subarray(0, -1).reduce((sum, root) => sum + below(root), 0)
}

function factorial(count: number): number {
  return count <= 1 ? 1 : count * factorial(count - 1)
}
