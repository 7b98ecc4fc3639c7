// How many records of a journal are at least kept one by one, by kind of entity: the part `exact` of a catalog. What is older is read
// as sums. It decides which numbers are approximate, so it must never be anything that two engines of a namespace could see differently.
import { joint, partsMax } from './catalog-aggregate.ts'
import type { DocumentReader } from './document.ts'

/** Records by kind of entity, where they are not the default; kinds of several entities are their names joined by `+`. */
export type Exact = Readonly<Record<string, number>>

export const exactDefault = 512
/**
 * Ids are recognised in the exact tail, and those of calls nowhere else: shorter ones would count a batch of calls of one card twice
 * that comes again (engine/core/limits.ts has how many that are).
 */
export const exactMin = 64
/** A held journal has up to three exact tails, and the entries of its index sixteen bits for a record's position. */
export const exactMax = 8192

/** Records of the exact tail of a kind. */
export function exactOf(exact: Exact, kind: string): number {
  return Object.hasOwn(exact, kind) ? exact[kind]! : exactDefault
}

export function readExact(reader: DocumentReader, value: unknown): Exact {
  if (value === undefined) return {}
  const path = ['exact']
  const whole = reader.record(value, path, 'an object such as { merchant: 4096 }')
  return withoutDefaults(
    Object.entries(whole).map(([key, records]) => {
      const parts = key.split(joint)
      for (const part of parts) reader.name(part, [...path, key])
      if (parts.length > partsMax) reader.fault([...path, key], `at most ${partsMax} entities`, key)
      return [parts.sort().join(joint), reader.integer(records, [...path, key], exactMin, exactMax)]
    }),
  )
}

/** Of several catalogs the longest tail that one of them has, so that none is marked more often than alone. */
export function uniteExact(
  parts: readonly { readonly exact: Exact; readonly kinds: ReadonlySet<string> }[],
): Exact {
  const kinds = new Set(parts.flatMap(({ exact }) => Object.keys(exact)))
  return withoutDefaults(
    [...kinds].map((kind) => {
      const users = parts.filter(
        ({ exact, kinds }) => kinds.has(kind) || Object.hasOwn(exact, kind),
      )
      return [kind, Math.max(...users.map(({ exact }) => exactOf(exact, kind)))]
    }),
  )
}

/** What says the default says nothing, and the order of what is said is nothing either. */
function withoutDefaults(entries: readonly (readonly [string, number])[]): Exact {
  return Object.fromEntries(
    entries.filter(([, records]) => records !== exactDefault).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}
