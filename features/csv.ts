// CSV as RFC 4180 has it: one scanner for the columns of a record, one splitter of a stream of bytes into records.
import { type Fields, FieldType } from './fields.ts'
import { MessageText } from './message-text.ts'
import type { RejectReason } from './reject.ts'

const comma = 0x2c
const quote = 0x22
const lineFeed = 0x0a
const carriageReturn = 0x0d

/** Scans one record (without its line end) for the columns that are mapped. */
export class CsvScanner {
  /** By column: its slot, or -1. */
  readonly #slots: Int32Array
  readonly #text = new MessageText()

  constructor(columns: readonly string[], names: readonly string[]) {
    this.#slots = Int32Array.from(columns, (column) => names.indexOf(column))
  }

  /** Fills `fields`; returns why the bytes are not such a record, or null. */
  scan(bytes: Buffer, fields: Fields): RejectReason | null {
    if (!this.#text.open(bytes)) return 'bad_utf8'
    if (bytes.length === 0) return 'empty'
    fields.clear()
    const slots = this.#slots
    let at = 0
    let column = 0
    for (; ; column++) {
      const start = at
      let text: string
      if (bytes[at] === quote) {
        const end = closingQuote(bytes, at)
        if (end < 0 || (end + 1 < bytes.length && bytes[end + 1] !== comma)) return 'bad_csv'
        text = this.#text.slice(start + 1, end).replaceAll('""', '"')
        at = end + 1
      } else {
        while (at < bytes.length && bytes[at] !== comma) at++
        const isMapped = column < slots.length && slots[column]! >= 0 && at > start
        text = isMapped ? this.#text.slice(start, at) : ''
      }
      if (column < slots.length && slots[column]! >= 0 && text !== '') {
        fields.text[slots[column]!] = text
        fields.type[slots[column]!] = FieldType.text
      }
      if (at >= bytes.length) break
      at++
    }
    return column + 1 === slots.length ? null : 'bad_columns'
  }
}

/** The columns of a header record. */
export function csvColumns(bytes: Buffer): string[] {
  const columns: string[] = []
  let at = 0
  for (;;) {
    let end = at
    if (bytes[at] === quote) {
      end = closingQuote(bytes, at)
      if (end < 0) end = bytes.length
      columns.push(bytes.toString('utf8', at + 1, end).replaceAll('""', '"'))
      end++
    } else {
      while (end < bytes.length && bytes[end] !== comma) end++
      columns.push(bytes.toString('utf8', at, end))
    }
    if (end >= bytes.length) return columns
    at = end + 1
  }
}

function closingQuote(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(quote, from + 1); at >= 0; at = bytes.indexOf(quote, at + 2)) {
    if (bytes[at + 1] !== quote) return at
  }
  return -1
}

/**
 * Splits a stream into records, by line feeds outside quotes (`csv`) or all line feeds (`lines`). A carriage return before
 * the line feed and a byte order mark at the start are dropped. Memory is bounded: of a record longer than
 * `recordBytesMax` only that much and one byte more is kept, so that a parser sees that it is too large.
 */
export class RecordSplitter {
  readonly #isCsv: boolean
  readonly #recordBytesMax: number
  #rest: Buffer = Buffer.alloc(0)
  #isStart = true
  /** How far `#rest` is known to hold no record end, and whether that place is inside quotes. */
  #scanned = 0
  #isQuoted = false
  /** The next quote that was not passed yet. */
  #nextQuote = Infinity
  /** The record under way is already longer than the limit: its further bytes are dropped. */
  #isCut = false

  constructor(format: 'csv' | 'lines', recordBytesMax: number) {
    this.#isCsv = format === 'csv'
    this.#recordBytesMax = recordBytesMax
  }

  /** Records completed by `chunk`. They lie in its memory: valid as long as the chunk is. Empty lines are left out. */
  push(chunk: Buffer, records: Buffer[]): void {
    let bytes = chunk
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, chunk])
    if (this.#isStart && bytes.length >= 3) {
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3)
      this.#isStart = false
    }
    this.#nextQuote = this.#isCsv ? find(bytes, quote, this.#scanned) : Infinity
    let start = 0
    for (let end = this.#findEnd(bytes, 0); end >= 0; end = this.#findEnd(bytes, start)) {
      this.#emit(bytes.subarray(start, end), records)
      start = end + 1
      this.#scanned = start
    }
    this.#keep(bytes.subarray(start), start)
  }

  /** The last record, if the input did not end with a line feed. */
  end(records: Buffer[]): void {
    this.#emit(this.#rest, records)
    this.#rest = Buffer.alloc(0)
  }

  #emit(bytes: Buffer, records: Buffer[]): void {
    const record = bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes
    if (record.length > 0) records.push(record.subarray(0, this.#recordBytesMax + 1))
    this.#isCut = false
  }

  #keep(rest: Buffer, start: number): void {
    this.#scanned -= start
    if (rest.length > this.#recordBytesMax || this.#isCut) {
      this.#isCut = true
      this.#rest = Buffer.from(rest.subarray(0, this.#recordBytesMax + 1))
      this.#scanned = this.#rest.length
    } else this.#rest = Buffer.from(rest)
  }

  /** The line feed that ends the record that begins at `start`, or -1. No byte is looked at twice. */
  #findEnd(bytes: Buffer, start: number): number {
    let from = Math.max(this.#scanned, start)
    for (;;) {
      const end = bytes.indexOf(lineFeed, from)
      const until = end < 0 ? bytes.length : end
      while (this.#nextQuote < until) this.#passQuote(bytes, start)
      this.#scanned = end < 0 ? until : end + 1
      if (end < 0) return -1
      if (!this.#isQuoted) return end
      from = end + 1
    }
  }

  /** A quote opens at the start of a column, or as the second of a pair; inside quotes it closes. Elsewhere it is text. */
  #passQuote(bytes: Buffer, start: number): void {
    const at = this.#nextQuote
    const before = at > start ? bytes[at - 1] : comma
    if (this.#isQuoted) this.#isQuoted = false
    else if (before === comma || before === quote) this.#isQuoted = true
    this.#nextQuote = find(bytes, quote, at + 1)
  }
}

/** Place of the byte from `from` on; Infinity where there is none. */
function find(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? Infinity : at
}
