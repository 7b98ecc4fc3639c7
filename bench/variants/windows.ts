// What windows cost: observing and folding alone on a real Redis, windows that grow, one merchant with much of the traffic.
// Usage: windows.js stages <bytes held> | growth | hot | million. Prints one line of JSON.
import { assemble, shipped } from '../../engine/assemble.ts'
import { type Catalog, compileCatalog } from '../../features/catalog.ts'
import { Fold } from '../../features/fold.ts'
import { Observation } from '../../features/observation.ts'
import { Plan } from '../../features/plan.ts'
import { Encoder } from '../../features/record.ts'
import { Keys } from '../../features/store/keys.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { RedisStore } from '../../features/store/redis.ts'
import type { Store } from '../../features/store/store.ts'
import { makeRandom } from '../../features/testing/random-transactions.ts'
import type { RedisClient } from '../../features/testing/redis-client.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { Transaction, type TransactionSchema } from '../../features/transaction.ts'
import { type KeptRow, rowFaults } from '../ledger/audit.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'
import { benchHashKey, makeMessages } from '../workload.ts'

const [kind = 'stages', heldText = String(2 ** 30)] = process.argv.slice(2)
const hourMs = 3_600_000
/** Rows that are computed again by hand. */
const checkEvery = 997
/** Of a journal of a million each takes half a second by hand. */
const checkEveryOfLong = 99_991

const schema: TransactionSchema = {
  entities: ['card', 'merchant'],
  primary: 0,
  fields: [],
  hasLocation: false,
  hasLabel: false,
  kinds: [],
}

/** Observes and folds in batches, and keeps account of each. */
class Run {
  observeUs = 0
  foldUs = 0
  rows = 0
  readonly #store: Store
  readonly #encoder: Encoder
  readonly #fold: Fold
  readonly #batch: Observation
  readonly #features: Float64Array
  readonly #marks: Uint8Array
  readonly #plan: Plan
  readonly #checkEvery: number
  readonly #sample = new Map<number, KeptRow>()
  #offset = 0

  constructor(plan: Plan, store: Store, batchRows: number, everyRow = checkEvery) {
    this.#checkEvery = everyRow
    this.#plan = plan
    this.#store = store
    this.#encoder = new Encoder(plan, benchHashKey)
    this.#fold = new Fold(plan)
    this.#batch = new Observation(batchRows, plan.journals.length, plan.recordStride)
    this.#features = new Float64Array(plan.features.length)
    this.#marks = new Uint8Array(plan.features.length)
  }

