// The parser of a topic that has labels, reversals and declines alone: a transaction there would be counted and never decided.
import { makeReject } from './reject.ts'
import { Kind, type Parser, type Reject, type Transaction } from './transaction.ts'

export class MessagesOnly implements Parser {
  readonly #parser: Parser

  constructor(parser: Parser) {
    this.#parser = parser
  }

  get schema(): Parser['schema'] {
    return this.#parser.schema
  }

  parse(message: Uint8Array, receivedMs: number, out: Transaction): Reject | null {
    const reject = this.#parser.parse(message, receivedMs, out)
    if (reject !== null || out.kind !== Kind.transaction) return reject
    return makeReject('not_a_label', '$', 'a label, reversal or decline', 'a transaction')
  }
}
