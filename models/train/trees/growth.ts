// Grows one tree after another, leaf by leaf: always the leaf whose split gains most (leaf-wise, with histograms and the
// sums of the larger half by subtraction, as LightGBM: Ke and others, "LightGBM: A Highly Efficient Gradient Boosting Decision
// Tree", 2017). Buffers are made once and reused: growing a tree allocates the tree.
import type { BinnedRows, FeatureBins } from './bins.ts'
import { Layout, SplitChoice, type SplitRules, subtract } from './histogram.ts'
import { type Tree, TreeDraft } from './tree.ts'

export interface GrowthRules extends SplitRules {
  readonly leavesMax: number
  /** Splits between the root and a leaf. */
  readonly depthMax: number
  /** What a leaf's value is multiplied by. */
  readonly learningRate: number
}

/** What a tree is grown on: gradients and hessians by row, numbers of rows, and of features. */
export interface Sample {
  readonly gradients: Float32Array
  readonly hessians: Float32Array
  readonly rows: Int32Array
  readonly features: Int32Array
}

/** A leaf while it grows: its rows are order[first … first + count). */
class Leaf {
  readonly number: number
  first = 0
  count = 0
  depth = 0
  gradient = 0
  hessian = 0
  histogram: Float64Array
  readonly best = new SplitChoice()

  constructor(number: number, length: number) {
    this.number = number
    this.histogram = new Float64Array(length)
  }
}

export class Growth {
  readonly #rows: BinnedRows
  readonly #layout: Layout
  readonly #rules: GrowthRules
  readonly #draft: TreeDraft
  /** Of all trees; the first `#leafCount` are of this one. */
  readonly #leaves: Leaf[] = []
  #leafCount = 0
  readonly #order: Int32Array
  readonly #scratch: Int32Array
  /** Of one leaf's rows, in their order: read once for each feature. */
  readonly #gradients: Float32Array
  readonly #hessians: Float32Array

  constructor(rows: BinnedRows, features: readonly FeatureBins[], rules: GrowthRules) {
    this.#rows = rows
    this.#rules = rules
    this.#layout = new Layout(features)
    this.#draft = new TreeDraft(features, rules.leavesMax)
    this.#order = new Int32Array(rows.count)
    this.#scratch = new Int32Array(rows.count)
    this.#gradients = new Float32Array(rows.count)
    this.#hessians = new Float32Array(rows.count)
  }

  /** Bin of absent values, by feature. */
  get absentBins(): Int32Array {
    return this.#layout.absentBins
  }

  /** A tree; of one leaf where no split gains anything. */
  grow(sample: Sample): Tree {
    const { leavesMax, l2, learningRate } = this.#rules
    this.#draft.begin()
    this.#plant(sample)
    while (this.#leafCount < leavesMax) {
      const leaf = this.#mostGaining()
      if (leaf === null) break
      this.#split(leaf, sample)
    }
    for (let n = 0; n < this.#leafCount; n++) {
      const { gradient, hessian, count } = this.#leaves[n]!
      this.#draft.setLeaf(n, (learningRate * -gradient) / (hessian + l2), count)
    }
    return this.#draft.finish(this.#leafCount)
  }

  /** Adds to the margins of the rows that a tree was just grown on what it gives them; faster than walking it. */
  addMargins({ value }: Tree, margins: Float64Array): void {
    for (let n = 0; n < value.length; n++) {
      const { first, count } = this.#leaves[n]!
      const own = value[n]!
      for (let at = first; at < first + count; at++) margins[this.#order[at]!]! += own
    }
  }

  /** The first leaf, with all rows. */
  #plant(sample: Sample): void {
    const { gradients, hessians, rows } = sample
    this.#leafCount = 0
    const root = this.#nextLeaf()
    this.#order.set(rows)
    root.first = 0
    root.count = rows.length
    root.depth = 0
    root.gradient = 0
    root.hessian = 0
    for (let n = 0; n < rows.length; n++) {
      root.gradient += gradients[rows[n]!]!
      root.hessian += hessians[rows[n]!]!
    }
    this.#sum(root, sample)
    this.#choose(root, sample)
  }

  #nextLeaf(): Leaf {
    const number = this.#leafCount++
    const known = this.#leaves[number]
    if (known !== undefined) return known
    const leaf = new Leaf(number, this.#layout.length)
    this.#leaves.push(leaf)
    return leaf
  }

  /** Of equal ones the first; null where no split gains anything. */
  #mostGaining(): Leaf | null {
    let most: Leaf | null = null
    for (let n = 0; n < this.#leafCount; n++) {
      const leaf = this.#leaves[n]!
      if (leaf.best.gain > (most?.best.gain ?? 0)) most = leaf
    }
    return most
  }

  /** The leaf becomes its left half; the right half is a new leaf. */
  #split(leaf: Leaf, sample: Sample): void {
    const { feature, bin, isAbsentLeft, leftGradient, leftHessian, leftCount } = leaf.best
    const right = this.#nextLeaf()
    this.#draft.addSplit(leaf.number, right.number, leaf.best, leaf.count)
    this.#divide(leaf.first, leaf.count, feature, bin, isAbsentLeft)
    leaf.depth++
    right.depth = leaf.depth
    right.first = leaf.first + leftCount
    right.count = leaf.count - leftCount
    right.gradient = leaf.gradient - leftGradient
    right.hessian = leaf.hessian - leftHessian
    leaf.count = leftCount
    leaf.gradient = leftGradient
    leaf.hessian = leftHessian
    if (this.#isFinal(leaf) && this.#isFinal(right)) {
      leaf.best.gain = 0
      right.best.gain = 0
      return
    }
    const [smaller, larger] = leaf.count < right.count ? [leaf, right] : [right, leaf]
    if (smaller === leaf) {
      const whole = leaf.histogram
      leaf.histogram = right.histogram
      right.histogram = whole
    }
    this.#sum(smaller, sample)
    subtract(larger.histogram, smaller.histogram)
    this.#choose(leaf, sample)
    this.#choose(right, sample)
  }

  #isFinal({ depth, count }: Leaf): boolean {
    return depth >= this.#rules.depthMax || count < 2 * this.#rules.rowsMin
  }

  #sum({ first, count, histogram }: Leaf, { gradients, hessians, features }: Sample): void {
    for (let n = 0; n < count; n++) {
      const row = this.#order[first + n]!
      this.#gradients[n] = gradients[row]!
      this.#hessians[n] = hessians[row]!
    }
    const rows = { order: this.#order, first, count }
    const own = { gradients: this.#gradients, hessians: this.#hessians }
    this.#layout.fill(this.#rows, features, rows, own, histogram)
  }

  #choose(leaf: Leaf, { features }: Sample): void {
    if (this.#isFinal(leaf)) leaf.best.gain = 0
    else this.#layout.choose(leaf, features, this.#rules, leaf.best)
  }

  /** Puts rows that go left before the others, each half in the order that it had. */
  #divide(first: number, count: number, feature: number, bin: number, isAbsentLeft: boolean): void {
    const order = this.#order
    const scratch = this.#scratch
    const column = this.#rows.columns[feature]!
    const absentBin = this.#layout.absentBins[feature]!
    let left = first
    let right = 0
    for (let at = first; at < first + count; at++) {
      const row = order[at]!
      const own = column[row]!
      if (own === absentBin ? isAbsentLeft : own <= bin) order[left++] = row
      else scratch[right++] = row
    }
    order.set(scratch.subarray(0, right), left)
  }
}
