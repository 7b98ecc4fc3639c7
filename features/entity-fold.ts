// One entity's features from one view: a single pass over the exact tail, then the hops. Allocates nothing unless the
// journal holds reversals or label messages. The contract is docs/windows.md; the naive twin is testing/oracle.ts.
//
// A record of age a belongs to every window longer than a. So each record is added once, to the shortest window that
// holds it, and at the end each window takes over what the shorter ones gathered.
import { DistinctSet } from './distinct.ts'
import { ringSize, Slice, seriesFloats, sliceAt, sliceMs } from './hops.ts'
import { hopBoundary } from './journal.ts'
import { Lifecycle } from './lifecycle.ts'
import type { EntityFeature, EntityPlan } from './plan.ts'
import { Verdict } from './transaction.ts'
import type { Hops, View } from './view.ts'

const two32 = 2 ** 32
/** Where the kind stands in the second word of a record (layout.ts): zero is a transaction. */
const kindMask = 0x00ff0000

export class EntityFold {
  readonly #plan: EntityPlan
  readonly #windowsMs: Float64Array
  readonly #longestMs: number
  readonly #lifecycle: Lifecycle | null
  /** One per column of the layout. */
  readonly #sets: readonly DistinctSet[]
  /** Scratch for hops that the holder has not cached. */
  #scratch: Hops | null = null

  // Per window.
  readonly #count: Float64Array
  readonly #amounts: Float64Array
  readonly #high: Float64Array
  readonly #low: Float64Array
  readonly #min: Float64Array
  readonly #max: Float64Array
  readonly #since: Float64Array
  readonly #isApproximate: Uint8Array
  readonly #isSinceApproximate: Uint8Array
  readonly #reachesHops: Uint8Array
  // Per label window.
  readonly #labelled: Float64Array
  readonly #frauds: Float64Array
  readonly #isLabelApproximate: Uint8Array

  /** Time of the newest transaction in the view, ms; -Infinity when there is none. Set by `fill`. */
  newestMs = -Infinity

  constructor(plan: EntityPlan) {
    this.#plan = plan
    this.#windowsMs = Float64Array.from(plan.windowsMs)
    this.#longestMs = plan.windowsMs.at(-1) ?? 0
    this.#lifecycle = plan.layout.named >= 0 ? new Lifecycle(plan.layout) : null
    const windows = plan.windowsMs.length
    this.#sets = plan.layout.columns.map(() => new DistinctSet(windows, plan.cap * 2))
    this.#count = new Float64Array(windows)
    this.#amounts = new Float64Array(windows)
    this.#high = new Float64Array(windows)
    this.#low = new Float64Array(windows)
    this.#min = new Float64Array(windows)
    this.#max = new Float64Array(windows)
    this.#since = new Float64Array(windows)
    this.#isApproximate = new Uint8Array(windows)
    this.#isSinceApproximate = new Uint8Array(windows)
    this.#reachesHops = new Uint8Array(windows)
    this.#labelled = new Float64Array(plan.labelWindows.length)
    this.#frauds = new Float64Array(plan.labelWindows.length)
    this.#isLabelApproximate = new Uint8Array(plan.labelWindows.length)
  }

