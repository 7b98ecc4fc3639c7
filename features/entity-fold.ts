// One entity's features from one view: its exact tail, then its hops, then what reversals and labels change. Allocates
// nothing unless the journal holds reversals or label messages. The contract is docs/windows.md; the naive twin is
// testing/oracle.ts.
import { HopSums } from './hop-sums.ts'
import { hopBoundary } from './journal.ts'
import { Lifecycle } from './lifecycle.ts'
import type { EntityFeature, EntityPlan } from './plan.ts'
import { Tail } from './tail.ts'
import type { View } from './view.ts'
import { WindowSums } from './window-sums.ts'

export class EntityFold {
  readonly #plan: EntityPlan
  readonly #sums: WindowSums
  readonly #tail: Tail
  readonly #hops: HopSums
  readonly #lifecycle: Lifecycle | null

  constructor(plan: EntityPlan) {
    this.#plan = plan
    this.#sums = new WindowSums(plan.windowsMs.length, plan.labelWindows.length)
    this.#tail = new Tail(plan, this.#sums)
    this.#hops = new HopSums(plan, this.#sums)
    this.#lifecycle = plan.layout.named >= 0 ? new Lifecycle(plan.layout) : null
  }

  /** Time of the newest transaction in the view of the last `fill`, ms; -Infinity when there is none. */
  get newestMs(): number {
    return this.#sums.newestMs
  }

  /**
   * Writes this entity's features of the transaction whose record lies at byte `recordAt` of `record`.
   * `isPresentView`: the record was applied before and has left the exact tail, so every feature is approximate. The marks
   * in `approximate` are zero before.
   */
  fill(
    view: View,
    record: DataView,
    recordAt: number,
    timeMs: number,
    isPresentView: boolean,
    rows: Float64Array,
    rowAt: number,
    approximate: Uint8Array,
    approximateAt: number,
  ): void {
    const boundary = hopBoundary(view.ordinal, this.#plan.cap)
    const lifecycle =
      this.#lifecycle?.gather(view, boundary, timeMs) === true ? this.#lifecycle : null
    this.#sums.clear()
    this.#tail.add(view, boundary, timeMs, lifecycle)
    this.#sums.merge()
    if (boundary > 0) this.#hops.add(view, boundary, timeMs)
    if (lifecycle !== null) this.#addLifecycle(lifecycle, timeMs, boundary > 0)
    const isExact = boundary === 0 && !isPresentView
    for (const feature of this.#plan.features) {
      rows[rowAt + feature.output] = this.#value(feature, record, recordAt)
      if (isExact) continue
      const isApproximate = isPresentView || this.#isFeatureApproximate(feature)
      approximate[approximateAt + feature.output] = isApproximate ? 1 : 0
    }
  }

  /** Label messages count by themselves; a reversal of a transaction that lies in hops is taken out by its own copy. */
  #addLifecycle(lifecycle: Lifecycle, timeMs: number, hasHops: boolean): void {
    const sums = this.#sums
    for (const { recordMs, verdict, arrivalMs } of lifecycle.labels()) {
      this.#tail.addLabel(recordMs, verdict, arrivalMs, timeMs)
      if (hasHops) sums.isLabelApproximate.fill(1)
    }
    if (!hasHops) return
    for (const { recordMs, amount } of lifecycle.unmatched()) {
      const ageMs = timeMs - recordMs
      for (let w = 0; w < this.#plan.windowsMs.length; w++) {
        if (ageMs < 0 || ageMs >= this.#plan.windowsMs[w]!) continue
        sums.isApproximate[w] = 1
        sums.isSinceApproximate[w] = 1
        sums.count[w]!--
        sums.takeAmount(w, amount)
      }
      for (const [w, { windowMs, delayMs }] of this.#plan.labelWindows.entries()) {
        // Its label, if it had one in its row, is in the hops.
        if (ageMs >= delayMs && ageMs < delayMs + windowMs) sums.isLabelApproximate[w] = 1
      }
    }
  }

  #value(feature: EntityFeature, record: DataView, at: number): number {
    const w = feature.window
    const sums = this.#sums
    const one = feature.isCurrentIncluded ? 1 : 0
    switch (feature.aggregate) {
      case 'count':
        return sums.count[w]! + one
      case 'since_last':
        return sums.since[w]! === Infinity ? Number.NaN : sums.since[w]!
      case 'distinct':
        return this.#distinct(feature, record, at)
      case 'fraud_count':
        return sums.frauds[w]!
      case 'fraud_rate':
        return sums.labelled[w]! > 0 ? sums.frauds[w]! / sums.labelled[w]! : Number.NaN
      case 'sum':
      case 'avg':
      case 'min':
      case 'max':
        break
    }
    const own = one === 1 ? record.getFloat64(at + this.#plan.layout.amount, true) : 0
    if (Number.isNaN(own)) return Number.NaN
    const amounts = sums.amounts[w]! + one
    if (feature.aggregate === 'sum') return sums.sum(w, own)
    if (amounts === 0) return Number.NaN
    if (feature.aggregate === 'avg') return sums.sum(w, own) / amounts
    if (feature.aggregate === 'min') {
      return one === 1 ? Math.min(sums.min[w]!, own) : sums.min[w]!
    }
    return one === 1 ? Math.max(sums.max[w]!, own) : sums.max[w]!
  }

  #distinct(
    { column, window, isCurrentIncluded }: EntityFeature,
    record: DataView,
    at: number,
  ): number {
    const set = this.#tail.sets[column]!
    const count = set.counts[window]!
    if (!isCurrentIncluded) return count
    const place = at + this.#plan.layout.columns[column]!.at
    const low = record.getInt32(place, true)
    const high = record.getInt32(place + 4, true)
    if ((low | high) === 0) return count
    const seen = set.windowOf(low, high)
    return seen >= 0 && seen <= window ? count : count + 1
  }

  #isFeatureApproximate({ aggregate, window }: EntityFeature): boolean {
    switch (aggregate) {
      case 'distinct':
        return this.#sums.reachesHops[window] === 1 || this.#sums.isApproximate[window] === 1
      case 'since_last':
        return this.#sums.isSinceApproximate[window] === 1
      case 'fraud_count':
      case 'fraud_rate':
        return this.#sums.isLabelApproximate[window] === 1
      case 'count':
      case 'sum':
      case 'avg':
      case 'min':
      case 'max':
        return this.#sums.isApproximate[window] === 1
    }
  }
}
