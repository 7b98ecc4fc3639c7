// One entity's features from one view: its exact tail, then its hops, then what reversals and labels change. Allocates
// nothing unless the journal holds reversals or label messages. The contract is docs/windows.md; the naive twin is
// features/by-hand.ts.
import { ruleOf } from './aggregate.ts'
import type { EntityFeature, EntityPlan, WindowGroup } from './entity-plan.ts'
import { addHops } from './hop-sums.ts'
import type { PlacedSeries } from './hops.ts'
import { hopBoundary } from './journal.ts'
import { LabelSums } from './label-sums.ts'
import { isMet, wordOf } from './layout.ts'
import { Lifecycle, type Undone } from './lifecycle.ts'
import { MessageSums } from './message-sums.ts'
import { Running } from './running.ts'
import type { RunningWindows } from './running-windows.ts'
import { Tail } from './tail.ts'
import type { Transaction } from './transaction.ts'
import type { Hops, View } from './view.ts'
import { WindowSums } from './window-sums.ts'
import { WindowValues } from './window-values.ts'

/** A group of windows with what it gathers. */
interface Group {
  readonly plan: WindowGroup
  readonly sums: WindowSums
  readonly tail: Tail
  readonly values: WindowValues
  readonly series: readonly PlacedSeries[]
  /** Null where nothing can be carried along. */
  readonly running: RunningWindows | null
}

/** A feature of transactions, and who has its number. */
interface OfWindow {
  readonly feature: EntityFeature
  readonly values: WindowValues
}

export class EntityFold {
  readonly #plan: EntityPlan
  readonly #groups: readonly Group[]
  /** Those whose pass over the records somebody needs: the first may be there for nobody. */
  readonly #passes: readonly Group[]
  readonly #labels: LabelSums
  readonly #messages: MessageSums
  readonly #labelSeries: readonly PlacedSeries[]
  readonly #messageSeries: readonly PlacedSeries[]
  readonly #lifecycle: Lifecycle | null
  readonly #running: Running | null
  readonly #ofWindows: readonly OfWindow[]
  /** Features of labels and of messages. */
  readonly #others: readonly EntityFeature[]
  /** Scratch for hops that the holder has not cached. */
  #scratch: Hops | null = null
  #newestMs = -Infinity

