// Features are declared, not coded: this reads a catalog document into a list of definitions. What they need of a
// journal is features/plan.ts, what they compute is features/fold.ts.
import { createHash } from 'node:crypto'
import { type AggregateParts, readAggregate } from './catalog-aggregate.ts'
import { type Exact, readExact } from './catalog-exact.ts'
import { type Document, DocumentReader, type Path } from './document.ts'
import { filtersMax } from './layout.ts'
import { isZone } from './zone.ts'

export const calendars = ['hour', 'weekday', 'weekend', 'day'] as const
/** hour 0–23, weekday 0 (Monday) – 6, weekend 0 or 1, day of the month 1–31. */
export type Calendar = (typeof calendars)[number]

/** One declared number. Exactly one of `value`, `calendar` and `aggregate` is not null. */
export interface Feature extends AggregateParts {
  readonly name: string
  /** 16 hex digits of everything but the name: equal definitions compute equal numbers. */
  readonly definition: string
  /** `amount` (minor units), `latitude`, `longitude`, or a mapped field read as a number. */
  readonly value: string | null
  readonly calendar: Calendar | null
  /** Half open, `[a, b)`; wraps round when a > b. Then the feature is 1 or 0. */
  readonly between: readonly [number, number] | null
  readonly tz: string
}

const rootKeys = ['features', 'exact'] as const

/** The column that rows of features begin with. */
export const idColumn = 'transaction_id'

export interface Catalog {
  readonly features: readonly Feature[]
  /** Journals whose exact tail is not of the default length. */
  readonly exact: Exact
  /** 16 hex digits over names and definitions, in order, and exact tails. */
  readonly hash: string
}

/** What a feature may say beside its name, by what it is. */
export const featureKeys = {
  value: ['value'],
  calendar: ['calendar', 'between', 'tz'],
  aggregate: [
    'aggregate',
    'entity',
    'of',
    'window',
    'delay',
    'current',
    'basis',
    'where',
    'short',
    'smoothing',
  ],
} as const

/** Compiles a catalog document (`features: [...]` and, if need be, `exact: {...}`). Throws DocumentError with all its faults. */
export function compileCatalog(document: Document): Catalog {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], rootKeys) ?? {}
  const list = reader.list(root['features'], ['features'])
  const features = list.map((item, index) => readFeature(reader, item, ['features', index]))
  const exact = readExact(reader, root['exact'])
  if (list.length === 0) reader.fault(['features'], 'at least one feature', list)
  const seen = new Set<string>()
  for (const [index, { name }] of features.entries()) {
    if (name !== '' && seen.has(name)) {
      reader.fault(['features', index, 'name'], 'a name used once', name)
    }
    seen.add(name)
  }
  for (const [index, feature] of features.entries()) {
    if (!isCrowded(features.slice(0, index + 1), feature)) continue
    const path = ['features', index, 'where']
    const expected = `at most ${filtersMax} different conditions for an entity`
    reader.fault(path, expected, (list[index] as Record<string, unknown>)['where'])
  }
  reader.finish()
  return Object.freeze({ features, exact, hash: hashOf(features, exact) })
}

/** Of a catalog with these features and exact tails. */
export function hashOf(features: readonly Feature[], exact: Exact): string {
  const definitions = features.map(({ name, definition }) => [name, definition])
  return hash16(Object.keys(exact).length === 0 ? definitions : [definitions, exact])
}

/**
 * Each feature as far as it is sound, with the fallbacks of a reader in place of what is not: for who looks for further faults.
 * `compileCatalog` tells those that are passed over here.
 */
export function draftFeatures(document: Document): Feature[] {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], rootKeys) ?? {}
  const list = reader.list(root['features'], ['features'])
  return list.map((item, index) => readFeature(reader, item, ['features', index]))
}

/** The exact tails as far as they are sound, as `draftFeatures`. */
export function draftExact(document: Document): Exact {
  const reader = new DocumentReader(document)
  return readExact(reader, (reader.object(document.value, [], rootKeys) ?? {})['exact'])
}

/** A record has a bit for each condition; true for the first features that have none left. */
export function isCrowded(features: readonly Feature[], { entity, where }: Feature): boolean {
  if (where === null) return false
  const own = features.filter((feature) => feature.entity === entity && feature.where !== null)
  return new Set(own.map((feature) => JSON.stringify(feature.where))).size > filtersMax
}

