// The naive twin of the whole engine: one plain list per entity, every feature by hand for every transaction
// (features/by-hand.ts). Memory and time grow without bound.
import { ByHand, type HandRecord } from '../by-hand.ts'
import type { Feature } from '../catalog.ts'
import type { Transaction } from '../transaction.ts'

/** Exact windows over everything ever added: no hops, no cap. */
export class Oracle {
  readonly #features: readonly Feature[]
  readonly #entities: readonly string[]
  readonly #fields: readonly string[]
  readonly #primary: string
  /** Kinds of entities that features are kept for, with the mapped ones that they are made of. */
  readonly #kinds = new Map<string, readonly string[]>()
  readonly #journals = new Map<string, HandRecord[]>()

  constructor(
    features: readonly Feature[],
    schema: { entities: readonly string[]; fields: readonly string[]; primary: number },
  ) {
    this.#features = features
    this.#entities = schema.entities
    this.#fields = schema.fields
    this.#primary = schema.entities[schema.primary]!
    for (const kind of schema.entities) this.#kinds.set(kind, [kind])
    for (const { entity, entityParts } of features) {
      if (entity !== null) this.#kinds.set(entity, entityParts)
    }
  }

  /** Adds the message to its journals and returns its row as of just before, by feature; null is absent. */
  add(transaction: Transaction): (number | null)[] {
    const current = this.record(transaction)
    const byKind = new Map<string, ByHand>()
    const row = this.#features.map((feature) => {
      if (feature.aggregate === null) return this.#own(feature, transaction)
      const id = this.#idOf(feature.entity!, current)
      if (id === null) return null
      let hand = byKind.get(feature.entity!)
      if (hand === undefined) {
        hand = new ByHand(current, this.journal(transaction.tenant, feature.entity!, id))
        byKind.set(feature.entity!, hand)
      }
      return hand.value(feature).value
    })
    for (const kind of this.#kinds.keys()) {
      const id = this.#idOf(kind, current)
      if (id !== null) this.journal(transaction.tenant, kind, id).push(current)
    }
    return row
  }

  /** All records of an entity, in order. */
  journal(tenant: string, kind: string, id: string): HandRecord[] {
    const key = JSON.stringify([tenant, kind, id])
    const journal = this.#journals.get(key) ?? []
    this.#journals.set(key, journal)
    return journal
  }

  record(transaction: Transaction): HandRecord {
    const values: Record<string, string | null> = {}
    this.#fields.forEach((name, index) => (values[name] = transaction.fields[index]!))
    this.#entities.forEach((name, index) => (values[name] = transaction.entities[index]!))
    return {
      kind: transaction.kind,
      id: `${values[this.#primary]} ${transaction.id}`,
      timeMs: transaction.timeMs,
      atMs: transaction.atMs,
      amount: transaction.amountMinor,
      verdict: transaction.verdict,
      labelMs: transaction.labelMs,
      latitude: transaction.latitude,
      longitude: transaction.longitude,
      values,
    }
  }

  /** Of several kinds together the ids as one text; null where one is absent. */
  #idOf(kind: string, { values }: HandRecord): string | null {
    const ids = (this.#kinds.get(kind) ?? [kind]).map((part) => values[part] ?? null)
    if (ids.includes(null)) return null
    return ids.length === 1 ? ids[0]! : JSON.stringify(ids)
  }

  #own({ value, calendar, between }: Feature, transaction: Transaction): number | null {
    if (calendar === null) {
      if (value === 'amount') {
        return Number.isNaN(transaction.amountMinor) ? null : transaction.amountMinor
      }
      const text = transaction.fields[this.#fields.indexOf(value!)] ?? null
      return text === null ? null : Number(text)
    }
    const date = new Date(transaction.timeMs)
    const numbers = {
      hour: date.getUTCHours(),
      weekday: (date.getUTCDay() + 6) % 7,
      weekend: date.getUTCDay() % 6 === 0 ? 1 : 0,
      day: date.getUTCDate(),
    }
    const number = numbers[calendar]
    return between === null ? number : Number(number >= between[0] && number < between[1])
  }
}
