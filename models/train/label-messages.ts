// Labels that come as messages of their own, gathered while the engine reads history: they are the targets of rows that
// came long before. Windows see them through the journals, at their arrival, and never through here.
import {
  Kind,
  type Parser,
  type Reject,
  type Transaction,
  Verdict,
} from '../../features/transaction.ts'
import type { Label } from './row-table.ts'

/** A parser that reads as the one it is given, and keeps the verdict of each label message on the way. */
export class LabelMessages implements Parser {
  readonly schema: Parser['schema']
  readonly #parser: Parser
  readonly #identityOf: (transaction: Transaction) => number
  readonly #labels = new Map<number, Label>()

  constructor(parser: Parser, identityOf: (transaction: Transaction) => number) {
    this.schema = parser.schema
    this.#parser = parser
    this.#identityOf = identityOf
  }

  /** By identity; of several verdicts on a transaction the one that arrived last. */
  get labels(): ReadonlyMap<number, Label> {
    return this.#labels
  }

  parse(message: Uint8Array, receivedMs: number, out: Transaction): Reject | null {
    const reject = this.#parser.parse(message, receivedMs, out)
    if (reject !== null || out.kind !== Kind.label || out.verdict === Verdict.none) return reject
    const identity = this.#identityOf(out)
    const known = this.#labels.get(identity)
    if (known === undefined || out.atMs >= known.atMs) {
      this.#labels.set(identity, { verdict: out.verdict, atMs: out.atMs })
    }
    return null
  }
}
