// Binds a catalog to what a mapping can deliver: which journals are kept, what a record holds, what each entity computes.
import { createHash } from 'node:crypto'
import { blockFloats, sumBlock } from './blocks.ts'
import type { Aggregate, Catalog, Feature } from './catalog.ts'
import { addToHops, clearHops, type HopSeries, hopFloats } from './hops.ts'
import {
  fingerprintBytes,
  identityAt,
  identityBytes,
  type JournalPlan,
  type JournalPlans,
  sourceBytes,
} from './journal.ts'
import type { Column, RecordLayout } from './layout.ts'
import type { TransactionSchema } from './transaction.ts'

/** One aggregate of an entity: where its number goes and what it reads. */
export interface EntityFeature {
  readonly output: number
  readonly aggregate: Aggregate
  /** Index into the entity's `windowsMs`, or into `labelWindows` for fraud_count and fraud_rate. */
  readonly window: number
  /** Index into the layout's columns; -1 for none. */
  readonly column: number
  readonly isCurrentIncluded: boolean
}

export interface LabelWindow {
  readonly windowMs: number
  readonly delayMs: number
}

export interface EntityPlan extends JournalPlan {
  /** Index into the schema's entities. */
  readonly schemaIndex: number
  readonly layout: RecordLayout
  readonly features: readonly EntityFeature[]
  /** Ascending, each once. */
  readonly windowsMs: readonly number[]
  readonly labelWindows: readonly LabelWindow[]
  /** One of each window, then one of each label window. */
  readonly series: readonly HopSeries[]
}

/** A feature of the transaction alone. */
export interface RowFeature {
  readonly output: number
  readonly feature: Feature
  /** Index into the schema's fields; -1 where it is none. */
  readonly field: number
}

export interface PlanOptions {
  /** Records between hop boundaries, by entity kind; 512 where not named. */
  readonly caps?: Readonly<Record<string, number>>
}

const capDefault = 512

export class Plan implements JournalPlans {
  readonly features: readonly Feature[]
  /** Features whose entity or field the mapping lacks: always absent. */
  readonly absent: readonly string[]
  readonly journals: readonly EntityPlan[]
  readonly primary: number
  readonly rowFeatures: readonly RowFeature[]
  readonly recordStride: number
  readonly namespace: string
  readonly schema: TransactionSchema

  constructor(catalog: Catalog, schema: TransactionSchema, options: PlanOptions = {}) {
    this.schema = schema
    this.features = catalog.features
    const caps = new Map(Object.entries(options.caps ?? {}))
    const absent = new Set(catalog.features.filter((f) => !isDeliverable(f, schema)))
    this.absent = [...absent].map(({ name }) => name)
    const present = catalog.features
      .map((feature, output) => ({ feature, output }))
      .filter(({ feature }) => !absent.has(feature))
    this.rowFeatures = present
      .filter(({ feature }) => feature.entity === null)
      .map(({ feature, output }) => ({
        feature,
        output,
        field: schema.fields.indexOf(feature.value ?? ''),
      }))
    this.journals = schema.entities
      .map((kind, schemaIndex) => {
        const own = present.filter(({ feature }) => feature.entity === kind)
        const isPrimary = schemaIndex === schema.primary
        const cap = caps.get(kind) ?? capDefault
        return planEntity(kind, schemaIndex, isPrimary, cap, own, schema)
      })
      .filter((entity) => entity.isPrimary || entity.features.length > 0)
    this.primary = this.journals.findIndex((entity) => entity.isPrimary)
    this.recordStride = Math.max(...this.journals.map(({ width }) => width))
    this.namespace = namespaceOf(this.journals)
  }
}

function isDeliverable(feature: Feature, schema: TransactionSchema): boolean {
  if (feature.entity !== null && !schema.entities.includes(feature.entity)) return false
  if (feature.of !== null && feature.of !== 'amount') {
    return schema.entities.includes(feature.of) || schema.fields.includes(feature.of)
  }
  if (feature.aggregate === 'fraud_count' || feature.aggregate === 'fraud_rate') {
    return schema.hasLabel
  }
  if (feature.value === 'latitude' || feature.value === 'longitude') return schema.hasLocation
  if (feature.value !== null && feature.value !== 'amount') {
    return schema.fields.includes(feature.value)
  }
  return true
}

