// tinybench over the stages of the pipeline, one process: parse (JSON and CSV), encode, score, reasons, policy, serialise; fold by
// the clock. Prints one line of JSON, µs each.
import { Bench } from 'tinybench'
import { assemble, makePipeline, shipped } from '../../engine/assemble.ts'
import { systemClock } from '../../engine/clock.ts'
import { Knowledge } from '../../engine/core/knowledge.ts'
import { closeLineup } from '../../engine/core/lineup.ts'
import { Outcomes } from '../../engine/core/outcomes.ts'
import { outcomeOf } from '../../engine/core/policy.ts'
import type { Message } from '../../engine/core/ports.ts'
import { Scoring } from '../../engine/core/scoring.ts'
import { readDocument } from '../../engine/document.ts'
import type { Document } from '../../features/document.ts'
import { Fold } from '../../features/fold.ts'
import type { GeneratedRow } from '../../features/generator/generator.ts'
import { compileMapping } from '../../features/mapping.ts'
import { Encoder } from '../../features/record.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { Transaction } from '../../features/transaction.ts'
import { tell } from '../variant.ts'
import { benchHashKey, makeMessages } from '../workload.ts'

const historyCount = 100_000
const batchCount = 64
/** Batches that are folded, each once: whatever is folded again is a redelivery, for which no sums are carried along. */
const foldedCount = 200
const messages = makeMessages(historyCount + batchCount * (foldedCount + 20))
const assembly = await assemble({
  ...shipped,
  models: [{ folder: shipped.model, share: 0 }],
  policy: null,
})
const { mapping, plan, lineup } = assembly
const store = new MemoryStore(plan, { bytesMax: 4 * 2 ** 30 })
const parser = mapping.parser()
const pipeline = makePipeline(assembly, {
  store,
  parser,
  hashKey: benchHashKey,
  mode: 'bench',
  source: 'bench',
  clock: null,
})
for (let first = 0; first < historyCount; first += batchCount) {
  await pipeline.process(messages.slice(first, first + batchCount))
}

const encoder = new Encoder(plan, benchHashKey)
const fold = new Fold(plan)
const transactions = Array.from(
  { length: batchCount },
  () => new Transaction(mapping.schema.entities.length, mapping.schema.fields.length),
)
const known = new Knowledge(plan)
const { batch, rows, approximate } = known
const fresh = withoutRepeats(messages.slice(historyCount))
let last = fresh.slice(0, batchCount)
let offset = historyCount
const width = plan.features.length
const all = Int32Array.from({ length: batchCount }, (_, row) => row)
batch.count = batchCount
const foldUs = await foldBatches()
last = fresh.slice(foldedCount * batchCount).slice(0, batchCount)
parseAll()
encodeAll()
await store.observe(batch)

const scoring = new Scoring(lineup, plan, known, {
  clock: null,
  challengerUs: 0,
  onFailure: (_, error) => {
    throw error
  },
})
const outcomes = new Outcomes(
  {
    plan,
    scoring,
    deciders: {
      catalogHash: assembly.catalog.hash,
      mappingHash: mapping.hash,
      engineVersion: assembly.engineVersion,
      mode: 'bench',
      source: 'bench',
    },
    writesDecisions: true,
  },
  known,
)
foldAll()
await scoring.score(all, batchCount, 0)
const model = lineup.seats[0]!.model!
const explained = Float32Array.from(model.rows.subarray(0, batchCount * model.inputs.length))
const contributions = new Float64Array(explained.length)

const csvParser = compileMapping(csvMapping()).parser()
const csvLines = last.map(({ value }) => csvLine(rowOf(value)))
const csvTransaction = new Transaction(mapping.schema.entities.length, mapping.schema.fields.length)
const { policy } = lineup.seats[0]!

/** So that a loop over outcomes is not left out. */
const chosen = new Set<string>()

