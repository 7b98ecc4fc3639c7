// Adds the exact tail of a view to an entity's windows: one pass, newest first, over records or, where the holder keeps
// blocks, over those that lie wholly in or out. Allocates nothing.
//
// A record of age a belongs to every window longer than a. So each is added once, to the shortest window that holds it, and
// at the end each window takes over what the shorter ones gathered (WindowSums.merge).
import assert from 'node:assert'
import { Block, blockFloats } from './blocks.ts'
import { DistinctSet } from './distinct.ts'
import { blockRecords } from './journal.ts'
import { type RecordLayout, timeOf } from './layout.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { EntityPlan, LabelWindow } from './plan.ts'
import { Verdict } from './transaction.ts'
import type { View } from './view.ts'
import type { WindowSums } from './window-sums.ts'

const two32 = 2 ** 32
/** Of one entity: their indexes are bytes. */
const windowsMax = 256
/** Where the kind stands in the second word of a record (layout.ts): zero is a transaction. */
const kindMask = 0x00ff0000

export class Tail {
  /** One per column of the layout. */
  readonly sets: readonly DistinctSet[]
  readonly #layout: RecordLayout
  readonly #windowsMs: Float64Array
  readonly #longestMs: number
  readonly #labelWindows: readonly LabelWindow[]
  readonly #blockFloats: number
  readonly #sums: WindowSums
  /** No distinct count looks further back. */
  readonly #columnsMs: number
  // Records whose columns count: where they begin, and the shortest window that holds them.
  readonly #starts: Int32Array
  readonly #windows: Uint8Array
  #listed = 0

  constructor(plan: EntityPlan, sums: WindowSums) {
    const { layout, windowsMs, labelWindows, cap } = plan
    assert(windowsMs.length <= windowsMax, `an entity has at most ${windowsMax} different windows`)
    const distinct = plan.features.filter(({ aggregate }) => aggregate === 'distinct')
    this.#layout = layout
    this.#windowsMs = Float64Array.from(windowsMs)
    this.#longestMs = windowsMs.at(-1) ?? 0
    this.#labelWindows = labelWindows
    this.#blockFloats = blockFloats(layout)
    this.#sums = sums
    this.#columnsMs = Math.max(0, ...distinct.map(({ window }) => windowsMs[window]!))
    const recordsMax = cap * 2
    this.#starts = new Int32Array(recordsMax)
    this.#windows = new Uint8Array(recordsMax)
    this.sets = layout.columns.map(() => new DistinctSet(windowsMs.length, recordsMax))
  }

  /** Adds the records from ordinal `boundary` on. `lifecycle`: what else happened to them, null for nothing. */
  add(view: View, boundary: number, timeMs: number, lifecycle: Lifecycle | null): void {
    const { width } = this.#layout
    const { data, start } = view
    const blocks = lifecycle === null ? view.blocks : null
    const first = boundary - view.base
    this.#listed = 0
    for (let next = view.ordinal - view.base; next > first; ) {
      const at = blocks === null ? first : (next - 1) & -blockRecords
      const from = Math.max(first, at)
      const isWhole = blocks !== null && next - from === blockRecords
      if (!isWhole || !this.#addBlock(view, blocks, from, timeMs)) {
        this.#scan(data, start + from * width, start + next * width, timeMs, lifecycle)
      }
      next = from
    }
    this.#addColumns(data)
  }

  /** Adds a label that became known at `arrivalMs`. */
  addLabel(recordMs: number, verdict: number, arrivalMs: number, timeMs: number): void {
    if (arrivalMs > timeMs) return
    for (let w = 0; w < this.#labelWindows.length; w++) {
      const { windowMs, delayMs } = this.#labelWindows[w]!
      const ageMs = timeMs - delayMs - recordMs
      if (ageMs < 0 || ageMs >= windowMs) continue
      this.#sums.labelled[w]!++
      if (verdict === Verdict.fraud) this.#sums.frauds[w]!++
    }
  }

