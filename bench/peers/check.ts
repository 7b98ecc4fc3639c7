// Holds decisions of any engine against the naive oracle: which of them rest on other numbers than the window contract says.
import { fingerprint, StandardOracle } from '../standard/oracle.ts'
import { featureNames, type StandardTransaction } from '../standard/transactions.ts'
import { outcomeBy, plainTrees } from './trees.ts'

/** Expectations for every `every`th transaction from the `from`th on. */
export class DecisionCheck {
  readonly #expected = new Map<string, readonly number[]>()
  readonly #seen = new Set<string>()
  readonly #oracle = new StandardOracle()
  readonly #from: number
  readonly #every: number
  #index = 0
  #differing = 0
  #marked = 0
  #otherOutcomes = 0
  readonly #trees = plainTrees()
  #bytes = 0
  #decisions = 0

  constructor(from: number, every: number) {
    this.#from = from
    this.#every = every
  }

  /** In the order of the topic; over several partitions, in the order in which they were produced. */
  produced(transaction: StandardTransaction): void {
    if (this.#index >= this.#from && this.#index % this.#every === 0) {
      this.#expected.set(transaction.id, this.#oracle.features(transaction))
    }
    this.#oracle.add(transaction)
    this.#index++
  }

  decided(text: string): void {
    this.#bytes += text.length
    this.#decisions++
    const id = /"id":"([^"]+)"/.exec(text)?.[1] ?? ''
    const expected = this.#expected.get(id)
    if (expected === undefined || this.#seen.has(id)) return
    this.#seen.add(id)
    const { features, approximate, outcome } = JSON.parse(text) as Decision
    if (outcome !== outcomeBy(expected, this.#trees)) this.#otherOutcomes++
    if (typeof features === 'string') {
      if (features !== fingerprint(expected)) this.#differing++
      return
    }
    const wrong = featureNames.filter((name, at) => features[name] !== expected[at])
    if (wrong.length === 0) return
    this.#differing++
    if (wrong.every((name) => approximate?.includes(name) === true)) this.#marked++
  }

  /** Of the decisions that were checked. Each expected one must have come. */
  get measures(): Record<string, number> {
    const missing = this.#expected.size - this.#seen.size
    return {
      differing_share: this.#differing / this.#seen.size,
      differing_unmarked_share: (this.#differing - this.#marked) / this.#seen.size,
      other_outcome_share: this.#otherOutcomes / this.#seen.size,
      missing_decisions: missing,
      decision_bytes: this.#bytes / this.#decisions,
    }
  }
}

interface Decision {
  readonly outcome: string
  /** Of peers their fingerprint, of Weir all of them. */
  readonly features: string | Readonly<Record<string, number | null>>
  /** Features that Weir says are approximate. */
  readonly approximate?: readonly string[]
}
