// How much of Redis journals take under a plan, before there is a Redis: for `weir features` and `weir capacity`, so that both say
// the same. Pure arithmetic over features/store/redis-memory.ts; nothing depends on it.
import type { Feature } from '../../features/catalog.ts'
import type { Plan } from '../../features/plan.ts'
import { Keys } from '../../features/store/keys.ts'
import { journalBytes } from '../../features/store/redis-memory.ts'

/** A journal is compacted when it has so many caps of records, down to two and a half on average. */
export const capsLong = 4
/** Of sums: what is left of them when they are packed, about. */
const packedShare = 0.25
/** Of each journal in the tables of Redis, besides itself, about. */
export const tableBytes = 40

/** One kind of journal, with transactions spread evenly over its entities. */
export interface JournalSize {
  readonly kind: string
  readonly count: number
  readonly records: number
  /** Of one of them, in Redis. */
  readonly bytes: number
  readonly isCompacted: boolean
}

/** Bytes of records alone, over all journals of a transaction. */
export function recordBytes({ journals }: Plan): number {
  return journals.reduce((sum, { width }) => sum + width, 0)
}

/** Memory of a transaction's records in Redis where each of its journals has `records` of them. */
export function redisBytes(plan: Plan, records: number): number {
  return plan.journals.reduce(
    (sum, { kind, width }) => sum + journalBytes(records, width, keyLength(plan, kind)) / records,
    0,
  )
}

/** Of the kinds whose number is known; `kept`: transactions in all. */
export function journalSizes(
  plan: Plan,
  kept: number,
  entities: ReadonlyMap<string, number>,
): JournalSize[] {
  return plan.journals.flatMap(({ kind, width, cap, hopFloats }) => {
    const count = entities.get(kind)
    if (count === undefined) return []
    const each = Math.max(1, Math.round(kept / count))
    const isCompacted = each > capsLong * cap
    const records = isCompacted ? capsLong * cap : each
    const sums = isCompacted ? hopFloats * 8 * packedShare : 0
    const bytes = journalBytes(records, width, keyLength(plan, kind)) + sums
    return [{ kind, count, records, bytes, isCompacted }]
  })
}

const dayMs = 86_400_000

/** Days that the longest window needs, with its delay. */
export function windowDays(features: readonly Feature[]): number {
  return Math.ceil(Math.max(...features.map(({ windowMs, delayMs }) => windowMs + delayMs)) / dayMs)
}

/** Characters of a journal's key under the default tenant. */
function keyLength(plan: Plan, kind: string): number {
  const entity = plan.journals.findIndex((journal) => journal.kind === kind)
  return new Keys(plan, 1).journal('default', entity, new Uint32Array(4), 0).length
}
