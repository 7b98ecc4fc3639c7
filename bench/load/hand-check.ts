// Holds decisions against a recomputation by hand: every feature from the plain list of records that came before in each of
// the transaction's journals, the score of the model on that row alone, and the outcome. In which order engines took
// transactions of several partitions only they know; the ordinals in the decisions say it, and each must be there once.
import type { Assembly } from '../../engine/assemble.ts'
import { outcomeOf, roundScore } from '../../engine/core/policy.ts'
import { ByHand, type HandRecord } from '../../features/by-hand.ts'
import { HandJournals } from '../../features/hand-journals.ts'
import { ownValue } from '../../features/testing/oracle.ts'
import { type Parser, Transaction } from '../../features/transaction.ts'

interface DecisionDocument {
  readonly id: string
  readonly outcome: string
  readonly score: number | null
  readonly features: Readonly<Record<string, number | null>>
  readonly approximate: readonly string[]
  readonly ordinals: Readonly<Record<string, number>>
}

const tenant = 'default'
const decisionType = '"type":"decision"'
const ordinalsStart = '"ordinals":{'

export class HandCheck {
  readonly #assembly: Assembly
  readonly #parser: Parser
  readonly #journals: HandJournals
  /** Ordinals that two decisions claim. */
  readonly faults: string[] = []
  /** Values that were not compared, since the engine says that they are approximate. */
  approximate = 0
  compared = 0

  constructor(assembly: Assembly) {
    this.#assembly = assembly
    this.#parser = assembly.mapping.parser()
    this.#journals = new HandJournals(assembly.catalog.features, assembly.mapping.schema)
  }

  /** Takes down one transaction and what was answered, in any order; all must be here before the first `check`. */
  add(message: Uint8Array, timestampMs: number, answer: string): void {
    if (!answer.includes(decisionType)) return
    const start = answer.lastIndexOf(ordinalsStart) + ordinalsStart.length - 1
    const ordinals = answer.slice(start, answer.indexOf('}', start) + 1)
    const record = this.#journals.record(this.#parse(message, timestampMs))
    for (const [kind, ordinal] of Object.entries(JSON.parse(ordinals) as Record<string, number>)) {
      const journal = this.#journals.journalOf(kind, tenant, record)
      if (journal === null) this.faults.push(`${record.name}: has an ordinal of no ${kind}`)
      else if (journal[ordinal] !== undefined) {
        this.faults.push(`${record.name}: ${kind} ${ordinal} is ${journal[ordinal].name}'s`)
      } else journal[ordinal] = record
    }
  }

  /** What is wrong with a decision, a sentence each. Of other answers nothing is known here. */
  async check(message: Uint8Array, timestampMs: number, answer: string): Promise<string[]> {
    if (!answer.includes(decisionType)) return []
    const decision = JSON.parse(answer) as DecisionDocument
    const transaction = this.#parse(message, timestampMs)
    const { features } = this.#assembly.catalog
    const row = this.#row(transaction, decision)
    const wrong: string[] = []
    const fail = (what: string, expected: unknown, found: unknown): void => {
      wrong.push(`${decision.id}: ${what}: expected ${String(expected)}, found ${String(found)}`)
    }
    for (const [at, { name }] of features.entries()) {
      const found = decision.features[name] ?? null
      if (decision.approximate.includes(name)) {
        this.approximate++
        row[at] = found
        continue
      }
      this.compared++
      if (row[at] !== found) fail(name, row[at], found)
    }
    const { score, outcome } = await this.#decide(row)
    if (score !== decision.score) fail('score', score, decision.score)
    if (outcome !== decision.outcome) fail('outcome', outcome, decision.outcome)
    return wrong
  }

  #row(transaction: Transaction, { ordinals }: DecisionDocument): (number | null)[] {
    const { catalog, mapping } = this.#assembly
    const current = this.#journals.record(transaction)
    const hands = new Map<string, ByHand | null>()
    return catalog.features.map((feature) => {
      const kind = feature.entity
      if (kind === null) return ownValue(feature, transaction, mapping.schema.fields)
      if (!hands.has(kind)) hands.set(kind, this.#hand(kind, current, ordinals[kind] ?? 0))
      return hands.get(kind)?.value(feature).value ?? null
    })
  }

  #hand(kind: string, current: HandRecord, ordinal: number): ByHand | null {
    const journal = this.#journals.journalOf(kind, tenant, current)
    if (journal === null) return null
    const before = journal.slice(0, ordinal)
    for (let at = 0; at < ordinal; at++) {
      if (before[at] === undefined) throw new Error(`${current.name}: nothing is ${kind} ${at}`)
    }
    return new ByHand(current, before)
  }

  /** By the champion alone. */
  async #decide(
    row: readonly (number | null)[],
  ): Promise<{ score: number | null; outcome: string }> {
    const { model, policy } = this.#assembly.lineup.seats[0]!
    if (model === null) return { score: null, outcome: outcomeOf(policy, Number.NaN) }
    const at = new Map(this.#assembly.catalog.features.map(({ name }, index) => [name, index]))
    for (const [index, { feature, imputation }] of model.inputs.entries()) {
      model.rows[index] = row[at.get(feature)!] ?? imputation
    }
    const out = new Float64Array(1)
    await model.score(1, out)
    const score = roundScore(out[0]!)
    return { score, outcome: outcomeOf(policy, score) }
  }

  #parse(message: Uint8Array, timestampMs: number): Transaction {
    const { entities, fields } = this.#parser.schema
    const transaction = new Transaction(entities.length, fields.length)
    const reject = this.#parser.parse(message, timestampMs, transaction)
    if (reject !== null) throw new Error(`a rejected message got a decision: ${reject.reason}`)
    return transaction
  }
}
