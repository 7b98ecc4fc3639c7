// Hops: the old records of a long journal as sums per slice of time, one ring of slices per window. Adding records
// commutes: the same records in any order and any split give the same bits.
//
//   [newestMs | ring of a series | ring of a series | …], newestMs: time of the newest transaction
//   ring of one series: [droppedMaxMs | slice | slice | …], slice number s = ⌊time / sliceMs⌋ at place s mod ring size
//
// A slice keeps the least and the greatest time in it. One that lies wholly inside a window counts exactly, one wholly
// outside does not count, one that straddles an edge counts as a whole when more of its span lies inside than outside;
// then the feature is approximate, by at most what that slice holds: a 64th of the window.
import { kindOf, type RecordLayout, timeOf, verdictOf } from './layout.ts'
import { Kind, Verdict } from './transaction.ts'
import type { Hops } from './view.ts'

/** One ring of slices. */
export interface HopSeries {
  readonly windowMs: number
  readonly delayMs: number
  readonly isLabel: boolean
}

/** Places in a slice. Label slices use the first four and `frauds`, `arrivalMax` in place of sums. */
export const Slice = {
  number: 0,
  minMs: 1,
  maxMs: 2,
  /** Transactions; in label slices: labelled ones. */
  count: 3,
  amounts: 4,
  sumHigh: 5,
  sumLow: 6,
  min: 7,
  max: 8,
  /**
   * 1 when the sums may count what they should not: a reversal was taken out (least and greatest may be its), or, in label
   * slices, a message speaks of a transaction that is reversed or labelled elsewhere.
   */
  isTouched: 9,
  frauds: 4,
  arrivalMax: 5,
} as const

export const sliceFloats = 10
const slicesPerWindow = 64
const slicesMax = 1024
const two32 = 2 ** 32

/** ms of a slice: a 64th of the window, coarser where the delay would need more than 1,024 of them. */
export function sliceMs({ windowMs, delayMs }: HopSeries): number {
  return Math.max(
    Math.ceil(windowMs / slicesPerWindow),
    Math.ceil((windowMs + delayMs) / slicesMax),
  )
}

/** Slices in the ring: enough for window and delay, and the two that straddle its ends. */
export function ringSize(series: HopSeries): number {
  return Math.ceil((series.windowMs + series.delayMs) / sliceMs(series)) + 2
}

export function seriesFloats(series: HopSeries): number {
  return 1 + ringSize(series) * sliceFloats
}

/** Where the first series begins; before it stands the time of the newest transaction. */
export const seriesStart = 1

export function hopFloats(all: readonly HopSeries[]): number {
  return all.reduce((sum, series) => sum + seriesFloats(series), seriesStart)
}

export function clearHops(all: readonly HopSeries[], hops: Hops): void {
  hops.fill(0)
  hops[0] = -Infinity
  let at = seriesStart
  for (const series of all) {
    hops[at] = -Infinity
    for (let slice = 0; slice < ringSize(series); slice++) hops[sliceAt(at, slice)] = -1
    at += seriesFloats(series)
  }
}

/** Where a slice's floats begin. */
export function sliceAt(seriesAt: number, slice: number): number {
  return seriesAt + 1 + slice * sliceFloats
}

export function addToHops(
  all: readonly HopSeries[],
  layout: RecordLayout,
  hops: Hops,
  data: DataView,
  start: number,
  count: number,
): void {
  for (let r = 0; r < count; r++) {
    const record = start + r * layout.width
    if (kindOf(data, record) === Kind.transaction)
      hops[0] = Math.max(hops[0]!, timeOf(data, record))
  }
  let seriesAt = seriesStart
  for (const series of all) {
    for (let r = 0; r < count; r++) {
      addRecord(series, layout, hops, seriesAt, data, start + r * layout.width)
    }
    seriesAt += seriesFloats(series)
  }
}

function addRecord(
  series: HopSeries,
  layout: RecordLayout,
  hops: Hops,
  seriesAt: number,
  data: DataView,
  record: number,
): void {
  const kind = kindOf(data, record)
  if (series.isLabel) {
    if (kind !== Kind.reversal && verdictOf(data, record) === Verdict.none) return
  } else if (kind !== Kind.transaction && kind !== Kind.reversal) return
  const timeMs = timeOf(data, record)
  const number = Math.floor(timeMs / sliceMs(series))
  const at = sliceAt(seriesAt, number % ringSize(series))
  const held = hops[at]!
  if (held > number) {
    hops[seriesAt] = Math.max(hops[seriesAt]!, timeMs)
    return
  }
  if (held < number) {
    if (held >= 0) hops[seriesAt] = Math.max(hops[seriesAt]!, hops[at + Slice.maxMs]!)
    openSlice(hops, at, number)
  }
  hops[at + Slice.minMs] = Math.min(hops[at + Slice.minMs]!, timeMs)
  hops[at + Slice.maxMs] = Math.max(hops[at + Slice.maxMs]!, timeMs)
  if (series.isLabel ? kind !== Kind.transaction : kind === Kind.reversal) {
    hops[at + Slice.isTouched] = 1
  }
  if (!series.isLabel) addAmount(layout, hops, at, data, record, kind === Kind.reversal ? -1 : 1)
  else if (kind !== Kind.reversal) addLabel(layout, hops, at, data, record)
}

function openSlice(hops: Hops, at: number, number: number): void {
  hops.fill(0, at, at + sliceFloats)
  hops[at] = number
  hops[at + Slice.minMs] = Infinity
  hops[at + Slice.maxMs] = -Infinity
  hops[at + Slice.min] = Infinity
  hops[at + Slice.max] = -Infinity
}

function addLabel(
  layout: RecordLayout,
  hops: Hops,
  at: number,
  data: DataView,
  record: number,
): void {
  hops[at + Slice.count]!++
  if (verdictOf(data, record) === Verdict.fraud) hops[at + Slice.frauds]!++
  const arrival = data.getFloat64(record + layout.label, true)
  hops[at + Slice.arrivalMax] = Math.max(hops[at + Slice.arrivalMax]!, arrival)
}

function addAmount(
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
  hops[at + Slice.sumHigh]! += sign * high
  hops[at + Slice.sumLow]! += sign * (amount - high * two32)
  if (sign > 0) {
    hops[at + Slice.min] = Math.min(hops[at + Slice.min]!, amount)
    hops[at + Slice.max] = Math.max(hops[at + Slice.max]!, amount)
  }
}
