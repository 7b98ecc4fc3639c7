// A tree ensemble in the one form that everything in this folder knows, and the way into it. A form that loops, shares a
// node or leaves one out never comes out of here.

/**
 * Trees as arrays over all their nodes: tree after tree in the order of summing, each breadth first with siblings side by
 * side. At a node that is no leaf, a value x of its feature goes to child[node] + 1 if x ≤ threshold (x = threshold where
 * isEqual), else to child[node]; NaN goes to child[node] + nanHolds. Other comparisons are brought into this form: of
 * float32 x < t is x ≤ the float before t, and x ≥ t is its opposite.
 */
export interface Ensemble {
  /** First node of each tree, and one more: the number of nodes. */
  readonly roots: Int32Array
  /** Less than `columns`. */
  readonly feature: Int32Array
  readonly threshold: Float32Array
  readonly isEqual: Uint8Array
  readonly nanHolds: Uint8Array
  /** 0 for a leaf. */
  readonly child: Int32Array
  /** What a leaf adds to the margin; finite. */
  readonly weight: Float32Array
  /** Rows that came to a leaf in training; null where nobody knows. */
  readonly covers: Float64Array | null
  /** Inputs of a row. */
  readonly columns: number
  /** Added to the sum over the trees; float32, finite. */
  readonly base: number
}

/** Nodes as a file lists them, in any order within a tree. Every list is as long as `tree`. */
export interface NodeTable {
  readonly tree: Float64Array
  readonly id: Float64Array
  readonly feature: Float64Array
  readonly threshold: Float32Array
  /** As ONNX writes them: BRANCH_LEQ, LEAF… */
  readonly mode: readonly string[]
  readonly missingHolds: Float64Array
  /** Ids in the same tree. */
  readonly holds: Float64Array
  readonly fails: Float64Array
  /** Of the leaves. */
  readonly weight: Float32Array
  readonly covers: Float64Array | null
}

/** x < t and so on, told as ≤ and =: what the threshold becomes, whether the sides change, where NaN goes. */
interface Comparison {
  readonly isEqual: boolean
  readonly isBelow: boolean
  readonly isOpposite: boolean
  /** NaN ≠ t holds whatever the node says of absent values. */
  readonly nanHolds: boolean
}

const comparison = (isEqual: boolean, isBelow: boolean, isOpposite: boolean): Comparison => {
  return { isEqual, isBelow, isOpposite, nanHolds: isEqual && isOpposite }
}

const comparisons: ReadonlyMap<string, Comparison> = new Map([
  ['BRANCH_LEQ', comparison(false, false, false)],
  ['BRANCH_LT', comparison(false, true, false)],
  ['BRANCH_GTE', comparison(false, true, true)],
  ['BRANCH_GT', comparison(false, false, true)],
  ['BRANCH_EQ', comparison(true, false, false)],
  ['BRANCH_NEQ', comparison(true, false, true)],
])

/** Null for a table that is no set of trees over `columns` inputs, or knows a comparison that we do not. */
export function ensembleOf(table: NodeTable, columns: number, base: number): Ensemble | null {
  const size = table.tree.length
  const order = breadthFirst(table)
  if (order === null || !Number.isFinite(base)) return null
  const ensemble = {
    roots: order.roots,
    feature: new Int32Array(size),
    threshold: new Float32Array(size),
    isEqual: new Uint8Array(size),
    nanHolds: new Uint8Array(size),
    child: order.child,
    weight: new Float32Array(size),
    covers: table.covers === null ? null : new Float64Array(size),
    columns,
    base,
  }
  for (const [node, row] of order.rows.entries()) {
    if (order.child[node] === 0) {
      if (!Number.isFinite(table.weight[row]!)) return null
      ensemble.weight[node] = table.weight[row]!
      if (ensemble.covers !== null) ensemble.covers[node] = table.covers![row]!
      continue
    }
    const { isEqual, isBelow, isOpposite, nanHolds } = comparisons.get(table.mode[row]!)!
    const feature = table.feature[row]!
    const threshold = isBelow ? floatBefore(table.threshold[row]!) : table.threshold[row]!
    if (!(feature >= 0 && feature < columns) || Number.isNaN(threshold)) return null
    ensemble.feature[node] = feature
    ensemble.threshold[node] = threshold
    ensemble.isEqual[node] = Number(isEqual)
    const isHeld = nanHolds || table.missingHolds[row] === 1
    ensemble.nanHolds[node] = Number(isHeld !== isOpposite)
  }
  return ensemble
}

interface Order {
  readonly roots: Int32Array
  /** The table's row of each node. */
  readonly rows: Int32Array
  readonly child: Int32Array
}

/** Null unless each run of one tree's rows is a tree below its first row, all of it and nothing twice. */
function breadthFirst(table: NodeTable): Order | null {
  const size = table.tree.length
  const roots: number[] = []
  const rows = new Int32Array(size)
  const child = new Int32Array(size)
  let end = 0
  while (end < size) {
    const begin = end
    const tree = table.tree[begin]!
    while (end < size && table.tree[end] === tree) end++
    roots.push(begin)
    if (!orderTree(table, begin, end, rows, child)) return null
  }
  if (size === 0) return null
  return { roots: Int32Array.of(...roots, size), rows, child }
}

/** Fills the nodes begin…end. A row that comes up twice would be a loop, or a node with two ways to it. */
function orderTree(
  table: NodeTable,
  begin: number,
  end: number,
  rows: Int32Array,
  child: Int32Array,
): boolean {
  const rowOf = new Map<number, number>()
  for (let row = begin; row < end; row++) rowOf.set(table.id[row]!, row)
  rows[begin] = begin
  rowOf.delete(table.id[begin]!)
  let filled = begin + 1
  for (let node = begin; node < filled; node++) {
    const row = rows[node]!
    if (table.mode[row] === 'LEAF') continue
    const compared = comparisons.get(table.mode[row]!)
    if (compared === undefined) return false
    const sides = [table.fails[row]!, table.holds[row]!]
    if (compared.isOpposite) sides.reverse()
    child[node] = filled
    for (const id of sides) {
      const next = rowOf.get(id)
      if (next === undefined) return false
      rowOf.delete(id)
      rows[filled++] = next
    }
  }
  return filled === end
}

const word = new DataView(new ArrayBuffer(4))

/** The largest float32 below; NaN below −∞, and for NaN. */
export function floatBefore(value: number): number {
  if (Number.isNaN(value) || value === Number.NEGATIVE_INFINITY) return Number.NaN
  word.setFloat32(0, value === 0 ? -0 : value)
  const bits = word.getInt32(0)
  word.setInt32(0, bits < 0 ? bits + 1 : bits - 1)
  return word.getFloat32(0)
}

/** Where a value goes from a node that is no leaf. */
export function nextNode(ensemble: Ensemble, node: number, value: number): number {
  const threshold = ensemble.threshold[node]!
  const first = ensemble.child[node]!
  if (Number.isNaN(value)) return first + ensemble.nanHolds[node]!
  const holds = ensemble.isEqual[node] === 1 ? value === threshold : value <= threshold
  return holds ? first + 1 : first
}