interface Placed {
  readonly feature: Feature
  readonly output: number
}

function planEntity(
  kind: string,
  schemaIndex: number,
  isPrimary: boolean,
  cap: number,
  own: readonly Placed[],
  schema: TransactionSchema,
): EntityPlan {
  const layout = makeLayout(isPrimary, own, schema)
  const isLabelled = ({ feature }: Placed): boolean =>
    feature.aggregate === 'fraud_count' || feature.aggregate === 'fraud_rate'
  const plain = own.filter((placed) => !isLabelled(placed))
  const windowsMs = [...new Set(plain.map(({ feature }) => feature.windowMs))].sort((a, b) => a - b)
  const labelWindows = distinctLabelWindows(own.filter(isLabelled))
  const features = own.map(({ feature, output }): EntityFeature => {
    const { windowMs, delayMs } = feature
    const labelWindow = labelWindows.findIndex(
      (w) => w.windowMs === windowMs && w.delayMs === delayMs,
    )
    const isLabel = isLabelled({ feature, output })
    return {
      output,
      aggregate: feature.aggregate!,
      window: isLabel ? labelWindow : windowsMs.indexOf(windowMs),
      column: layout.columns.findIndex(({ name }) => name === feature.of),
      isCurrentIncluded: feature.isCurrentIncluded,
    }
  })
  const series: HopSeries[] = [
    ...windowsMs.map((windowMs) => ({ windowMs, delayMs: 0, isLabel: false })),
    ...labelWindows.map((window) => ({ ...window, isLabel: true })),
  ]
  return {
    kind,
    schemaIndex,
    isPrimary,
    width: layout.width,
    cap,
    layout,
    features,
    windowsMs,
    labelWindows,
    series,
    hopFloats: hopFloats(series),
    clearHops: (hops) => {
      clearHops(series, hops)
    },
    addToHops: (hops, data, start, count) => {
      addToHops(series, layout, hops, data, start, count)
    },
    blockFloats: own.length > 0 ? blockFloats(layout) : 0,
    sumBlock: (data, start, blocks, at) => {
      sumBlock(layout, data, start, blocks, at)
    },
  }
}

function distinctLabelWindows(own: readonly Placed[]): LabelWindow[] {
  const windows = new Map<string, LabelWindow>()
  for (const { feature } of own) {
    const { windowMs, delayMs } = feature
    windows.set(`${windowMs}/${delayMs}`, { windowMs, delayMs })
  }
  return [...windows.values()]
}

function makeLayout(
  isPrimary: boolean,
  own: readonly Placed[],
  schema: TransactionSchema,
): RecordLayout {
  let width = identityAt + identityBytes + (isPrimary ? fingerprintBytes + sourceBytes : 0)
  const place = (isNeeded: boolean): number => {
    if (!isNeeded) return -1
    width += 8
    return width - 8
  }
  const needs = (test: (feature: Feature) => boolean): boolean =>
    own.some(({ feature }) => test(feature))
  const amount = place(needs(({ of }) => of === 'amount'))
  const label = place(needs(({ aggregate }) => aggregate?.startsWith('fraud_') === true))
  const named = place(schema.hasKinds && own.length > 0)
  const ownTime = place(schema.hasKinds && own.length > 0)
  const names = own
    .filter(({ feature }) => feature.aggregate === 'distinct')
    .map(({ feature }) => feature.of!)
  const columns = [...new Set(names)].sort().map((name): Column => {
    const entity = schema.entities.indexOf(name)
    const isEntity = entity >= 0
    const index = isEntity ? entity : schema.fields.indexOf(name)
    return { name, isEntity, index, at: place(true) }
  })
  return { width, amount, label, named, own: ownTime, columns }
}

/** Layouts and hop contents: journals written under another namespace are never read. */
function namespaceOf(journals: readonly EntityPlan[]): string {
  const content = journals.map(({ kind, isPrimary, layout, series, cap }) => ({
    kind,
    isPrimary,
    layout: { ...layout, columns: layout.columns.map(({ name, at }) => [name, at]) },
    series,
    cap,
  }))
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 8)
}
