// Blocks: what each 32 records of a longer journal sum up to, kept by its holder beside them, so that a fold need not read
// records that lie wholly inside or outside its windows. A function of the records alone: whoever holds them makes the
// same blocks, and no answer depends on whether there are any.

import { addEnd, addLocation, endFloats, locationFloats, openEnd, openLocation } from './ends.ts'
import { blockRecords } from './journal.ts'
import { kindOf, type RecordLayout, timeOf, verdictOf } from './layout.ts'
import { addSquareLimbs, squareFloats } from './window-sums.ts'

/** Places in a block, in float64s. Sums are of its transactions. */
export const Block = {
  minMs: 0,
  maxMs: 1,
  /** Records that are something else: with any, the block cannot stand for its records. */
  others: 2,
  amounts: 3,
  high: 4,
  low: 5,
  min: 6,
  max: 7,
  /** Labels in the records: whether there are any, and when the last one arrives. */
  labelled: 8,
  frauds: 9,
  arrivalMax: 10,
  /** Bit r: record r is labelled fraud. */
  fraudMask: 11,
  /** Per record: when its label arrives; Infinity without one. Only where the layout has labels. */
  arrivals: 12,
} as const

const two32 = 2 ** 32

/** float64s of a block. */
export function blockFloats(layout: RecordLayout): number {
  return endsAt(layout, layout.ends.length)
}

/** Where the ends of the number of that place in `layout.ends` stand in a block. */
export function endsAt(layout: RecordLayout, number: number): number {
  return locationAt(layout) + (layout.location >= 0 ? locationFloats : 0) + number * endFloats
}

/** Where the newest location stands in a block, in layouts that have one. */
export function locationAt(layout: RecordLayout): number {
  return squaresAt(layout) + (layout.hasSquares ? squareFloats : 0)
}

/** Where the squares of a block's amounts stand in it, four limbs, in layouts that need them. */
export function squaresAt({ label }: RecordLayout): number {
  return Block.arrivals + (label >= 0 ? blockRecords : 0)
}

/** Sums the 32 records that begin at byte `start` into `out` from `at` on. */
export function sumBlock(
  layout: RecordLayout,
  data: DataView,
  start: number,
  out: Float64Array,
  at: number,
): void {
  out.fill(0, at, at + blockFloats(layout))
  out[at + Block.minMs] = Infinity
  out[at + Block.maxMs] = -Infinity
  out[at + Block.min] = Infinity
  out[at + Block.max] = -Infinity
  out[at + Block.arrivalMax] = -Infinity
  openEnds(layout, out, at)
  for (let r = 0; r < blockRecords; r++) {
    const record = start + r * layout.width
    if (layout.label >= 0) out[at + Block.arrivals + r] = Infinity
    if (kindOf(data, record) !== 0) {
      out[at + Block.others]!++
      continue
    }
    const timeMs = timeOf(data, record)
    out[at + Block.minMs] = Math.min(out[at + Block.minMs]!, timeMs)
    out[at + Block.maxMs] = Math.max(out[at + Block.maxMs]!, timeMs)
    if (layout.amount >= 0)
      addAmount(layout, out, at, data.getFloat64(record + layout.amount, true))
    if (layout.label >= 0) addLabel(layout, out, at, data, record, r)
    if (layout.location >= 0) {
      addLocation(layout, out, at + locationAt(layout), data, record, timeMs)
    }
    for (let n = 0; n < layout.ends.length; n++) {
      addEnd(out, at + endsAt(layout, n), timeMs, data.getFloat64(record + layout.ends[n]!, true))
    }
  }
}

function openEnds(layout: RecordLayout, out: Float64Array, at: number): void {
  if (layout.location >= 0) openLocation(out, at + locationAt(layout))
  for (let n = 0; n < layout.ends.length; n++) openEnd(out, at + endsAt(layout, n))
}

function addAmount(layout: RecordLayout, out: Float64Array, at: number, amount: number): void {
  if (Number.isNaN(amount)) return
  const high = Math.floor(amount / two32)
  out[at + Block.amounts]!++
  out[at + Block.high]! += high
  out[at + Block.low]! += amount - high * two32
  out[at + Block.min] = Math.min(out[at + Block.min]!, amount)
  out[at + Block.max] = Math.max(out[at + Block.max]!, amount)
  if (layout.hasSquares) addSquareLimbs(out, at + squaresAt(layout), amount, 1)
}

function addLabel(
  layout: RecordLayout,
  out: Float64Array,
  at: number,
  data: DataView,
  record: number,
  r: number,
): void {
  const verdict = verdictOf(data, record)
  if (verdict === 0) return
  const arrivalMs = data.getFloat64(record + layout.label, true)
  out[at + Block.arrivals + r] = arrivalMs
  out[at + Block.arrivalMax] = Math.max(out[at + Block.arrivalMax]!, arrivalMs)
  out[at + Block.labelled]!++
  if (verdict !== 2) return
  out[at + Block.frauds]!++
  out[at + Block.fraudMask]! += 2 ** r
}
