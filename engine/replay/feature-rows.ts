// Writes feature rows for `--features-out`: transaction_id, what else was asked for, then one column per feature by name,
// in input order. Of a transaction it writes nothing but its id that nobody asked for.
import { idColumn } from '../../features/catalog.ts'
import type { Transaction } from '../../features/transaction.ts'
import type { LineSink } from '../core/ports.ts'

/** Where rows go as the pipeline makes them. */
export interface RowSink {
  /** A pipeline's `onRow`; memory is bounded by awaiting `flush` per batch. */
  write(transaction: Transaction, rows: Float64Array, at: number): void
  flush(): Promise<void>
  /** `isWhole`: all rows that were asked for were written. Has the file on disk when it resolves. */
  close(isWhole: boolean): Promise<void>
}

/** A column beside the features: a whole number of a transaction, NaN for absent. */
export interface FactColumn {
  readonly name: string
  of(transaction: Transaction): number
}

export type TextFormat = 'csv' | 'jsonl'

/** Rows as lines of text. Absent values are empty in CSV and null in JSON. What was written before a stop stays. */
export class TextRows implements RowSink {
  readonly #lines: LineSink
  readonly #format: TextFormat
  readonly #facts: readonly FactColumn[]
  readonly #factKeys: readonly string[]
  readonly #featureKeys: readonly string[]

  constructor(
    lines: LineSink,
    format: TextFormat,
    facts: readonly FactColumn[],
    features: readonly string[],
  ) {
    this.#lines = lines
    this.#format = format
    this.#facts = facts
    const key = (name: string): string => (format === 'csv' ? ',' : `,${JSON.stringify(name)}:`)
    this.#factKeys = facts.map(({ name }) => key(name))
    this.#featureKeys = features.map(key)
    if (format === 'jsonl') return
    lines.write([idColumn, ...facts.map(({ name }) => name), ...features].map(csvText).join(','))
  }

  write(transaction: Transaction, rows: Float64Array, at: number): void {
    const isCsv = this.#format === 'csv'
    const absent = isCsv ? '' : 'null'
    const { id } = transaction
    let line = isCsv ? csvText(id) : `{"${idColumn}":${JSON.stringify(id)}`
    for (let c = 0; c < this.#facts.length; c++) {
      const value = this.#facts[c]!.of(transaction)
      line += this.#factKeys[c]! + (Number.isNaN(value) ? absent : String(value))
    }
    for (let f = 0; f < this.#featureKeys.length; f++) {
      const value = rows[at + f]!
      line += this.#featureKeys[f]! + (Number.isNaN(value) ? absent : String(value))
    }
    this.#lines.write(isCsv ? line : `${line}}`)
  }

  flush(): Promise<void> {
    return this.#lines.flush()
  }

  close(): Promise<void> {
    return this.#lines.close()
  }
}

/** RFC 4180: quoted where it must be. */
function csvText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