  /**
   * Writes this entity's features of the transaction whose record lies at byte `recordAt` of `record`.
   * `isPresentView`: the record was applied before and has left the exact tail, so every feature is approximate.
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
    const { cap, layout } = this.#plan
    this.#clear()
    const boundary = hopBoundary(view.ordinal, cap)
    const start = view.start + (boundary - view.base) * layout.width
    const end = view.start + (view.ordinal - view.base) * layout.width
    this.#lifecycle?.gather(view.data, start, end, timeMs)
    this.#scan(view.data, start, end, timeMs)
    this.#mergeWindows()
    if (boundary > 0) this.#addHops(this.#hopsAt(view, boundary), timeMs)
    if (this.#lifecycle?.isEmpty === false)
      this.#addLifecycle(this.#lifecycle, timeMs, boundary > 0)
    for (const feature of this.#plan.features) {
      rows[rowAt + feature.output] = this.#value(feature, record, recordAt)
      const isApproximate = isPresentView || this.#isFeatureApproximate(feature)
      approximate[approximateAt + feature.output] = isApproximate ? 1 : 0
    }
  }

  #clear(): void {
    this.#count.fill(0)
    this.#amounts.fill(0)
    this.#high.fill(0)
    this.#low.fill(0)
    this.#min.fill(Infinity)
    this.#max.fill(-Infinity)
    this.#since.fill(Infinity)
    this.#isApproximate.fill(0)
    this.#isSinceApproximate.fill(0)
    this.#reachesHops.fill(0)
    this.#labelled.fill(0)
    this.#frauds.fill(0)
    this.#isLabelApproximate.fill(0)
    for (const set of this.#sets) set.clear()
    this.newestMs = -Infinity
  }

  /** Newest first: in a journal in time order the shortest window only ever grows. */
  #scan(data: DataView, start: number, end: number, timeMs: number): void {
    const { width, amount, label, columns } = this.#plan.layout
    const windowsMs = this.#windowsMs
    const longestMs = this.#longestMs
    const count = this.#count
    const since = this.#since
    const lifecycle = this.#lifecycle?.isEmpty === false ? this.#lifecycle : null
    let newestMs = -Infinity
    // The present window holds ages in [fromMs, toMs).
    let window = 0
    let fromMs = 0
    let toMs = windowsMs.length > 0 ? windowsMs[0]! : 0
    for (let at = end - width; at >= start; at -= width) {
      const word = data.getUint32(at + 4, true)
      if ((word & kindMask) !== 0) continue
      const recordMs = (word & 0xffff) * two32 + data.getUint32(at, true)
      if (recordMs > newestMs) newestMs = recordMs
      if (lifecycle?.isReversed(data, at) === true) continue
      if (label >= 0 && word >>> 24 !== 0 && lifecycle?.isRelabelled(data, at, timeMs) !== true) {
        this.#addLabel(recordMs, word >>> 24, data.getFloat64(at + label, true), timeMs)
      }
      const ageMs = timeMs - recordMs
      if (ageMs < 0 || ageMs >= longestMs) continue
      while (ageMs >= toMs) {
        fromMs = toMs
        toMs = windowsMs[++window]!
      }
      while (ageMs < fromMs) {
        toMs = fromMs
        fromMs = --window === 0 ? 0 : windowsMs[window - 1]!
      }
      count[window]!++
      if (ageMs < since[window]!) since[window] = ageMs
      if (amount >= 0) this.#addAmount(window, data.getFloat64(at + amount, true))
      for (let c = 0; c < columns.length; c++) {
        const column = at + columns[c]!.at
        const low = data.getInt32(column, true)
        const high = data.getInt32(column + 4, true)
        if ((low | high) !== 0) this.#sets[c]!.add(low, high, window)
      }
    }
    this.newestMs = newestMs
  }

  #addAmount(window: number, amount: number): void {
    if (amount < two32) this.#low[window]! += amount
    else if (amount >= two32) {
      const high = Math.floor(amount / two32)
      this.#high[window]! += high
      this.#low[window]! += amount - high * two32
    } else return // NaN: there was no rate.
    this.#amounts[window]!++
    if (amount < this.#min[window]!) this.#min[window] = amount
    if (amount > this.#max[window]!) this.#max[window] = amount
  }

  #addLabel(recordMs: number, verdict: number, arrivalMs: number, timeMs: number): void {
    if (arrivalMs > timeMs) return
    const { labelWindows } = this.#plan
    for (let w = 0; w < labelWindows.length; w++) {
      const { windowMs, delayMs } = labelWindows[w]!
      const ageMs = timeMs - delayMs - recordMs
      if (ageMs < 0 || ageMs >= windowMs) continue
      this.#labelled[w]!++
      if (verdict === Verdict.fraud) this.#frauds[w]!++
    }
  }

  /** Each window takes over what the shorter ones gathered. */
  #mergeWindows(): void {
    for (let w = 1; w < this.#windowsMs.length; w++) {
      this.#count[w]! += this.#count[w - 1]!
      this.#amounts[w]! += this.#amounts[w - 1]!
      this.#high[w]! += this.#high[w - 1]!
      this.#low[w]! += this.#low[w - 1]!
      this.#min[w] = Math.min(this.#min[w]!, this.#min[w - 1]!)
      this.#max[w] = Math.max(this.#max[w]!, this.#max[w - 1]!)
      this.#since[w] = Math.min(this.#since[w]!, this.#since[w - 1]!)
      for (const { counts } of this.#sets) counts[w]! += counts[w - 1]!
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

  #addHops(hops: Hops, timeMs: number): void {
    let seriesAt = 0
    for (let s = 0; s < this.#plan.series.length; s++) {
      const series = this.#plan.series[s]!
      const windows = this.#windowsMs.length
      if (s < windows) this.#addWindowHops(hops, seriesAt, s, timeMs)
      else this.#addLabelHops(hops, seriesAt, s - windows, timeMs)
      seriesAt += seriesFloats(series)
    }
  }

  #addWindowHops(hops: Hops, seriesAt: number, w: number, timeMs: number): void {
    const series = this.#plan.series[w]!
    const afterMs = timeMs - this.#windowsMs[w]!
    if (afterMs < hops[seriesAt]!) {
      this.#isApproximate[w] = 1
      this.#isSinceApproximate[w] = 1
    }
    const size = ringSize(series)
    const firstNumber = Math.floor(afterMs / sliceMs(series))
    for (let slice = 0; slice < size; slice++) {
      const at = sliceAt(seriesAt, slice)
      if (hops[at]! < 0) continue
      const maxMs = hops[at + Slice.maxMs]!
      if (maxMs > this.newestMs) this.newestMs = maxMs
      if (hops[at]! < firstNumber) continue
      const minMs = hops[at + Slice.minMs]!
      if (maxMs <= afterMs || minMs > timeMs) continue
      this.#reachesHops[w] = 1
      const isTouched = hops[at + Slice.isTouched] === 1
      if (isTouched) this.#isApproximate[w] = 1
      if (isTouched || maxMs > timeMs) this.#isSinceApproximate[w] = 1
      else this.#since[w] = Math.min(this.#since[w]!, timeMs - maxMs)
      if (minMs <= afterMs || maxMs > timeMs) {
        this.#isApproximate[w] = 1
        if (!isMostlyInside(minMs, maxMs, afterMs, timeMs)) continue
      }
      this.#count[w]! += hops[at + Slice.count]!
      this.#amounts[w]! += hops[at + Slice.amounts]!
      this.#high[w]! += hops[at + Slice.sumHigh]!
      this.#low[w]! += hops[at + Slice.sumLow]!
      this.#min[w] = Math.min(this.#min[w]!, hops[at + Slice.min]!)
      this.#max[w] = Math.max(this.#max[w]!, hops[at + Slice.max]!)
    }
  }

  #addLabelHops(hops: Hops, seriesAt: number, w: number, timeMs: number): void {
    const { windowMs, delayMs } = this.#plan.labelWindows[w]!
    const series = this.#plan.series[this.#windowsMs.length + w]!
    const untilMs = timeMs - delayMs
    const afterMs = untilMs - windowMs
    if (afterMs < hops[seriesAt]!) this.#isLabelApproximate[w] = 1
    const size = ringSize(series)
    for (let slice = 0; slice < size; slice++) {
      const at = sliceAt(seriesAt, slice)
      if (hops[at]! < 0) continue
      const minMs = hops[at + Slice.minMs]!
      const maxMs = hops[at + Slice.maxMs]!
      if (maxMs <= afterMs || minMs > untilMs) continue
      if (hops[at + Slice.arrivalMax]! > timeMs) {
        this.#isLabelApproximate[w] = 1
        continue
      }
      if (minMs <= afterMs || maxMs > untilMs) {
        this.#isLabelApproximate[w] = 1
        if (!isMostlyInside(minMs, maxMs, afterMs, untilMs)) continue
      }
      this.#labelled[w]! += hops[at + Slice.count]!
      this.#frauds[w]! += hops[at + Slice.frauds]!
    }
  }

  /** Label messages count by themselves; a reversal of a transaction that lies in hops is taken out by its own copy. */
  #addLifecycle(lifecycle: Lifecycle, timeMs: number, hasHops: boolean): void {
    for (const { recordMs, verdict, arrivalMs } of lifecycle.labels()) {
      this.#addLabel(recordMs, verdict, arrivalMs, timeMs)
      if (hasHops) this.#isLabelApproximate.fill(1)
    }
    if (!hasHops) return
    for (const { recordMs, amount } of lifecycle.unmatched()) {
      const ageMs = timeMs - recordMs
      for (let w = 0; w < this.#windowsMs.length; w++) {
        if (ageMs < 0 || ageMs >= this.#windowsMs[w]!) continue
        this.#isApproximate[w] = 1
        this.#isSinceApproximate[w] = 1
        this.#count[w]!--
        if (Number.isNaN(amount)) continue
        const high = Math.floor(amount / two32)
        this.#amounts[w]!--
        this.#high[w]! -= high
        this.#low[w]! -= amount - high * two32
      }
    }
  }

  #value(feature: EntityFeature, record: DataView, at: number): number {
    const w = feature.window
    const { layout } = this.#plan
    const one = feature.isCurrentIncluded ? 1 : 0
    switch (feature.aggregate) {
      case 'count':
        return this.#count[w]! + one
      case 'since_last':
        return this.#since[w]! === Infinity ? Number.NaN : this.#since[w]!
      case 'distinct':
        return this.#distinct(feature, record, at)
      case 'fraud_count':
        return this.#frauds[w]!
      case 'fraud_rate':
        return this.#labelled[w]! > 0 ? this.#frauds[w]! / this.#labelled[w]! : Number.NaN
      case 'sum':
      case 'avg':
      case 'min':
      case 'max':
        break
    }
    const own = one === 1 ? record.getFloat64(at + layout.amount, true) : 0
    if (Number.isNaN(own)) return Number.NaN
    const amounts = this.#amounts[w]! + one
    if (feature.aggregate === 'sum') return this.#sum(w, own)
    if (amounts === 0) return Number.NaN
    if (feature.aggregate === 'avg') return this.#sum(w, own) / amounts
    if (feature.aggregate === 'min') {
      return one === 1 ? Math.min(this.#min[w]!, own) : this.#min[w]!
    }
    return one === 1 ? Math.max(this.#max[w]!, own) : this.#max[w]!
  }

  /** Exact in two limbs; the one rounding is here. */
  #sum(w: number, own: number): number {
    const ownHigh = Math.floor(own / two32)
    return (this.#high[w]! + ownHigh) * two32 + (this.#low[w]! + (own - ownHigh * two32))
  }

  #distinct(
    { column, window, isCurrentIncluded }: EntityFeature,
    record: DataView,
    at: number,
  ): number {
    const set = this.#sets[column]!
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
        return this.#reachesHops[window] === 1 || this.#isApproximate[window] === 1
      case 'since_last':
        return this.#isSinceApproximate[window] === 1
      case 'fraud_count':
      case 'fraud_rate':
        return this.#isLabelApproximate[window] === 1
      case 'count':
      case 'sum':
      case 'avg':
      case 'min':
      case 'max':
        return this.#isApproximate[window] === 1
    }
  }
}

/** Whether more of [minMs, maxMs] lies inside (afterMs, untilMs] than outside. */
function isMostlyInside(minMs: number, maxMs: number, afterMs: number, untilMs: number): boolean {
  const inside = Math.min(maxMs, untilMs) - Math.max(minMs, afterMs)
  return inside * 2 >= maxMs - minMs
}