  constructor(plan: EntityPlan) {
    this.#plan = plan
    const { layout, labelWindows, messageWindows } = plan
    this.#labels = new LabelSums(labelWindows)
    this.#messages = new MessageSums(messageWindows)
    this.#running = plan.running === null ? null : new Running(plan, plan.running)
    let series = 0
    let sketch = 0
    const take = (count: number): readonly PlacedSeries[] =>
      plan.hops.series.slice(series, (series += count))
    this.#groups = plan.groups.map((group, g) => {
      const sums = new WindowSums(group.windowsMs.length, group)
      const labels = g === 0 && labelWindows.length > 0 ? this.#labels : null
      const tail = new Tail(plan, group, sums, labels)
      const sketched = new Map<number, number>()
      for (const column of group.sketched) {
        sketched.set(column, plan.hops.sketches[sketch++]!.at)
      }
      const values = new WindowValues(layout, group, sums, tail, sketched)
      const running = this.#running?.windows[g] ?? null
      return { plan: group, sums, tail, values, series: take(group.windowsMs.length), running }
    })
    const isFirstNeeded = plan.isPrimary || labelWindows.length > 0
    this.#passes = this.#groups.filter(
      (group, g) => group.plan.windowsMs.length > 0 || (g === 0 && isFirstNeeded),
    )
    this.#labelSeries = take(labelWindows.length)
    this.#messageSeries = take(messageWindows.length)
    this.#lifecycle = layout.named >= 0 ? new Lifecycle(layout) : null
    const isOfWindow = ({ aggregate }: EntityFeature): boolean =>
      ruleOf(aggregate).over === 'transactions'
    this.#ofWindows = plan.features.filter(isOfWindow).map((feature) => {
      return { feature, values: this.#groups[feature.group]!.values }
    })
    this.#others = plan.features.filter((feature) => !isOfWindow(feature))
  }

  /** Of the primary: time of the newest transaction in the view of the last `fill`, ms; -Infinity when there is none. */
  get newestMs(): number {
    return this.#newestMs
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
    transaction: Transaction,
    isPresentView: boolean,
    rows: Float64Array,
    rowAt: number,
    approximate: Uint8Array,
    approximateAt: number,
  ): void {
    const { timeMs } = transaction
    const boundary = hopBoundary(view.ordinal, this.#plan.cap)
    const running =
      this.#running?.bring(view, boundary, transaction) === true ? this.#running : null
    const hasHappened = running === null && this.#lifecycle?.gather(view, boundary, timeMs) === true
    const lifecycle = hasHappened ? this.#lifecycle : null
    const hops = boundary > 0 ? this.#hopsAt(view, boundary) : null
    // A message in hops may be of a transaction that comes later.
    const areTransactions = this.#lifecycle === null
    this.#labels.clear()
    this.#messages.clear()
    for (const { plan, sums, tail, series, running: windows } of this.#passes) {
      sums.clear()
      if (running !== null) tail.carry(windows!, running.cursor, record, recordAt)
      else tail.add(view, boundary, transaction, lifecycle, record, recordAt)
      if (hops !== null) addHops(hops, plan, series, sums, transaction, areTransactions)
    }
    running?.labels?.show(running.cursor, this.#labels)
    this.#newestMs = running === null ? this.#groups[0]!.tail.newestMs : running.newestMs
    if (hops !== null) {
      this.#newestMs = Math.max(this.#newestMs, hops[0]!)
      this.#labels.addHops(hops, this.#labelSeries, transaction, areTransactions)
      this.#messages.addHops(hops, this.#messageSeries, transaction)
    }
    if (lifecycle !== null) this.#addLifecycle(lifecycle, timeMs, hops !== null)
    const word = wordOf(record, recordAt)
    for (const { values } of this.#groups)
      values.begin(view.data, record, recordAt, transaction, hops)
    for (const { feature, values } of this.#ofWindows) {
      const isIncluded = feature.isCurrentIncluded && isMet(word, feature.mask)
      rows[rowAt + feature.output] = values.of(feature, isIncluded ? 1 : 0)
    }
    for (const feature of this.#others) {
      rows[rowAt + feature.output] = this.#value(feature, hops !== null)
    }
    if (hops !== null || isPresentView) this.#mark(isPresentView, approximate, approximateAt)
    running?.follow(view)
  }

  #mark(isPresentView: boolean, approximate: Uint8Array, at: number): void {
    for (const { feature, values } of this.#ofWindows) {
      if (isPresentView || values.isApproximate(feature)) approximate[at + feature.output] = 1
    }
    for (const feature of this.#others) {
      if (isPresentView || this.#isApproximate(feature)) approximate[at + feature.output] = 1
    }
  }

  /** Sums of the records before `boundary`: the holder's, or built here from an older sum and the records since. */
  #hopsAt(view: View, boundary: number): Hops {
    if (view.hopsCached !== null && view.hopsThrough === boundary) return view.hopsCached
    this.#scratch ??= new Float64Array(this.#plan.hopFloats)
    if (view.hops === null) this.#plan.clearHops(this.#scratch)
    else this.#scratch.set(view.hops)
    this.#plan.addToHops(this.#scratch, view.data, view.start, boundary - view.base)
    return this.#scratch
  }

  /** Label messages count by themselves; of what lies in hops, a reversal takes out its own copy. */
  #addLifecycle(lifecycle: Lifecycle, timeMs: number, hasHops: boolean): void {
    for (const { recordMs, word, verdict, arrivalMs, isUndone } of lifecycle.labels()) {
      this.#labels.add(recordMs, word, verdict, arrivalMs, timeMs, isUndone)
      if (hasHops) this.#labels.isApproximate.fill(1)
    }
    for (const undone of lifecycle.undone()) {
      this.#messages.add(undone, timeMs)
      if (!hasHops || undone.isMatched) continue
      for (const group of this.#groups) takeOut(group, undone, timeMs)
      this.#labels.markUndone(undone.recordMs, timeMs)
    }
  }

  /** Of labels and of messages. */
  #value(feature: EntityFeature, hasHops: boolean): number {
    const w = feature.window
    switch (feature.aggregate) {
      case 'fraud_count':
        return this.#labels.frauds[w]!
      case 'fraud_rate':
        return rate(this.#labels.frauds[w]!, this.#labels.labelled[w]!, feature)
      case 'reversals':
        return this.#messages.count[feature.messages]!
      default: {
        // Who knows a transaction by its decline alone still knows of it; of one in hops the hops count.
        const { count, unmatched } = this.#messages
        const alone = hasHops ? 0 : unmatched[feature.messages]!
        const all = this.#groups[feature.group]!.sums.count[w]! + alone
        return rate(count[feature.messages]!, all, feature)
      }
    }
  }

  #isApproximate({ aggregate, group, window, messages }: EntityFeature): boolean {
    switch (aggregate) {
      case 'fraud_count':
      case 'fraud_rate':
        return this.#labels.isApproximate[window] === 1
      case 'reversals':
        return this.#messages.isApproximate[messages] === 1
      default: {
        // Of what only its decline speaks of, nobody knows whether it lies in hops.
        const { isApproximate, unmatched } = this.#messages
        if (isApproximate[messages] === 1 || unmatched[messages]! > 0) return true
        return this.#groups[group]!.sums.isApproximate[window] === 1
      }
    }
  }
}

/** A transaction that lies in hops was reversed or declined: its windows lose its copy, and are not exact any more. */
function takeOut({ plan, sums }: Group, undone: Undone, timeMs: number): void {
  if (plan.isGross) return
  // A message that does not meet the condition may speak of a transaction that does.
  const isSummed = isMet(undone.word, plan.mask)
  const ageMs = timeMs - plan.delayMs - undone.recordMs
  if (ageMs < 0) return
  for (let w = 0; w < plan.windowsMs.length; w++) {
    if (ageMs >= plan.windowsMs[w]!) continue
    sums.isApproximate[w] = 1
    sums.isFirstApproximate[w] = 1
    sums.isLastApproximate[w] = 1
    if (!isSummed) continue
    sums.count[w]!--
    sums.takeAmount(w, undone.amount)
  }
}

/** Absent when there is nothing to divide by. */
function rate(positive: number, all: number, { smoothing }: EntityFeature): number {
  if (smoothing !== null) {
    return (positive + smoothing.weight * smoothing.prior) / (all + smoothing.weight)
  }
  return all > 0 ? positive / all : Number.NaN
}
