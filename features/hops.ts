// Hops: the old records of a long journal as sums per slice of time, one ring of slices per window, and sketches of different
// values. Records are added in the order of their ordinals; in whatever pieces, the bits are the same.
//
//   [newestMs | ring of a series | ring of a series | … | sketch | …], newestMs: time of the newest transaction
//   ring of one series: [droppedMaxMs | slice | slice | …], slice number s = ⌊time / sliceMs⌋ at place s mod ring size
//
// A slice keeps the least and the greatest time in it. One that lies wholly inside a window counts exactly, one wholly
// outside does not count, one that straddles an edge counts as a whole when more of its span lies inside than outside;
// then the feature is approximate, by at most what that slice holds: a 64th of the window.
import { addEnd, addLocation, endFloats, locationFloats, openEnd, openLocation } from './ends.ts'
import { isMet, kindOf, type RecordLayout, timeOf, verdictOf, wordOf } from './layout.ts'
import { addToSketch, clearSketch, type HopSketch, sketchFloats } from './sketch.ts'
import { Kind, Verdict } from './transaction.ts'
import type { Hops } from './view.ts'
import { addSquareLimbs, squareFloats } from './window-sums.ts'

/** What a series of slices is of. */
export interface HopSeries {
  readonly windowMs: number
  readonly delayMs: number
  /** Filters that a record has to meet (layout.ts); 0 for all. */
  readonly mask: number
  readonly counts: 'transactions' | 'labels' | 'reversals' | 'declines'
  /** True if reversals and declines take nothing out. */
  readonly isGross: boolean
  /** Of transactions: squares of the amounts; where the newest was; first and last of the f64 at these bytes of a record. */
  readonly hasSquares: boolean
  readonly hasLocation: boolean
  readonly numbers: readonly number[]
}

/** A series with its place in the hops, floats from their begin. */
export interface PlacedSeries extends HopSeries {
  readonly at: number
  /** Slices in the ring: enough for window and delay, and the two that straddle its ends. */
  readonly size: number
  /** ms of a slice: a 64th of the window, coarser where the delay would need more than 1,024 of them. */
  readonly sliceMs: number
  readonly sliceFloats: number
}

export interface HopPlan {
  readonly series: readonly PlacedSeries[]
  readonly sketches: readonly (HopSketch & { readonly at: number })[]
  readonly floats: number
}

/** Places in a slice. Those of labels and messages end with `arrivalMax`. */
export const Slice = {
  number: 0,
  minMs: 1,
  maxMs: 2,
  /** Transactions; labelled ones; messages. */
  count: 3,
  /**
   * 1 when the sums may count what they should not: a reversal was taken out (least and greatest may be its), or a message speaks
   * of a transaction that is reversed, labelled or undone elsewhere too.
   */
  isTouched: 4,
  amounts: 5,
  sumHigh: 6,
  sumLow: 7,
  min: 8,
  max: 9,
  frauds: 5,
  arrivalMax: 6,
  /** From here on, of those that are kept: four limbs of squares; ms, latitude, longitude; per number first ms, first, last ms, last. */
  more: 10,
} as const

const slicesPerWindow = 64
const slicesMax = 1024
const two32 = 2 ** 32

/** Before the first series stands the time of the newest transaction. */
const seriesStart = 1

export function planHops(series: readonly HopSeries[], sketches: readonly HopSketch[]): HopPlan {
  let floats = seriesStart
  const place = (length: number): number => {
    floats += length
    return floats - length
  }
  return {
    series: series.map((one) => {
      const spanMs = one.windowMs + one.delayMs
      const sliceMs = Math.max(
        Math.ceil(one.windowMs / slicesPerWindow),
        Math.ceil(spanMs / slicesMax),
      )
      const size = Math.ceil(spanMs / sliceMs) + 2
      const sliceFloats = floatsOfSlice(one)
      return { ...one, sliceMs, size, sliceFloats, at: place(1 + size * sliceFloats) }
    }),
    sketches: sketches.map((sketch) => ({ ...sketch, at: place(sketchFloats) })),
    floats,
  }
}

function floatsOfSlice({ counts, hasSquares, hasLocation, numbers }: HopSeries): number {
  if (counts !== 'transactions') return Slice.arrivalMax + 1
  let floats: number = Slice.more
  if (hasSquares) floats += squareFloats
  if (hasLocation) floats += locationFloats
  return floats + numbers.length * endFloats
}

export function clearHops({ series, sketches }: HopPlan, hops: Hops): void {
  hops.fill(0)
  hops[0] = -Infinity
  for (const { at, size, sliceFloats } of series) {
    hops[at] = -Infinity
    for (let slice = 0; slice < size; slice++) hops[at + 1 + slice * sliceFloats] = -1
  }
  for (const { at } of sketches) clearSketch(hops, at)
}

export function addToHops(
  { series, sketches }: HopPlan,
  layout: RecordLayout,
  hops: Hops,
  data: DataView,
  start: number,
  count: number,
): void {
  const end = start + count * layout.width
  for (let record = start; record < end; record += layout.width) {
    if (kindOf(data, record) !== Kind.transaction) continue
    hops[0] = Math.max(hops[0]!, timeOf(data, record))
  }
  for (const one of series) {
    for (let record = start; record < end; record += layout.width) {
      addRecord(one, layout, hops, data, record)
    }
  }
  for (const sketch of sketches) {
    for (let record = start; record < end; record += layout.width) {
      addToSketch(sketch, hops, sketch.at, data, record)
    }
  }
}

