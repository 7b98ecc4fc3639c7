// Journals by hand: a plain list of records for each entity, for features/by-hand.ts. Grows without bound.
import { ByHand, type HandRecord } from './by-hand.ts'
import type { Feature } from './catalog.ts'
import type { Transaction, TransactionSchema } from './transaction.ts'

export class HandJournals {
  readonly #schema: Pick<TransactionSchema, 'entities' | 'fields' | 'primary'>
  /** Kinds of entities that journals are kept for, with the mapped ones that they are made of. */
  readonly #kinds = new Map<string, readonly string[]>()
  readonly #journals = new Map<string, HandRecord[]>()

  constructor(
    features: readonly Feature[],
    schema: Pick<TransactionSchema, 'entities' | 'fields' | 'primary'>,
  ) {
    this.#schema = schema
    for (const kind of schema.entities) this.#kinds.set(kind, [kind])
    for (const { entity, entityParts } of features) {
      if (entity !== null) this.#kinds.set(entity, entityParts)
    }
  }

  /** The transaction against all that was added: the same for all features of one kind. Null where it lacks the entity. */
  of(kind: string, tenant: string, current: HandRecord): ByHand | null {
    const journal = this.journalOf(kind, tenant, current)
    return journal && new ByHand(current, journal)
  }

  /** The journal of this kind that a record belongs into, for who knows its place there; null where it lacks the entity. */
  journalOf(kind: string, tenant: string, record: HandRecord): HandRecord[] | null {
    const id = this.#idOf(kind, record)
    return id === null ? null : this.journal(tenant, kind, id)
  }

  add(tenant: string, record: HandRecord): void {
    for (const kind of this.#kinds.keys()) this.journalOf(kind, tenant, record)?.push(record)
  }

  /** All records of an entity, in order. */
  journal(tenant: string, kind: string, id: string): HandRecord[] {
    const key = JSON.stringify([tenant, kind, id])
    const journal = this.#journals.get(key) ?? []
    this.#journals.set(key, journal)
    return journal
  }

  record(transaction: Transaction): HandRecord {
    const { entities, fields, primary } = this.#schema
    const values: Record<string, string | null> = {}
    fields.forEach((name, index) => (values[name] = transaction.fields[index]!))
    entities.forEach((name, index) => (values[name] = transaction.entities[index]!))
    return {
      kind: transaction.kind,
      id: JSON.stringify([transaction.entities[primary], transaction.id]),
      name: transaction.id,
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
}
