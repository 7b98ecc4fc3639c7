// Features as bins, once before any tree grows: a byte a value, a column a feature. A threshold lies between two values that
// were seen, is a float32 and so divides raw values exactly as it divides bins; absent values have a bin of their own.
import type { RowTable } from '../row-table.ts'

/** Of values; the one behind them is for absent ones, so that a bin is a byte. */
export const valueBinsMax = 255
/** Rows at equal distances that edges are taken from: more would not move them. */
const sampleRowsMax = 200_000

/** One input of the trees. */
export interface FeatureBins {
  /** Column of the table. */
  readonly column: number
  /** The highest value of each bin but the last, float32, ascending. */
  readonly edges: Float32Array
}

/** Rows as bins: `columns[feature][row]`. */
export interface BinnedRows {
  readonly count: number
  readonly columns: readonly Uint8Array[]
}

/** Bins of values; the bin of absent ones has this number. */
export function valueBins({ edges }: FeatureBins): number {
  return edges.length + 1
}

/** Bins of `columns`, of about as many rows each. */
export function fitBins(
  table: RowTable,
  rows: Int32Array,
  columns: readonly number[],
): FeatureBins[] {
  const count = Math.min(rows.length, sampleRowsMax)
  const samples = columns.map(() => new Float32Array(count))
  for (let n = 0; n < count; n++) {
    const values = table.values(rows[Math.floor((n * rows.length) / count)]!)
    for (const [index, column] of columns.entries()) samples[index]![n] = values[column]!
  }
  return columns.map((column, index) => {
    // NaN sorts last.
    const sorted = samples[index]!.sort()
    const absentAt = sorted.findIndex(Number.isNaN)
    const seen = absentAt < 0 ? sorted : sorted.subarray(0, absentAt)
    return { column, edges: edgesOf(seen) }
  })
}

/** A byte for each row and feature. */
export function binRows(
  table: RowTable,
  rows: Int32Array,
  features: readonly FeatureBins[],
): BinnedRows {
  const columns = features.map(() => new Uint8Array(rows.length))
  for (let row = 0; row < rows.length; row++) {
    const values = table.values(rows[row]!)
    for (let feature = 0; feature < features.length; feature++) {
      const { column, edges } = features[feature]!
      columns[feature]![row] = binOf(values[column]!, edges)
    }
  }
  return { count: rows.length, columns }
}

/** The first bin whose edge is not below the value, by halving. */
export function binOf(value: number, edges: Float32Array): number {
  if (Number.isNaN(value)) return edges.length + 1
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value <= edges[middle]!) high = middle
    else low = middle + 1
  }
  return low
}

/** Each value a bin of its own where there are few; else a bin ends where it is nearest to its share of the rows left. */
function edgesOf(sorted: Float32Array): Float32Array {
  const { values, counts } = distinct(sorted)
  const isEach = values.length <= valueBinsMax
  const edges: number[] = []
  let rowsLeft = sorted.length
  let inBin = 0
  for (let n = 0; n + 1 < values.length; n++) {
    inBin += counts[n]!
    const share = rowsLeft / (valueBinsMax - edges.length)
    const isNearest = 2 * (inBin - share) + counts[n + 1]! > 0
    if (!isEach && !isNearest) continue
    edges.push(between(values[n]!, values[n + 1]!))
    rowsLeft -= inBin
    inBin = 0
  }
  return Float32Array.from(edges)
}

/** A float32 from `low` to less than `high`. */
function between(low: number, high: number): number {
  const middle = Math.fround((low + high) / 2)
  return middle < high ? middle : low
}

function distinct(sorted: Float32Array): { values: number[]; counts: number[] } {
  const values: number[] = []
  const counts: number[] = []
  for (const value of sorted) {
    if (value === values.at(-1)) counts[counts.length - 1]!++
    else {
      values.push(value)
      counts.push(1)
    }
  }
  return { values, counts }
}
