// Holds decisions against features computed by hand (features/by-hand.ts), on a sample, after the measuring: a figure over
// wrong answers is none. It never takes part in deciding.
import type { Assembly } from '../../engine/assemble.ts'
import type { Message, Outcome } from '../../engine/core/ports.ts'
import { HandJournals } from '../../features/hand-journals.ts'
import { Transaction } from '../../features/transaction.ts'

/** As much of a decision as is looked at. */
interface Decided {
  readonly features: Readonly<Record<string, number | null>>
  readonly approximate: readonly string[]
}

const faultsMax = 5

export class Audit {
  readonly #assembly: Assembly
  readonly #every: number
  readonly #types: Outcome['type'][] = []
  readonly #sample = new Map<number, string>()

  constructor(assembly: Assembly, every: number) {
    this.#assembly = assembly
    this.#every = every
  }

  /** In the order of the messages. */
  keep(outcomes: readonly Outcome[]): void {
    for (const { type, value } of outcomes) {
      const at = this.#types.push(type) - 1
      if (at % this.#every === 0 && type === 'decision') this.#sample.set(at, value)
    }
  }

  /** `messages`: all that outcomes were kept of. Describes the first few features that are not what they must be. */
  faults(messages: readonly Message[]): string[] {
    const { mapping, plan } = this.#assembly
    const { entities, fields } = mapping.schema
    const parser = mapping.parser()
    const journals = new HandJournals(plan.features, mapping.schema)
    const faults: string[] = []
    if (this.#types.length !== messages.length)
      faults.push(`expected ${messages.length} outcomes, found ${this.#types.length}`)
    if (this.#sample.size === 0) faults.push('expected decisions to check, found none')
    for (const [at, { value, timestampMs }] of messages.entries()) {
      const type = this.#types[at]
      if (type === 'rejected' || type === 'duplicate') continue
      const transaction = new Transaction(entities.length, fields.length)
      const reject = parser.parse(value!, timestampMs, transaction)
      if (reject !== null) {
        faults.push(`message ${at}: expected ${reject.reason}, found a ${type}`)
        continue
      }
      const text = this.#sample.get(at)
      if (text !== undefined && faults.length < faultsMax) {
        const wrong = this.#compare(JSON.parse(text) as Decided, transaction, journals)
        if (wrong !== null) faults.push(`${transaction.id}: ${wrong}`)
      }
      journals.add(transaction.tenant, journals.record(transaction))
    }
    return faults
  }

  #compare(decided: Decided, transaction: Transaction, journals: HandJournals): string | null {
    const current = journals.record(transaction)
    const approximate = new Set(decided.approximate)
    for (const feature of this.#assembly.plan.features) {
      const { name, entity } = feature
      if (entity === null || approximate.has(name)) continue
      const expected =
        journals.of(entity, transaction.tenant, current)?.value(feature).value ?? null
      const found = decided.features[name]
      if (found !== expected) return `${name}: expected ${expected}, found ${found}`
    }
    return null
  }
}