const bench = new Bench({ time: 500, warmupTime: 200 })
  .add('parse', parseAll)
  .add('parse csv', parseCsv)
  .add('encode', encodeAll)
  .add('policy', policyAll)
  .add('serialise', serialiseAll)
  .add('reasons', async () => {
    await model.explain(explained, batchCount, contributions)
  })
  .add(`score ${batchCount}`, async () => {
    await scoring.score(all, batchCount, 0)
  })
  .add('score 1', async () => {
    await scoring.score(all, 1, 0)
  })
await bench.run()
store.release(batch)

const result: Record<string, number> = { fold_us_per_transaction: foldUs }
for (const { name, result: measured } of bench.tasks) {
  if (!('latency' in measured)) throw new Error(`${name}: nothing measured`)
  const per = name === 'score 1' ? 1 : batchCount
  result[`${name.replaceAll(' ', '_')}_us_per_transaction`] = (measured.latency.p50 * 1000) / per
}
await closeLineup(lineup)
tell({ measures: result })

function withoutRepeats(list: readonly Message[]): Message[] {
  const idOf = ({ value }: Message): string => rowOf(value).transaction_id
  const history = new Set(messages.slice(0, historyCount).map(idOf))
  return [...new Map(list.map((message) => [idOf(message), message]))]
    .filter(([id]) => !history.has(id))
    .map(([, message]) => message)
}

function parseAll(): void {
  for (let row = 0; row < batchCount; row++) {
    const reject = parser.parse(last[row]!.value!, Number.NaN, transactions[row]!)
    if (reject !== null) throw new Error(`${reject.reason} ${reject.field}`)
  }
}

function encodeAll(): void {
  for (let row = 0; row < batchCount; row++) {
    const transaction = transactions[row]!
    batch.tenant[row] = transaction.tenant
    batch.partition[row] = 0
    batch.offset[row] = offset + row
    batch.timeMs[row] = transaction.timeMs
    encoder.encode(transaction, row, batch)
  }
}

/** Median of batches as a pipeline folds them, between other work. */
async function foldBatches(): Promise<number> {
  const us: number[] = []
  for (let first = 0; first < foldedCount * batchCount; first += batchCount) {
    last = fresh.slice(first, first + batchCount)
    parseAll()
    encodeAll()
    offset += batchCount
    await store.observe(batch)
    const beganUs = systemClock.monotonicUs()
    foldAll()
    us.push((systemClock.monotonicUs() - beganUs) / batchCount)
    store.release(batch)
  }
  return us.sort((a, b) => a - b)[us.length >> 1]!
}

function foldAll(): void {
  for (let row = 0; row < batchCount; row++) {
    const at = row * width
    fold.fill(transactions[row]!, row, batch, store, rows, at, approximate, at)
  }
}

function policyAll(): void {
  for (let row = 0; row < batchCount; row++) {
    chosen.add(outcomeOf(policy, known.scores[row]!))
  }
}

function parseCsv(): void {
  for (let row = 0; row < batchCount; row++) {
    const reject = csvParser.parse(csvLines[row]!, Number.NaN, csvTransaction)
    if (reject !== null) throw new Error(`${reject.reason} ${reject.field}`)
  }
}

/** The generator's mapping, of columns in the order of a row's fields. */
function csvMapping(): Document {
  const document = readDocument(shipped.mapping)
  const columns = Object.keys(rowOf(last[0]!.value))
  return { ...document, value: { ...(document.value as object), format: 'csv', columns } }
}

function csvLine(row: GeneratedRow): Buffer {
  const cells = Object.values(row).map((cell) => `"${cell}"`)
  return Buffer.from(cells.join(','))
}

function rowOf(value: Message['value']): GeneratedRow {
  return JSON.parse(Buffer.from(value!).toString('utf8')) as GeneratedRow
}

/** The outcomes, with their texts. */
function serialiseAll(): void {
  outcomes.begin()
  for (let row = 0; row < batchCount; row++) {
    const { value } = outcomes.of(last[row]!, row, transactions[row]!, null, null)
    if (value.length === 0) throw new Error('an empty decision')
  }
}
