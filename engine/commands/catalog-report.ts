// What `weir features` prints of a catalog that is bound to a mapping: definitions, journals, bytes. Pure text.
import { ruleOf } from '../../features/aggregate.ts'
import type { Feature } from '../../features/catalog.ts'
import type { CatalogUnion } from '../../features/catalogs.ts'
import type { EntityPlan } from '../../features/entity-plan.ts'
import type { Plan } from '../../features/plan.ts'
import { formatDuration } from '../setting.ts'
import {
  capsLong,
  type JournalSize,
  journalSizes,
  recordBytes,
  redisBytes,
  tableBytes,
  windowDays,
} from './journal-size.ts'
import { count as formatCount } from './text.ts'

export interface CatalogReport {
  readonly mappingFile: string
  readonly catalog: CatalogUnion
  readonly plan: Plan
  readonly transactionsPerSecond: number
  /** Null: the longest window with its delay. */
  readonly days: number | null
  /** Entities by kind, where they are known. */
  readonly entities: ReadonlyMap<string, number>
}

/** For people. */
export function catalogText(report: CatalogReport): string {
  const { mappingFile, catalog, plan } = report
  const absent = new Set(plan.absent)
  const isUnion = catalog.parts.length > 1
  const features = catalog.features.map((feature) => [
    feature.name,
    definitionText(feature),
    absent.has(feature.name) ? 'absent' : feature.definition,
    ...(isUnion ? [catalogsOf(feature.name, catalog).join(', ')] : []),
  ])
  const journals = plan.journals.map((journal) => [
    journal.isPrimary ? `${journal.kind} (primary)` : journal.kind,
    `${journal.features.length}`,
    `${journal.width} B`,
    formatCount(journal.cap),
    contentOf(journal),
  ])
  const lines = [
    ...catalogLines(catalog),
    `mapping ${mappingFile}`,
    '',
    ...table(['feature', 'computes', 'definition', ...(isUnion ? ['catalog'] : [])], features),
    '',
    ...table(
      ['journal', 'features', 'record', 'exact', 'kept besides time and identity'],
      journals,
    ),
    '',
    ...absentLines(plan.absent),
    ...costLines(report),
  ]
  return `${lines.join('\n')}\n`
}

