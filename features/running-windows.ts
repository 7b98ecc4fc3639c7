// The running sums of a group of windows: each has a head, its first record in order of time, and all end at the same one.
import { isMet, nowhere, type RecordLayout, two32, wordOf } from './layout.ts'
import type { Cursor } from './running-cursor.ts'
import { Extreme, endFloats, Far, Near, type RunningGroup } from './running-plan.ts'
import { RunningValues } from './running-values.ts'
import { addSquareLimbs, type WindowSums } from './window-sums.ts'

export class RunningWindows {
  readonly values: readonly RunningValues[]
  readonly #layout: RecordLayout
  readonly #plan: RunningGroup
  readonly #windowsMs: Float64Array
  readonly #hasMore: boolean
  /** By window: its place in the plan's extremes, or -1. */
  readonly #extremeOf: Int32Array
  /** By window: the columns whose different values are counted there. */
  readonly #valuesOf: readonly (readonly RunningValues[])[]

  constructor(layout: RecordLayout, plan: RunningGroup, orders: number) {
    const { windowsMs } = plan.group
    this.#layout = layout
    this.#plan = plan
    this.#windowsMs = Float64Array.from(windowsMs)
    const { hasLocation, numbers } = plan.group
    this.#hasMore = hasLocation || numbers.length > 0
    this.#extremeOf = Int32Array.from(windowsMs, (_, w) => plan.extremes.indexOf(w))
    this.values = plan.columns.map((column) => new RunningValues(column, windowsMs, orders))
    this.#valuesOf = windowsMs.map((_, w) =>
      this.values.filter(({ column }) => column.windows.includes(w)),
    )
  }

  /** Of a journal of which nothing is taken in. */
  begin(cursor: Cursor): void {
    const { floats } = cursor
    const near = cursor.at + this.#plan.at
    floats[near + Near.lastMs] = -Infinity
    floats[near + Near.nextMs] = Infinity
    floats[near + Near.locatedMs] = -Infinity
    for (let w = 0; w < this.#windowsMs.length; w++) {
      const far = this.#far(cursor, w)
      floats[far + Far.headMs] = Infinity
    }
    for (let e = 0; e < this.#plan.extremes.length; e++) {
      const extreme = this.#extreme(cursor, e)
      floats[extreme + Extreme.min] = Infinity
      floats[extreme + Extreme.max] = -Infinity
    }
    for (const values of this.values) values.begin(cursor)
    for (let n = 0; n < this.#plan.group.numbers.length; n++) {
      floats[this.#end(cursor, n)] = -Infinity
    }
  }

  /** Takes out what is too old for its window now. */
  leave(cursor: Cursor): void {
    const { floats } = cursor
    const nowMs = cursor.nowMs - this.#plan.group.delayMs
    for (let w = 0; w < this.#windowsMs.length; w++) {
      const far = this.#far(cursor, w)
      const afterMs = nowMs - this.#windowsMs[w]!
      while (floats[far + Far.headMs]! <= afterMs) this.#takeHead(cursor, w, far)
    }
  }

  /** A record was put at place `index` in order of time: it counts at once where windows have passed that place. */
  insert(cursor: Cursor, index: number): void {
    const { floats, recordMs } = cursor
    const near = cursor.at + this.#plan.at
    const count = floats[near + Near.count]!
    if (index < count) this.#enter(cursor, index)
    else if (index === count) floats[near + Near.nextMs] = recordMs
  }

  /** Adds what windows reach now. */
  reach(cursor: Cursor): void {
    const { floats } = cursor
    const near = cursor.at + this.#plan.at
    const nowMs = cursor.nowMs - this.#plan.group.delayMs
    while (floats[near + Near.nextMs]! <= nowMs) {
      const index = floats[near + Near.count]!
      cursor.recordMs = floats[near + Near.nextMs]!
      this.#enter(cursor, index)
      floats[near + Near.nextMs] = cursor.timeMs(index + 1)
    }
  }

  /** Writes what the windows count. `sums` are empty before. */
  show(cursor: Cursor, sums: WindowSums): void {
    const { floats } = cursor
    const { group, extremes } = this.#plan
    const near = cursor.at + this.#plan.at
    const nowMs = cursor.nowMs - group.delayMs
    for (let e = 0; e < extremes.length; e++) {
      const extreme = this.#extreme(cursor, e)
      this.#seek(cursor, extremes[e]!, extreme)
      sums.min[extremes[e]!] = floats[extreme + Extreme.min]!
      sums.max[extremes[e]!] = floats[extreme + Extreme.max]!
    }
    for (let w = 0; w < this.#windowsMs.length; w++) {
      const far = this.#far(cursor, w)
      const count = floats[far + Far.count]!
      if (count === 0) continue
      sums.count[w] = count
      sums.amounts[w] = floats[far + Far.amounts]!
      sums.high[w] = floats[far + Far.high]!
      sums.low[w] = floats[far + Far.low]!
      sums.youngest[w] = nowMs - floats[near + Near.lastMs]!
      sums.oldest[w] = nowMs - floats[far + Far.headMs]!
      for (let limb = 0; limb < sums.squares.length; limb++) {
        sums.squares[limb]![w] = floats[far + Far.squares + limb]!
      }
      for (let n = 0; n < group.numbers.length; n++) this.#showEnds(cursor, sums, n, w)
      if (!group.hasLocation) continue
      const locatedMs = floats[near + Near.locatedMs]!
      if (locatedMs <= nowMs - this.#windowsMs[w]!) continue
      sums.locatedMs[w] = locatedMs
      sums.latitude[w] = floats[near + Near.latitude]!
      sums.longitude[w] = floats[near + Near.longitude]!
    }
  }

  /** Writes where the records in the longest window that reads columns begin, and the shortest window of each. Returns how many. */
  list(cursor: Cursor, starts: Int32Array, windows: Uint8Array): number {
    const { mask, columnsMs, delayMs } = this.#plan.group
    const nowMs = cursor.nowMs - delayMs
    let listed = 0
    let w = 0
    for (
      let index = cursor.floats[cursor.at + this.#plan.at + Near.count]! - 1;
      index >= 0;
      index--
    ) {
      const ageMs = nowMs - cursor.timeMs(index)
      if (ageMs >= columnsMs) break
      const record = cursor.record(index)
      if (mask !== 0 && !isMet(wordOf(cursor.data, record), mask)) continue
      while (ageMs >= this.#windowsMs[w]!) w++
      starts[listed] = record
      windows[listed++] = w
    }
    return listed
  }

  /** The first record that has a number is mostly the window's first. */
  #showEnds(cursor: Cursor, sums: WindowSums, n: number, w: number): void {
    const { floats, data } = cursor
    const { group } = this.#plan
    const end = this.#end(cursor, n)
    const afterMs = cursor.nowMs - group.delayMs - this.#windowsMs[w]!
    if (floats[end]! <= afterMs) return
    const out = n * this.#windowsMs.length + w
    sums.lastMs[out] = floats[end]!
    sums.last[out] = floats[end + 1]!
    for (let index = floats[this.#far(cursor, w) + Far.head]!; ; index++) {
      const record = cursor.record(index)
      const number = data.getFloat64(record + group.numbers[n]!, true)
      if (Number.isNaN(number) || !isMet(wordOf(data, record), group.mask)) continue
      sums.firstMs[out] = cursor.timeMs(index)
      sums.first[out] = number
      return
    }
  }

  #end(cursor: Cursor, n: number): number {
    return cursor.at + this.#plan.endsAt + n * endFloats
  }

  #far(cursor: Cursor, w: number): number {
    return cursor.at + this.#plan.windowsAt + w * this.#plan.windowFloats
  }

  /** Adds the record at place `index`, to which the windows reach or which lies before. */
  #enter(cursor: Cursor, index: number): void {
    const { floats, data, recordMs } = cursor
    const { mask, delayMs } = this.#plan.group
    const { amount } = this.#layout
    const near = cursor.at + this.#plan.at
    const nowMs = cursor.nowMs - delayMs
    const record = cursor.record(index)
    const isCounted = isMet(wordOf(data, record), mask)
    const minor = amount >= 0 ? data.getFloat64(record + amount, true) : Number.NaN
    for (let w = 0; w < this.#windowsMs.length; w++) {
      const far = this.#far(cursor, w)
      const head = floats[far + Far.head]!
      if (isCounted && recordMs > nowMs - this.#windowsMs[w]!) {
        if (index <= head) {
          floats[far + Far.head] = index
          floats[far + Far.headMs] = recordMs
        }
        this.#count(floats, far, minor, 1)
      } else if (index <= head) floats[far + Far.head]!++
    }
    floats[near + Near.count]!++
    if (!isCounted) return
    if (recordMs > floats[near + Near.lastMs]!) floats[near + Near.lastMs] = recordMs
    if (!Number.isNaN(minor)) this.#compare(cursor, minor, nowMs, recordMs)
    for (const values of this.values) values.enter(cursor, index, recordMs, nowMs)
    if (this.#hasMore) this.#addMore(cursor, near, record, recordMs)
  }

  #count(floats: Float64Array, far: number, minor: number, by: 1 | -1): void {
    floats[far + Far.count]! += by
    if (Number.isNaN(minor)) return
    floats[far + Far.amounts]! += by
    if (minor < two32) floats[far + Far.low]! += by * minor
    else {
      const high = Math.floor(minor / two32)
      floats[far + Far.high]! += by * high
      floats[far + Far.low]! += by * (minor - high * two32)
    }
    if (this.#plan.group.hasSquares) addSquareLimbs(floats, far + Far.squares, minor, by)
  }

  #compare(cursor: Cursor, minor: number, nowMs: number, recordMs: number): void {
    const { floats } = cursor
    for (let e = 0; e < this.#plan.extremes.length; e++) {
      if (recordMs <= nowMs - this.#windowsMs[this.#plan.extremes[e]!]!) continue
      const extreme = this.#extreme(cursor, e)
      if (minor < floats[extreme + Extreme.min]!) floats[extreme + Extreme.min] = minor
      if (minor > floats[extreme + Extreme.max]!) floats[extreme + Extreme.max] = minor
    }
  }

  /** What only some catalogs ask for. */
  #addMore(cursor: Cursor, near: number, record: number, recordMs: number): void {
    const { floats, data } = cursor
    const { hasLocation, numbers } = this.#plan.group
    if (hasLocation) this.#locate(cursor, near, record, recordMs)
    for (let n = 0; n < numbers.length; n++) {
      const number = data.getFloat64(record + numbers[n]!, true)
      const end = this.#end(cursor, n)
      if (Number.isNaN(number) || recordMs < floats[end]!) continue
      floats[end] = recordMs
      floats[end + 1] = number
    }
  }

  /** At the same ms the record with the greater ordinal is the later one, and it came later. */
  #locate({ floats, data }: Cursor, near: number, record: number, recordMs: number): void {
    const { location } = this.#layout
    const latitude = data.getInt32(record + location, true)
    if (latitude === nowhere || recordMs < floats[near + Near.locatedMs]!) return
    floats[near + Near.locatedMs] = recordMs
    floats[near + Near.latitude] = latitude
    floats[near + Near.longitude] = data.getInt32(record + location + 4, true)
  }

  /** Takes the first record out of a window; the next one that counts is its first then. */
  #takeHead(cursor: Cursor, w: number, far: number): void {
    const { floats, data } = cursor
    const { mask } = this.#plan.group
    const { amount } = this.#layout
    let head = floats[far + Far.head]!
    const record = cursor.record(head)
    const minor = amount >= 0 ? data.getFloat64(record + amount, true) : Number.NaN
    this.#count(floats, far, minor, -1)
    this.#miss(cursor, w, minor)
    for (const values of this.#valuesOf[w]!) values.leave(cursor, w, head)
    const end = floats[cursor.at + this.#plan.at + Near.count]!
    do head++
    while (head < end && mask !== 0 && !isMet(wordOf(data, cursor.record(head)), mask))
    floats[far + Far.head] = head
    floats[far + Far.headMs] = head < end ? cursor.timeMs(head) : Infinity
  }

  /** Where it was the least or greatest amount, that has to be looked for when somebody asks. */
  #miss(cursor: Cursor, w: number, minor: number): void {
    const e = this.#extremeOf[w]!
    if (e < 0) return
    const { floats } = cursor
    const extreme = this.#extreme(cursor, e)
    if (minor === floats[extreme + Extreme.min]) floats[extreme + Extreme.min] = Number.NaN
    if (minor === floats[extreme + Extreme.max]) floats[extreme + Extreme.max] = Number.NaN
  }

  #seek(cursor: Cursor, w: number, extreme: number): void {
    const { floats, data } = cursor
    const isKnown = (at: number): boolean => !Number.isNaN(floats[extreme + at]!)
    if (isKnown(Extreme.min) && isKnown(Extreme.max)) return
    const { mask } = this.#plan.group
    const { amount } = this.#layout
    const end = floats[cursor.at + this.#plan.at + Near.count]!
    let min = Infinity
    let max = -Infinity
    for (let index = floats[this.#far(cursor, w) + Far.head]!; index < end; index++) {
      const record = cursor.record(index)
      if (!isMet(wordOf(data, record), mask)) continue
      const minor = data.getFloat64(record + amount, true)
      if (minor < min) min = minor
      if (minor > max) max = minor
    }
    floats[extreme + Extreme.min] = min
    floats[extreme + Extreme.max] = max
  }

  #extreme({ at }: Cursor, e: number): number {
    return at + this.#plan.extremesAt + e * Extreme.floats
  }
}
