// The naive twin of a growing tree: every split of every leaf, each summed over its rows anew, and the best of all is made. It
// has no histograms, subtracts nothing and keeps nothing.
import type { BinnedRows, FeatureBins } from '../trees/bins.ts'
import { valueBins } from '../trees/bins.ts'
import type { GrowthRules, Sample } from '../trees/growth.ts'

/** A split in the order in which it was made; `rows` are those that came to it. */
export interface NaiveSplit {
  readonly leaf: number
  readonly feature: number
  readonly bin: number
  readonly isAbsentLeft: boolean
  readonly rows: number
}

export interface NaiveTree {
  readonly splits: readonly NaiveSplit[]
  readonly values: readonly number[]
  readonly counts: readonly number[]
}

interface NaiveLeaf {
  readonly rows: readonly number[]
  readonly depth: number
}

interface Found {
  readonly gain: number
  readonly feature: number
  readonly bin: number
  readonly isAbsentLeft: boolean
  readonly left: readonly number[]
  readonly right: readonly number[]
}

export function growNaively(
  binned: BinnedRows,
  features: readonly FeatureBins[],
  rules: GrowthRules,
  sample: Sample,
): NaiveTree {
  const leaves: NaiveLeaf[] = [{ rows: [...sample.rows], depth: 0 }]
  const splits: NaiveSplit[] = []
  while (leaves.length < rules.leavesMax) {
    const found = leaves.map((leaf) => bestSplit(leaf, binned, features, rules, sample))
    const most = Math.max(...found.map((one) => one?.gain ?? 0))
    if (most <= 0) break
    const leaf = found.findIndex((one) => one?.gain === most)
    const { feature, bin, isAbsentLeft, left, right } = found[leaf]!
    const { rows, depth } = leaves[leaf]!
    splits.push({ leaf, feature, bin, isAbsentLeft, rows: rows.length })
    leaves[leaf] = { rows: left, depth: depth + 1 }
    leaves.push({ rows: right, depth: depth + 1 })
  }
  return {
    splits,
    values: leaves.map(({ rows }) => {
      const [gradient, hessian] = sumsOf(rows, sample)
      return Math.fround((-rules.learningRate * gradient) / (hessian + rules.l2))
    }),
    counts: leaves.map(({ rows }) => rows.length),
  }
}

function bestSplit(
  { rows, depth }: NaiveLeaf,
  { columns }: BinnedRows,
  features: readonly FeatureBins[],
  rules: GrowthRules,
  sample: Sample,
): Found | null {
  if (depth >= rules.depthMax) return null
  let best: Found | null = null
  for (const feature of sample.features) {
    const absentBin = valueBins(features[feature]!)
    const binOf = (row: number): number => columns[feature]![row]!
    const isAnyAbsent = rows.some((row) => binOf(row) === absentBin)
    for (const isAbsentLeft of isAnyAbsent ? [false, true] : [false]) {
      for (let bin = 0; bin < absentBin; bin++) {
        const isLeft = (row: number): boolean =>
          binOf(row) === absentBin ? isAbsentLeft : binOf(row) <= bin
        const left = rows.filter(isLeft)
        const right = rows.filter((row) => !isLeft(row))
        const gain = gainOf(left, right, rules, sample)
        if (gain <= (best?.gain ?? 0)) continue
        const goesLeft = isAnyAbsent ? isAbsentLeft : left.length > right.length
        best = { gain, feature, bin, isAbsentLeft: goesLeft, left, right }
      }
    }
  }
  return best
}

function gainOf(
  left: readonly number[],
  right: readonly number[],
  { rowsMin, hessianMin, l2 }: GrowthRules,
  sample: Sample,
): number {
  if (left.length < rowsMin || right.length < rowsMin) return 0
  const [leftGradient, leftHessian] = sumsOf(left, sample)
  const [rightGradient, rightHessian] = sumsOf(right, sample)
  if (leftHessian < hessianMin || rightHessian < hessianMin) return 0
  const worth = (gradient: number, hessian: number): number =>
    (gradient * gradient) / (hessian + l2)
  const whole = worth(leftGradient + rightGradient, leftHessian + rightHessian)
  return worth(leftGradient, leftHessian) + worth(rightGradient, rightHessian) - whole
}

function sumsOf(
  rows: readonly number[],
  { gradients, hessians }: Sample,
): readonly [number, number] {
  let gradient = 0
  let hessian = 0
  for (const row of rows) {
    gradient += gradients[row]!
    hessian += hessians[row]!
  }
  return [gradient, hessian]
}
