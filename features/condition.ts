// `where`: which transactions a window is of, by the values of their fields and entities. Decided once, when a record is written.
import type { DocumentReader, Path } from './document.ts'
import type { Transaction, TransactionSchema } from './transaction.ts'

/** The transaction's field or entity `name` has one of `values`, compared as text. */
export interface Condition {
  readonly name: string
  /** Sorted, each once. */
  readonly values: readonly string[]
}

/** All must hold. Sorted by name; none is null. */
export type Where = readonly Condition[] | null

const valuesMax = 64

/** Reads `{ channel: ecom, mcc: ["5411", "5412"] }`. */
export function readWhere(reader: DocumentReader, value: unknown, path: Path): Where {
  if (value === undefined) return null
  const object = reader.names(value, path)
  const names = Object.keys(object).sort()
  if (names.length === 0) {
    reader.fault(path, 'a field with its value, such as { channel: ecom }', value)
    return null
  }
  return names.map((name) => ({ name, values: readValues(reader, object[name], [...path, name]) }))
}

function readValues(reader: DocumentReader, value: unknown, path: Path): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0 || list.length > valuesMax) {
    reader.fault(path, `one to ${valuesMax} values`, value)
    return []
  }
  const texts = list.map((item, at) => {
    const place = Array.isArray(value) ? [...path, at] : path
    const text = reader.scalar(item, place)
    if (item === '') reader.fault(place, 'a value: what is absent matches nothing', item)
    return text
  })
  return [...new Set(texts)].sort()
}

/** A condition that is bound to the places of a schema's values. */
export interface Filter {
  readonly tests: readonly {
    readonly isEntity: boolean
    readonly index: number
    readonly values: ReadonlySet<string>
  }[]
}

export function bindWhere(where: readonly Condition[], schema: TransactionSchema): Filter {
  return {
    tests: where.map(({ name, values }) => {
      const entity = schema.entities.indexOf(name)
      const isEntity = entity >= 0
      const index = isEntity ? entity : schema.fields.indexOf(name)
      return { isEntity, index, values: new Set(values) }
    }),
  }
}

/** An absent value is none of any. */
export function matches({ tests }: Filter, { entities, fields }: Transaction): boolean {
  for (const { isEntity, index, values } of tests) {
    const value = (isEntity ? entities : fields)[index] ?? null
    if (value === null || !values.has(value)) return false
  }
  return true
}
