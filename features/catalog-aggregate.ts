// Reads the part of a feature that is an aggregate over a window: entity, window, and what else features/aggregate.ts lets it take.
import {
  type Aggregate,
  aggregates,
  type Basis,
  bases,
  ruleOf,
  type Smoothing,
} from './aggregate.ts'
import { readWhere, type Where } from './condition.ts'
import type { DocumentReader, Path } from './document.ts'

type Fields = Record<string, unknown>

/** Kinds that one entity may be made of. */
export const partsMax = 3
const nameMax = 64
/** Cases that smoothing adds. */
const weightMin = 0.000_001
const weightMax = 1e9
/** In no name: what is joined is never a name, nor the same as other names joined. */
export const joint = '+'
const currents = ['included', 'excluded'] as const

/** What a feature says of its window; of one without a window, nothing. */
export interface AggregateParts {
  readonly aggregate: Aggregate | null
  /** Kind of entity; of several together, `card+merchant`. */
  readonly entity: string | null
  /** The mapped kinds that it is made of, sorted: one, or the several. */
  readonly entityParts: readonly string[]
  /** `amount`, a field or an entity, as the aggregate has it. */
  readonly of: string | null
  /** ms; 0 for values and calendar. */
  readonly windowMs: number
  /** ms between a transaction and the newest that the window sees. */
  readonly delayMs: number
  /** acceleration: ms of the short window; else 0. */
  readonly shortMs: number
  readonly isCurrentIncluded: boolean
  readonly basis: Basis
  readonly where: Where
  readonly smoothing: Smoothing | null
}

export function readAggregate(reader: DocumentReader, object: Fields, path: Path): AggregateParts {
  const aggregate = reader.oneOf(object['aggregate'], [...path, 'aggregate'], aggregates)
  const { over, option } = ruleOf(aggregate)
  const entityParts = readEntity(reader, object['entity'], [...path, 'entity'])
  const windowMs = reader.durationMs(object['window'], [...path, 'window'])
  const delay = object['delay']
  const delayMs =
    delay === undefined ? 0 : reader.durationMs(delay, [...path, 'delay'], 'zero allowed')
  if (option !== 'short') refuseOption(reader, object, path, 'short', aggregate)
  if (option !== 'smoothing') refuseOption(reader, object, path, 'smoothing', aggregate)
  if (over === 'messages') refuseOption(reader, object, path, 'basis', aggregate)
  const basis = object['basis']
  return {
    aggregate,
    entity: entityParts.join(joint),
    entityParts,
    of: readOf(reader, aggregate, object['of'], [...path, 'of']),
    windowMs,
    delayMs,
    isCurrentIncluded: readCurrent(reader, aggregate, delayMs, object['current'], [
      ...path,
      'current',
    ]),
    basis: basis === undefined ? 'net' : reader.oneOf(basis, [...path, 'basis'], bases),
    where: readWhere(reader, object['where'], [...path, 'where']),
    shortMs:
      option === 'short' ? readShort(reader, object['short'], [...path, 'short'], windowMs) : 0,
    smoothing: readSmoothing(reader, object['smoothing'], [...path, 'smoothing']),
  }
}

/** One kind, or a list of several: then the window is kept for each pair that occurs. */
function readEntity(reader: DocumentReader, value: unknown, path: Path): string[] {
  if (!Array.isArray(value)) return [reader.name(value, path)]
  const parts = value.map((part, at) => reader.name(part, [...path, at]))
  const sorted = [...new Set(parts)].sort()
  if (parts.length < 2 || parts.length > partsMax || sorted.length !== parts.length) {
    reader.fault(path, `one entity, or two to ${partsMax} different ones`, value)
  } else if (sorted.join(joint).length > nameMax) {
    reader.fault(path, `entities whose names joined are at most ${nameMax} characters`, value)
  }
  return sorted
}

function readOf(
  reader: DocumentReader,
  aggregate: Aggregate,
  value: unknown,
  path: Path,
): string | null {
  switch (ruleOf(aggregate).of) {
    case 'none':
      if (value !== undefined) reader.fault(path, `no \`of\` with ${aggregate}`, value)
      return null
    case 'amount':
      return value === undefined ? 'amount' : reader.oneOf(value, path, ['amount'])
    case 'number':
      return value === undefined ? 'amount' : reader.name(value, path)
    case 'value':
      return reader.name(value, path)
  }
}

function readCurrent(
  reader: DocumentReader,
  aggregate: Aggregate,
  delayMs: number,
  value: unknown,
  path: Path,
): boolean {
  const current = value === undefined ? null : reader.oneOf(value, path, currents)
  const { isEarlierOnly } = ruleOf(aggregate)
  if (current === 'included' && (isEarlierOnly || delayMs > 0)) {
    const reason = isEarlierOnly
      ? `${aggregate} speaks of earlier transactions alone`
      : 'with a delay the transaction lies outside of its window'
    reader.fault(path, `excluded or nothing: ${reason}`, value)
  }
  return current !== 'excluded' && !isEarlierOnly && delayMs === 0
}

function readShort(reader: DocumentReader, value: unknown, path: Path, windowMs: number): number {
  const shortMs = reader.durationMs(value, path)
  if (shortMs >= windowMs && value !== undefined) {
    reader.fault(path, 'a duration shorter than the window', value)
  }
  return shortMs
}

/** `1`: Laplace's, one more of either; or `{ weight, prior }`. */
function readSmoothing(reader: DocumentReader, value: unknown, path: Path): Smoothing | null {
  if (value === undefined) return null
  if (typeof value === 'number') {
    const each = reader.number(value, path, weightMin, weightMax)
    return { weight: 2 * each, prior: 0.5 }
  }
  const object = reader.object(value, path, ['weight', 'prior']) ?? {}
  return {
    weight: reader.number(object['weight'], [...path, 'weight'], weightMin, weightMax),
    prior: reader.number(object['prior'], [...path, 'prior'], 0, 1),
  }
}

function refuseOption(
  reader: DocumentReader,
  object: Fields,
  path: Path,
  option: string,
  aggregate: Aggregate,
): void {
  const value = object[option]
  if (value !== undefined) reader.fault([...path, option], `no ${option} with ${aggregate}`, value)
}
