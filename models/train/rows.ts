// Training rows: the generator's transactions through the engine's own parser, store and fold, so that a model learns from
// exactly the numbers that it will be asked about. Labels are the planted truth, kept apart from the rows.
import type { Catalog } from '../../features/catalog.ts'
import { Fold } from '../../features/fold.ts'
import { type GeneratorParameters, generate, writeRow } from '../../features/generator/generator.ts'
import type { Mapping } from '../../features/mapping.ts'
import { Observation, Seen } from '../../features/observation.ts'
import { Plan } from '../../features/plan.ts'
import { Encoder } from '../../features/record.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { Transaction } from '../../features/transaction.ts'

const batchRows = 256

/** Rows of features, row by row, and whether each was fraud. */
export interface Rows {
  readonly count: number
  readonly columns: number
  /** NaN for absent; `count * columns`. */
  readonly values: Float32Array
  readonly isFraud: Uint8Array
  /** Event times, ms. */
  readonly timeMs: Float64Array
}

/** Rows of `parameters`' stream, duplicates left out, without the first `warmUp` transactions, whose windows were still filling. */
export async function makeRows(
  catalog: Catalog,
  mapping: Mapping,
  parameters: GeneratorParameters,
  warmUp: number,
): Promise<Rows> {
  const plan = new Plan(catalog, mapping.schema)
  const rows = new RowCollector(plan, (parameters.rows ?? 0) - warmUp)
  const store = new MemoryStore(plan, { bytesMax: 8 * 2 ** 30 })
  const parser = mapping.parser()
  const encoder = new Encoder(plan, new Uint8Array(16))
  const fold = new Fold(plan)
  const batch = new Observation(batchRows, plan.journals.length, plan.recordStride)
  const { entities, fields } = mapping.schema
  const transactions = Array.from(
    { length: batchRows },
    () => new Transaction(entities.length, fields.length),
  )
  const truths = new Uint8Array(batchRows)
  let seen = 0
  const flush = async (): Promise<void> => {
    await store.observe(batch)
    for (let row = 0; row < batch.count; row++) {
      if (batch.seen[row] !== Seen.fresh || seen++ < warmUp) continue
      rows.add(
        (out, at) => {
          fold.fill(transactions[row]!, row, batch, store, out, at, rows.approximate, 0)
        },
        transactions[row]!.timeMs,
        truths[row]!,
      )
    }
    store.release(batch)
    batch.count = 0
  }
  for (const { row, isFraud } of generate(parameters)) {
    const at = batch.count++
    const reject = parser.parse(Buffer.from(writeRow(row)), Number.NaN, transactions[at]!)
    if (reject !== null) throw new Error(`generated row: ${reject.reason} ${reject.field}`)
    batch.tenant[at] = transactions[at]!.tenant
    batch.partition[at] = -1
    batch.offset[at] = -1
    batch.timeMs[at] = transactions[at]!.timeMs
    encoder.encode(transactions[at]!, at, batch)
    truths[at] = isFraud ? 1 : 0
    if (batch.count === batchRows) await flush()
  }
  if (batch.count > 0) await flush()
  await store.close()
  return rows.finish()
}

class RowCollector {
  readonly approximate: Uint8Array
  readonly #columns: number
  readonly #values: Float32Array
  readonly #isFraud: Uint8Array
  readonly #timeMs: Float64Array
  readonly #row: Float64Array
  #count = 0

  constructor(plan: Plan, rowsMax: number) {
    this.#columns = plan.features.length
    this.approximate = new Uint8Array(this.#columns)
    this.#values = new Float32Array(rowsMax * this.#columns)
    this.#isFraud = new Uint8Array(rowsMax)
    this.#timeMs = new Float64Array(rowsMax)
    this.#row = new Float64Array(this.#columns)
  }

  add(fill: (out: Float64Array, at: number) => void, timeMs: number, isFraud: number): void {
    fill(this.#row, 0)
    this.#values.set(this.#row, this.#count * this.#columns)
    this.#timeMs[this.#count] = timeMs
    this.#isFraud[this.#count] = isFraud
    this.#count++
  }

  finish(): Rows {
    return {
      count: this.#count,
      columns: this.#columns,
      values: this.#values.subarray(0, this.#count * this.#columns),
      isFraud: this.#isFraud.subarray(0, this.#count),
      timeMs: this.#timeMs.subarray(0, this.#count),
    }
  }
}
