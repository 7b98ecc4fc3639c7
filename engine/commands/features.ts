// `weir features`: what a catalog computes under a mapping, what it needs in journals, and what it costs there.

import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { assemble, shipped } from '../assemble.ts'
import { type CatalogReport, catalogJson, catalogText } from './catalog-report.ts'
import { type CommandLine, type Run, sharedFlags } from './command.ts'
import { readEntities, requireKind } from './entity-counts.ts'
import { type CheckOptions, checkFeatures } from './features-check.ts'
import type { Flags } from './flags.ts'

export interface FeaturesOptions {
  readonly transactionsPerSecond: number
  /** How long records are kept; null: as long as the longest window needs them. */
  readonly days: number | null
  readonly entities: ReadonlyMap<string, number>
  readonly isJson: boolean
  /** Check a transaction instead. */
  readonly check: CheckOptions | null
}

export const featuresLine: CommandLine<FeaturesOptions> = {
  name: 'features',
  summary: 'what a catalog computes, needs and costs',
  details:
    'Lists each feature with its definition, the journals and bytes that they need, and which of them stay absent because ' +
    'the mapping lacks an entity or field. With --check, computes the features of one transaction of a file as the engine does and ' +
    'by hand, and shows the records that counted; exit 1 where the two differ.',
  flags: [
    sharedFlags.catalog,
    sharedFlags.map,
    { form: '--rate <count>', help: 'transactions per second, for the size in GB (default: 1000)' },
    { form: '--days <count>', help: 'days that are kept (default: what the longest window needs)' },
    { form: '--entities <counts>', help: 'how many there are: card=1000000,merchant=20000' },
    { form: '--json', help: 'the same as one JSON document' },
    { form: '--check <file>', help: 'a history with the transaction to check' },
    { form: '--id <id>', help: 'the transaction to check (default: the last of the file)' },
    { form: '--feature <name>', help: 'check this feature alone, with every record that counted' },
  ],
  examples: [
    'weir features',
    'weir features --catalog catalog.yaml --map mapping.yaml --rate 5000 --entities card=2000000,merchant=50000',
    'weir features --check history.csv --map mapping.yaml --id 7f3a --feature card_count_1d',
    'weir features --catalog champion.yaml,challenger.yaml',
  ],
  parse: (flags) => ({
    transactionsPerSecond: flags.count('--rate', 1, 10_000_000) ?? 1000,
    days: flags.count('--days', 1, 3650),
    entities: readEntities(flags, '--entities'),
    isJson: flags.has('--json'),
    check: readCheck(flags),
  }),
  next: () => 'weir replay --features-out rows.csv    the features of your own history',
}

export const runFeatures: Run<FeaturesOptions> = async (options, context) => {
  const { loaded, stdout } = context
  const { config } = loaded
  const files = {
    catalog: config.catalog.length === 0 ? shipped.catalog : config.catalog,
    mapping: config.source ?? shipped.mapping,
  }
  const assembly = await assemble({ ...files, models: [], policy: null })
  if (options.check !== null) return checkFeatures(options.check, assembly, context)
  const { catalog, plan } = assembly
  const { transactionsPerSecond, days, entities, isJson } = options
  const kinds = plan.journals.map(({ kind }) => kind)
  for (const kind of entities.keys()) requireKind('--entities', kind, kinds)
  const report: CatalogReport = {
    mappingFile: files.mapping,
    catalog,
    plan,
    transactionsPerSecond,
    days,
    entities,
  }
  stdout.write(isJson ? catalogJson(report) : catalogText(report))
  return 0
}

function readCheck(flags: Flags): CheckOptions | null {
  const text = flags.text('--check')
  for (const name of ['--id', '--feature']) {
    if (text === null && flags.has(name)) flags.fault(name, 'it with --check only', 'no --check')
  }
  if (text === null) return null
  const file = resolve(flags.folder, text)
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    flags.fault('--check', 'a file that exists', file)
  }
  return { file, id: flags.text('--id'), feature: flags.text('--feature') }
}
