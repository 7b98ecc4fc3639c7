// A fitted tree and many of them, as plain arrays: what a row is worth to them, by its bins while they are fitted and by its
// values ever after. Sums are in float32 and in the order of ONNX Runtime, so that both give a row the same margin.
import { type BinnedRows, type FeatureBins, valueBins } from './bins.ts'
import type { SplitChoice } from './histogram.ts'

/**
 * A tree of binary splits. Splits are numbered in the order in which they were made, 0 the root; a child is a split, or the
 * leaf ~child. A tree without splits is its leaf 0.
 */
export interface Tree {
  /** By split: index of the feature among the inputs. */
  readonly feature: Int32Array
  /** Rows whose bin is at most this go left. */
  readonly bin: Uint8Array
  /** The same as a value: float32, values at most this go left. */
  readonly threshold: Float32Array
  /** 1 where absent values go left. */
  readonly absentLeft: Uint8Array
  readonly left: Int32Array
  readonly right: Int32Array
  /** Rows that it was fitted on and that came by. */
  readonly cover: Int32Array
  /** By leaf: what it adds to the margin, float32. */
  readonly value: Float32Array
  readonly leafCover: Int32Array
}

export interface Ensemble {
  /** Columns of the table, in the order of the inputs. */
  readonly columns: readonly number[]
  readonly trees: readonly Tree[]
  /** Added last, float32. */
  readonly base: number
}

/** The margin of a row: `values` are its features by column of the table, NaN for absent. */
export function marginOf({ columns, trees, base }: Ensemble, values: Float32Array): number {
  let sum = 0
  for (const tree of trees) {
    let at = tree.value.length > 1 ? 0 : -1
    while (at >= 0) {
      const value = values[columns[tree.feature[at]!]!]!
      const isLeft = value <= tree.threshold[at]! || (tree.absentLeft[at] === 1 && value !== value)
      at = isLeft ? tree.left[at]! : tree.right[at]!
    }
    sum = Math.fround(sum + tree.value[~at]!)
  }
  return Math.fround(sum + base)
}

/** Adds what a tree gives each row to its margin. `absentBins`: the bin of absent values, by feature. */
export function addMargins(
  tree: Tree,
  { columns, count }: BinnedRows,
  absentBins: Int32Array,
  margins: Float64Array,
): void {
  const { feature, bin, absentLeft, left, right, value } = tree
  if (value.length === 1) {
    for (let row = 0; row < count; row++) margins[row]! += value[0]!
    return
  }
  for (let row = 0; row < count; row++) {
    let at = 0
    while (at >= 0) {
      const of = feature[at]!
      const own = columns[of]![row]!
      const isLeft = own === absentBins[of] ? absentLeft[at] === 1 : own <= bin[at]!
      at = isLeft ? left[at]! : right[at]!
    }
    margins[row]! += value[~at]!
  }
}

/** Beyond every value: all but absent ones go left. */
const float32Max = 3.4028234663852886e38

/** A tree while it grows; the same one for all, so that only finished trees take memory. */
export class TreeDraft {
  readonly #features: readonly FeatureBins[]
  readonly #tree: Tree
  /** By leaf: the split that it hangs on, and the side. */
  readonly #parent: Int32Array
  readonly #isLeft: Uint8Array
  #splits = 0

  constructor(features: readonly FeatureBins[], leavesMax: number) {
    const splitsMax = leavesMax - 1
    this.#features = features
    this.#parent = new Int32Array(leavesMax)
    this.#isLeft = new Uint8Array(leavesMax)
    this.#tree = {
      feature: new Int32Array(splitsMax),
      bin: new Uint8Array(splitsMax),
      threshold: new Float32Array(splitsMax),
      absentLeft: new Uint8Array(splitsMax),
      left: new Int32Array(splitsMax),
      right: new Int32Array(splitsMax),
      cover: new Int32Array(splitsMax),
      value: new Float32Array(leavesMax),
      leafCover: new Int32Array(leavesMax),
    }
  }

  begin(): void {
    this.#splits = 0
    this.#parent[0] = -1
  }

  /** Leaf `left` becomes a split with itself and leaf `right` below. */
  addSplit(
    left: number,
    right: number,
    { feature, bin, isAbsentLeft }: SplitChoice,
    cover: number,
  ): void {
    const tree = this.#tree
    const split = this.#splits++
    const parent = this.#parent[left]!
    if (parent >= 0) (this.#isLeft[left] === 1 ? tree.left : tree.right)[parent] = split
    const of = this.#features[feature]!
    tree.feature[split] = feature
    tree.bin[split] = bin
    tree.threshold[split] = bin + 1 === valueBins(of) ? float32Max : of.edges[bin]!
    tree.absentLeft[split] = isAbsentLeft ? 1 : 0
    tree.cover[split] = cover
    tree.left[split] = ~left
    tree.right[split] = ~right
    for (const leaf of [left, right]) {
      this.#parent[leaf] = split
      this.#isLeft[leaf] = leaf === left ? 1 : 0
    }
  }

  setLeaf(leaf: number, value: number, cover: number): void {
    this.#tree.value[leaf] = value
    this.#tree.leafCover[leaf] = cover
  }

  finish(leaves: number): Tree {
    const { value, leafCover, ...splits } = this.#tree
    const count = this.#splits
    return {
      feature: splits.feature.slice(0, count),
      bin: splits.bin.slice(0, count),
      threshold: splits.threshold.slice(0, count),
      absentLeft: splits.absentLeft.slice(0, count),
      left: splits.left.slice(0, count),
      right: splits.right.slice(0, count),
      cover: splits.cover.slice(0, count),
      value: value.slice(0, leaves),
      leafCover: leafCover.slice(0, leaves),
    }
  }
}
