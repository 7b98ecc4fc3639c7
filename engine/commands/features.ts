// `weir features`: what a catalog computes under a mapping, what it needs in journals, and what it costs there.
import { assemble, shipped } from '../assemble.ts'
import { type CatalogReport, catalogJson, catalogText } from './catalog-report.ts'
import { type CommandLine, type Run, sharedFlags } from './command.ts'

export interface FeaturesOptions {
  readonly transactionsPerSecond: number
  /** How long records are kept; null: as long as the longest window needs them. */
  readonly days: number | null
  readonly isJson: boolean
}

export const featuresLine: CommandLine<FeaturesOptions> = {
  name: 'features',
  summary: 'what a catalog computes, needs and costs',
  details:
    'Lists each feature with its definition, the journals and bytes that they need, and which of them stay absent because ' +
    'the mapping lacks an entity or field.',
  flags: [
    sharedFlags.catalog,
    sharedFlags.map,
    { form: '--rate <count>', help: 'transactions per second, for the size in GB (default: 1000)' },
    { form: '--days <count>', help: 'days that are kept (default: what the longest window needs)' },
    { form: '--json', help: 'the same as one JSON document' },
  ],
  examples: [
    'weir features',
    'weir features --catalog catalog.yaml --map mapping.yaml --rate 5000',
  ],
  parse: (flags) => ({
    transactionsPerSecond: flags.count('--rate', 1, 10_000_000) ?? 1000,
    days: flags.count('--days', 1, 3650),
    isJson: flags.has('--json'),
  }),
  next: () => 'weir replay --features-out rows.csv    the features of your own history',
}

export const runFeatures: Run<FeaturesOptions> = async (options, { loaded, stdout }) => {
  const { config } = loaded
  const files = {
    catalog: config.catalog ?? shipped.catalog,
    mapping: config.source ?? shipped.mapping,
  }
  const { catalog, plan } = await assemble({ ...files, model: null, policy: null })
  const { transactionsPerSecond, days, isJson } = options
  const report: CatalogReport = { files, catalog, plan, transactionsPerSecond, days }
  stdout.write(isJson ? catalogJson(report) : catalogText(report))
  return 0
}
