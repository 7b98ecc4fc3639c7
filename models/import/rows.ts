// Rows that somebody brings with a model: golden ones with their scores, a sample of what it was fitted on. They come from
// files of any format, read elsewhere; here they become numbers, and what is none is told.
import { closest, show } from '../../features/document.ts'
import { Faults, listed } from '../faults.ts'
import type { Row } from '../manifest.ts'

/** Rows as their file has them: numbers, texts, null for absent. */
export interface RowFile {
  readonly file: string
  readonly columns: readonly string[]
  /** All of the file's, or as many of them as were asked for, drawn evenly. */
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Of the file. */
  readonly count: number
}

const faultsMax = 5

/** Values of `names` in their order, null for absent. What is missing or no number is added to `faults`. */
export function valuesOf(table: RowFile, names: readonly string[], faults: Faults): Row[] {
  const missing = names.filter((name) => !table.columns.includes(name))
  for (const name of missing.slice(0, faultsMax)) {
    const near = closest(name, table.columns)
    const hint = near === null ? null : `did you mean ${near}?`
    faults.add('columns', `a column ${name}`, listed(table.columns), hint)
  }
  if (missing.length > faultsMax) {
    faults.add(
      'columns',
      `a column for each of ${names.length} features`,
      `${missing.length} without`,
    )
  }
  if (table.rows.length === 0) faults.add('rows', 'at least one row', 'none')
  const known = names.filter((name) => !missing.includes(name))
  let wrong = 0
  for (const [at, row] of table.rows.entries()) {
    for (const name of known) {
      if (!Number.isNaN(numberOf(row[name]) ?? 0)) continue
      if (++wrong <= faultsMax) {
        faults.add(`row ${at + 1}, ${name}`, 'a number, or nothing for absent', show(row[name]))
      }
    }
  }
  if (wrong > faultsMax) faults.add('rows', 'numbers', `${wrong} values that are none, in all`)
  return table.rows.map((row) => names.map((name) => numberOf(row[name])))
}

/** Null for absent, as libraries write it; NaN for what is no number. */
function numberOf(value: unknown): number | null {
  if (value === null || value === undefined || value === '') return null
  if (typeof value === 'boolean' || typeof value === 'bigint') return Number(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'string' || value.trim() === '') return Number.NaN
  if (/^(nan|null|none|na)$/i.test(value.trim())) return null
  const number = Number(value)
  return Number.isFinite(number) ? number : Number.NaN
}

/** What a model's manifest says of an input's values. */
export interface InputStatistics {
  readonly mean: number
  readonly deviation: number
  readonly median: number
  /** Rows that have a value. */
  readonly count: number
}

/** Of each column, over the values that are there; zeros for a column that is never there. */
export function statisticsOf(rows: readonly Row[], columns: number): InputStatistics[] {
  return Array.from({ length: columns }, (_, column) => {
    const values = rows.flatMap((row) => row[column] ?? []).sort((a, b) => a - b)
    const count = values.length
    if (count === 0) return { mean: 0, deviation: 0, median: 0, count }
    const mean = values.reduce((sum, value) => sum + value, 0) / count
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
    const median = quantile(Float64Array.from(values), 0.5)
    return { mean, deviation: Math.sqrt(squares / count), median, count }
  })
}

/** Linear between the values, which ascend. */
export function quantile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1)
  const low = Math.floor(place)
  const before = ascending[low]!
  const after = ascending[Math.min(low + 1, ascending.length - 1)]!
  return before + (after - before) * (place - low)
}
