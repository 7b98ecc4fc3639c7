// Binds a catalog to what a mapping can deliver: which journals are kept, what a record holds, what each entity computes.
import { createHash } from 'node:crypto'
import { ruleOf } from './aggregate.ts'
import type { Catalog, Feature } from './catalog.ts'
import { exactOf } from './catalog-exact.ts'
import { type EntityPlan, planEntity } from './entity-plan.ts'
import type { JournalPlans } from './journal.ts'
import { Kind, type TransactionSchema } from './transaction.ts'

/** A feature of the transaction alone. */
export interface RowFeature {
  readonly output: number
  readonly feature: Feature
  /** Index into the schema's fields; -1 where it is none. */
  readonly field: number
}

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

  constructor(catalog: Catalog, schema: TransactionSchema) {
    this.schema = schema
    this.features = catalog.features
    const absent = new Set(catalog.features.filter((f) => lacksOf(f, schema).length > 0))
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
    this.journals = kindsOf(
      present.map(({ feature }) => feature),
      schema,
    )
      .map(({ kind, schemaIndexes }) => {
        const own = present.filter(({ feature }) => feature.entity === kind)
        const isPrimary = schemaIndexes.length === 1 && schemaIndexes[0] === schema.primary
        const cap = exactOf(catalog.exact, kind)
        return planEntity({ kind, schemaIndexes, isPrimary, cap }, own, schema)
      })
      .filter((entity) => entity.isPrimary || entity.features.length > 0)
    this.primary = this.journals.findIndex((entity) => entity.isPrimary)
    this.recordStride = Math.max(...this.journals.map(({ width }) => width))
    this.namespace = namespaceOf(this.journals)
  }
}

interface EntityKind {
  readonly kind: string
  readonly schemaIndexes: readonly number[]
}

/** The mapped kinds in their order, then those that features make of several, by name. */
function kindsOf(features: readonly Feature[], schema: TransactionSchema): EntityKind[] {
  const single = schema.entities.map((kind, index) => ({ kind, schemaIndexes: [index] }))
  const several = new Map<string, EntityKind>()
  for (const { entity, entityParts } of features) {
    if (entity === null || entityParts.length < 2) continue
    const schemaIndexes = entityParts.map((part) => schema.entities.indexOf(part))
    several.set(entity, { kind: entity, schemaIndexes })
  }
  return [...single, ...[...several.values()].sort((a, b) => (a.kind < b.kind ? -1 : 1))]
}

/** What of a feature the mapping cannot deliver. */
export interface Lack {
  /** The key of the feature that asks for it. */
  readonly key: 'entity' | 'of' | 'value' | 'where' | 'aggregate'
  readonly found: string
  /** What the mapping has of the kind. */
  readonly known: readonly string[]
  /** For features that need more than a name: what the mapping would have to declare. */
  readonly needs: string | null
}

/** All that the mapping cannot deliver of a feature. */
export function lacksOf(feature: Feature, schema: TransactionSchema): Lack[] {
  const { aggregate, entityParts, of, value, where } = feature
  const { entities, fields } = schema
  const lacks: Lack[] = []
  const requireName = (key: Lack['key'], found: string, known: readonly string[]): void => {
    if (!known.includes(found)) lacks.push({ key, found, known, needs: null })
  }
  const requireDeclared = (isDeclared: boolean, key: Lack['key'], needs: string): void => {
    if (!isDeclared) lacks.push({ key, found: feature[key] as string, known: [], needs })
  }
  if (aggregate === null) {
    if (value === 'latitude' || value === 'longitude') {
      requireDeclared(schema.hasLocation, 'value', 'location')
    } else if (value !== null) requireName('value', value, ['amount', ...fields])
    return lacks
  }
  const all = [...entities, ...fields]
  for (const part of entityParts) requireName('entity', part, entities)
  for (const { name } of where ?? []) requireName('where', name, all)
  const rule = ruleOf(aggregate)
  if (rule.of === 'value') requireName('of', of!, all)
  if (rule.of === 'number') requireName('of', of!, ['amount', ...fields])
  if (rule.over === 'labels') requireDeclared(schema.hasLabel, 'aggregate', 'label')
  if (aggregate === 'reversals') {
    requireDeclared(schema.kinds.includes(Kind.reversal), 'aggregate', 'kind.reversal')
  }
  if (aggregate === 'decline_rate') {
    requireDeclared(schema.kinds.includes(Kind.decline), 'aggregate', 'kind.decline')
  }
  if (aggregate === 'speed') requireDeclared(schema.hasLocation, 'aggregate', 'location')
  return lacks
}

/** Layouts and hop contents: journals written under another namespace are never read. */
function namespaceOf(journals: readonly EntityPlan[]): string {
  const content = journals.map(({ kind, isPrimary, layout, hops, cap, filterNames }) => ({
    kind,
    isPrimary,
    layout: { ...layout, columns: layout.columns.map(({ name, at }) => [name, at]) },
    hops,
    filterNames,
    cap,
  }))
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 8)
}
