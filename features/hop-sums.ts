// Adds a long journal's hops to a group of an entity's windows, and says what that makes approximate (hops.ts has the rule).

import { endFloats, locationFloats } from './ends.ts'
import type { WindowGroup } from './entity-plan.ts'
import { type PlacedSeries, Slice } from './hops.ts'
import type { Timed } from './transaction.ts'
import type { Hops } from './view.ts'
import { squareFloats, type WindowSums } from './window-sums.ts'

/**
 * Adds what the records in `hops` were to a transaction. `series`: of each window of the group; `areTransactions`:
 * nothing else is in the hops, and no record is of a later time than they note.
 */
export function addHops(
  hops: Hops,
  group: WindowGroup,
  series: readonly PlacedSeries[],
  sums: WindowSums,
  transaction: Timed,
  areTransactions: boolean,
): void {
  const nowMs = transaction.timeMs - group.delayMs
  for (let w = 0; w < series.length; w++) {
    if (areTransactions && hops[0]! <= nowMs - series[w]!.windowMs) continue
    addWindow(hops, group, series[w]!, sums, w, transaction)
  }
}

function addWindow(
  hops: Hops,
  group: WindowGroup,
  series: PlacedSeries,
  sums: WindowSums,
  w: number,
  { timeMs }: Timed,
): void {
  const { at: seriesAt, size, sliceMs, sliceFloats, windowMs } = series
  const nowMs = timeMs - group.delayMs
  const afterMs = nowMs - windowMs
  if (afterMs < hops[seriesAt]!) {
    sums.isApproximate[w] = 1
    sums.isFirstApproximate[w] = 1
    sums.isLastApproximate[w] = 1
    // What is gone may have been a reversal.
    sums.isTouched[w] = 1
  }
  const firstNumber = Math.floor(afterMs / sliceMs)
  for (let slice = 0; slice < size; slice++) {
    const at = seriesAt + 1 + slice * sliceFloats
    // An empty slice has the number -1.
    if (hops[at]! < firstNumber || hops[at]! < 0) continue
    const maxMs = hops[at + Slice.maxMs]!
    const minMs = hops[at + Slice.minMs]!
    if (maxMs <= afterMs || minMs > nowMs) continue
    sums.reachesHops[w] = 1
    const isTouched = hops[at + Slice.isTouched] === 1
    if (isTouched) sums.isTouched[w] = 1
    const isBeyond = maxMs > nowMs
    const isBefore = minMs <= afterMs
    if (isTouched || isBeyond) sums.isLastApproximate[w] = 1
    else sums.youngest[w] = Math.min(sums.youngest[w]!, nowMs - maxMs)
    if (isTouched || isBefore) sums.isFirstApproximate[w] = 1
    const oldestMs = isBefore ? Math.min(maxMs, nowMs) : minMs
    sums.oldest[w] = Math.max(sums.oldest[w]!, nowMs - oldestMs)
    if (series.hasLocation || series.numbers.length > 0) {
      addEnds(hops, at, series, group, sums, w, afterMs, nowMs)
    }
    if (isTouched || isBefore || isBeyond) sums.isApproximate[w] = 1
    if ((isBefore || isBeyond) && !isMostlyInside(minMs, maxMs, afterMs, nowMs)) continue
    addSlice(hops, at, sums, w)
  }
}

function addSlice(hops: Hops, at: number, sums: WindowSums, w: number): void {
  sums.count[w]! += hops[at + Slice.count]!
  sums.amounts[w]! += hops[at + Slice.amounts]!
  sums.high[w]! += hops[at + Slice.sumHigh]!
  sums.low[w]! += hops[at + Slice.sumLow]!
  sums.min[w] = Math.min(sums.min[w]!, hops[at + Slice.min]!)
  sums.max[w] = Math.max(sums.max[w]!, hops[at + Slice.max]!)
  for (let limb = 0; limb < sums.squares.length; limb++) {
    sums.squares[limb]![w]! += hops[at + Slice.more + limb]!
  }
}

/** Hops hold lesser ordinals than the tail: at the same ms theirs is the first, and not the last. */
function addEnds(
  hops: Hops,
  at: number,
  { hasSquares, hasLocation }: PlacedSeries,
  { windowsMs, numbers }: WindowGroup,
  sums: WindowSums,
  w: number,
  afterMs: number,
  nowMs: number,
): void {
  let more = at + Slice.more + (hasSquares ? squareFloats : 0)
  if (hasLocation) {
    const locatedMs = hops[more]!
    if (locatedMs > afterMs && locatedMs <= nowMs) {
      sums.addOlderLocation(w, locatedMs, hops[more + 1]!, hops[more + 2]!)
    }
    more += locationFloats
  }
  for (let n = 0; n < numbers.length; n++, more += endFloats) {
    const place = n * windowsMs.length + w
    const firstMs = hops[more]!
    const lastMs = hops[more + 2]!
    if (firstMs > afterMs && firstMs <= nowMs && firstMs <= sums.firstMs[place]!) {
      sums.firstMs[place] = firstMs
      sums.first[place] = hops[more + 1]!
    }
    if (lastMs > afterMs && lastMs <= nowMs && lastMs > sums.lastMs[place]!) {
      sums.lastMs[place] = lastMs
      sums.last[place] = hops[more + 3]!
    }
    // The first after the edge is not known: the last is at least one of them.
    if (firstMs <= afterMs && lastMs > afterMs && lastMs <= sums.firstMs[place]!) {
      sums.firstMs[place] = lastMs
      sums.first[place] = hops[more + 3]!
    }
  }
}

/** Whether more of [minMs, maxMs] lies inside (afterMs, untilMs] than outside. */
export function isMostlyInside(
  minMs: number,
  maxMs: number,
  afterMs: number,
  untilMs: number,
): boolean {
  const inside = Math.min(maxMs, untilMs) - Math.max(minMs, afterMs)
  return inside * 2 >= maxMs - minMs
}
