// Fills a transaction's row of features: the numbers of the transaction alone, then each entity's from its view.
import { calendarValue } from './calendar.ts'
import { EntityFold } from './entity-fold.ts'
import { numberOf } from './number.ts'
import type { Observation } from './observation.ts'
import type { Plan, RowFeature } from './plan.ts'
import type { Transaction } from './transaction.ts'
import { View, type Views } from './view.ts'

/** One per pipeline: it owns scratch memory. */
export class Fold {
  readonly #plan: Plan
  readonly #entities: readonly EntityFold[]
  readonly #view = new View()
  /** Outputs that no row can fill under this mapping, and those of entities that a transaction lacks. */
  readonly #outputsOf: readonly Int32Array[]

  constructor(plan: Plan) {
    this.#plan = plan
    this.#entities = plan.journals.map((journal) => new EntityFold(journal))
    this.#outputsOf = plan.journals.map(({ features }) =>
      Int32Array.from(features, ({ output }) => output),
    )
  }

  /**
   * Writes `plan.features.length` numbers from `rows[at]` on, NaN for absent ones, and from `approximate[approximateAt]`
   * on 1 for each that is not exact. Returns how much older the transaction is than the newest one in its
   * primary's view, ms, 0 when it is not.
   */
  fill(
    transaction: Transaction,
    row: number,
    batch: Observation,
    views: Views,
    rows: Float64Array,
    at: number,
    approximate: Uint8Array,
    approximateAt: number,
  ): number {
    const { features, journals, rowFeatures, primary, absent } = this.#plan
    if (absent.length > 0) rows.fill(Number.NaN, at, at + features.length)
    approximate.fill(0, approximateAt, approximateAt + features.length)
    for (const feature of rowFeatures) rows[at + feature.output] = rowValue(feature, transaction)
    for (let e = 0; e < journals.length; e++) {
      const slot = row * journals.length + e
      if (batch.present[slot] === 0) {
        for (const output of this.#outputsOf[e]!) rows[at + output] = Number.NaN
        continue
      }
      views.view(batch.handle[slot]!, batch.ordinal[slot]!, this.#view)
      this.#entities[e]!.fill(
        this.#view,
        batch.recordData,
        slot * batch.recordStride,
        transaction,
        batch.applied[slot] === 1,
        rows,
        at,
        approximate,
        approximateAt,
      )
    }
    return Math.max(0, this.#entities[primary]!.newestMs - transaction.timeMs)
  }
}

function rowValue({ feature, field }: RowFeature, transaction: Transaction): number {
  if (feature.calendar !== null) return calendarValue(feature, transaction.timeMs)
  switch (feature.value) {
    case 'amount':
      return transaction.amountMinor
    case 'latitude':
      return transaction.latitude
    case 'longitude':
      return transaction.longitude
    default:
      return numberOf(transaction.fields[field] ?? null)
  }
}
