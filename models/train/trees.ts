// Gradient-boosted regression trees on log-loss (Friedman 2001), grown level by level over histograms of up to 64 bins.
// Absent values go to the side that the training rows prefer. Deterministic: the same rows give the same trees.
import type { Rows } from './rows.ts'

export interface TreeOptions {
  readonly trees: number
  readonly depth: number
  readonly learningRate: number
  /** Least rows of a leaf, counted by their hessian. */
  readonly leafHessianMin: number
  /** L2 of a leaf's value. */
  readonly lambda: number
  /** Weight of a fraud; honest rows weigh 1. */
  readonly fraudWeight: number
}

/** A complete binary tree, node n with children 2n+1 and 2n+2. */
export interface Tree {
  /** Column split on; -1 for a leaf. */
  readonly column: Int16Array
  /** Left when value ≤ threshold; a float32. */
  readonly threshold: Float32Array
  /** 1 when absent values go left. */
  readonly isAbsentLeft: Uint8Array
  /** Of leaves: what they add to the margin. */
  readonly value: Float32Array
}

export interface Forest {
  readonly base: number
  readonly trees: readonly Tree[]
}

const binsMax = 64
const absentBin = binsMax

/** Fits a forest whose sigmoid is the probability of fraud. */
export function fitForest(rows: Rows, options: TreeOptions): Forest {
  const { count, isFraud } = rows
  const binned = makeBins(rows)
  const weight = new Float64Array(count)
  let frauds = 0
  let total = 0
  for (let row = 0; row < count; row++) {
    weight[row] = isFraud[row] === 1 ? options.fraudWeight : 1
    total += weight[row]!
    if (isFraud[row] === 1) frauds += weight[row]!
  }
  const base = Math.log(frauds / (total - frauds))
  const margin = new Float64Array(count).fill(base)
  const gradient = new Float64Array(count)
  const hessian = new Float64Array(count)
  const trees: Tree[] = []
  for (let t = 0; t < options.trees; t++) {
    for (let row = 0; row < count; row++) {
      const probability = 1 / (1 + Math.exp(-margin[row]!))
      gradient[row] = weight[row]! * (probability - isFraud[row]!)
      hessian[row] = weight[row]! * probability * (1 - probability)
    }
    const { tree, node } = growTree(rows, binned, gradient, hessian, options)
    for (let row = 0; row < count; row++) margin[row]! += tree.value[node[row]!]!
    trees.push(tree)
  }
  return { base, trees }
}

/** The margin of one row. */
export function forestMargin(forest: Forest, values: Float32Array, at: number): number {
  let margin = forest.base
  for (const tree of forest.trees) {
    let node = 0
    while (tree.column[node]! >= 0) {
      const value = values[at + tree.column[node]!]!
      const isLeft = Number.isNaN(value)
        ? tree.isAbsentLeft[node] === 1
        : value <= tree.threshold[node]!
      node = node * 2 + (isLeft ? 1 : 2)
    }
    margin += tree.value[node]!
  }
  return margin
}

interface Binned {
  /** Bin of each value, `absentBin` for NaN; by column. */
  readonly bins: readonly Uint8Array[]
  /** Upper edge of each bin of a column. */
  readonly edges: readonly Float32Array[]
}

/** Quantile edges; a threshold is the float32 half-way to the next value, so that ONNX compares the same. */
function makeBins({ count, columns, values }: Rows): Binned {
  const bins: Uint8Array[] = []
  const edges: Float32Array[] = []
  for (let column = 0; column < columns; column++) {
    const own = new Float32Array(count)
    let known = 0
    for (let row = 0; row < count; row++) {
      const value = values[row * columns + column]!
      if (!Number.isNaN(value)) own[known++] = value
    }
    const edge = quantileEdges(own.subarray(0, known).sort())
    const bin = new Uint8Array(count)
    for (let row = 0; row < count; row++) {
      const value = values[row * columns + column]!
      bin[row] = Number.isNaN(value) ? absentBin : findBin(edge, value)
    }
    bins.push(bin)
    edges.push(edge)
  }
  return { bins, edges }
}

function quantileEdges(sorted: Float32Array): Float32Array {
  const edges: number[] = []
  for (let bin = 1; bin < binsMax; bin++) {
    const at = Math.floor((sorted.length * bin) / binsMax)
    const value = sorted[at]
    const before = sorted[at - 1]
    if (value === undefined || before === undefined) continue
    const edge = Math.fround(before === value ? value : (before + value) / 2)
    if (edges.length === 0 || edge > edges.at(-1)!) edges.push(edge)
  }
  return Float32Array.from(edges)
}

