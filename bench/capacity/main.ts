// `weir capacity` itself, as a process of its own: reads ledger and catalog, does the arithmetic, prints what is needed. Exit 2, with
// what was expected and found, where the ledger does not have what was asked for.
import { fileURLToPath } from 'node:url'
import { type Assembled, assemble } from '../../engine/assemble.ts'
import type { CapacityOptions } from '../../engine/commands/capacity.ts'
import { requireKind } from '../../engine/commands/entity-counts.ts'
import {
  type JournalSize,
  journalSizes,
  redisBytes,
  tableBytes,
  windowDays,
} from '../../engine/commands/journal-size.ts'
import { codeOf, describe, EngineError, errorKinds, exitCodeOf } from '../../engine/errors.ts'
import { readResults } from '../archive.ts'
import { Assumptions } from './assumptions.ts'
import { costsOf } from './costs.ts'
import { Ledger } from './ledger.ts'
import { type Demand, type Growth, sizeFor } from './model.ts'
import { type CapacityReport, capacityJson, capacityText } from './report.ts'

const daySeconds = 86_400
const free = { engineUs: 0, redisUs: 0, bytesToRedis: 0 }

try {
  const asked = JSON.parse(process.argv[2] ?? '{}') as CapacityOptions
  const report = await reckon(asked)
  process.stdout.write(asked.isJson ? capacityJson(report) : capacityText(report))
} catch (error) {
  const code = codeOf(error)
  const exitCode = exitCodeOf(error)
  const isUsage = error instanceof EngineError && code === 'usage'
  const lines = isUsage ? error.message.split('\n') : [describe(error)]
  const head = `weir capacity: ${exitCode === 2 ? 'asked wrongly' : 'failed'}`
  const block = [head, ...lines.map((line) => `  ${line}`), `  ${code}: ${errorKinds[code].help}`]
  process.stderr.write(`${block.join('\n')}\n`)
  process.exitCode = exitCode
}

async function reckon(asked: CapacityOptions): Promise<CapacityReport> {
  const { mapping, catalog } = asked
  const assembly = await assemble({ mapping, catalog, models: [], policy: null })
  const { plan, catalog: union } = assembly
  const ledger = readLedger(asked.ledger)
  const shape = {
    entities: asked.entities ?? plan.journals.length,
    features: asked.features ?? union.features.length,
  }
  const assumptions = new Assumptions(asked.given)
  const costs = costsOf(ledger, shape, assumptions)
  const demand = demandOf(asked, assembly, assumptions)
  const capacity = sizeFor(costs, growthOf(ledger, assumptions), demand)
  return { shape, machine: ledger.machine, capacity, demand, assumed: assumptions.list }
}

/** What was not measured is taken as free, and said. */
function growthOf(ledger: Ledger, assumptions: Assumptions): Growth {
  const call = ledger.perCall() ?? { costs: free, from: 'not measured: weir bench capacity/shards' }
  const byte = ledger.perByte() ?? { costs: free, from: 'not measured: weir bench store/windows' }
  const us = 'CPU-µs'
  assumptions.note('one more call to Redis, here', call.costs.engineUs, us, call.from)
  assumptions.note('one more call to Redis, there', call.costs.redisUs, us, call.from)
  assumptions.note('1,000 B back from Redis, here', byte.costs.engineUs * 1000, us, byte.from)
  assumptions.note('1,000 B back from Redis, there', byte.costs.redisUs * 1000, us, byte.from)
  return { perCall: call.costs, perByte: byte.costs }
}

function demandOf(
  asked: CapacityOptions,
  { plan, catalog }: Assembled,
  assumptions: Assumptions,
): Demand {
  const { rate } = asked
  const peak = { value: rate, from: 'the rate itself' }
  const longest = { value: windowDays(catalog.features), from: 'longest window of the catalog' }
  const averageRate = assumptions.take('average-rate', peak)
  const days = assumptions.take('days', longest)
  return {
    ...{ rate, averageRate, days, entities: plan.journals.length },
    batch: assumptions.take('batch'),
    buckets: assumptions.given('buckets') === null ? null : assumptions.take('buckets'),
    ...memoryOf(asked, plan, averageRate * days * daySeconds, assumptions),
    utilisation: assumptions.take('utilisation') / 100,
    vcpusPerPod: assumptions.take('vcpus-per-pod'),
    partitionsPerPod: assumptions.take('partitions-per-pod'),
    heldBytesPerPod: assumptions.take('held-memory') * 2 ** 20,
    baseBytesPerPod: assumptions.take('base-memory') * 2 ** 20,
    shardBytes: assumptions.take('shard-memory') * 1e9,
    redisReplicas: assumptions.take('redis-replicas'),
    replicationFactor: assumptions.take('replication-factor'),
    subscribers: assumptions.take('subscribers'),
  }
}

/** As `weir features` has it: of all journals where the number of each kind is known, else by their average length. */
function memoryOf(
  { counts }: CapacityOptions,
  plan: Assembled['plan'],
  kept: number,
  assumptions: Assumptions,
): Pick<Demand, 'redisBytes' | 'redisBytesPerTransaction' | 'shared'> {
  const others = plan.journals.filter(({ isPrimary }) => !isPrimary)
  if (counts.length === 0) {
    const records = assumptions.take('records-per-journal')
    const tables = (plan.journals.length * tableBytes) / records
    return {
      redisBytes: null,
      redisBytesPerTransaction: redisBytes(plan, records) + tables,
      shared: others.map(({ width }) => ({ width, records })),
    }
  }
  const sizes = sizesOf(counts, plan, kept)
  for (const { kind, records, isCompacted } of sizes) {
    const from = isCompacted ? 'longer ones are summed up' : 'transactions kept by --counts'
    assumptions.note(`records of a ${kind}`, records, 'records', from)
  }
  const bytes = sizes.reduce((sum, { count, bytes }) => sum + count * (bytes + tableBytes), 0)
  return {
    redisBytes: bytes,
    redisBytesPerTransaction: bytes / kept,
    shared: others.map(({ kind, width }) => {
      return { width, records: sizes.find((size) => size.kind === kind)!.records }
    }),
  }
}

/** Throws EngineError `usage` where not every kind has its number. */
function sizesOf(
  counts: CapacityOptions['counts'],
  plan: Assembled['plan'],
  kept: number,
): JournalSize[] {
  const kinds = plan.journals.map(({ kind }) => kind)
  for (const [kind] of counts) requireKind('--counts', kind, kinds)
  const missing = kinds.filter((kind) => !counts.some(([counted]) => counted === kind))
  if (missing.length === 0) return journalSizes(plan, kept, new Map(counts))
  throw new EngineError(
    'usage',
    `option --counts: expected a number of each of ${kinds.join(', ')}, found none of ${missing.join(', ')}`,
  )
}

function readLedger(file: string | null): Ledger {
  const own = fileURLToPath(import.meta.resolve('#root/bench/results/latest.json'))
  try {
    return new Ledger(readResults(file ?? own))
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    throw new EngineError(
      'usage',
      `option --ledger: ${found}; \`weir bench ledger stream\` writes one`,
    )
  }
}
