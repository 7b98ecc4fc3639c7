// Adds the exact tail of a view to a group of an entity's windows: one pass, newest first, over records or, where the holder
// keeps blocks, over those that lie wholly in or out. Allocates nothing.
//
// A record of age a belongs to every window longer than a. So each is added once, to the shortest window that holds it, and
// at the end each window takes over what the shorter ones gathered (WindowSums.merge).
import assert from 'node:assert'
import { Block, blockFloats, endsAt, locationAt, squaresAt } from './blocks.ts'
import { DistinctSet } from './distinct.ts'
import type { EntityPlan, WindowGroup } from './entity-plan.ts'
import { blockRecords } from './journal.ts'
import type { LabelSums } from './label-sums.ts'
import { isMet, kindMask, nowhere, type RecordLayout } from './layout.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Cursor } from './running-cursor.ts'
import type { RunningWindows } from './running-windows.ts'
import type { Timed } from './transaction.ts'
import type { View } from './view.ts'
import type { WindowSums } from './window-sums.ts'

const two32 = 2 ** 32
/** Of one group: their indexes are bytes. */
const windowsMax = 256

export class Tail {
  /** By column of the layout: its different values, where they are counted. */
  readonly sets = new Map<number, DistinctSet>()
  /** By column, then window: records that have the value of the transaction, where somebody asks. */
  readonly matches = new Map<number, Float64Array>()
  /** Time of the newest transaction in the view, ms; -Infinity when there is none. Of the first group alone. */
  newestMs = -Infinity
  readonly #layout: RecordLayout
  readonly #group: WindowGroup
  readonly #windowsMs: Float64Array
  readonly #longestMs: number
  readonly #blockFloats: number
  readonly #squaresAt: number
  readonly #locationAt: number
  /** Of each number of the group. */
  readonly #endsAt: readonly number[]
  readonly #sums: WindowSums
  readonly #labels: LabelSums | null
  /** True if a record leaves more than a count and an amount; if a block cannot stand for its records. */
  readonly #hasMore: boolean
  readonly #needsRecords: boolean
  // Records whose columns count: where they begin, and the shortest window that holds them.
  readonly #starts: Int32Array
  readonly #windows: Uint8Array
  #listed = 0
  /** Where the records of the last transaction are to be listed from, if somebody asks. */
  #carried: RunningWindows | null = null
  #cursor: Cursor | null = null
  readonly #counted: readonly { readonly at: number; readonly set: DistinctSet }[]
  readonly #compared: readonly { readonly at: number; readonly matches: Float64Array }[]

