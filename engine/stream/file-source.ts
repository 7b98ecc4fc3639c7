// The log without Kafka: a file as one partition whose offsets are row numbers. Streams; memory does not grow with it.
import { type FileHandle, open } from 'node:fs/promises'
import { csvColumns, RecordSplitter } from '../../features/csv.ts'
import type { Mapping } from '../../features/mapping.ts'
import { messageBytesMax } from '../../features/parser.ts'
import type { Message, Source } from '../core/ports.ts'
import { EngineError } from '../errors.ts'

const chunkBytes = 1024 * 1024

/** Rows of a CSV or JSON lines file. Made by `openFile`, which has read the header. */
export class FileSource implements Source {
  readonly total: { readonly unit: 'bytes'; readonly size: number }
  /** The CSV header, where the mapping takes its columns from it; null otherwise. */
  readonly columns: readonly string[] | null
  readonly #file: string
  readonly #handle: FileHandle
  readonly #splitter: RecordSplitter
  readonly #batchMax: number
  readonly #partition: number
  #pending: Buffer[]
  #position: number

  constructor(parts: FileParts) {
    this.total = { unit: 'bytes', size: parts.size }
    this.columns = parts.columns
    this.#file = parts.file
    this.#handle = parts.handle
    this.#splitter = parts.splitter
    this.#batchMax = parts.batchMax
    this.#partition = parts.partition
    this.#pending = parts.records
    this.#position = parts.position
  }

  position(): number {
    return this.#position
  }

  async *batches(): AsyncIterable<readonly Message[]> {
    let offset = 0
    for (let isEnd = false; ; ) {
      const records = this.#pending
      for (let first = 0; first < records.length; first += this.#batchMax) {
        const batch = records.slice(first, first + this.#batchMax)
        yield batch.map((value, index) => makeMessage(this.#partition, offset + index, value))
        offset += batch.length
      }
      if (isEnd) return
      this.#pending = []
      isEnd = await this.#read()
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Reads on; true at the end of the file. */
  async #read(): Promise<boolean> {
    const chunk = await readChunk(this.#file, this.#handle)
    this.#position += chunk.length
    if (chunk.length === 0) this.#splitter.end(this.#pending)
    else this.#splitter.push(chunk, this.#pending)
    return chunk.length === 0
  }
}

interface FileParts {
  readonly file: string
  readonly handle: FileHandle
  readonly size: number
  readonly columns: readonly string[] | null
  readonly splitter: RecordSplitter
  readonly batchMax: number
  readonly partition: number
  readonly records: Buffer[]
  readonly position: number
}

/**
 * Opens a file for `mapping`, reading as far as its header. `partition` is what its messages say: 0, or -1 where a file is
 * no source that a store could remember (backfill). Throws EngineError when it cannot be read.
 */
export async function openFile(
  file: string,
  mapping: Mapping,
  batchMax: number,
  partition: number,
): Promise<FileSource> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new EngineError('file_unreadable', `opening ${file}`, { cause })
  })
  const { size } = await handle.stat()
  const format = mapping.format === 'csv' ? 'csv' : 'lines'
  const splitter = new RecordSplitter(format, messageBytesMax)
  const records: Buffer[] = []
  let position = 0
  let columns: string[] | null = null
  if (mapping.needsHeader) {
    for (let isEnd = false; records.length === 0 && !isEnd; ) {
      const chunk = await readChunk(file, handle)
      position += chunk.length
      isEnd = chunk.length === 0
      if (isEnd) splitter.end(records)
      else splitter.push(chunk, records)
    }
    const header = records.shift()
    if (header === undefined) {
      await handle.close()
      const expected = 'expected a header line with the names of the columns, found an empty file'
      throw new EngineError('input_invalid', `reading ${file}: ${expected}`)
    }
    columns = csvColumns(header)
  }
  return new FileSource({
    file,
    handle,
    size,
    columns,
    splitter,
    batchMax,
    partition,
    records,
    position,
  })
}

async function readChunk(file: string, handle: FileHandle): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes)
  const { bytesRead } = await handle.read(buffer, 0, chunkBytes).catch((cause: unknown) => {
    throw new EngineError('file_unreadable', `reading ${file}`, { cause })
  })
  return buffer.subarray(0, bytesRead)
}

/** A message as a file has it: no key, no time of transport, no headers. */
export function makeMessage(partition: number, offset: number, value: Uint8Array): Message {
  return {
    partition,
    offset,
    key: null,
    value,
    timestampMs: Number.NaN,
    traceparent: null,
    answer: null,
  }
}
