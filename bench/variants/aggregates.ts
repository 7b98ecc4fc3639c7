// tinybench over the fold, one aggregate of the catalog at a time: what filling a feature of each kind costs on journals of a
// stated length, µs a feature and transaction. One feature alone pays for the walk that many share in a catalog.
// Usage: aggregates.js <records per journal> <ms each>. Prints one line of JSON.
import { Bench } from 'tinybench'
import { type Aggregate, aggregates, ruleOf } from '../../features/aggregate.ts'
import { compileCatalog } from '../../features/catalog.ts'
import { Fold } from '../../features/fold.ts'
import { Observation } from '../../features/observation.ts'
import { Plan } from '../../features/plan.ts'
import { Encoder } from '../../features/record.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { everySchema } from '../../features/testing/every-feature.ts'
import { randomTransactions } from '../../features/testing/random-transactions.ts'
import type { Transaction } from '../../features/transaction.ts'
import { tell } from '../variant.ts'
import { benchHashKey } from '../workload.ts'

const [recordsText = '300', msText = '150'] = process.argv.slice(2)
const records = Number(recordsText)
const timeMs = Number(msText)
const entities = 16
const batchRows = 16
const stepMs = 1000
const messageShare = 0.05
/** Holds about three quarters of a journal. */
const window = `${Math.ceil((records * entities * stepMs * 0.75) / 1000)}s`

const measures: Record<string, number> = { records_per_journal: records }
for (const aggregate of aggregates) {
  measures[`fold_${aggregate}_us_per_feature`] = await measure(aggregate, 0)
}
for (const aggregate of ['count', 'fraud_rate', 'reversals', 'decline_rate'] as const) {
  const name = `fold_${aggregate}_where_messages_follow_us_per_feature`
  measures[name] = await measure(aggregate, messageShare)
}
tell({ measures })

/**
 * Over the last transactions of a journal's life, each against all before it; `lifecycle` is the share of reversals, declines
 * and label messages among its records.
 */
async function measure(aggregate: Aggregate, lifecycle: number): Promise<number> {
  const plan = new Plan(compileCatalog(declared(aggregate)), everySchema)
  const store = new MemoryStore(plan, { bytesMax: 2 ** 30 })
  const encoder = new Encoder(plan, benchHashKey)
  const fold = new Fold(plan)
  const batch = new Observation(batchRows, plan.journals.length, plan.recordStride)
  const options = { seed: 5, count: records * entities, entities, stepMs, lifecycle }
  let waiting: Transaction[] = []
  let done = 0
  for (const transaction of randomTransactions(everySchema, options)) {
    waiting.push(transaction)
    if (waiting.length < batchRows) continue
    fill(batch, encoder, waiting, done)
    await store.observe(batch)
    done += batchRows
    // The last batch stays for measuring.
    if (done + batchRows > options.count) break
    store.release(batch)
    waiting = []
  }
  const row = new Float64Array(1)
  const marks = new Uint8Array(1)
  const bench = new Bench({ time: timeMs, warmupTime: timeMs }).add(aggregate, () => {
    for (let at = 0; at < batchRows; at++) {
      fold.fill(waiting[at]!, at, batch, store, row, 0, marks, 0)
    }
  })
  await bench.run()
  store.release(batch)
  const result = bench.tasks[0]!.result
  if (!('latency' in result)) throw new Error(`${aggregate}: nothing measured`)
  return (result.latency.p50 * 1000) / batchRows
}

function fill(
  batch: Observation,
  encoder: Encoder,
  transactions: readonly Transaction[],
  first: number,
): void {
  batch.count = transactions.length
  for (const [row, transaction] of transactions.entries()) {
    batch.tenant[row] = transaction.tenant
    batch.partition[row] = 0
    batch.offset[row] = first + row
    batch.timeMs[row] = transaction.atMs
    encoder.encode(transaction, row, batch)
  }
}

function declared(aggregate: Aggregate): Parameters<typeof compileCatalog>[0] {
  const { of, option } = ruleOf(aggregate)
  const feature = {
    ...{ name: aggregate, entity: 'card', aggregate, window },
    ...(of === 'value' && { of: 'merchant' }),
    ...(option === 'short' && { short: '60s' }),
  }
  return { file: 'bench', value: { features: [feature] }, lineOf: () => 1 }
}