  /** In a journal in time order the shortest window only ever grows. */
  #scan(
    data: DataView,
    start: number,
    end: number,
    timeMs: number,
    lifecycle: Lifecycle | null,
  ): void {
    const { width, label, amount } = this.#layout
    const sums = this.#sums
    const windowsMs = this.#windowsMs
    const longestMs = this.#longestMs
    // The present window holds ages in [fromMs, toMs).
    let window = 0
    let fromMs = 0
    let toMs = windowsMs.length > 0 ? windowsMs[0]! : 0
    for (let at = end - width; at >= start; at -= width) {
      const word = data.getUint32(at + 4, true)
      if ((word & kindMask) !== 0) continue
      const recordMs = (word & 0xffff) * two32 + data.getUint32(at, true)
      if (recordMs > sums.newestMs) sums.newestMs = recordMs
      if (lifecycle?.isReversed(data, at) === true) continue
      if (label >= 0 && word >>> 24 !== 0 && lifecycle?.isRelabelled(data, at, timeMs) !== true) {
        this.addLabel(recordMs, word >>> 24, data.getFloat64(at + label, true), timeMs)
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
      sums.count[window]!++
      if (ageMs < sums.since[window]!) sums.since[window] = ageMs
      if (amount >= 0) sums.addAmount(window, data.getFloat64(at + amount, true))
      if (ageMs < this.#columnsMs) {
        this.#starts[this.#listed] = at
        this.#windows[this.#listed++] = window
      }
    }
  }

  /** Adds the block of 32 records from position `from` on by its sums; false where it lies across an edge. */
  #addBlock(view: View, blocks: Float64Array, from: number, timeMs: number): boolean {
    const sums = this.#sums
    const at = view.blocksAt + (from / blockRecords) * this.#blockFloats
    if (blocks[at + Block.others] !== 0) return false
    const youngestMs = timeMs - blocks[at + Block.maxMs]!
    const oldestMs = timeMs - blocks[at + Block.minMs]!
    const isOutside = youngestMs >= this.#longestMs || oldestMs < 0
    if (!isOutside) {
      if (youngestMs < 0) return false
      let window = 0
      while (youngestMs >= this.#windowsMs[window]!) window++
      if (oldestMs >= this.#windowsMs[window]!) return false
      this.#addToWindow(blocks, at, window, youngestMs)
      if (youngestMs < this.#columnsMs) this.#list(view, from, window)
    }
    sums.newestMs = Math.max(sums.newestMs, blocks[at + Block.maxMs]!)
    if (this.#layout.label >= 0 && blocks[at + Block.labelled]! > 0) {
      this.#addLabels(view, blocks, at, from, timeMs)
    }
    return true
  }

  #addToWindow(blocks: Float64Array, at: number, window: number, youngestMs: number): void {
    const sums = this.#sums
    sums.count[window]! += blockRecords
    sums.amounts[window]! += blocks[at + Block.amounts]!
    sums.high[window]! += blocks[at + Block.high]!
    sums.low[window]! += blocks[at + Block.low]!
    sums.min[window] = Math.min(sums.min[window]!, blocks[at + Block.min]!)
    sums.max[window] = Math.max(sums.max[window]!, blocks[at + Block.max]!)
    sums.since[window] = Math.min(sums.since[window]!, youngestMs)
  }

  #list(view: View, from: number, window: number): void {
    const { width } = this.#layout
    for (let r = 0; r < blockRecords; r++) {
      this.#starts[this.#listed] = view.start + (from + r) * width
      this.#windows[this.#listed++] = window
    }
  }

  #addLabels(view: View, blocks: Float64Array, at: number, from: number, timeMs: number): void {
    const { labelled, frauds } = this.#sums
    const minMs = blocks[at + Block.minMs]!
    const maxMs = blocks[at + Block.maxMs]!
    for (let w = 0; w < this.#labelWindows.length; w++) {
      const { windowMs, delayMs } = this.#labelWindows[w]!
      const untilMs = timeMs - delayMs
      const afterMs = untilMs - windowMs
      if (minMs > untilMs || maxMs <= afterMs) continue
      const isInside = minMs > afterMs && maxMs <= untilMs
      if (isInside && blocks[at + Block.arrivalMax]! <= timeMs) {
        labelled[w]! += blocks[at + Block.labelled]!
        frauds[w]! += blocks[at + Block.frauds]!
        continue
      }
      const mask = blocks[at + Block.fraudMask]! >>> 0
      for (let r = 0; r < blockRecords; r++) {
        if (blocks[at + Block.arrivals + r]! > timeMs) continue
        if (!isInside && !this.#isBetween(view, from + r, afterMs, untilMs)) continue
        labelled[w]!++
        if ((mask & (1 << r)) !== 0) frauds[w]!++
      }
    }
  }

  #isBetween(view: View, position: number, afterMs: number, untilMs: number): boolean {
    const at = view.start + position * this.#layout.width
    const recordMs = timeOf(view.data, at)
    return recordMs > afterMs && recordMs <= untilMs
  }

  #addColumns(data: DataView): void {
    const { columns } = this.#layout
    for (let c = 0; c < columns.length; c++) {
      const set = this.sets[c]!
      set.clear(this.#listed)
      set.addAll(data, columns[c]!.at, this.#starts, this.#windows, this.#listed)
      set.merge()
    }
  }
}
