// The numbers that a group's windows give of what they have gathered: one function for each aggregate of transactions.
import type { EntityFeature, WindowGroup } from './entity-plan.ts'
import { kilometresPerHour } from './great-circle.ts'
import { nowhere, type RecordLayout } from './layout.ts'
import { mayHold, SketchCount } from './sketch.ts'
import type { Tail } from './tail.ts'
import type { Hops } from './view.ts'
import type { WindowSums } from './window-sums.ts'

export class WindowValues {
  readonly #layout: RecordLayout
  readonly #group: WindowGroup
  readonly #sums: WindowSums
  readonly #tail: Tail
  /** By column: where its sketch begins in the hops. */
  readonly #sketched: ReadonlyMap<number, number>
  readonly #sketch = new SketchCount()
  // The transaction at hand.
  #data: DataView = new DataView(new ArrayBuffer(0))
  #record: DataView = this.#data
  #recordAt = 0
  #nowMs = 0
  #hops: Hops | null = null
  #own = Number.NaN

  constructor(
    layout: RecordLayout,
    group: WindowGroup,
    sums: WindowSums,
    tail: Tail,
    sketched: ReadonlyMap<number, number>,
  ) {
    this.#layout = layout
    this.#group = group
    this.#sums = sums
    this.#tail = tail
    this.#sketched = sketched
  }

  /** The sums are of the transaction whose record lies at `recordAt` of `record`, its tail in `data`. */
  begin(
    data: DataView,
    record: DataView,
    recordAt: number,
    transaction: { readonly timeMs: number },
    hops: Hops | null,
  ): void {
    const { amount } = this.#layout
    this.#data = data
    this.#record = record
    this.#recordAt = recordAt
    this.#nowMs = transaction.timeMs - this.#group.delayMs
    this.#hops = hops
    this.#own = amount >= 0 ? record.getFloat64(recordAt + amount, true) : Number.NaN
  }

  /** `one`: 1 when the transaction itself counts. NaN for an absent number. */
  of(feature: EntityFeature, one: number): number {
    const w = feature.window
    const sums = this.#sums
    switch (feature.aggregate) {
      case 'count':
        return sums.count[w]! + one
      case 'sum':
      case 'avg':
      case 'min':
      case 'max':
        return this.#amount(feature, one)
      case 'since_first':
        return sums.oldest[w]! < 0 ? Number.NaN : sums.oldest[w]! + feature.delayMs
      case 'since_last':
        return sums.youngest[w]! === Infinity ? Number.NaN : sums.youngest[w]! + feature.delayMs
      case 'distinct':
        return this.#distinct(feature, one)
      case 'share':
        return this.#share(feature, one)
      case 'new_value':
        return this.#newValue(feature)
      case 'first':
        return this.#end(feature, sums.firstMs, sums.first)
      case 'last':
        return this.#end(feature, sums.lastMs, sums.last)
      case 'speed':
        return this.#speed(feature)
      case 'acceleration': {
        const all = sums.count[w]! + one
        if (all === 0) return Number.NaN
        const { windowsMs } = this.#group
        const short = sums.count[feature.short]! + one
        return (short * windowsMs[w]!) / (all * windowsMs[feature.short]!)
      }
      default:
        return this.#amount(feature, one)
    }
  }

