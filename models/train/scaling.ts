// How raw features become numbers of one size: asinh tames the long tails, then mean and deviation of the training rows,
// then a bound. The ONNX graph does the same steps; a network never sees anything else, and never NaN.
import type { RowTable } from './row-table.ts'

/** Beyond so many deviations all values are alike: what training never saw must not decide alone. */
export const boundDeviations = 6

/** One input of a network. */
export interface InputScale {
  /** Column of the table. */
  readonly column: number
  /** Of asinh(value) over the training rows; float32, as the graph has them. */
  readonly mean: number
  readonly factor: number
  /** The raw value that stands for an absent one: a deviation below the lowest seen, so that absence can be told. */
  readonly imputation: number
  /** Over the raw training values, for evidence. */
  readonly rawMean: number
  readonly rawDeviation: number
}

/** Scales of `columns`, measured over `rows`. A column without a value in them has no scale and is left out. */
export function fitScaling(
  table: RowTable,
  rows: Int32Array,
  columns: readonly number[],
): InputScale[] {
  return columns.flatMap((column) => fitColumn(table, rows, column) ?? [])
}

function fitColumn(table: RowTable, rows: Int32Array, column: number): InputScale | null {
  const raw = new Moments()
  const tamed = new Moments()
  for (const row of rows) {
    const value = table.values(row)[column]!
    if (Number.isNaN(value)) continue
    raw.add(value)
    tamed.add(Math.asinh(value))
  }
  if (raw.count === 0) return null
  // A column that never varied says nothing; with a deviation of 1 it is 0 for every row.
  const deviation = tamed.deviation > 1e-6 ? tamed.deviation : 1
  return {
    column,
    mean: Math.fround(tamed.mean),
    factor: Math.fround(1 / deviation),
    imputation: Math.fround(Math.sinh(tamed.lowest - deviation)),
    rawMean: Number(raw.mean.toPrecision(6)),
    rawDeviation: Number(raw.deviation.toPrecision(6)),
  }
}

/** Writes a row's scaled inputs to `out` from `at` on. `values`: its features by column, NaN for absent. */
export function writeScaled(
  scales: readonly InputScale[],
  values: Float32Array,
  out: Float32Array,
  at: number,
): void {
  for (let input = 0; input < scales.length; input++) {
    const { column, mean, factor, imputation } = scales[input]!
    const value = values[column]!
    const scaled = (Math.asinh(Number.isNaN(value) ? imputation : value) - mean) * factor
    out[at + input] = Math.max(-boundDeviations, Math.min(boundDeviations, scaled))
  }
}

/** Mean and deviation in one pass (Welford 1962), which does not lose them to large values. */
class Moments {
  count = 0
  mean = 0
  lowest = Number.POSITIVE_INFINITY
  #squares = 0

  get deviation(): number {
    return this.count === 0 ? 0 : Math.sqrt(this.#squares / this.count)
  }

  add(value: number): void {
    this.count++
    const before = value - this.mean
    this.mean += before / this.count
    this.#squares += before * (value - this.mean)
    this.lowest = Math.min(this.lowest, value)
  }
}
