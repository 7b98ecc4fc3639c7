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

/** A transaction and where its records lie. */
export interface Folded {
  readonly transaction: Transaction
  readonly handles: Int32Array
  readonly ordinals: Float64Array
}

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
  /** Entities of rows that were folded, and of them those with running sums. */
  folded = 0
  carried = 0

  /** `journals`: of a plan with the same records. */
  constructor(plan: Plan, journals = new WholeJournals(plan)) {
    this.#plan = plan
    this.#encoder = new Encoder(plan, hashKey)
    this.#fold = new Fold(plan)
    this.#batch = new Observation(1, plan.journals.length, plan.recordStride)
    this.journals = journals
    this.approximate = new Uint8Array(plan.features.length)
  }

  /** Appends its records and returns its row. */
  add(transaction: Transaction): number[] {
    this.append(transaction)
    return this.#row(transaction)
  }

  /** The transaction that was added last. */
  last(transaction: Transaction): Folded {
    const { handle, ordinal } = this.#batch
    return { transaction, handles: handle.slice(), ordinals: ordinal.slice() }
  }

  /** Folds a transaction again that was added here or in a run with the same journals, as its view was then. */
  again({ transaction, handles, ordinals }: Folded): number[] {
    this.#encode(transaction)
    this.#batch.handle.set(handles)
    this.#batch.ordinal.set(ordinals)
    return this.#row(transaction)
  }

  #row(transaction: Transaction): number[] {
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
    for (const [slot, handle] of this.#batch.handle.entries()) {
      if (this.#batch.present[slot] === 0) continue
      this.folded++
      if (journals.isCarried(handle, transaction.timeMs)) this.carried++
    }
    return rows
  }

  /** Appends its records alone. */
  append(transaction: Transaction): void {
    this.#encode(transaction)
    this.journals.append(this.#batch)
  }

  #encode(transaction: Transaction): void {
    const batch = this.#batch
    batch.count = 1
    batch.tenant[0] = transaction.tenant
    batch.partition[0] = -1
    this.#encoder.encode(transaction, 0, batch)
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
