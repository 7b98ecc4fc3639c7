// Writes feature rows as Parquet, one row group after another, so that memory does not grow with them. Under its name a
// file is there whole or not at all: until it ends it has another name. The only importer of hyparquet-writer.
import assert from 'node:assert'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { idColumn } from '../../features/catalog.ts'
import type { Transaction } from '../../features/transaction.ts'
import { batchRowsMax } from '../core/limits.ts'
import { EngineError } from '../errors.ts'
import type { FactColumn, RowSink } from './feature-rows.ts'

/** Numbers of one row group. Its encoding takes a few times as much again, one column after another. */
const groupBytes = 16 * 2 ** 20
/** The ids of a group are texts, whatever the number of columns. */
const groupRowsMax = 65_536
assert(groupRowsMax >= batchRowsMax, 'a group takes a batch')

/** What a file is called until it ends. A run that was killed leaves it, the next one begins it anew. */
const partEnding = '.part'

export class ParquetRows implements RowSink {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #facts: readonly FactColumn[]
  readonly #columns: readonly string[]
  readonly #bytes = new ByteWriter()
  readonly #parquet: ParquetWriter
  /** Of the group that is being filled, row by row. */
  readonly #values: Float64Array
  readonly #rowsMax: number
  #ids: string[] = []

  private constructor(
    file: string,
    handle: FileHandle,
    facts: readonly FactColumn[],
    features: readonly string[],
    rowsMax: number,
  ) {
    this.#file = file
    this.#handle = handle
    this.#facts = facts
    this.#columns = [...facts.map(({ name }) => name), ...features]
    this.#rowsMax = rowsMax
    this.#values = new Float64Array(rowsMax * this.#columns.length)
    const columns = [
      { name: idColumn, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      ...facts.map(({ name }) => ({ name, type: 'INT64', repetition_type: 'OPTIONAL' }) as const),
      ...features.map((name) => ({ name, type: 'DOUBLE', repetition_type: 'OPTIONAL' }) as const),
    ] as const
    this.#parquet = new ParquetWriter({
      writer: this.#bytes,
      schema: [{ name: 'root', num_children: columns.length }, ...columns],
      createdBy: 'weir',
    })
  }

  /** `rowsMax`: of a row group. Throws EngineError where nothing can be written. */
  static async open(
    file: string,
    facts: readonly FactColumn[],
    features: readonly string[],
    rowsMax: number = groupRowsOf(facts.length + features.length),
  ): Promise<ParquetRows> {
    assert(rowsMax >= batchRowsMax, 'a group takes a batch')
    const handle = await writing(file, open(file + partEnding, 'w'))
    return new ParquetRows(file, handle, facts, features, rowsMax)
  }

  write(transaction: Transaction, rows: Float64Array, at: number): void {
    let place = this.#ids.length * this.#columns.length
    this.#ids.push(transaction.id)
    for (const fact of this.#facts) this.#values[place++] = fact.of(transaction)
    const features = this.#columns.length - this.#facts.length
    // -0 is 0 in every other format, too.
    for (let f = 0; f < features; f++) this.#values[place++] = rows[at + f]! + 0
  }

  async flush(): Promise<void> {
    if (this.#ids.length + batchRowsMax > this.#rowsMax) await this.#writeGroup()
  }

  async close(isWhole: boolean): Promise<void> {
    try {
      if (!isWhole) return
      await this.#writeGroup()
      void this.#parquet.finish()
      await this.#empty()
      await writing(this.#file, this.#handle.sync())
      await writing(this.#file, rename(this.#file + partEnding, this.#file))
    } finally {
      await this.#handle.close()
      await rm(this.#file + partEnding, { force: true })
    }
  }

  async #writeGroup(): Promise<void> {
    const rowGroupSize = this.#ids.length
    if (rowGroupSize === 0) return
    // A getter: the writer asks for a column when its turn has come, and all of them as arrays would be several groups.
    const numbers = this.#columns.map((name, column) => {
      const values = (): (number | bigint | null)[] => this.#column(column)
      return {
        name,
        get data() {
          return values()
        },
      }
    })
    const columnData = [{ name: idColumn, data: this.#ids }, ...numbers]
    void this.#parquet.write({ columnData, rowGroupSize })
    this.#ids = []
    await this.#empty()
  }

  /** A fact is an integer of 64 bits, which the writer takes as a bigint. */
  #column(column: number): (number | bigint | null)[] {
    const isFact = column < this.#facts.length
    return this.#ids.map((_, row) => {
      const value = this.#values[row * this.#columns.length + column]!
      if (Number.isNaN(value)) return null
      return isFact ? BigInt(value) : value
    })
  }

  /** What was encoded leaves memory. */
  async #empty(): Promise<void> {
    await writing(this.#file, this.#handle.writeFile(this.#bytes.getBytes()))
    this.#bytes.index = 0
  }
}

function groupRowsOf(columns: number): number {
  const rows = Math.floor(groupBytes / (columns * Float64Array.BYTES_PER_ELEMENT))
  return Math.max(batchRowsMax, Math.min(rows, groupRowsMax))
}

async function writing<T>(file: string, done: Promise<T>): Promise<T> {
  return done.catch((cause: unknown) => {
    throw new EngineError('output_unwritable', `writing ${file}`, { cause })
  })
}
