// Answers that calls were given before their transaction came by the topic: they are what the topic's outcome says. Sealed
// ones travel with the transaction; the others are where calls keep them.
import type { Addresser, Answer, AnswerAddress, AnswerSeal } from '../../features/answer.ts'
import { type Observation, Seen } from '../../features/observation.ts'
import { Kind, type Transaction } from '../../features/transaction.ts'
import { batchRowsMax } from './limits.ts'
import { type OutcomeName, outcomes } from './policy.ts'
import type { Answers, Log, Message } from './ports.ts'
import { type Rung, rungs } from './rung.ts'

/** A decision that somebody has acted on already. */
export interface Given {
  readonly outcome: OutcomeName
  readonly rung: Rung
  /** The document, byte for byte as it went out. */
  readonly body: string
}

export interface GivenParts {
  readonly seal: AnswerSeal
  readonly addresser: Addresser
  /** Where calls keep what they were answered. */
  readonly kept: Answers
  readonly log: Log
}

interface Wanted {
  readonly row: number
  readonly fingerprint: string
}

export class GivenAnswers {
  readonly #parts: GivenParts
  readonly #given = new Array<Given | null>(batchRowsMax).fill(null)
  readonly #wanted: Wanted[] = []
  readonly #addresses: AnswerAddress[] = []

  constructor(parts: GivenParts) {
    this.#parts = parts
  }

  /** What the transaction of a row was answered; null without an answer. Of a duplicate: what came with it. */
  at(row: number): Given | null {
    return this.#given[row]!
  }

  /**
   * Finds the answers of an observed batch; `rowOf` has the row of each message, -1 without one. Asks `kept` only where a
   * call's record was adopted without an answer beside it. Rejects with StoreError.
   */
  async find(
    messages: readonly Message[],
    rowOf: Int32Array,
    transactions: readonly Transaction[],
    batch: Observation,
  ): Promise<void> {
    this.#given.fill(null, 0, batch.count)
    this.#wanted.length = 0
    this.#addresses.length = 0
    for (let m = 0; m < messages.length; m++) {
      const row = rowOf[m]!
      if (row < 0) continue
      const { answer } = messages[m]!
      if (answer === null && batch.seen[row] !== Seen.adopted) continue
      if (transactions[row]!.kind === Kind.transaction)
        this.#read(messages[m]!, row, transactions[row]!.id, batch)
    }
    if (this.#wanted.length === 0) return
    const found = await this.#parts.kept.find(this.#addresses)
    for (const [at, { row, fingerprint }] of this.#wanted.entries()) {
      const kept = found[at] ?? null
      if (kept?.fingerprint === fingerprint) this.#given[row] = read(kept)
    }
  }

  #read(message: Message, row: number, id: string, batch: Observation): void {
    const { seal, addresser, log } = this.#parts
    const seen = batch.seen[row]! as Seen
    if (seen === Seen.conflict) return
    const address = addresser.addressOf(batch, row, id)
    const fingerprint = addresser.fingerprintOf(batch, row)
    const sealed = message.answer && seal.open(message.answer, address, fingerprint)
    if (message.answer !== null && sealed === null) {
      const { partition, offset } = message
      log.warn({ partition, offset }, 'an answer beside a transaction is not sealed with our key')
    }
    if (sealed !== null) {
      this.#given[row] = read(sealed)
    } else if (seen === Seen.adopted) {
      this.#wanted.push({ row, fingerprint })
      this.#addresses.push(address)
    }
  }
}

/** Null for what is no decision that this engine knows how to count. */
function read({ body }: Answer): Given | null {
  let document: { readonly outcome?: unknown; readonly rung?: unknown }
  try {
    document = JSON.parse(body) as object
  } catch {
    return null
  }
  const outcome = outcomes.find((name) => name === document.outcome)
  const rung = rungs.find((name) => name === document.rung)
  return outcome === undefined || rung === undefined ? null : { outcome, rung, body }
}
