// Features are declared, not coded: this reads a catalog document into a list of definitions. What they need of a
// journal is features/plan.ts, what they compute is features/fold.ts.
import { createHash } from 'node:crypto'
import { type Document, DocumentReader, type Path } from './document.ts'
import { isZone } from './zone.ts'

export const aggregates = [
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'distinct',
  'since_last',
  'fraud_count',
  'fraud_rate',
] as const
export type Aggregate = (typeof aggregates)[number]

export const calendars = ['hour', 'weekday', 'weekend', 'day'] as const
/** hour 0–23, weekday 0 (Monday) – 6, weekend 0 or 1, day of the month 1–31. */
export type Calendar = (typeof calendars)[number]

/** One declared number. Exactly one of `value`, `calendar` and `aggregate` is not null. */
export interface Feature {
  readonly name: string
  /** 16 hex digits of everything but the name: equal definitions compute equal numbers. */
  readonly definition: string
  /** `amount` (minor units), `latitude`, `longitude`, or a mapped field read as a number. */
  readonly value: string | null
  readonly calendar: Calendar | null
  /** Half open, `[a, b)`; wraps round when a > b. Then the feature is 1 or 0. */
  readonly between: readonly [number, number] | null
  readonly tz: string
  readonly aggregate: Aggregate | null
  readonly entity: string | null
  /** `amount` for sum, avg, min, max; a field or an entity for distinct. */
  readonly of: string | null
  /** ms; 0 for values and calendar. */
  readonly windowMs: number
  /** ms between a transaction and the newest that a label window sees. */
  readonly delayMs: number
  readonly isCurrentIncluded: boolean
}

/** The column that rows of features begin with. */
export const idColumn = 'transaction_id'

export interface Catalog {
  readonly features: readonly Feature[]
  /** 16 hex digits over names and definitions, in order. */
  readonly hash: string
}

const keys = [
  'name',
  'value',
  'calendar',
  'between',
  'tz',
  'entity',
  'aggregate',
  'of',
  'window',
  'delay',
  'current',
] as const

/** Compiles a catalog document (`features: [...]`). Throws DocumentError with all its faults. */
export function compileCatalog(document: Document): Catalog {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], ['features']) ?? {}
  const list = reader.list(root['features'], ['features'])
  const features = list.map((item, index) => readFeature(reader, item, ['features', index]))
  if (list.length === 0) reader.fault(['features'], 'at least one feature', list)
  const seen = new Set<string>()
  for (const [index, { name }] of features.entries()) {
    if (name !== '' && seen.has(name)) {
      reader.fault(['features', index, 'name'], 'a name used once', name)
    }
    seen.add(name)
  }
  reader.finish()
  return Object.freeze({
    features,
    hash: hash16(features.map(({ name, definition }) => [name, definition])),
  })
}

function readFeature(reader: DocumentReader, item: unknown, path: Path): Feature {
  const object = reader.object(item, path, keys) ?? {}
  const name = reader.name(object['name'], [...path, 'name'])
  if (name === idColumn) {
    reader.fault([...path, 'name'], `another name than ${idColumn}, the first column of rows`, name)
  }
  const sources = ['value', 'calendar', 'aggregate'].filter((key) => object[key] !== undefined)
  if (sources.length !== 1) {
    reader.fault(path, 'exactly one of value, calendar, aggregate', sources.join(', ') || undefined)
  }
  const parts = readParts(reader, object, path)
  return Object.freeze({ name, definition: hash16(parts), ...parts })
}

type Parts = Omit<Feature, 'name' | 'definition'>

function readParts(reader: DocumentReader, object: Record<string, unknown>, path: Path): Parts {
  if (object['aggregate'] !== undefined) return readAggregate(reader, object, path)
  refuse(reader, object, path, ['entity', 'of', 'window', 'delay', 'current'], 'aggregate')
  if (object['calendar'] !== undefined) return readCalendar(reader, object, path)
  refuse(reader, object, path, ['between', 'tz'], 'calendar')
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
  of: null,
  windowMs: 0,
  delayMs: 0,
  isCurrentIncluded: true,
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

function readAggregate(reader: DocumentReader, object: Record<string, unknown>, path: Path): Parts {
  refuse(reader, object, path, ['between', 'tz'], 'calendar')
  const aggregate = reader.oneOf(object['aggregate'], [...path, 'aggregate'], aggregates)
  const entity = reader.name(object['entity'], [...path, 'entity'])
  const windowMs = reader.durationMs(object['window'], [...path, 'window'])
  const isLabelled = aggregate === 'fraud_count' || aggregate === 'fraud_rate'
  let delayMs = 0
  if (object['delay'] !== undefined) {
    if (isLabelled) delayMs = reader.durationMs(object['delay'], [...path, 'delay'], 'zero allowed')
    else reader.fault([...path, 'delay'], 'delay only with fraud_count, fraud_rate', aggregate)
  }
  const choices = ['included', 'excluded'] as const
  const current = object['current'] ?? 'included'
  const isIncluded = reader.oneOf(current, [...path, 'current'], choices) === 'included'
  // The newest earlier record and labels never speak of the transaction itself.
  const isCurrentIncluded = isIncluded && !isLabelled && aggregate !== 'since_last'
  const of = readOf(reader, aggregate, object['of'], [...path, 'of'])
  return { ...nothing, aggregate, entity, of, windowMs, delayMs, isCurrentIncluded }
}

function readOf(
  reader: DocumentReader,
  aggregate: Aggregate,
  value: unknown,
  path: Path,
): string | null {
  switch (aggregate) {
    case 'sum':
    case 'avg':
    case 'min':
    case 'max':
      return value === undefined ? 'amount' : reader.oneOf(value, path, ['amount'])
    case 'distinct':
      return reader.name(value, path)
    case 'count':
    case 'since_last':
    case 'fraud_count':
    case 'fraud_rate':
      if (value !== undefined) reader.fault(path, `no \`of\` with ${aggregate}`, value)
      return null
  }
}

function refuse(
  reader: DocumentReader,
  object: Record<string, unknown>,
  path: Path,
  refused: readonly string[],
  only: string,
): void {
  for (const key of refused) {
    if (object[key] !== undefined) {
      reader.fault([...path, key], `${key} only beside ${only}`, object[key])
    }
  }
}

function hash16(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}
