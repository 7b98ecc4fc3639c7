// The naive twin of the whole engine: every feature by hand for every transaction (features/by-hand.ts). Memory and time grow
// without bound.
import type { ByHand, HandRecord } from '../by-hand.ts'
import type { Feature } from '../catalog.ts'
import { HandJournals } from '../hand-journals.ts'
import type { Transaction, TransactionSchema } from '../transaction.ts'

/** Exact windows over everything ever added: no hops, no cap. */
export class Oracle {
  readonly #features: readonly Feature[]
  readonly #fields: readonly string[]
  readonly #journals: HandJournals

  constructor(
    features: readonly Feature[],
    schema: Pick<TransactionSchema, 'entities' | 'fields' | 'primary'>,
  ) {
    this.#features = features
    this.#fields = schema.fields
    this.#journals = new HandJournals(features, schema)
  }

  /** Adds the message to its journals and returns its row as of just before, by feature; null is absent. */
  add(transaction: Transaction): (number | null)[] {
    const { tenant } = transaction
    const current = this.#journals.record(transaction)
    const byKind = new Map<string, ByHand | null>()
    const row = this.#features.map((feature) => {
      if (feature.aggregate === null) return ownValue(feature, transaction, this.#fields)
      const kind = feature.entity!
      const hand = byKind.get(kind) ?? this.#journals.of(kind, tenant, current)
      byKind.set(kind, hand)
      return hand === null ? null : hand.value(feature).value
    })
    this.#journals.add(tenant, current)
    return row
  }

  /** All records of an entity, in order. */
  journal(tenant: string, kind: string, id: string): readonly HandRecord[] {
    return this.#journals.journal(tenant, kind, id)
  }
}

/** A feature that needs no window. `fields`: their names, in the transaction's order. */
export function ownValue(
  { value, calendar, between }: Feature,
  transaction: Transaction,
  fields: readonly string[],
): number | null {
  if (calendar === null) {
    if (value === 'amount') {
      return Number.isNaN(transaction.amountMinor) ? null : transaction.amountMinor
    }
    const text = transaction.fields[fields.indexOf(value!)] ?? null
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
