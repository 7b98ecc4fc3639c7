// The rows of lightgbm-reference.py, number for number: what another library was fitted on and judged by.
import { Verdict } from '../../../features/transaction.ts'
import type { RowTable } from '../row-table.ts'
import { minstd } from './minstd.ts'
import { makeTable, type TableRow } from './table-rows.ts'

export const formulaColumns = 10

export function formulaTable(seed: number, count: number): RowTable {
  const next = minstd(seed)
  const rows = Array.from({ length: count }, (): TableRow => {
    const x = Array.from({ length: formulaColumns }, () => next() % 400)
    // A long tail, few values, nothing to see.
    x[3] = Math.floor((x[3]! * x[3]!) / 100)
    x[4] = Math.floor(x[4]! / 100)
    x[5] = 7
    const isAbsent = next() % 5 === 0
    let odds = 40
    if (x[0]! > 300 !== x[1]! > 300) odds += 250
    if (x[2]! > 360 && x[3] > 900) odds += 400
    if (x[4] === 3) odds += 30
    if (isAbsent) odds += x[0]! > 200 ? 150 : 0
    odds += Math.floor(x[7]! / 8)
    const verdict = next() % 1000 < odds ? Verdict.fraud : Verdict.legit
    const values = x.map((value) => value / 4)
    if (isAbsent) values[6] = Number.NaN
    return { verdict, values }
  })
  return makeTable(formulaColumns, rows)
}
