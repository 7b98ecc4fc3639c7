// Holds decisions against features computed by hand (features/by-hand.ts), on a sample, after the measuring: a figure over
// wrong answers is none. It never takes part in deciding.
import type { Assembly } from '../../engine/assemble.ts'
import type { Message, Outcome } from '../../engine/core/ports.ts'
import type { ByHand } from '../../features/by-hand.ts'
import { HandJournals } from '../../features/hand-journals.ts'
import type { Plan } from '../../features/plan.ts'
import { Kind, Transaction } from '../../features/transaction.ts'

/** As much of a decision as is looked at. */
interface Decided {
  readonly type: string
  readonly features: Readonly<Record<string, number | null>>
  readonly approximate: readonly string[]
}

const faultsMax = 5

export class Audit {
  readonly #assembly: Pick<Assembly, 'mapping' | 'plan'>
  readonly #every: number
  readonly #sample = new Map<number, string>()
  #seen = 0

  constructor(assembly: Pick<Assembly, 'mapping' | 'plan'>, every: number) {
    this.#assembly = assembly
    this.#every = every
  }

  /** In the order of the messages, from the first one on. */
  keep(outcomes: readonly Outcome[]): void {
    for (const { value } of outcomes) {
      if (this.#seen % this.#every === 0) this.#sample.set(this.#seen, value)
      this.#seen++
    }
  }

  /** The outcomes of some messages, by their place. */
  keepSome(outcomes: ReadonlyMap<number, string>): void {
    for (const [at, value] of outcomes) this.#sample.set(at, value)
  }

  /** `messages`: all that was ever decided, in order. Describes the first few features that are not what they must be. */
  faults(messages: readonly Message[]): string[] {
    const { mapping, plan } = this.#assembly
    const { entities, fields } = mapping.schema
    const parser = mapping.parser()
    const journals = new HandJournals(plan.features, mapping.schema)
    const known = new Set<string>()
    const faults: string[] = []
    let compared = 0
    for (const [at, { value, timestampMs }] of messages.entries()) {
      const transaction = new Transaction(entities.length, fields.length)
      if (parser.parse(value!, timestampMs, transaction) !== null) continue
      const record = journals.record(transaction)
      // What comes again is decided no second time.
      if (record.kind === Kind.transaction && known.has(record.id)) continue
      known.add(record.id)
      const text = this.#sample.get(at)
      const decided = text === undefined ? null : (JSON.parse(text) as Decided)
      if (decided?.type === 'decision' && faults.length < faultsMax) {
        const wrong = this.#compare(decided, transaction, journals)
        if (wrong !== null) faults.push(`${transaction.id}: ${wrong}`)
        compared++
      }
      journals.add(transaction.tenant, record)
    }
    if (compared === 0) faults.push('expected decisions to compare, found none')
    return faults
  }

  #compare(decided: Decided, transaction: Transaction, journals: HandJournals): string | null {
    const hands = handsOf(journals, transaction)
    const approximate = new Set(decided.approximate)
    for (const feature of this.#assembly.plan.features) {
      const { name, entity } = feature
      if (entity === null || approximate.has(name)) continue
      const expected = hands(entity)?.value(feature).value ?? null
      const found = decided.features[name]
      if (found !== expected) return `${name}: expected ${expected}, found ${found}`
    }
    return null
  }
}

/** A row as the fold left it, and which of its features it says are approximate. */
export interface KeptRow {
  readonly features: Float64Array
  readonly marks: Uint8Array
}

/** The same for rows of features, by their place in `transactions`: all that were ever observed, in order, none of them twice. */
export function rowFaults(
  plan: Plan,
  transactions: readonly Transaction[],
  sample: ReadonlyMap<number, KeptRow>,
): string[] {
  const journals = new HandJournals(plan.features, plan.schema)
  const faults: string[] = sample.size === 0 ? ['expected rows to compare, found none'] : []
  for (const [at, transaction] of transactions.entries()) {
    const record = journals.record(transaction)
    const row = faults.length < faultsMax ? sample.get(at) : undefined
    const hands = handsOf(journals, transaction)
    for (const [f, feature] of row === undefined ? [] : plan.features.entries()) {
      if (feature.entity === null || row!.marks[f] === 1) continue
      const expected = hands(feature.entity)?.value(feature).value ?? Number.NaN
      const found = row!.features[f]
      if (!Object.is(found, expected)) {
        faults.push(`${transaction.id}: ${feature.name}: expected ${expected}, found ${found}`)
      }
    }
    journals.add(transaction.tenant, record)
  }
  return faults
}

/** By kind of entity, made where it is asked for, once: the features of one kind share a journal. */
function handsOf(
  journals: HandJournals,
  transaction: Transaction,
): (kind: string) => ByHand | null {
  const current = journals.record(transaction)
  const hands = new Map<string, ByHand | null>()
  return (kind) => {
    const known = hands.get(kind)
    if (known !== undefined) return known
    const hand = journals.of(kind, transaction.tenant, current)
    hands.set(kind, hand)
    return hand
  }
}
