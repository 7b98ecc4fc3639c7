// Reads rows that somebody brings with a model: CSV with a header, JSON lines, a JSON array or Parquet. Of a large file it
// keeps as many as are asked for, drawn evenly and the same each time. The only importer of hyparquet.
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet'
import { csvColumns, RecordSplitter } from '../../features/csv.ts'
import { Random } from '../../features/generator/random.ts'
import type { RowFile } from '../../models/import/rows.ts'
import { EngineError } from '../errors.ts'

/** What a file of rows may end in. */
export const rowFileEndings = ['.csv', '.jsonl', '.json', '.parquet'] as const

type Cells = Readonly<Record<string, unknown>>

/** A record of such a file: more than a row of thousands of features. */
const recordBytesMax = 1024 * 1024
/** An array is parsed whole. */
const arrayBytesMax = 64 * 1024 * 1024
const groupRows = 65_536

/** At most `rowsMax` rows. Throws EngineError `file_unreadable`, or `input_invalid` with what was expected and found. */
export async function readRowFile(file: string, name: string, rowsMax: number): Promise<RowFile> {
  try {
    if (file.endsWith('.parquet')) return await readParquet(file, name, rowsMax)
    if (file.endsWith('.json')) return await readArray(file, name, rowsMax)
    return await readRecords(file, name, rowsMax)
  } catch (cause) {
    if (cause instanceof EngineError) throw cause
    const { code } = cause as NodeJS.ErrnoException
    if (code !== undefined) throw new EngineError('file_unreadable', `reading ${name}`, { cause })
    throw new EngineError('input_invalid', `reading ${name}: ${(cause as Error).message}`, {
      cause,
    })
  }
}

async function readRecords(file: string, name: string, rowsMax: number): Promise<RowFile> {
  const isCsv = !file.endsWith('.jsonl')
  const splitter = new RecordSplitter(isCsv ? 'csv' : 'lines', recordBytesMax)
  const drawn = new Drawn<Buffer>(rowsMax)
  const header: string[] = []
  const take = (records: readonly Buffer[]): void => {
    for (const record of records) {
      if (isCsv && header.length === 0) header.push(...csvColumns(record))
      // The bytes are the stream's.
      else drawn.add(() => Buffer.from(record))
    }
  }
  for await (const chunk of createReadStream(file)) {
    const records: Buffer[] = []
    splitter.push(chunk as Buffer, records)
    take(records)
  }
  const last: Buffer[] = []
  splitter.end(last)
  take(last)
  const rows = drawn.items.map((record) => (isCsv ? csvRow(header, record) : jsonRow(record)))
  return { file: name, columns: isCsv ? header : columnsOf(rows), rows, count: drawn.count }
}

function csvRow(header: readonly string[], record: Buffer): Cells {
  const cells = csvColumns(record)
  if (cells.length !== header.length) {
    throw new Error(`expected ${header.length} columns, as the header has, found ${cells.length}`)
  }
  return Object.fromEntries(header.map((column, at) => [column, cells[at]]))
}

function jsonRow(record: Buffer): Cells {
  return objectOf(JSON.parse(record.toString('utf8')))
}

function objectOf(value: unknown): Cells {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Cells
  throw new Error('expected one JSON object for a row, found something else')
}

async function readArray(file: string, name: string, rowsMax: number): Promise<RowFile> {
  const bytes = await readFile(file)
  if (bytes.length > arrayBytesMax) {
    throw new Error(
      `expected at most ${arrayBytesMax} bytes of one array, found ${bytes.length}; make it one object a line (.jsonl)`,
    )
  }
  const value: unknown = JSON.parse(bytes.toString('utf8'))
  if (!Array.isArray(value)) throw new Error('expected an array of objects, found something else')
  const drawn = new Drawn<Cells>(rowsMax)
  for (const one of value) drawn.add(() => objectOf(one))
  return { file: name, columns: columnsOf(drawn.items), rows: drawn.items, count: drawn.count }
}

async function readParquet(file: string, name: string, rowsMax: number): Promise<RowFile> {
  const buffer = await asyncBufferFromFile(file)
  const metadata = await parquetMetadataAsync(buffer)
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name)
  const count = Number(metadata.num_rows)
  const drawn = new Drawn<Cells>(rowsMax)
  for (let rowStart = 0; rowStart < count; rowStart += groupRows) {
    const rowEnd = Math.min(rowStart + groupRows, count)
    const rows = await parquetReadObjects({ file: buffer, metadata, rowStart, rowEnd })
    for (const row of rows) drawn.add(() => row)
  }
  return { file: name, columns, rows: drawn.items, count: drawn.count }
}

/** Names in the order in which they first come. */
function columnsOf(rows: readonly Cells[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))]
}

/** So many of any number of items, each with the same chance; all in their order while there are no more. */
class Drawn<T> {
  readonly items: T[] = []
  count = 0
  readonly #most: number
  readonly #random = Random.of(1, 'rows')

  constructor(most: number) {
    this.#most = most
  }

  /** `make` is called only for what is kept. */
  add(make: () => T): void {
    const place =
      this.count < this.#most ? this.count : Math.floor(this.#random.uniform() * (this.count + 1))
    this.count++
    if (place < this.#most) this.items[place] = make()
  }
}