  /** `labels` where this group's pass is the one that adds them. */
  constructor(plan: EntityPlan, group: WindowGroup, sums: WindowSums, labels: LabelSums | null) {
    const { layout, cap } = plan
    const { windowsMs, hasSquares, hasLocation, numbers, mask, distinct, matched } = group
    assert(windowsMs.length <= windowsMax, `an entity has at most ${windowsMax} different windows`)
    this.#layout = layout
    this.#group = group
    this.#windowsMs = Float64Array.from(windowsMs)
    this.#longestMs = windowsMs.at(-1) ?? 0
    this.#blockFloats = blockFloats(layout)
    this.#squaresAt = squaresAt(layout)
    this.#sums = sums
    this.#labels = labels
    this.#hasMore = hasSquares || hasLocation || numbers.length > 0
    this.#needsRecords = mask !== 0
    this.#locationAt = locationAt(layout)
    this.#endsAt = numbers.map((number) => endsAt(layout, layout.ends.indexOf(number)))
    const recordsMax = cap * 2
    this.#starts = new Int32Array(recordsMax)
    this.#windows = new Uint8Array(recordsMax)
    const placeOf = (column: number): number => layout.columns[column]!.at
    this.#counted = distinct.map((column) => {
      const set = new DistinctSet(windowsMs.length, recordsMax)
      this.sets.set(column, set)
      return { at: placeOf(column), set }
    })
    this.#compared = matched.map((column) => {
      const matches = new Float64Array(windowsMs.length)
      this.matches.set(column, matches)
      return { at: placeOf(column), matches }
    })
  }

  /** Records whose columns count for the last transaction, newest first: how many; `windowOf` and `startOf` tell of each. */
  list(): number {
    if (this.#carried !== null && this.#cursor !== null) {
      this.#listed = this.#carried.list(this.#cursor, this.#starts, this.#windows)
      this.#carried = null
    }
    return this.#listed
  }

  windowOf(index: number): number {
    return this.#windows[index]!
  }

  startOf(index: number): number {
    return this.#starts[index]!
  }

  /** Takes what `running` counts, instead of adding records. */
  carry(running: RunningWindows, cursor: Cursor, record: DataView, recordAt: number): void {
    this.#carried = running
    this.#cursor = cursor
    running.show(cursor, this.#sums)
    for (const values of running.values) {
      const { column, at } = values.column
      const low = record.getInt32(recordAt + at, true)
      const high = record.getInt32(recordAt + at + 4, true)
      values.show(cursor, low, high, cursor.nowMs - this.#group.delayMs, this.sets.get(column)!)
    }
    if (this.#compared.length > 0) this.#compare(cursor.data, record, recordAt)
  }

  /**
   * Adds the records from ordinal `boundary` on. `lifecycle`: what else happened to them, null for nothing. The transaction's
   * own record lies at byte `recordAt` of `record`.
   */
  add(
    view: View,
    boundary: number,
    transaction: Timed,
    lifecycle: Lifecycle | null,
    record: DataView,
    recordAt: number,
  ): void {
    const { width } = this.#layout
    const { data, start } = view
    const blocks = lifecycle === null ? view.blocks : null
    const first = boundary - view.base
    this.#listed = 0
    this.#carried = null
    this.newestMs = -Infinity
    for (let next = view.ordinal - view.base; next > first; ) {
      const at = blocks === null ? first : (next - 1) & -blockRecords
      const from = Math.max(first, at)
      const isWhole = blocks !== null && next - from === blockRecords
      if (!isWhole || !this.#addBlock(view, blocks, from, transaction)) {
        this.#scan(data, start + from * width, start + next * width, transaction, lifecycle)
      }
      next = from
    }
    this.#sums.merge()
    if (this.#group.columnsMs > 0) this.#addColumns(data, record, recordAt)
  }

  /** In a journal in time order the shortest window only ever grows. */
  #scan(
    data: DataView,
    start: number,
    end: number,
    { timeMs }: Timed,
    lifecycle: Lifecycle | null,
  ): void {
    const { width, label, amount } = this.#layout
    const { mask, delayMs, isGross, columnsMs } = this.#group
    const sums = this.#sums
    const labels = this.#labels
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
      if (recordMs > this.newestMs) this.newestMs = recordMs
      const isUndone = lifecycle?.isUndone(data, at) === true
      if (labels !== null && word >>> 24 !== 0) {
        const verdict = (word >>> 24) & 3
        if (verdict !== 0 && lifecycle?.isRelabelled(data, at, timeMs) !== true) {
          const arrivalMs = data.getFloat64(at + label, true)
          labels.add(recordMs, word, verdict, arrivalMs, timeMs, isUndone)
        }
      }
      if (isUndone && !isGross) continue
      const ageMs = timeMs - delayMs - recordMs
      if (ageMs < 0 || ageMs >= longestMs) continue
      if (mask !== 0 && !isMet(word, mask)) continue
      while (ageMs >= toMs) {
        fromMs = toMs
        toMs = windowsMs[++window]!
      }
      while (ageMs < fromMs) {
        toMs = fromMs
        fromMs = --window === 0 ? 0 : windowsMs[window - 1]!
      }
      sums.count[window]!++
      if (ageMs < sums.youngest[window]!) sums.youngest[window] = ageMs
      if (ageMs > sums.oldest[window]!) sums.oldest[window] = ageMs
      if (amount >= 0) sums.addAmount(window, data.getFloat64(at + amount, true))
      if (this.#hasMore) this.#addMore(data, at, window, recordMs)
      if (ageMs < columnsMs) {
        this.#starts[this.#listed] = at
        this.#windows[this.#listed++] = window
      }
    }
  }

  /** What only some catalogs ask for. */
  #addMore(data: DataView, at: number, window: number, recordMs: number): void {
    const { hasSquares, hasLocation, numbers } = this.#group
    const { amount, location } = this.#layout
    const sums = this.#sums
    if (hasSquares) sums.addSquare(window, data.getFloat64(at + amount, true), 1)
    if (hasLocation) {
      const latitude = data.getInt32(at + location, true)
      if (latitude !== nowhere) {
        sums.addOlderLocation(window, recordMs, latitude, data.getInt32(at + location + 4, true))
      }
    }
    for (let n = 0; n < numbers.length; n++) {
      const number = data.getFloat64(at + numbers[n]!, true)
      if (!Number.isNaN(number)) sums.addOlderEnd(n, window, recordMs, number)
    }
  }

  /** Adds the block of 32 records from position `from` on by its sums; false where it lies across an edge. */
  #addBlock(view: View, blocks: Float64Array, from: number, { timeMs }: Timed): boolean {
    const at = view.blocksAt + (from / blockRecords) * this.#blockFloats
    if (blocks[at + Block.others] !== 0) return false
    const nowMs = timeMs - this.#group.delayMs
    const youngestMs = nowMs - blocks[at + Block.maxMs]!
    const oldestMs = nowMs - blocks[at + Block.minMs]!
    const isOutside = youngestMs >= this.#longestMs || oldestMs < 0
    if (!isOutside) {
      if (youngestMs < 0 || this.#needsRecords) return false
      let window = 0
      while (youngestMs >= this.#windowsMs[window]!) window++
      if (oldestMs >= this.#windowsMs[window]!) return false
      this.#addToWindow(blocks, at, window, youngestMs, oldestMs)
      if (youngestMs < this.#group.columnsMs) this.#list(view, from, window)
    }
    this.newestMs = Math.max(this.newestMs, blocks[at + Block.maxMs]!)
    if (this.#labels !== null && blocks[at + Block.labelled]! > 0) {
      const { width } = this.#layout
      const start = view.start + from * width
      this.#labels.addBlock(blocks, at, view.data, start, width, timeMs)
    }
    return true
  }

  #addToWindow(
    blocks: Float64Array,
    at: number,
    window: number,
    youngestMs: number,
    oldestMs: number,
  ): void {
    const sums = this.#sums
    sums.count[window]! += blockRecords
    sums.amounts[window]! += blocks[at + Block.amounts]!
    sums.high[window]! += blocks[at + Block.high]!
    sums.low[window]! += blocks[at + Block.low]!
    sums.min[window] = Math.min(sums.min[window]!, blocks[at + Block.min]!)
    sums.max[window] = Math.max(sums.max[window]!, blocks[at + Block.max]!)
    sums.youngest[window] = Math.min(sums.youngest[window]!, youngestMs)
    sums.oldest[window] = Math.max(sums.oldest[window]!, oldestMs)
    for (let limb = 0; limb < sums.squares.length; limb++) {
      sums.squares[limb]![window]! += blocks[at + this.#squaresAt + limb]!
    }
    if (this.#group.hasLocation) {
      const place = at + this.#locationAt
      sums.addOlderLocation(window, blocks[place]!, blocks[place + 1]!, blocks[place + 2]!)
    }
    for (let n = 0; n < this.#endsAt.length; n++) {
      const place = at + this.#endsAt[n]!
      // None of the block has the number.
      if (blocks[place] === Infinity) continue
      sums.addOlderEnd(n, window, blocks[place + 2]!, blocks[place + 3]!)
      sums.addOlderEnd(n, window, blocks[place]!, blocks[place + 1]!)
    }
  }

  #list(view: View, from: number, window: number): void {
    const { width } = this.#layout
    for (let r = 0; r < blockRecords; r++) {
      this.#starts[this.#listed] = view.start + (from + r) * width
      this.#windows[this.#listed++] = window
    }
  }

  #addColumns(data: DataView, record: DataView, recordAt: number): void {
    for (const { at, set } of this.#counted) {
      set.clear(this.#listed)
      set.addAll(data, at, this.#starts, this.#windows, this.#listed)
      set.merge()
      const low = record.getInt32(recordAt + at, true)
      set.own = set.windowOf(low, record.getInt32(recordAt + at + 4, true))
    }
    this.#compare(data, record, recordAt)
  }

  /** How many records have the transaction's own values. */
  #compare(data: DataView, record: DataView, recordAt: number): void {
    const listed = this.list()
    for (const { at, matches } of this.#compared) {
      matches.fill(0)
      const low = record.getInt32(recordAt + at, true)
      const high = record.getInt32(recordAt + at + 4, true)
      for (let r = 0; r < listed; r++) {
        const start = this.#starts[r]! + at
        if (data.getInt32(start, true) !== low || data.getInt32(start + 4, true) !== high) continue
        matches[this.#windows[r]!]!++
      }
      for (let w = 1; w < matches.length; w++) matches[w]! += matches[w - 1]!
    }
  }
}
