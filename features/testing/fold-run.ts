// Runs transactions one by one through encoder, journals and fold, with blocks, with running sums and without: all must give
// the same.
import assert from 'node:assert/strict'
import { Fold } from '../fold.ts'
import { Observation } from '../observation.ts'
import type { Plan } from '../plan.ts'
import { Encoder } from '../record.ts'
import type { Transaction } from '../transaction.ts'
import { WholeJournals } from './journals.ts'

const hashKey = Uint8Array.from({ length: 16 }, (_, index) => index * 7)

export class FoldRun {
  readonly #plan: Plan
  readonly #encoder: Encoder
  readonly #fold: Fold
  readonly #batch: Observation
  readonly journals: WholeJournals
  /** Marks of the last row. */
  readonly approximate: Uint8Array
  /** Of the last row. */
  lateMs = 0

  constructor(plan: Plan) {
    this.#plan = plan
    this.#encoder = new Encoder(plan, hashKey)
    this.#fold = new Fold(plan)
    this.#batch = new Observation(1, plan.journals.length, plan.recordStride)
    this.journals = new WholeJournals(plan)
    this.approximate = new Uint8Array(plan.features.length)
  }

  /** Appends its records and returns its row. */
  add(transaction: Transaction): number[] {
    this.append(transaction)
    return this.fold(transaction)
  }

  /** The row of the transaction that was appended last. */
  fold(transaction: Transaction): number[] {
    const { journals } = this
    const rows = this.#fill(transaction)
    const plain = [rows, [...this.approximate], this.lateMs]
    journals.sum = true
    const summed = this.#fill(transaction)
    assert.deepEqual(
      [summed, [...this.approximate], this.lateMs],
      plain,
      'blocks changed a feature',
    )
    journals.run = true
    const carried = this.#fill(transaction)
    const told = [carried, [...this.approximate], this.lateMs]
    assert.deepEqual(told, plain, 'running sums changed a feature')
    journals.sum = false
    journals.run = false
    return rows
  }

  /** Appends its records alone. */
  append(transaction: Transaction): void {
    const batch = this.#batch
    batch.count = 1
    batch.tenant[0] = transaction.tenant
    batch.partition[0] = -1
    this.#encoder.encode(transaction, 0, batch)
    this.journals.append(batch)
  }

  #fill(transaction: Transaction): number[] {
    const rows = new Float64Array(this.#plan.features.length)
    this.lateMs = this.#fold.fill(
      transaction,
      0,
      this.#batch,
      this.journals,
      rows,
      0,
      this.approximate,
      0,
    )
    return [...rows]
  }
}
