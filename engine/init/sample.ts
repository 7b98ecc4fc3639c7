// The head of a user's file: its format, its columns and its first rows. Never reads more than a few MiB, and refuses, with
// what to do, what Weir cannot stream.
import { open } from 'node:fs/promises'
import { csvColumns, RecordSplitter } from '../../features/csv.ts'
import { messageBytesMax } from '../../features/parser.ts'
import { EngineError } from '../errors.ts'

const headBytes = 8 * 1024 * 1024
export const sampleRowsMax = 2000
/** Objects in objects are columns with dots in their names, so deep. */
const depthMax = 4

export interface Sample {
  readonly format: 'csv' | 'jsonl'
  readonly columns: readonly string[]
  /** Texts by column; null: absent or empty. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** The same rows as the parser will get them. */
  readonly records: readonly Buffer[]
  /** True if the file has no further rows. */
  readonly isWhole: boolean
}

/** Throws EngineError `file_unreadable`, or `input_invalid` with what was expected, what was found and what to do. */
export async function readSample(file: string): Promise<Sample> {
  const { bytes, isEnd } = await readHead(file)
  const refuse = (expected: string, found: string, todo: string): never => {
    const text = `reading ${file}: expected ${expected}, found ${found}; ${todo}`
    throw new EngineError('input_invalid', text)
  }
  refuseContainers(bytes, file, refuse)
  const start = bytes
    .toString('utf8', 0, 4096)
    .replace(/^\uFEFF/, '')
    .trimStart()
  if (start === '') refuse('rows', 'nothing', 'name a file with a header and rows')
  if (start.startsWith('[')) {
    const todo = `make it one object a line: jq -c '.[]' ${file} > history.jsonl`
    refuse('one JSON object a line', 'a JSON array', todo)
  }
  const format = start.startsWith('{') ? 'jsonl' : 'csv'
  const records = split(bytes, format, isEnd)
  const isWhole = isEnd && records.length <= sampleRowsMax
  if (format === 'jsonl') return jsonSample(records.slice(0, sampleRowsMax), isWhole, file, refuse)
  const header = csvColumns(records[0]!)
  refuseHeader(header, records[0]!.toString('utf8'), refuse)
  const own = records.slice(1, sampleRowsMax + 1)
  if (own.length === 0) refuse('rows below the header', 'none', 'name a file that has some')
  const rows = own.map((record) => {
    const cells = csvColumns(record)
    return header.map((_, c) => (cells[c] === undefined || cells[c] === '' ? null : cells[c]))
  })
  return { format, columns: header, rows, records: own, isWhole }
}

type Refuse = (expected: string, found: string, todo: string) => never

async function readHead(file: string): Promise<{ bytes: Buffer; isEnd: boolean }> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new EngineError('file_unreadable', `opening ${file}`, { cause })
  })
  try {
    const buffer = Buffer.allocUnsafeSlow(headBytes)
    let length = 0
    for (let isEnd = false; length < headBytes && !isEnd; ) {
      const { bytesRead } = await handle.read(buffer, length, headBytes - length)
      length += bytesRead
      isEnd = bytesRead === 0
    }
    const { size } = await handle.stat()
    return { bytes: buffer.subarray(0, length), isEnd: length >= size }
  } catch (cause) {
    throw new EngineError('file_unreadable', `reading ${file}`, { cause })
  } finally {
    await handle.close()
  }
}

/** Formats that are known by their first bytes. */
function refuseContainers(bytes: Buffer, file: string, refuse: Refuse): void {
  const expected = 'CSV or JSON lines in UTF-8'
  const first = bytes.toString('latin1', 0, 4)
  if (first.startsWith('\u001f\u008b')) {
    refuse(expected, 'gzip', `unpack it: gunzip -c ${file} > history.csv`)
  }
  if (first.startsWith('PK')) {
    refuse(expected, 'a ZIP archive or spreadsheet', 'unpack it, or save the sheet as CSV')
  }
  if (first === 'PAR1') {
    const todo = `convert it, for example: duckdb -c "COPY '${file}' TO 'history.csv' (HEADER)"`
    refuse(expected, 'Parquet', todo)
  }
  if (first.startsWith('\u00ff\u00fe') || first.startsWith('\u00fe\u00ff')) {
    refuse(expected, 'UTF-16', `convert it: iconv -f UTF-16 -t UTF-8 ${file} > history.csv`)
  }
}

function refuseHeader(header: readonly string[], text: string, refuse: Refuse): void {
  const separators = { ';': 'semicolons', '\t': 'tabs', '|': 'bars' }
  for (const [separator, name] of Object.entries(separators)) {
    if (text.split(separator).length <= header.length) continue
    const todo =
      'export it again with commas (RFC 4180: texts that hold a comma in double quotes) and a decimal point'
    refuse('commas between the columns', name, todo)
  }
  if (header.length === 1) {
    refuse('several columns, with commas between them', JSON.stringify(header[0]), 'check the file')
  }
  const value = header.find((cell) => /^-?\d+([.:/-]\d+)*([T ].*)?$/.test(cell))
  if (value !== undefined) {
    const todo = 'put a line with the names of the columns in front'
    refuse('a header line with the names of the columns', `the value ${value} in it`, todo)
  }
  const twice = header.find((cell, c) => header.indexOf(cell) < c)
  if (twice !== undefined) {
    refuse('each column once', `${JSON.stringify(twice)} twice in the header`, 'rename one of them')
  }
}

/** Whole records of the head; the last one may have been cut. */
function split(bytes: Buffer, format: Sample['format'], isEnd: boolean): Buffer[] {
  const splitter = new RecordSplitter(format === 'csv' ? 'csv' : 'lines', messageBytesMax)
  const records: Buffer[] = []
  splitter.push(bytes, records)
  if (isEnd) splitter.end(records)
  return records
}

function jsonSample(
  records: readonly Buffer[],
  isWhole: boolean,
  file: string,
  refuse: Refuse,
): Sample {
  const objects = records.map((record) => flatten(record))
  if (objects[0] === null || records.length === 0) {
    const todo = `make it one object a line: jq -c . ${file} > history.jsonl`
    refuse('one JSON object a line', 'an object over several lines, or none', todo)
  }
  const columns = [...new Set(objects.flatMap((object) => [...(object?.keys() ?? [])]))]
  const rows = objects.map((object) => columns.map((column) => object?.get(column) ?? null))
  return { format: 'jsonl', columns, rows, records, isWhole }
}

/** An object's texts by path; null for what is no JSON object. Only for looking: the parser reads the bytes itself. */
function flatten(record: Buffer): Map<string, string> | null {
  const texts = new Map<string, string>()
  const add = (value: unknown, path: string, depth: number): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      if (depth > depthMax) return
      for (const [key, inner] of Object.entries(value)) {
        add(inner, path === '' ? key : `${path}.${key}`, depth + 1)
      }
    } else if (typeof value === 'string' || typeof value === 'number') {
      if (value !== '') texts.set(path, String(value))
    } else if (typeof value === 'boolean') texts.set(path, String(value))
  }
  try {
    const value = JSON.parse(record.toString('utf8')) as unknown
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    add(value, '', 0)
    return texts
  } catch {
    return null
  }
}