/** Whether a record of that kind leaves anything in the series. */
function isCounted({ counts, isGross, mask }: HopSeries, kind: number, verdict: number): boolean {
  const isUndone = kind === Kind.reversal || kind === Kind.decline
  switch (counts) {
    case 'transactions':
      return kind === Kind.transaction || (isUndone && !isGross)
    case 'labels':
      return isUndone ? !isGross : verdict !== Verdict.none
    case 'reversals':
      return kind === Kind.reversal || (isUndone && mask !== 0)
    case 'declines':
      return kind === Kind.decline || (isUndone && mask !== 0)
  }
}

/**
 * Whether it adds to the sums. A message that does not meet the condition may speak of a transaction that does, and of several
 * messages the first says whether it is met: then it is known that the sums may be wrong, but not by what.
 */
function isSummed({ counts, mask }: HopSeries, kind: number, word: number): boolean {
  if (!isMet(word, mask)) return false
  if (counts === 'reversals') return kind === Kind.reversal
  return counts !== 'declines' || kind === Kind.decline
}

function addRecord(
  series: PlacedSeries,
  layout: RecordLayout,
  hops: Hops,
  data: DataView,
  record: number,
): void {
  const kind = kindOf(data, record)
  const isAdded = isSummed(series, kind, wordOf(data, record))
  if (!isAdded && kind === Kind.transaction) return
  if (!isCounted(series, kind, verdictOf(data, record))) return
  const timeMs = timeOf(data, record)
  const number = Math.floor(timeMs / series.sliceMs)
  const at = series.at + 1 + (number % series.size) * series.sliceFloats
  const held = hops[at]!
  if (held > number) {
    hops[series.at] = Math.max(hops[series.at]!, timeMs)
    return
  }
  if (held < number) {
    if (held >= 0) hops[series.at] = Math.max(hops[series.at]!, hops[at + Slice.maxMs]!)
    openSlice(series, hops, at, number)
  }
  hops[at + Slice.minMs] = Math.min(hops[at + Slice.minMs]!, timeMs)
  hops[at + Slice.maxMs] = Math.max(hops[at + Slice.maxMs]!, timeMs)
  if (kind !== Kind.transaction) hops[at + Slice.isTouched] = 1
  if (!isAdded) return
  const isUndone = kind === Kind.reversal || kind === Kind.decline
  if (series.counts === 'transactions') {
    addAmount(series, layout, hops, at, data, record, isUndone ? -1 : 1)
    if (!isUndone) addEnds(series, layout, hops, at, data, record, timeMs)
  } else if (series.counts !== 'labels')
    addArrival(hops, at, data.getFloat64(record + layout.own, true))
  else if (!isUndone) {
    addArrival(hops, at, data.getFloat64(record + layout.label, true))
    if (verdictOf(data, record) === Verdict.fraud) hops[at + Slice.frauds]!++
  }
}

function openSlice(series: PlacedSeries, hops: Hops, at: number, number: number): void {
  hops.fill(0, at, at + series.sliceFloats)
  hops[at] = number
  hops[at + Slice.minMs] = Infinity
  hops[at + Slice.maxMs] = -Infinity
  if (series.counts !== 'transactions') return
  hops[at + Slice.min] = Infinity
  hops[at + Slice.max] = -Infinity
  let more = at + Slice.more + (series.hasSquares ? squareFloats : 0)
  if (series.hasLocation) {
    openLocation(hops, more)
    more += locationFloats
  }
  for (let n = 0; n < series.numbers.length; n++, more += endFloats) {
    openEnd(hops, more)
  }
}

function addArrival(hops: Hops, at: number, arrivalMs: number): void {
  hops[at + Slice.count]!++
  hops[at + Slice.arrivalMax] = Math.max(hops[at + Slice.arrivalMax]!, arrivalMs)
}

function addAmount(
  series: PlacedSeries,
  layout: RecordLayout,
  hops: Hops,
  at: number,
  data: DataView,
  record: number,
  sign: 1 | -1,
): void {
  hops[at + Slice.count]! += sign
  if (layout.amount < 0) return
  const amount = data.getFloat64(record + layout.amount, true)
  if (Number.isNaN(amount)) return
  const high = Math.floor(amount / two32)
  hops[at + Slice.amounts]! += sign
  // The low half is carried over: two million of them would fill a float.
  const low = hops[at + Slice.sumLow]! + sign * (amount - high * two32)
  const carried = Math.floor(low / two32)
  hops[at + Slice.sumHigh]! += sign * high + carried
  hops[at + Slice.sumLow] = low - carried * two32
  if (series.hasSquares) addSquareLimbs(hops, at + Slice.more, amount, sign)
  if (sign > 0) {
    hops[at + Slice.min] = Math.min(hops[at + Slice.min]!, amount)
    hops[at + Slice.max] = Math.max(hops[at + Slice.max]!, amount)
  }
}

function addEnds(
  series: PlacedSeries,
  layout: RecordLayout,
  hops: Hops,
  at: number,
  data: DataView,
  record: number,
  timeMs: number,
): void {
  let more = at + Slice.more + (series.hasSquares ? squareFloats : 0)
  if (series.hasLocation) {
    addLocation(layout, hops, more, data, record, timeMs)
    more += locationFloats
  }
  for (let n = 0; n < series.numbers.length; n++, more += endFloats) {
    addEnd(hops, more, timeMs, data.getFloat64(record + series.numbers[n]!, true))
  }
}
