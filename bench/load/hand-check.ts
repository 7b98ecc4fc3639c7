// Holds decisions against a recomputation by hand: every feature from the plain list of records that came before in each of
// the transaction's journals, the score of the model on that row alone, and the outcome. In which order engines took
// transactions of several partitions only they know; the ordinals in the decisions say it, and each must be there once.
import type { Assembly } from '../../engine/assemble.ts'
import { outcomeOf, roundScore } from '../../engine/core/policy.ts'
import { ByHand } from '../../features/by-hand.ts'
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
const standInRung = '"rung":"stand-in"'
const ordinalsStart = '"ordinals":{'

export class HandCheck {
  readonly #assembly: Assembly
  readonly #parser: Parser
  readonly #journals: HandJournals
  readonly #isOfCalls: boolean
  /** Ordinals that two decisions claim. */
  readonly faults: string[] = []
  /** Values that were not compared, since the engine says that they are approximate. */
  approximate = 0
  compared = 0
  checked = 0

  /**
   * `isOfCalls`: a repeated call got the answer of the first, and a stand-in took a place that no answer tells. Decisions
   * behind such a place are not checked.
   */
  constructor(assembly: Assembly, { isOfCalls }: { readonly isOfCalls: boolean }) {
    this.#assembly = assembly
    this.#isOfCalls = isOfCalls
    this.#parser = assembly.mapping.parser()
    this.#journals = new HandJournals(assembly.catalog.features, assembly.mapping.schema)
  }

  /** Takes down one transaction and what was answered, in any order; all must be here before the first `check`. */
  add(message: Uint8Array, timestampMs: number, answer: string): void {
    if (!isDecided(answer)) return
    const start = answer.lastIndexOf(ordinalsStart) + ordinalsStart.length - 1
    const ordinals = answer.slice(start, answer.indexOf('}', start) + 1)
    const record = this.#journals.record(this.#parse(message, timestampMs))
    for (const [kind, ordinal] of Object.entries(JSON.parse(ordinals) as Record<string, number>)) {
      const journal = this.#journals.journalOf(kind, tenant, record)
      if (journal === null) this.faults.push(`${record.name}: has an ordinal of no ${kind}`)
      else if (journal[ordinal] !== undefined) {
        if (this.#isOfCalls && journal[ordinal].id === record.id) continue
        this.faults.push(`${record.name}: ${kind} ${ordinal} is ${journal[ordinal].name}'s`)
      } else journal[ordinal] = record
    }
  }

  /** What is wrong with a decision, a sentence each. Of other answers nothing is known here. */
  async check(message: Uint8Array, timestampMs: number, answer: string): Promise<string[]> {
    if (!isDecided(answer)) return []
    const decision = JSON.parse(answer) as DecisionDocument
    const transaction = this.#parse(message, timestampMs)
    const { features } = this.#assembly.catalog
    const row = this.#row(transaction, decision)
    if (row === null)
      return this.#isOfCalls ? [] : [`${decision.id}: nothing is at an ordinal before`]
    this.checked++
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

  /** Null where a record before it is not known. */
  #row(transaction: Transaction, { ordinals }: DecisionDocument): (number | null)[] | null {
    const { catalog, mapping } = this.#assembly
    const current = this.#journals.record(transaction)
    const hands = new Map<string, ByHand | null>()
    for (const [kind, ordinal] of Object.entries(ordinals)) {
      const before = this.#journals.journalOf(kind, tenant, current)?.slice(0, ordinal) ?? []
      if (before.includes(undefined as never)) return null
      hands.set(kind, new ByHand(current, before))
    }
    return catalog.features.map((feature) => {
      if (feature.entity === null) return ownValue(feature, transaction, mapping.schema.fields)
      return hands.get(feature.entity)?.value(feature).value ?? null
    })
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

/** A stand-in knows nothing that could be computed again. */
function isDecided(answer: string): boolean {
  return answer.includes(decisionType) && !answer.includes(standInRung)
}