  isApproximate({ aggregate, window: w, short, column }: EntityFeature): boolean {
    const sums = this.#sums
    switch (aggregate) {
      case 'distinct':
      case 'share':
        return sums.reachesHops[w] === 1 || sums.isApproximate[w] === 1
      case 'new_value': {
        if (this.#isOwnAbsent(column)) return false
        // One that has the value may have been undone by what lies in hops.
        if (this.#tail.matches.get(column)![w]! > 0) return sums.isTouched[w] === 1
        return this.#mayHopsHold(column, w)
      }
      case 'first':
      case 'since_first':
        return sums.isFirstApproximate[w] === 1
      case 'last':
      case 'since_last':
      case 'speed':
        return sums.isLastApproximate[w] === 1
      case 'acceleration':
        return sums.isApproximate[w] === 1 || sums.isApproximate[short] === 1
      default:
        return sums.isApproximate[w] === 1
    }
  }

  #amount({ aggregate, window: w }: EntityFeature, one: number): number {
    const sums = this.#sums
    const own = this.#own
    if (one === 1 && Number.isNaN(own)) return Number.NaN
    const counted = one === 1 ? own : 0
    const amounts = sums.amounts[w]! + one
    if (aggregate === 'sum') return sums.sum(w, counted)
    if (amounts === 0) return Number.NaN
    switch (aggregate) {
      case 'avg':
        return sums.sum(w, counted) / amounts
      case 'min':
        return one === 1 ? Math.min(sums.min[w]!, own) : sums.min[w]!
      case 'max':
        return one === 1 ? Math.max(sums.max[w]!, own) : sums.max[w]!
      case 'stddev':
        return Math.sqrt(sums.spread(w, counted, one)) / amounts
      case 'ratio': {
        const sum = sums.sum(w, counted)
        return sum === 0 ? Number.NaN : own / (sum / amounts)
      }
      default: {
        const spread = Number.isNaN(own) ? 0 : sums.spread(w, counted, one)
        return spread === 0 ? Number.NaN : sums.distance(w, own, one) / Math.sqrt(spread)
      }
    }
  }

  #distinct({ column, window: w }: EntityFeature, one: number): number {
    const set = this.#tail.sets.get(column)!
    let count = set.counts[w]!
    const isOwnAbsent = one === 0 || this.#isOwnAbsent(column)
    if (!isOwnAbsent && (set.own < 0 || set.own > w)) count++
    if (this.#hops === null || this.#sums.reachesHops[w] === 0) return count
    const sketch = this.#sketch
    sketch.clear()
    if (!isOwnAbsent) sketch.add(this.#low(column), this.#high(column))
    const { at } = this.#layout.columns[column]!
    const listed = this.#tail.list()
    for (let index = 0; index < listed; index++) {
      if (this.#tail.windowOf(index) > w) continue
      const start = this.#tail.startOf(index) + at
      const recordLow = this.#data.getInt32(start, true)
      const recordHigh = this.#data.getInt32(start + 4, true)
      if ((recordLow | recordHigh) !== 0) sketch.add(recordLow, recordHigh)
    }
    const afterMs = this.#nowMs - this.#group.windowsMs[w]!
    const estimate = sketch.count(this.#hops, this.#sketched.get(column)!, afterMs)
    return Math.max(count, Math.round(estimate))
  }

  /** Of a longer window what is known record by record stands for all: hops do not know who has which value. */
  #share({ column, window: w }: EntityFeature, one: number): number {
    if (this.#isOwnAbsent(column)) return Number.NaN
    const isPart = this.#hops !== null && this.#sums.reachesHops[w] === 1
    const all = (isPart ? this.#listedIn(w) : this.#sums.count[w]!) + one
    return all === 0 ? Number.NaN : (this.#tail.matches.get(column)![w]! + one) / all
  }

  #listedIn(w: number): number {
    let count = 0
    const listed = this.#tail.list()
    for (let index = 0; index < listed; index++) {
      if (this.#tail.windowOf(index) <= w) count++
    }
    return count
  }

  #newValue({ column, window: w }: EntityFeature): number {
    if (this.#isOwnAbsent(column)) return Number.NaN
    if (this.#tail.matches.get(column)![w]! > 0) return 0
    return this.#mayHopsHold(column, w) ? 0 : 1
  }

  #mayHopsHold(column: number, w: number): boolean {
    if (this.#hops === null) return false
    const at = this.#sketched.get(column)!
    const afterMs = this.#nowMs - this.#group.windowsMs[w]!
    return mayHold(this.#hops, at, this.#low(column), this.#high(column), afterMs)
  }

  #end({ number, window: w }: EntityFeature, times: Float64Array, values: Float64Array): number {
    const at = number * this.#group.windowsMs.length + w
    return Math.abs(times[at]!) === Infinity ? Number.NaN : values[at]!
  }

  #speed({ window: w, delayMs }: EntityFeature): number {
    const { location } = this.#layout
    const sums = this.#sums
    const latitude = this.#record.getInt32(this.#recordAt + location, true)
    if (latitude === nowhere || sums.locatedMs[w]! === -Infinity) return Number.NaN
    return kilometresPerHour(
      sums.latitude[w]!,
      sums.longitude[w]!,
      latitude,
      this.#record.getInt32(this.#recordAt + location + 4, true),
      this.#nowMs + delayMs - sums.locatedMs[w]!,
    )
  }

  #isOwnAbsent(column: number): boolean {
    return (this.#low(column) | this.#high(column)) === 0
  }

  #low(column: number): number {
    return this.#record.getInt32(this.#recordAt + this.#layout.columns[column]!.at, true)
  }

  #high(column: number): number {
    return this.#record.getInt32(this.#recordAt + this.#layout.columns[column]!.at + 4, true)
  }
}
