// Reads a call's body once before it waits for its turn: bad ones are refused at once, and of good ones is known what an
// answer needs when there is no time left for the pipeline. It is the pipeline's parser and encoder too: a call that is decided
// before the next one is read, as where it comes alone, is neither parsed nor hashed again. It decides nothing.
import { Addresser, type AnswerAddress } from '../../features/answer.ts'
import { Observation } from '../../features/observation.ts'
import type { Plan } from '../../features/plan.ts'
import { Encoder } from '../../features/record.ts'
import {
  Kind,
  type Parser,
  type Reject,
  Transaction,
  type TransactionSchema,
} from '../../features/transaction.ts'

/** What is known of a call before it is decided. */
export interface Known {
  readonly address: AnswerAddress
  /** Of its content, 16 hex digits. */
  readonly fingerprint: string
  /** False: a label, reversal or decline, which gets no decision. */
  readonly isTransaction: boolean
  readonly id: string
  /** Id of the primary entity, by which the transaction topic is keyed. */
  readonly primaryId: string
  readonly tenant: string
  readonly timeMs: number
  readonly hasNoRate: boolean
}

/** Calls have no source message. */
export const noSource = -1

export class Intake implements Parser {
  readonly schema: TransactionSchema
  readonly #parser: Parser
  readonly #encoder: Encoder
  readonly #addresser: Addresser
  // One row, filled anew by each body.
  readonly #transaction: Transaction
  readonly #batch: Observation
  /** The body that the row is of, and when it arrived; null where it is of none. */
  #body: Uint8Array | null = null
  #arrivedMs = Number.NaN
  /** Whom the pipeline has of it. */
  #taken: Transaction | null = null

  constructor(parser: Parser, plan: Plan, hashKey: Uint8Array) {
    this.schema = parser.schema
    this.#parser = parser
    this.#encoder = new Encoder(plan, hashKey)
    this.#addresser = new Addresser(hashKey, plan.primary)
    this.#transaction = new Transaction(parser.schema.entities.length, parser.schema.fields.length)
    this.#batch = new Observation(1, plan.journals.length, plan.recordStride)
  }

  /** Never throws, for no body. `arrivedMs`: ms UTC. */
  read(body: Uint8Array, arrivedMs: number): Known | Reject {
    const transaction = this.#transaction
    this.#body = this.#taken = null
    const reject = this.#parser.parse(body, arrivedMs, transaction)
    if (reject !== null) return reject
    const batch = this.#batch
    batch.tenant[0] = transaction.tenant
    batch.partition[0] = noSource
    batch.offset[0] = noSource
    batch.timeMs[0] = transaction.timeMs
    this.#encoder.encode(transaction, 0, batch)
    this.#body = body
    this.#arrivedMs = arrivedMs
    const { id, tenant, timeMs, hasNoRate, kind, entities } = transaction
    return {
      address: this.#addresser.addressOf(batch, 0, id),
      fingerprint: this.#addresser.fingerprintOf(batch, 0),
      isTransaction: kind === Kind.transaction,
      id,
      primaryId: entities[this.#parser.schema.primary]!,
      tenant,
      timeMs,
      hasNoRate,
    }
  }

  parse(body: Uint8Array, arrivedMs: number, out: Transaction): Reject | null {
    if (body !== this.#body || arrivedMs !== this.#arrivedMs) {
      if (out === this.#taken) this.#taken = null
      return this.#parser.parse(body, arrivedMs, out)
    }
    out.take(this.#transaction)
    this.#taken = out
    return null
  }

  /** As an Encoder, of rows without a source. */
  encode(transaction: Transaction, row: number, batch: Observation): void {
    if (transaction !== this.#taken) {
      this.#encoder.encode(transaction, row, batch)
      return
    }
    const { present, key, records, entityCount, recordStride } = this.#batch
    batch.present.set(present, row * entityCount)
    batch.key.set(key, row * entityCount * 4)
    batch.records.set(records, row * entityCount * recordStride)
  }

  /** Where the answer to `id` of a primary entity is kept. */
  address(primary: string, id: string): AnswerAddress {
    return this.#addresser.address(primary, id)
  }
}
