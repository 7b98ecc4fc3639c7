// Writes feature rows for `--features-out`: transaction_id, then one column per feature by name, in input order.
import { idColumn } from '../../features/catalog.ts'
import type { Transaction } from '../../features/transaction.ts'
import type { LineSink } from '../core/ports.ts'

export type RowFormat = 'csv' | 'jsonl'

/** The format a file name asks for, or null where its ending is neither .csv nor .jsonl. */
export function rowFormat(file: string): RowFormat | null {
  if (file.endsWith('.csv')) return 'csv'
  return file.endsWith('.jsonl') ? 'jsonl' : null
}

/** `write` is a pipeline's `onRow`. Absent values are empty in CSV and null in JSON. */
export class FeatureRows {
  readonly #lines: LineSink
  readonly #format: RowFormat
  readonly #keys: readonly string[]
  readonly write: (transaction: Transaction, rows: Float64Array, at: number) => void

  constructor(lines: LineSink, format: RowFormat, names: readonly string[]) {
    this.#lines = lines
    this.#format = format
    this.#keys = names.map((name) => `,${JSON.stringify(name)}:`)
    if (format === 'csv') lines.write([idColumn, ...names.map(csvText)].join(','))
    this.write = (transaction, rows, at) => {
      this.#lines.write(this.#line(transaction.id, rows, at))
    }
  }

  #line(id: string, rows: Float64Array, at: number): string {
    if (this.#format === 'csv') {
      let line = csvText(id)
      for (let f = 0; f < this.#keys.length; f++) {
        const value = rows[at + f]!
        line += Number.isNaN(value) ? ',' : `,${value}`
      }
      return line
    }
    let line = `{"${idColumn}":${JSON.stringify(id)}`
    for (let f = 0; f < this.#keys.length; f++) {
      const value = rows[at + f]!
      line += this.#keys[f]! + (Number.isNaN(value) ? 'null' : String(value))
    }
    return `${line}}`
  }
}

/** RFC 4180: quoted where it must be. */
function csvText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
