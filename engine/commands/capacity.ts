// `weir capacity`: what a rate needs of partitions, engines, Redis, memory and network, by what was measured. The arithmetic is a
// process of its own (bench/capacity/), as the benchmarks are; here its command line is read.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { shipped } from '../assemble.ts'
import { runScript } from './bench.ts'
import { type CommandLine, type Context, sharedFlags } from './command.ts'
import { readEntities } from './entity-counts.ts'

/** What the arithmetic assumes, by flag: each may be said otherwise. `initial` null: from the ledger, catalog or rate. */
export const assumptions = {
  utilisation: {
    ...{ unit: '%', initial: 80, min: 1, max: 100 },
    help: 'how busy engines and Redis may be at the rate; the rest is for bursts, restarts and neighbours',
  },
  batch: {
    ...{ unit: 'transactions', initial: 64, min: 1, max: 4096 },
    help: 'decided at once: the costs of such batches are taken, and the fewer there are the more calls to Redis on a cluster',
  },
  'engine-us': {
    ...{ unit: 'CPU-µs a decision', initial: null, min: 1, max: 1_000_000 },
    help: 'of the engine with its Kafka clients, in place of the ledger’s',
  },
  'redis-us': {
    ...{ unit: 'CPU-µs a decision', initial: null, min: 1, max: 1_000_000 },
    help: 'of Redis, in place of the ledger’s',
  },
  held: {
    ...{ unit: '% of journal reads', initial: null, min: 0, max: 100 },
    help: 'journals that an engine still holds when they are read again: what is not held comes back whole',
  },
  'held-memory': {
    ...{ unit: 'MiB a pod', initial: 1024, min: 1, max: 1_000_000 },
    help: 'redis.held_bytes_max',
  },
  'base-memory': {
    ...{ unit: 'MiB a pod', initial: 400, min: 1, max: 1_000_000 },
    help: 'of an engine besides the journals that it holds: code, model, young generation, batches',
  },
  'vcpus-per-pod': {
    ...{ unit: 'vCPU', initial: 1, min: 1, max: 64 },
    help: 'requested for each pod; one thread decides, so more of them decide no more',
  },
  'partitions-per-pod': {
    ...{ unit: 'partitions', initial: 2, min: 1, max: 1000 },
    help: 'so that pods can be added without adding partitions',
  },
  'replication-factor': {
    ...{ unit: 'copies', initial: 3, min: 1, max: 10 },
    help: 'of Kafka’s topics',
  },
  subscribers: {
    ...{ unit: 'groups', initial: 1, min: 0, max: 100 },
    help: 'that read all decisions',
  },
  'transaction-bytes': {
    ...{ unit: 'B', initial: null, min: 1, max: 1_000_000 },
    help: 'of a transaction in Kafka, with key and headers',
  },
  'decision-bytes': {
    ...{ unit: 'B', initial: null, min: 1, max: 1_000_000 },
    help: 'of a decision in Kafka, with key and headers',
  },
  'average-rate': {
    ...{ unit: 'transactions/s', initial: null, min: 1, max: 100_000_000 },
    help: 'over the days that are kept, for memory and disks; the rate itself where it is not given',
  },
  days: {
    ...{ unit: 'days', initial: null, min: 1, max: 3650 },
    help: 'that journals are kept: what the longest window needs where it is not given',
  },
  'records-per-journal': {
    ...{ unit: 'records', initial: 32, min: 1, max: 100_000 },
    help: 'on average, where --counts does not say how many entities there are',
  },
  'shard-memory': {
    ...{ unit: 'GB', initial: 32, min: 1, max: 10_000 },
    help: 'maxmemory of one Redis, of which the utilisation is used',
  },
  buckets: {
    ...{ unit: 'buckets', initial: null, min: 1, max: 4096 },
    help: 'redis.buckets: eight for each shard where it is not given',
  },
  'redis-replicas': {
    ...{ unit: 'copies', initial: 1, min: 0, max: 10 },
    help: 'of each shard, besides itself',
  },
} as const satisfies Record<string, Assumption>

