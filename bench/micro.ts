// tinybench over the stages of the pipeline, one process: parse, encode, fold, score, decide. Prints one line of JSON, µs each.
import { Bench } from 'tinybench'
import { assemble, makePipeline, shipped } from '../engine/assemble.ts'
import { Evidence } from '../engine/core/decide.ts'
import { DecisionWriter, Verdict } from '../engine/core/decision.ts'
import { outcomeOf } from '../engine/core/policy.ts'
import type { Message } from '../engine/core/ports.ts'
import { Fold } from '../features/fold.ts'
import type { GeneratedRow } from '../features/generator/generator.ts'
import { Observation } from '../features/observation.ts'
import { Encoder } from '../features/record.ts'
import { MemoryStore } from '../features/store/memory.ts'
import { Transaction } from '../features/transaction.ts'
import { benchHashKey, makeMessages } from './workload.ts'

const historyCount = 100_000
const batchCount = 64
const messages = makeMessages(historyCount + batchCount * 2)
const assembly = await assemble({ ...shipped, policy: null })
const { mapping, plan, model } = assembly
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
const batch = new Observation(batchCount, plan.journals.length, plan.recordStride)
const last = withoutRepeats(messages.slice(historyCount)).slice(0, batchCount)
const width = plan.features.length
const rows = new Float64Array(batchCount * width)
const approximate = new Uint8Array(batchCount * width)
const scores = new Float64Array(batchCount)
batch.count = batchCount
parseAll()
encodeAll()
await store.observe(batch)

const verdict = new Verdict()
const inputs = model?.inputs ?? []
const featureNames = plan.features.map(({ name }) => name)
const inputAt = inputs.map(({ feature }) => featureNames.indexOf(feature))
const evidence = new Evidence(inputs, inputAt)
const kinds = plan.journals.map(({ kind }) => kind)
const writer = new DecisionWriter(plan.features, inputs, inputAt, kinds, {
  model: null,
  policy: assembly.policy,
  catalogHash: assembly.catalog.hash,
  mappingHash: mapping.hash,
  engineVersion: assembly.engineVersion,
  mode: 'bench',
  source: 'bench',
})

const bench = new Bench({ time: 500, warmupTime: 200 })
  .add('parse', parseAll)
  .add('encode', encodeAll)
  .add('fold', foldAll)
  .add('decide', decideAll)
if (model !== null) {
  const scoreRows = Math.min(batchCount, model.rowMax)
  bench.add(`score ${scoreRows}`, async () => {
    await model.score(scoreRows, scores)
  })
  bench.add('score 1', async () => {
    await model.score(1, scores)
  })
}
await bench.run()
store.release(batch)

const result: Record<string, number> = {}
for (const { name, result: measured } of bench.tasks) {
  if (!('latency' in measured)) throw new Error(`${name}: nothing measured`)
  const per = name === 'score 1' ? 1 : batchCount
  result[`${name.replaceAll(' ', '_')}_us_per_transaction`] = (measured.latency.p50 * 1000) / per
}
await assembly.model?.close()
process.stdout.write(`${JSON.stringify(result)}\n`)

function withoutRepeats(list: readonly Message[]): Message[] {
  const idOf = ({ value }: Message): string =>
    (JSON.parse(Buffer.from(value!).toString('utf8')) as GeneratedRow).transaction_id
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
    batch.offset[row] = historyCount + row
    batch.timeMs[row] = transaction.timeMs
    encoder.encode(transaction, row, batch)
  }
}

function foldAll(): void {
  for (let row = 0; row < batchCount; row++) {
    const at = row * width
    fold.fill(transactions[row]!, row, batch, store, rows, at, approximate, at)
  }
}

/** Outcome, evidence and the text of the decision. */
function decideAll(): void {
  for (let row = 0; row < batchCount; row++) {
    const at = row * width
    verdict.id = transactions[row]!.id
    verdict.tenant = transactions[row]!.tenant
    verdict.timeMs = transactions[row]!.timeMs
    verdict.score = scores[row]!
    verdict.outcome = outcomeOf(assembly.policy, verdict.score)
    verdict.offset = historyCount + row
    evidence.find(rows, at, verdict.evidence)
    const ordinalAt = row * plan.journals.length
    const text = writer.decision(verdict, rows, approximate, at, batch.ordinal, ordinalAt, null)
    if (text.length === 0) throw new Error('an empty decision')
  }
}