/** For programs: one JSON document. */
export function catalogJson(report: CatalogReport): string {
  const { mappingFile, catalog, plan } = report
  const absent = new Set(plan.absent)
  const document = {
    catalog: {
      hash: catalog.hash,
      files: catalog.parts.map(({ file, hash, features }) => ({
        file,
        hash,
        features: namesOf(features),
      })),
    },
    mapping: { file: mappingFile },
    namespace: plan.namespace,
    features: catalog.features.map((feature) => ({
      ...feature,
      is_absent: absent.has(feature.name),
    })),
    journals: plan.journals.map(({ kind, isPrimary, width, cap, features }) => ({
      kind,
      is_primary: isPrimary,
      record_bytes: width,
      cap,
      features: features.length,
    })),
    bytes_per_transaction: recordBytes(plan),
    kept_days: keptDays(report),
    transactions_per_second: report.transactionsPerSecond,
    record_bytes_kept: keptBytes(report),
    redis_bytes_per_transaction: Object.fromEntries(
      lengths.map((n) => [n, Math.round(redisBytes(plan, n))]),
    ),
    redis: sizesOf(report).map(({ kind, count, records, bytes }) => ({
      kind,
      entities: count,
      records,
      journal_bytes: Math.round(bytes),
      bytes: Math.round(count * bytes),
    })),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function catalogLines({ hash, parts }: CatalogUnion): string[] {
  const lines = parts.map((part, at) => {
    const number = parts.length > 1 ? ` ${at + 1}` : ''
    return `catalog${number} ${part.file}, hash ${part.hash}`
  })
  return parts.length > 1 ? [...lines, `all of them, hash ${hash}`] : lines
}

/** The numbers of those that declare a feature. */
function catalogsOf(name: string, { parts }: CatalogUnion): number[] {
  return parts.flatMap(({ features }, at) => (namesOf(features).includes(name) ? [at + 1] : []))
}

function namesOf(features: readonly Feature[]): string[] {
  return features.map(({ name }) => name)
}

/** `distinct merchant per card over 1d`. */
export function definitionText(feature: Feature): string {
  const { value, calendar, between, tz, aggregate, entityParts, of, windowMs, delayMs } = feature
  if (value !== null) return `${value} of the transaction`
  if (calendar !== null) {
    const range = between === null ? '' : ` in [${between[0]}, ${between[1]})`
    return `${calendar}${range}, ${tz}`
  }
  if (aggregate === null) return ''
  const { basis, where, shortMs, smoothing } = feature
  const { isEarlierOnly } = ruleOf(aggregate)
  const conditions = (where ?? []).map(({ name, values }) => `${name} ${values.join(' or ')}`)
  const parts = [
    delayMs > 0 ? `${formatDuration(delayMs)} late` : null,
    shortMs > 0 ? `short ${formatDuration(shortMs)}` : null,
    where === null ? null : `where ${conditions.join(' and ')}`,
    basis === 'gross' ? 'gross' : null,
    smoothing === null ? null : `smoothed by ${smoothing.weight} of ${smoothing.prior}`,
    isEarlierOnly || feature.isCurrentIncluded || delayMs > 0 ? null : 'without itself',
  ]
  const what = of === null ? aggregate : `${aggregate} ${of}`
  const kinds = entityParts.join(' and ')
  const head = `${what} per ${kinds} over ${formatDuration(windowMs)}`
  return [head, ...parts.filter((part) => part !== null)].join(', ')
}

function contentOf({ isPrimary, layout }: EntityPlan): string {
  const content = [
    isPrimary ? 'fingerprint, source message' : null,
    layout.amount >= 0 ? 'amount' : null,
    layout.label >= 0 ? 'label' : null,
    layout.named >= 0 ? 'what reversals, declines and labels name' : null,
    layout.location >= 0 ? 'location' : null,
    ...layout.numbers.map(({ name }) => `${name} as a number`),
    ...layout.columns.map(({ name }) => `hash of ${name}`),
  ]
  return content.filter((part) => part !== null).join(', ')
}

function absentLines(absent: readonly string[]): string[] {
  if (absent.length === 0) return []
  const reason = 'absent, since the mapping lacks their entity, field or label'
  return [`${reason}: ${absent.join(', ')}`, '']
}

function costLines(report: CatalogReport): string[] {
  const { plan, transactionsPerSecond, entities } = report
  const gigabytes = keptBytes(report) / 1e9
  const lines = [
    `${recordBytes(plan)} B of records per transaction in ${plan.journals.length} journals, namespace ${plan.namespace}`,
    `In Redis, by records per journal: ${lengths.map((n) => `${n}: ${Math.round(redisBytes(plan, n))} B`).join(', ')}`,
    `${transactionsPerSecond} transactions/s kept for ${keptDays(report)} days: ${gigabytes.toPrecision(3)} GB of records.`,
  ]
  if (entities.size === 0) {
    return [...lines, 'With --entities card=1000000,merchant=20000: the GB of Redis for so many.']
  }
  const rows = sizesOf(report).map(({ kind, count, records, bytes, isCompacted }) => [
    kind,
    formatCount(count),
    `${isCompacted ? 'summed beyond ' : ''}${formatCount(records)}`,
    formatCount(Math.round(bytes)),
    ((count * bytes) / 1e9).toPrecision(3),
  ])
  const total = sizesOf(report).reduce((sum, { count, bytes }) => sum + count * bytes, 0)
  return [
    ...lines,
    '',
    ...table(['journal', 'entities', 'records each', 'B each', 'GB of Redis'], rows),
    `${(total / 1e9).toPrecision(3)} GB in all, and about ${tableBytes} B for each journal in the tables of Redis. A journal that is touched goes on growing up to`,
    `${capsLong} times what \`exact\` says of records, whatever the windows: only what nothing touches expires.`,
  ]
}

const lengths = [1, 8, 64, 512] as const

/** Of the kinds whose number is known. */
function sizesOf(report: CatalogReport): JournalSize[] {
  return journalSizes(report.plan, keptTransactions(report), report.entities)
}

function keptDays({ days, catalog }: CatalogReport): number {
  return days ?? windowDays(catalog.features)
}

function keptTransactions(report: CatalogReport): number {
  return report.transactionsPerSecond * keptDays(report) * 86_400
}

function keptBytes(report: CatalogReport): number {
  return keptTransactions(report) * recordBytes(report.plan)
}

/** Columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}
