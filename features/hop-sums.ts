// Adds a long journal's hops to an entity's windows, and says what that makes approximate (hops.ts has the rule).
import {
  type HopSeries,
  ringSize,
  Slice,
  seriesFloats,
  seriesStart,
  sliceAt,
  sliceMs,
} from './hops.ts'
import type { EntityPlan } from './plan.ts'
import type { Hops, View } from './view.ts'
import type { WindowSums } from './window-sums.ts'

export class HopSums {
  readonly #plan: EntityPlan
  readonly #sums: WindowSums
  /** Scratch for hops that the holder has not cached. */
  #scratch: Hops | null = null

  constructor(plan: EntityPlan, sums: WindowSums) {
    this.#plan = plan
    this.#sums = sums
  }

  /** Adds what the records before `boundary` were to a transaction at `timeMs`. */
  add(view: View, boundary: number, timeMs: number): void {
    const hops = this.#hopsAt(view, boundary)
    this.#sums.newestMs = Math.max(this.#sums.newestMs, hops[0]!)
    let seriesAt = seriesStart
    for (let s = 0; s < this.#plan.series.length; s++) {
      const series = this.#plan.series[s]!
      const windows = this.#plan.windowsMs.length
      if (s < windows) this.#addWindow(hops, seriesAt, series, s, timeMs)
      else this.#addLabels(hops, seriesAt, series, s - windows, timeMs)
      seriesAt += seriesFloats(series)
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

  #addWindow(hops: Hops, seriesAt: number, series: HopSeries, w: number, timeMs: number): void {
    const sums = this.#sums
    const afterMs = timeMs - series.windowMs
    if (afterMs < hops[seriesAt]!) {
      sums.isApproximate[w] = 1
      sums.isSinceApproximate[w] = 1
    }
    const size = ringSize(series)
    const firstNumber = Math.floor(afterMs / sliceMs(series))
    for (let slice = 0; slice < size; slice++) {
      const at = sliceAt(seriesAt, slice)
      // An empty slice has the number -1.
      if (hops[at]! < firstNumber || hops[at]! < 0) continue
      const maxMs = hops[at + Slice.maxMs]!
      const minMs = hops[at + Slice.minMs]!
      if (maxMs <= afterMs || minMs > timeMs) continue
      sums.reachesHops[w] = 1
      const isTouched = hops[at + Slice.isTouched] === 1
      if (isTouched) sums.isApproximate[w] = 1
      if (isTouched || maxMs > timeMs) sums.isSinceApproximate[w] = 1
      else sums.since[w] = Math.min(sums.since[w]!, timeMs - maxMs)
      if (minMs <= afterMs || maxMs > timeMs) {
        sums.isApproximate[w] = 1
        if (!isMostlyInside(minMs, maxMs, afterMs, timeMs)) continue
      }
      sums.count[w]! += hops[at + Slice.count]!
      sums.amounts[w]! += hops[at + Slice.amounts]!
      sums.high[w]! += hops[at + Slice.sumHigh]!
      sums.low[w]! += hops[at + Slice.sumLow]!
      sums.min[w] = Math.min(sums.min[w]!, hops[at + Slice.min]!)
      sums.max[w] = Math.max(sums.max[w]!, hops[at + Slice.max]!)
    }
  }

  #addLabels(hops: Hops, seriesAt: number, series: HopSeries, w: number, timeMs: number): void {
    const sums = this.#sums
    const untilMs = timeMs - series.delayMs
    const afterMs = untilMs - series.windowMs
    if (afterMs < hops[seriesAt]!) sums.isLabelApproximate[w] = 1
    const size = ringSize(series)
    for (let slice = 0; slice < size; slice++) {
      const at = sliceAt(seriesAt, slice)
      if (hops[at]! < 0) continue
      const minMs = hops[at + Slice.minMs]!
      const maxMs = hops[at + Slice.maxMs]!
      if (maxMs <= afterMs || minMs > untilMs) continue
      if (hops[at + Slice.isTouched] === 1) sums.isLabelApproximate[w] = 1
      if (hops[at + Slice.arrivalMax]! > timeMs) {
        sums.isLabelApproximate[w] = 1
        continue
      }
      if (minMs <= afterMs || maxMs > untilMs) {
        sums.isLabelApproximate[w] = 1
        if (!isMostlyInside(minMs, maxMs, afterMs, untilMs)) continue
      }
      sums.labelled[w]! += hops[at + Slice.count]!
      sums.frauds[w]! += hops[at + Slice.frauds]!
    }
  }
}

/** Whether more of [minMs, maxMs] lies inside (afterMs, untilMs] than outside. */
function isMostlyInside(minMs: number, maxMs: number, afterMs: number, untilMs: number): boolean {
  const inside = Math.min(maxMs, untilMs) - Math.max(minMs, afterMs)
  return inside * 2 >= maxMs - minMs
}
