// How many rows come to each node of an ensemble: what weighs the leaves below it when its expected margin is taken.
import { type Ensemble, nextNode } from './ensemble.ts'

/** A node that no row came to has covers too: this share of all rows goes both ways in equal parts everywhere. */
const evenShare = 1e-3
/** Deeper leaves are counted as if they lay here, where a share is still a number above zero. */
const depthMax = 1000

/**
 * Covers of all nodes, each above zero and the sum of its children's: those of the ensemble, else those of `rows` (count ×
 * columns, imputed) when they are walked.
 */
export function coversOf(ensemble: Ensemble, rows: Float32Array): Float64Array {
  const { roots, child } = ensemble
  const covers = Float64Array.from(ensemble.covers ?? walkedCovers(ensemble, rows))
  const depths = new Int32Array(child.length)
  for (let tree = 0; tree + 1 < roots.length; tree++) {
    const [begin, end] = [roots[tree]!, roots[tree + 1]!]
    let all = 0
    for (let node = begin; node < end; node++) {
      const first = child[node]!
      if (first === 0) all += covers[node]!
      else depths.fill(depths[node]! + 1, first, first + 2)
    }
    const even = all === 0 ? 1 : all * evenShare
    for (let node = end - 1; node >= begin; node--) {
      const first = child[node]!
      covers[node] =
        first === 0
          ? covers[node]! + even * 2 ** -Math.min(depths[node]!, depthMax)
          : covers[first]! + covers[first + 1]!
    }
  }
  return covers
}

function walkedCovers(ensemble: Ensemble, rows: Float32Array): Float64Array {
  const { roots, child, feature, columns } = ensemble
  const covers = new Float64Array(child.length)
  for (let tree = 0; tree + 1 < roots.length; tree++) {
    for (let row = 0; row < rows.length; row += columns) {
      let node = roots[tree]!
      while (child[node] !== 0) node = nextNode(ensemble, node, rows[row + feature[node]!]!)
      covers[node]!++
    }
  }
  return covers
}
