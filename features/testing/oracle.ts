// The naive twin of the fold: one plain list per entity, every window filtered afresh for every transaction. It is the
// law in code (docs/windows.md) and must stay too simple to be wrong. Memory and time grow without bound.
import type { Feature } from '../catalog.ts'
import { Kind, type Transaction, Verdict } from '../transaction.ts'

/** What the oracle remembers of one message. */
export interface OracleRecord {
  readonly kind: Kind
  readonly id: string
  readonly timeMs: number
  readonly atMs: number
  readonly amount: number
  readonly verdict: Verdict
  readonly labelMs: number
  readonly values: Readonly<Record<string, string | null>>
}

/** Exact windows over everything ever added: no hops, no cap. */
export class Oracle {
  readonly #features: readonly Feature[]
  readonly #entities: readonly string[]
  readonly #fields: readonly string[]
  readonly #primary: string
  readonly #journals = new Map<string, OracleRecord[]>()

  constructor(
    features: readonly Feature[],
    schema: { entities: readonly string[]; fields: readonly string[]; primary: number },
  ) {
    this.#features = features
    this.#entities = schema.entities
    this.#fields = schema.fields
    this.#primary = schema.entities[schema.primary]!
  }

  /** Adds the message to its journals and returns its row as of just before, by feature; null is absent. */
  add(transaction: Transaction): (number | null)[] {
    const current = this.record(transaction)
    const row = this.#features.map((feature) => {
      if (feature.aggregate === null) return this.#own(feature, transaction)
      const id = current.values[feature.entity!]
      if (id === undefined || id === null) return null
      return windowValue(feature, current, this.journal(transaction.tenant, feature.entity!, id))
    })
    for (const kind of this.#entities) {
      const id = current.values[kind]
      if (id !== null && id !== undefined) this.journal(transaction.tenant, kind, id).push(current)
    }
    return row
  }

  /** All records of an entity, in order. */
  journal(tenant: string, kind: string, id: string): OracleRecord[] {
    const key = JSON.stringify([tenant, kind, id])
    const journal = this.#journals.get(key) ?? []
    this.#journals.set(key, journal)
    return journal
  }

  record(transaction: Transaction): OracleRecord {
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
      values,
    }
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

function windowValue(
  feature: Feature,
  current: OracleRecord,
  journal: readonly OracleRecord[],
): number | null {
  const now = current.timeMs
  const reversals = journal.filter((r) => r.kind === Kind.reversal && r.atMs <= now)
  const reversed = new Set(reversals.map(({ id }) => id))
  const transactions = journal.filter((r) => r.kind === Kind.transaction && !reversed.has(r.id))
  if (feature.aggregate === 'fraud_count' || feature.aggregate === 'fraud_rate') {
    return labelValue(feature, now, journal, transactions)
  }
  const inWindow = (r: OracleRecord): boolean =>
    now - feature.windowMs < r.timeMs && r.timeMs <= now
  const earlier = transactions.filter(inWindow)
  const counted = feature.isCurrentIncluded ? [...earlier, current] : earlier
  const amounts = counted.map((r) => r.amount).filter((amount) => !Number.isNaN(amount))
  const isOwnAbsent =
    feature.of === 'amount' && feature.isCurrentIncluded && Number.isNaN(current.amount)
  if (isOwnAbsent) return null
  const sum = Number(amounts.reduce((total, amount) => total + BigInt(amount), 0n))
  switch (feature.aggregate) {
    case 'count':
      return counted.length
    case 'sum':
      return sum
    case 'avg':
      return amounts.length === 0 ? null : sum / amounts.length
    case 'min':
      return amounts.length === 0 ? null : amounts.reduce((a, b) => (a < b ? a : b))
    case 'max':
      return amounts.length === 0 ? null : amounts.reduce((a, b) => (a > b ? a : b))
    case 'distinct':
      return new Set(counted.map((r) => r.values[feature.of!]).filter((v) => v !== null)).size
    case 'since_last':
      return earlier.length === 0 ? null : Math.min(...earlier.map((r) => now - r.timeMs))
    case null:
      throw new Error(`${feature.name} is no aggregate`)
  }
}

/** Labels that have arrived by `now`, the latest for each transaction, in the delayed window of its own time. */
function labelValue(
  { aggregate, windowMs, delayMs }: Feature,
  now: number,
  journal: readonly OracleRecord[],
  transactions: readonly OracleRecord[],
): number | null {
  const messages = journal.filter((r) => r.kind === Kind.label)
  const latest = new Map<string, OracleRecord>()
  for (const r of [...transactions, ...messages]) {
    if (r.verdict === Verdict.none || !(r.labelMs <= now)) continue
    const held = latest.get(r.id)
    if (held === undefined || held.labelMs <= r.labelMs) latest.set(r.id, r)
  }
  const inWindow = [...latest.values()].filter(
    (r) => now - delayMs - windowMs < r.timeMs && r.timeMs <= now - delayMs,
  )
  const frauds = inWindow.filter((r) => r.verdict === Verdict.fraud).length
  if (aggregate === 'fraud_count') return frauds
  return inWindow.length === 0 ? null : frauds / inWindow.length
}
