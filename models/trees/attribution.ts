// Divides a margin among the inputs along the paths that a row takes through the trees (A. Saabas, "Interpreting random
// forests", 2014): each step changes the expected margin, and the change belongs to the input that the step asks for.
import { type Ensemble, nextNode } from './ensemble.ts'

/** Bits of a float64 that a sum may fill without being rounded. */
const exactBits = 52

/**
 * What the inputs add and `base` sum to the margin of the row exactly, in any order: all expected margins are whole
 * multiples of one step, small enough for the sum over any rows' paths to be a float64. That margin is the sum of the
 * leaves without rounding; the score's own is summed in float32.
 */
export class PathAttribution {
  /** The margin of a row of which nothing is known. */
  readonly base: number
  readonly #ensemble: Ensemble
  readonly #expected: Float64Array

  constructor(ensemble: Ensemble, { base, expected }: Expectations) {
    this.base = base
    this.#ensemble = ensemble
    this.#expected = expected
  }

  /** As `Model.explain` says. */
  explain(rows: Float32Array, count: number, out: Float64Array): void {
    const { columns, roots, child, feature } = this.#ensemble
    const ensemble = this.#ensemble
    const expected = this.#expected
    out.fill(0, 0, count * columns)
    for (let tree = 0; tree + 1 < roots.length; tree++) {
      for (let row = 0; row < count; row++) {
        const at = row * columns
        let node = roots[tree]!
        while (child[node] !== 0) {
          const place = at + feature[node]!
          const next = nextNode(ensemble, node, rows[place]!)
          out[place] = out[place]! + (expected[next]! - expected[node]!)
          node = next
        }
      }
    }
  }
}

/** What is expected of a row that is known so far: whole multiples of one step. */
export interface Expectations {
  /** Of a row of which nothing is known. */
  readonly base: number
  /** At each node, of its tree alone. */
  readonly expected: Float64Array
}

/** `covers`: of all nodes, above zero. */
export function expectationsOf(ensemble: Ensemble, covers: Float64Array): Expectations {
  const expected = expectedMargins(ensemble, covers)
  const step = stepOf(ensemble)
  for (let node = 0; node < expected.length; node++) {
    expected[node] = Math.round(expected[node]! / step) * step
  }
  const roots = ensemble.roots.subarray(0, -1)
  const start = Math.round(ensemble.base / step) * step
  const base = roots.reduce((sum, root) => sum + expected[root]!, start)
  return { base, expected }
}

/** The mean of the leaves below each node, weighted by their covers. */
function expectedMargins({ child, weight }: Ensemble, covers: Float64Array): Float64Array {
  const expected = Float64Array.from(weight)
  for (let node = child.length - 1; node >= 0; node--) {
    const first = child[node]!
    if (first === 0) continue
    const [left, right] = [covers[first]!, covers[first + 1]!]
    const sum = expected[first]! * left + expected[first + 1]! * right
    expected[node] = sum / (left + right)
  }
  return expected
}

/** No sum of changes along paths is larger than 2^52 of these. */
function stepOf({ roots, child, weight, base }: Ensemble): number {
  const depths = new Int32Array(child.length)
  let largest = Math.abs(base)
  for (let tree = 0; tree + 1 < roots.length; tree++) {
    let depth = 0
    let leaf = 0
    for (let node = roots[tree]!; node < roots[tree + 1]!; node++) {
      const first = child[node]!
      if (first !== 0) depths.fill(depths[node]! + 1, first, first + 2)
      depth = Math.max(depth, depths[node]!)
      leaf = Math.max(leaf, Math.abs(weight[node]!))
    }
    largest += 2 * (depth + 1) * leaf
  }
  return largest === 0 ? 1 : 2 ** (Math.ceil(Math.log2(largest)) - exactBits)
}
