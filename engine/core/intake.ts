// The first half of the path: messages become transactions and their records, or rejects. It asks nothing of a store, so
// it may run elsewhere and ahead; whoever decides is handed the same bytes. It never decides anything.
import { Observation } from '../../features/observation.ts'
import type { Plan } from '../../features/plan.ts'
import type { Encoder } from '../../features/record.ts'
import { type Parser, type Reject, Transaction } from '../../features/transaction.ts'
import { batchRowsMax } from './limits.ts'
import type { Message } from './ports.ts'

export const noRow = -1

/** A batch as it was taken in, one row per transaction. Owned by a pipeline, sized once, filled anew per batch. */
export class Taken {
  readonly transactions: readonly Transaction[]
  readonly batch: Observation
  /** Per message: its row, or `noRow` where `rejects` says why it has none. */
  readonly rowOf = new Int32Array(batchRowsMax)
  readonly rejects = new Array<Reject | null>(batchRowsMax).fill(null)

  constructor({ schema, journals, recordStride }: Plan) {
    const { entities, fields } = schema
    this.transactions = Array.from(
      { length: batchRowsMax },
      () => new Transaction(entities.length, fields.length),
    )
    this.batch = new Observation(batchRowsMax, journals.length, recordStride)
  }

  /** Gives message `m` the next row, with what a store asks of it beside its records; `transaction` is that row's. */
  admit(m: number, { partition, offset }: Message, { tenant, atMs }: Transaction): void {
    const { batch } = this
    const row = batch.count++
    this.rejects[m] = null
    this.rowOf[m] = row
    batch.tenant[row] = tenant
    batch.partition[row] = partition
    batch.offset[row] = offset
    // Of a message about an earlier transaction its own time: history does not begin with what it speaks of.
    batch.timeMs[row] = atMs
  }

  refuse(m: number, reject: Reject): void {
    this.rejects[m] = reject
    this.rowOf[m] = noRow
  }
}

/** Both are called once per batch, in this order, and fill all of `taken` for it. Neither throws, for no message. */
export interface Intake {
  parse(messages: readonly Message[], taken: Taken): void
  encode(taken: Taken): void
}

/** Takes messages in where it is called. */
export class DirectIntake implements Intake {
  readonly #parser: Parser
  readonly #encoder: Pick<Encoder, 'encode'>

  constructor(parser: Parser, encoder: Pick<Encoder, 'encode'>) {
    this.#parser = parser
    this.#encoder = encoder
  }

  parse(messages: readonly Message[], taken: Taken): void {
    taken.batch.count = 0
    for (let m = 0; m < messages.length; m++) {
      const message = messages[m]!
      const transaction = taken.transactions[taken.batch.count]!
      const value = message.value ?? noBytes
      const reject = this.#parser.parse(value, message.timestampMs, transaction)
      if (reject === null) taken.admit(m, message, transaction)
      else taken.refuse(m, reject)
    }
  }

  encode({ batch, transactions }: Taken): void {
    for (let row = 0; row < batch.count; row++) {
      this.#encoder.encode(transactions[row]!, row, batch)
    }
  }
}

const noBytes = new Uint8Array(0)