/** The first bin whose edge is not below the value; the last bin has no edge. */
function findBin(edges: Float32Array, value: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value <= edges[middle]!) high = middle
    else low = middle + 1
  }
  return low
}

function growTree(
  { count, columns }: Rows,
  { bins, edges }: Binned,
  gradient: Float64Array,
  hessian: Float64Array,
  options: TreeOptions,
): { tree: Tree; node: Int32Array } {
  const nodes = 2 ** (options.depth + 1) - 1
  const tree: Tree = {
    column: new Int16Array(nodes).fill(-1),
    threshold: new Float32Array(nodes),
    isAbsentLeft: new Uint8Array(nodes),
    value: new Float32Array(nodes),
  }
  const node = new Int32Array(count)
  for (let depth = 0; depth < options.depth; depth++) {
    const first = 2 ** depth - 1
    const width = 2 ** depth
    const splits = Array.from(
      { length: width },
      (): Split => ({ gain: 1e-9, column: -1, bin: 0, isAbsentLeft: false }),
    )
    for (let column = 0; column < columns; column++) {
      const sums = histogram(bins[column]!, node, first, width, gradient, hessian)
      for (let n = 0; n < width; n++) {
        improve(splits[n]!, sums, n, column, edges[column]!.length, options)
      }
    }
    for (let n = 0; n < width; n++) {
      const { column, bin, isAbsentLeft } = splits[n]!
      if (column < 0) continue
      tree.column[first + n] = column
      tree.threshold[first + n] = edges[column]![bin]!
      tree.isAbsentLeft[first + n] = isAbsentLeft ? 1 : 0
    }
    for (let row = 0; row < count; row++) {
      const at = node[row]!
      if (at < first || tree.column[at]! < 0) continue
      const { bin, isAbsentLeft } = splits[at - first]!
      const own = bins[tree.column[at]!]![row]!
      const isLeft = own === absentBin ? isAbsentLeft : own <= bin
      node[row] = at * 2 + (isLeft ? 1 : 2)
    }
  }
  setLeaves(tree, node, gradient, hessian, options)
  return { tree, node }
}

interface Split {
  gain: number
  column: number
  bin: number
  isAbsentLeft: boolean
}

const stride = (binsMax + 1) * 2

/** Per node and bin: gradient, hessian. */
function histogram(
  bins: Uint8Array,
  node: Int32Array,
  first: number,
  width: number,
  gradient: Float64Array,
  hessian: Float64Array,
): Float64Array {
  const sums = new Float64Array(width * stride)
  for (let row = 0; row < node.length; row++) {
    const n = node[row]! - first
    if (n < 0) continue
    const at = n * stride + bins[row]! * 2
    sums[at]! += gradient[row]!
    sums[at + 1]! += hessian[row]!
  }
  return sums
}

function improve(
  split: Split,
  sums: Float64Array,
  n: number,
  column: number,
  edgeCount: number,
  { lambda, leafHessianMin }: TreeOptions,
): void {
  const from = n * stride
  const absentG = sums[from + absentBin * 2]!
  const absentH = sums[from + absentBin * 2 + 1]!
  let totalG = absentG
  let totalH = absentH
  for (let bin = 0; bin <= edgeCount; bin++) {
    totalG += sums[from + bin * 2]!
    totalH += sums[from + bin * 2 + 1]!
  }
  const score = (g: number, h: number): number => (g * g) / (h + lambda)
  const whole = score(totalG, totalH)
  for (const isAbsentLeft of [true, false]) {
    let leftG = isAbsentLeft ? absentG : 0
    let leftH = isAbsentLeft ? absentH : 0
    for (let bin = 0; bin < edgeCount; bin++) {
      leftG += sums[from + bin * 2]!
      leftH += sums[from + bin * 2 + 1]!
      if (leftH < leafHessianMin || totalH - leftH < leafHessianMin) continue
      const gain = score(leftG, leftH) + score(totalG - leftG, totalH - leftH) - whole
      if (gain > split.gain) Object.assign(split, { gain, column, bin, isAbsentLeft })
    }
  }
}

function setLeaves(
  tree: Tree,
  node: Int32Array,
  gradient: Float64Array,
  hessian: Float64Array,
  { lambda, learningRate }: TreeOptions,
): void {
  const g = new Float64Array(tree.column.length)
  const h = new Float64Array(tree.column.length)
  for (let row = 0; row < node.length; row++) {
    g[node[row]!]! += gradient[row]!
    h[node[row]!]! += hessian[row]!
  }
  for (let n = 0; n < g.length; n++) {
    if (tree.column[n]! < 0 && h[n]! > 0) tree.value[n] = (-g[n]! / (h[n]! + lambda)) * learningRate
  }
}