  /** Transactions are of new ids, in batches of at most `rowMax`. */
  async add(transactions: readonly Transaction[]): Promise<void> {
    const batch = this.#batch
    for (let first = 0; first < transactions.length; first += batch.rowMax) {
      batch.count = Math.min(batch.rowMax, transactions.length - first)
      for (let row = 0; row < batch.count; row++) {
        const transaction = transactions[first + row]!
        batch.tenant[row] = transaction.tenant
        batch.partition[row] = 0
        batch.offset[row] = this.#offset++
        batch.timeMs[row] = transaction.timeMs
        this.#encoder.encode(transaction, row, batch)
      }
      const began = process.cpuUsage()
      await this.#store.observe(batch)
      const observed = process.cpuUsage()
      for (let row = 0; row < batch.count; row++) {
        const transaction = transactions[first + row]!
        this.#fold.fill(transaction, row, batch, this.#store, this.#features, 0, this.#marks, 0)
        if (batch.offset[row]! % this.#checkEvery === 0) this.#keep(batch.offset[row]!)
      }
      const folded = process.cpuUsage()
      this.#store.release(batch)
      this.observeUs += usBetween(began, observed)
      this.foldUs += usBetween(observed, folded)
      this.rows += batch.count
    }
  }

  /** What is wrong in a sample of the rows of `transactions`: all that were ever added. */
  faults(transactions: readonly Transaction[]): string[] {
    return rowFaults(this.#plan, transactions, this.#sample)
  }

  #keep(at: number): void {
    const row = { features: this.#features.slice(), marks: this.#marks.slice() }
    this.#sample.set(at, row)
  }

  /** CPU-µs a transaction since the last time. */
  take(): { observe: number; fold: number; both: number } {
    const { observeUs, foldUs, rows } = this
    this.observeUs = 0
    this.foldUs = 0
    this.rows = 0
    return { observe: observeUs / rows, fold: foldUs / rows, both: (observeUs + foldUs) / rows }
  }
}

const runs = { stages, growth, hot, million }
const faults: string[] = []
const result = await runs[kind as keyof typeof runs]()
tell({ measures: result, void: faults })

/** Four entities, 51 features, the generator's mix; calls of 16. */
async function stages(): Promise<Record<string, number>> {
  const server = await RedisServer.start()
  const client = await server.client()
  const { plan, transactions } = await generated(160_000)
  const emptyBytes = await usedMemory(client)
  const store = await openRedis(server, plan, Number(heldText))
  const run = new Run(plan, store, 16)
  await run.add(transactions.slice(0, 100_000))
  run.take()
  const before = store.stats()
  const redisBefore = processUsage(server.pid).cpuUs
  const measured = transactions.slice(100_000)
  await run.add(measured)
  const { observe, fold } = run.take()
  const redisUs = (processUsage(server.pid).cpuUs - redisBefore) / measured.length
  const after = store.stats()
  const reads = after.journalReads - before.journalReads
  const keys = Number(await client.call('DBSIZE'))
  faults.push(...run.faults(transactions))
  const usedBytes = (await usedMemory(client)) - emptyBytes
  await store.close()
  client.close()
  await server.stop()
  return {
    observe_cpu_us_client: observe,
    fold_cpu_us: fold,
    redis_cpu_us: redisUs,
    held_share_of_journals_read: (after.heldReads - before.heldReads) / reads,
    bytes_to_redis: (after.bytesSent - before.bytesSent) / measured.length,
    bytes_from_redis: (after.bytesReceived - before.bytesReceived) / measured.length,
    redis_memory_bytes_per_transaction: usedBytes / transactions.length,
    records_per_journal: (transactions.length * plan.journals.length) / keys,
  }
}

/** The same traffic under windows of an hour and of thirty days, in memory, every journal beyond its cap. */
async function growth(): Promise<Record<string, number>> {
  const result: Record<string, number> = {}
  for (const window of ['1h', '30d']) {
    const run = runInMemory(new Plan(windowCatalog(window), schema), 64)
    // Eight merchants and 16 cards: an hour of each has more than its exact tail.
    const steady = steadyTransactions(120_000, 16, 8, 200)
    await run.add(steady.slice(0, 90_000))
    run.take()
    await run.add(steady.slice(90_000))
    result[`cpu_us_windows_of_${window}`] = run.take().both
    faults.push(...run.faults(steady))
  }
  result['ratio'] = result['cpu_us_windows_of_30d']! / result['cpu_us_windows_of_1h']!
  return result
}

/** The generator's mix, and the same with 30 % of it at one merchant, in memory. */
async function hot(): Promise<Record<string, number>> {
  const result: Record<string, number> = {}
  for (const share of [0, 0.3]) {
    const { plan, transactions } = await generated(200_000)
    const random = makeRandom(7)
    const merchant = plan.schema.entities.indexOf('merchant')
    for (const transaction of transactions) {
      if (random() < share) transaction.entities[merchant] = 'the hot one'
    }
    const run = runInMemory(plan, 64)
    await run.add(transactions.slice(0, 150_000))
    run.take()
    await run.add(transactions.slice(150_000))
    result[`cpu_us_with_${share * 100}_percent_at_one_merchant`] = run.take().both
    faults.push(...run.faults(transactions))
  }
  const [none, some] = Object.values(result)
  return { ...result, ratio: some! / none! }
}

/** One merchant with a million records, on Redis: what a decision costs and what the journal takes as it grows. */
async function million(): Promise<Record<string, number>> {
  const server = await RedisServer.start()
  const client = await server.client()
  const plan = new Plan(windowCatalog('30d'), schema)
  const store = await openRedis(server, plan, 2 ** 28)
  const run = new Run(plan, store, 64, checkEveryOfLong)
  const result: Record<string, number> = {}
  const transactions = steadyTransactions(1_000_000, 20_000, 1, 2000)
  const keys = new Keys(plan, 1)
  const entity = plan.journals.findIndex((journal) => journal.kind === 'merchant')
  const batch = new Observation(1, plan.journals.length, plan.recordStride)
  batch.tenant[0] = 'default'
  new Encoder(plan, benchHashKey).encode(transactions[0]!, 0, batch)
  const key = keys.journal('default', entity, batch.key, entity * 4)
  let reached = 0
  for (const count of [10_000, 100_000, 1_000_000]) {
    await run.add(transactions.slice(reached, count - 5000))
    run.take()
    await run.add(transactions.slice(count - 5000, count))
    reached = count
    const { observe, fold } = run.take()
    result[`observe_cpu_us_at_${count}`] = observe
    result[`fold_cpu_us_at_${count}`] = fold
    result[`journal_kilobytes_in_redis_at_${count}`] =
      Number(await client.call('MEMORY', 'USAGE', key)) / 1000
  }
  result['compactions'] = store.stats().compactions
  faults.push(...run.faults(transactions))
  await store.close()
  client.close()
  await server.stop()
  return result
}

async function generated(
  count: number,
): Promise<{ readonly plan: Plan; readonly transactions: Transaction[] }> {
  const { mapping, plan } = await assemble({ ...shipped, models: [], policy: null })
  const parser = mapping.parser()
  const seen = new Set<string>()
  const transactions: Transaction[] = []
  for (const { value } of makeMessages(Math.ceil(count * 1.02))) {
    const { entities, fields } = mapping.schema
    const transaction = new Transaction(entities.length, fields.length)
    if (parser.parse(value!, Number.NaN, transaction) !== null) continue
    // A repeat would be a duplicate.
    if (seen.has(transaction.id) || transactions.length === count) continue
    seen.add(transaction.id)
    transactions.push(transaction)
  }
  return { plan, transactions }
}

/** Ten features of each entity over one window. */
function windowCatalog(window: string): Catalog {
  const aggregates = ['count', 'sum', 'avg', 'min', 'max', 'stddev', 'since_last', 'last', 'ratio']
  const features = ['card', 'merchant'].flatMap((entity) => [
    ...aggregates.map((aggregate) => ({
      name: `${entity}_${aggregate}`,
      entity,
      aggregate,
      window,
    })),
    {
      name: `${entity}_distinct`,
      entity,
      aggregate: 'distinct',
      of: entity === 'card' ? 'merchant' : 'card',
      window,
    },
  ])
  return compileCatalog({ file: 'bench', value: { features }, lineOf: () => 1 })
}

/** At one rate, each card and merchant as likely as any other. */
function steadyTransactions(
  count: number,
  cards: number,
  merchants: number,
  stepMs: number,
): Transaction[] {
  const random = makeRandom(11)
  return Array.from({ length: count }, (_, n) => {
    const transaction = new Transaction(2, 0)
    const timeMs = 1_700_000_000_000 + n * stepMs
    const amountMinor = 1 + Math.floor(random() * 20_000)
    Object.assign(transaction, {
      id: `t${n}`,
      tenant: 'default',
      timeMs,
      atMs: timeMs,
      amountMinor,
    })
    transaction.entities[0] = `c${Math.floor(random() * cards)}`
    transaction.entities[1] = `m${Math.floor(random() * merchants)}`
    return transaction
  })
}

function runInMemory(plan: Plan, batchRows: number): Run {
  return new Run(plan, new MemoryStore(plan, { bytesMax: 8 * 2 ** 30 }), batchRows)
}

function openRedis(server: RedisServer, plan: Plan, heldBytesMax: number): Promise<RedisStore> {
  return RedisStore.open({
    url: server.url,
    plans: plan,
    buckets: 1,
    ttlMs: 24 * hourMs,
    heldBytesMax,
    commandTimeoutMs: 5000,
    chain: `bench-${process.pid}`,
    hashKeyId: 'bench',
    log: { warn: console.error, error: console.error },
  })
}

async function usedMemory(client: RedisClient): Promise<number> {
  const info = String(await client.call('INFO', 'memory'))
  return Number(/^used_memory_dataset:(\d+)/m.exec(info)?.[1])
}

function usBetween(from: NodeJS.CpuUsage, to: NodeJS.CpuUsage): number {
  return to.user - from.user + to.system - from.system
}
