// Weir's own way of keeping the standard work's windows, asked for the same as its rivals: records appended to journals in Redis,
// what is new of them read back, and folded here. What the store holds, the fold sums up.
import { readDocument } from '../../engine/document.ts'
import { compileCatalogs } from '../../features/catalogs.ts'
import { Fold } from '../../features/fold.ts'
import { compileMapping } from '../../features/mapping.ts'
import { Observation } from '../../features/observation.ts'
import { Plan } from '../../features/plan.ts'
import { Encoder } from '../../features/record.ts'
import { RedisStore } from '../../features/store/redis.ts'
import { Transaction } from '../../features/transaction.ts'
import type { StandardWork } from '../standard/standard.ts'
import { latenessMsMax, type StandardTransaction, windows } from '../standard/transactions.ts'
import { benchHashKey } from '../workload.ts'
import { featureCount, type RedisWay, type Traffic } from './redis-way.ts'

const fillRows = 64

export interface JournalOptions {
  readonly url: string
  readonly buckets: number
  readonly heldBytesMax: number
  /** Records of a journal's exact tail at least; the default of the plan where it is not given. */
  readonly cap?: number
  /** Source partition of what this one observes: no two write one chain. */
  readonly partition: number
}

export class Journals implements RedisWay {
  readonly #store: RedisStore
  readonly #encoder: Encoder
  readonly #fold: Fold
  readonly #batch: Observation
  readonly #partition: number
  readonly #transactions: readonly Transaction[]
  readonly #marks = new Uint8Array(featureCount)
  readonly #fillOut = new Float64Array(fillRows * featureCount)
  #offset = 0
  /** Of the last batch: 1 where a row names features as approximate. */
  readonly #isMarked = new Uint8Array(fillRows)

  private constructor(plan: Plan, store: RedisStore, partition: number) {
    this.#store = store
    this.#encoder = new Encoder(plan, benchHashKey)
    this.#fold = new Fold(plan)
    this.#batch = new Observation(fillRows, plan.journals.length, plan.recordStride)
    this.#partition = partition
    this.#transactions = Array.from(
      { length: fillRows },
      () => new Transaction(plan.journals.length, 0),
    )
  }

  static async open(work: StandardWork, options: JournalOptions): Promise<Journals> {
    const catalog = compileCatalogs([readDocument(work.catalog)])
    const { schema } = compileMapping(readDocument(work.mapping), () => null)
    const { url, buckets, heldBytesMax, partition, cap } = options
    const exact =
      cap === undefined ? {} : Object.fromEntries(schema.entities.map((kind) => [kind, cap]))
    const plan = new Plan({ ...catalog, exact }, schema)
    const store = await RedisStore.open({
      ...{ url, buckets, heldBytesMax },
      plans: plan,
      ttlMs: windows.at(-1)!.ms + latenessMsMax,
      commandTimeoutMs: 30_000,
      chain: 'rivals',
      hashKeyId: 'bench',
      log: { warn: console.error, error: console.error },
    })
    return new Journals(plan, store, partition)
  }

  async fill(history: readonly StandardTransaction[]): Promise<void> {
    for (let first = 0; first < history.length; first += fillRows) {
      await this.observe(history.slice(first, first + fillRows), this.#fillOut)
    }
  }

  rewind(count: number): void {
    this.#offset -= count
  }

  isMarked(row: number): boolean {
    return this.#isMarked[row] === 1
  }

  async observe(transactions: readonly StandardTransaction[], out: Float64Array): Promise<void> {
    const batch = this.#batch
    batch.count = transactions.length
    for (let row = 0; row < batch.count; row++) {
      const transaction = this.#taken(transactions[row]!, row)
      batch.tenant[row] = transaction.tenant
      batch.partition[row] = this.#partition
      batch.offset[row] = this.#offset++
      batch.timeMs[row] = transaction.timeMs
      this.#encoder.encode(transaction, row, batch)
    }
    await this.#store.observe(batch)
    for (let row = 0; row < batch.count; row++) {
      const marks = this.#marks.fill(0)
      const transaction = this.#transactions[row]!
      this.#fold.fill(transaction, row, batch, this.#store, out, row * featureCount, marks, 0)
      this.#isMarked[row] = marks.includes(1) ? 1 : 0
    }
    this.#store.release(batch)
  }

  /** As the parser leaves it. */
  #taken({ id, timeMs, amountMinor, entities }: StandardTransaction, row: number): Transaction {
    const transaction = this.#transactions[row]!
    transaction.id = id
    transaction.tenant = 'default'
    transaction.timeMs = timeMs
    transaction.atMs = timeMs
    transaction.amountMinor = amountMinor
    for (let kind = 0; kind < entities.length; kind++) transaction.entities[kind] = entities[kind]!
    return transaction
  }

  get traffic(): Traffic {
    return this.#store.stats()
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}