function readFeature(reader: DocumentReader, item: unknown, path: Path): Feature {
  const keys = ['name', ...Object.values(featureKeys).flat()]
  const object = reader.object(item, path, keys) ?? {}
  const name = reader.name(object['name'], [...path, 'name'])
  if (name === idColumn) {
    reader.fault([...path, 'name'], `another name than ${idColumn}, the first column of rows`, name)
  }
  const sources = Object.keys(featureKeys).filter((key) => object[key] !== undefined)
  if (sources.length !== 1) {
    reader.fault(path, 'exactly one of value, calendar, aggregate', sources.join(', ') || undefined)
  }
  const parts = readParts(reader, object, path)
  return Object.freeze({ name, definition: definitionOf(parts), ...parts })
}

/** What a feature is, whatever its name. */
export type Parts = Omit<Feature, 'name' | 'definition'>

/** What came later in the life of catalogs counts only where it is used, so that older definitions keep their hash. */
function definitionOf(parts: Parts): string {
  const { entityParts, shortMs, basis, where, smoothing, ...rest } = parts
  return hash16({
    ...rest,
    ...(entityParts.length > 1 && { entityParts }),
    ...(shortMs > 0 && { shortMs }),
    ...(basis !== 'net' && { basis }),
    ...(where !== null && { where }),
    ...(smoothing !== null && { smoothing }),
  })
}

function readParts(reader: DocumentReader, object: Record<string, unknown>, path: Path): Parts {
  const kind = (['aggregate', 'calendar'] as const).find((key) => object[key] !== undefined)
  for (const other of ['aggregate', 'calendar'] as const) {
    if (other !== kind) refuse(reader, object, path, other)
  }
  if (kind === 'aggregate') return { ...nothing, ...readAggregate(reader, object, path) }
  if (kind === 'calendar') return readCalendar(reader, object, path)
  const value = object['value']
  return { ...nothing, value: value === undefined ? '' : reader.name(value, [...path, 'value']) }
}

const nothing: Parts = {
  value: null,
  calendar: null,
  between: null,
  tz: 'UTC',
  aggregate: null,
  entity: null,
  entityParts: [],
  of: null,
  windowMs: 0,
  delayMs: 0,
  shortMs: 0,
  isCurrentIncluded: true,
  basis: 'net',
  where: null,
  smoothing: null,
}

function readCalendar(reader: DocumentReader, object: Record<string, unknown>, path: Path): Parts {
  const calendar = reader.oneOf(object['calendar'], [...path, 'calendar'], calendars)
  const tz = object['tz'] === undefined ? 'UTC' : reader.text(object['tz'], [...path, 'tz'])
  if (tz !== '' && !isZone(tz)) {
    reader.fault([...path, 'tz'], 'a time zone such as Europe/Berlin or +02:00', tz)
  }
  const pair = object['between']
  const between =
    pair === undefined ? null : readBetween(reader, pair, [...path, 'between'], ranges[calendar])
  return { ...nothing, calendar, between, tz }
}

/** Least value, and the first one beyond the greatest. */
const ranges = { hour: [0, 24], weekday: [0, 7], weekend: [0, 2], day: [1, 32] } as const

function readBetween(
  reader: DocumentReader,
  value: unknown,
  path: Path,
  [min, max]: readonly [number, number],
): readonly [number, number] | null {
  if (!Array.isArray(value) || value.length !== 2 || value[0] === value[1]) {
    reader.fault(path, 'two different numbers [from, to)', value)
    return null
  }
  return [
    reader.integer(value[0], [...path, 0], min, max),
    reader.integer(value[1], [...path, 1], min, max),
  ]
}

/** Faults for what is said that only makes sense beside `only`. */
function refuse(
  reader: DocumentReader,
  object: Record<string, unknown>,
  path: Path,
  only: 'aggregate' | 'calendar',
): void {
  for (const key of featureKeys[only]) {
    if (key !== only && object[key] !== undefined) {
      reader.fault([...path, key], `${key} only beside ${only}`, object[key])
    }
  }
}

function hash16(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}