interface Assumption {
  readonly unit: string
  readonly initial: number | null
  readonly min: number
  readonly max: number
  readonly help: string
}

export type AssumptionName = keyof typeof assumptions

export interface CapacityOptions {
  readonly rate: number
  /** Of the catalog where they are null. */
  readonly entities: number | null
  readonly features: number | null
  /** Absolute; null: what the project measured. */
  readonly ledger: string | null
  readonly catalog: readonly string[]
  readonly mapping: string
  /** Only those that were given. */
  readonly given: Readonly<Partial<Record<AssumptionName, number>>>
  readonly counts: readonly (readonly [kind: string, count: number])[]
  readonly isJson: boolean
}

const names = Object.keys(assumptions) as AssumptionName[]

export const capacityLine: CommandLine<Omit<CapacityOptions, 'catalog' | 'mapping'>> = {
  name: 'capacity',
  summary: 'what a rate needs: partitions, engines, Redis, memory, network',
  details:
    'Reckons from what was measured: the figures that ship with Weir, or your own run of `weir bench` named by --ledger. Prints what ' +
    'each number comes from and every assumption with its flag. docs/capacity.md works an example through.',
  flags: [
    { form: '--rate <count>', help: 'transactions per second at the peak' },
    {
      form: '--entities <count>',
      help: 'kinds of entities of the measured work (default: the catalog’s)',
    },
    {
      form: '--features <count>',
      help: 'features of the measured work (default: the catalog’s)',
    },
    {
      form: '--ledger <file>',
      help: 'results/latest.json of a run of weir bench (default: the project’s)',
    },
    sharedFlags.catalog,
    sharedFlags.map,
    {
      form: '--counts <counts>',
      help: 'how many there are of each kind, for memory: card=1000000,merchant=20000',
    },
    ...names.map((name) => {
      const { initial, unit, help } = assumptions[name]
      const usual = initial === null ? '' : ` (default: ${initial} ${unit})`
      return { form: `--${name} <count>`, help: `${help}${usual}` }
    }),
    { form: '--json', help: 'the same as one JSON document' },
  ],
  examples: [
    'weir capacity --rate 256000',
    'weir capacity --rate 256000 --average-rate 17130 --counts card=500000000,merchant=10000000',
    'weir capacity --rate 5000 --ledger weir-bench/results/latest.json --utilisation 60 --json',
  ],
  parse: (flags) => {
    const rate = flags.count('--rate', 1, 100_000_000)
    if (!flags.has('--rate')) flags.fault('--rate', 'transactions per second', 'nothing')
    const file = flags.text('--ledger')
    const ledger = file === null ? null : resolve(flags.folder, file)
    if (ledger !== null && statSync(ledger, { throwIfNoEntry: false })?.isFile() !== true) {
      flags.fault('--ledger', 'a file that weir bench has written', ledger)
    }
    const given = names.flatMap((name) => {
      const { min, max } = assumptions[name]
      const value = flags.count(`--${name}`, min, max)
      return value === null ? [] : [[name, value] as const]
    })
    return {
      rate: rate ?? 0,
      entities: flags.count('--entities', 1, 64),
      features: flags.count('--features', 1, 10_000),
      ledger,
      given: Object.fromEntries(given),
      counts: [...readEntities(flags, '--counts')],
      isJson: flags.has('--json'),
    }
  },
  next: ({ ledger }) =>
    ledger === null ? 'weir bench    your own figures, for --ledger' : 'weir topics',
}

export function runCapacity(
  options: Omit<CapacityOptions, 'catalog' | 'mapping'>,
  context: Context,
): Promise<number> {
  const { config } = context.loaded
  const catalog = config.catalog.length === 0 ? [shipped.catalog] : config.catalog
  const mapping = config.source ?? shipped.mapping
  return runScript('capacity/main', { ...options, catalog, mapping }, context)
}
