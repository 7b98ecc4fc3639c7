// Tables for tests: rows that say what stands in them, and a planted pattern that no single feature shows.
import { Transaction, Verdict } from '../../../features/transaction.ts'
import { RowTable } from '../row-table.ts'
import { minstd } from './minstd.ts'

export interface TableRow {
  readonly id?: string
  readonly customer?: string
  readonly timeMs?: number
  readonly verdict?: Verdict
  readonly labelMs?: number
  readonly values?: readonly number[]
}

export function transactionOf({ id, customer, timeMs, verdict, labelMs }: TableRow): Transaction {
  const transaction = new Transaction(1, 0)
  transaction.id = id ?? 't'
  transaction.entities[0] = customer ?? 'c'
  transaction.timeMs = timeMs ?? 0
  transaction.atMs = transaction.timeMs
  transaction.amountMinor = 100
  transaction.verdict = verdict ?? Verdict.none
  transaction.labelMs = labelMs ?? Number.NaN
  return transaction
}

export function makeTable(columns: number, rows: readonly TableRow[]): RowTable {
  const table = new RowTable(columns, 0, 2 ** 30)
  for (const row of rows) {
    table.add(transactionOf(row), Float64Array.from(row.values ?? new Array(columns).fill(0)), 0)
  }
  return table
}

/**
 * Nine frauds in ten have one of the first two columns high, but not both; of honest rows one in ten has. Each alone says
 * nothing. The third is noise, the fourth is absent half of the time and large. One row in ten is fraud.
 */
export function plantedTable(seed: number, count: number): RowTable {
  const next = minstd(seed)
  const draw = (): number => (next() % 10_000) / 10_000
  const rows = Array.from({ length: count }, (_, index): TableRow => {
    const isFraud = next() % 10 === 0
    const first = draw() < 0.5
    const isOdd = isFraud !== (next() % 10 === 0)
    const second = isOdd ? !first : first
    const height = (isHigh: boolean): number => (isHigh ? 50 : 1) * (0.5 + draw())
    const far = next() % 2 === 0 ? Number.NaN : 1e9 * draw()
    return {
      timeMs: index * 1000,
      labelMs: index * 1000,
      verdict: isFraud ? Verdict.fraud : Verdict.legit,
      values: [height(first), height(second), draw(), far],
    }
  })
  return makeTable(4, rows)
}

/** All rows: nine tenths to train on, the rest to stop by. */
export function partsOf(table: RowTable): { train: Int32Array; validation: Int32Array } {
  const cut = Math.floor(table.count * 0.9)
  const rows = Int32Array.from({ length: table.count }, (_, row) => row)
  return { train: rows.slice(0, cut), validation: rows.slice(cut) }
}
