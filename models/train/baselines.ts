// What a model must beat to be worth its keep: the best rule on one feature, and the amount alone; where nothing was learnt from
// labels, the distance from what is usual. A logistic regression, the third, is a network without layers.
import { fraudOf } from './fit.ts'
import { averagePrecision, rank } from './ranking.ts'
import type { RowTable } from './row-table.ts'
import { type InputScale, writeScaled } from './scaling.ts'

/** Alert where a feature is high, or low. */
export interface Rule {
  readonly column: number
  readonly direction: 'high' | 'low'
}

/** The feature and direction that rank the training rows best, of `columns`. */
export function bestRule(table: RowTable, train: Int32Array, columns: readonly number[]): Rule {
  const isFraud = fraudOf(table, train)
  let best: Rule = { column: columns[0]!, direction: 'high' }
  let most = -1
  for (const column of columns) {
    for (const direction of ['high', 'low'] as const) {
      const rule: Rule = { column, direction }
      const found = averagePrecision(rank(ruleScores(table, train, rule), isFraud))
      if (found <= most) continue
      most = found
      best = rule
    }
  }
  return best
}

/** The feature as a score. */
export function ruleScores(table: RowTable, rows: Int32Array, rule: Rule): Float64Array {
  const sign = rule.direction === 'high' ? 1 : -1
  return Float64Array.from(rows, (row) => orLast(sign * table.values(row)[rule.column]!))
}

export function amountScores(table: RowTable, rows: Int32Array): Float64Array {
  return Float64Array.from(rows, (row) => orLast(table.amountMinor(row)))
}

/** Mean squared deviation of the scaled inputs from their means: as strange as no model can tell. */
export function distanceScores(
  table: RowTable,
  rows: Int32Array,
  scales: readonly InputScale[],
): Float64Array {
  const scaled = new Float32Array(scales.length)
  return Float64Array.from(rows, (row) => {
    writeScaled(scales, table.values(row), scaled, 0)
    return scaled.reduce((sum, value) => sum + value * value, 0) / scales.length
  })
}

/** Absent ranks last: a rule does not fire on what it does not know. */
function orLast(score: number): number {
  return Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score
}
