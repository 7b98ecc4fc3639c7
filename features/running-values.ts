// How many different values a column has in each of a group's windows, carried along: each value is known by its latest record,
// in chains by hash. Exact: values are compared in the records themselves. Drawn at the foot.
import type { DistinctSet } from './distinct.ts'
import { timeOf } from './layout.ts'
import type { Cursor } from './running-cursor.ts'
import type { RunningColumn } from './running-plan.ts'

/** In a record's link: a later record has its value, or it has none. */
const superseded = 0xffff

export class RunningValues {
  readonly column: RunningColumn
  readonly #windowsMs: readonly number[]
  readonly #longestMs: number
  /** By window: its place in the column's windows, or -1. */
  readonly #placeOf: Int32Array
  /** Lists of the journal that lie before those of columns. */
  readonly #orders: number

  constructor(column: RunningColumn, windowsMs: readonly number[], orders: number) {
    this.column = column
    this.#windowsMs = windowsMs
    this.#longestMs = Math.max(...column.windows.map((w) => windowsMs[w]!))
    this.#placeOf = Int32Array.from(windowsMs, (_, w) => column.windows.indexOf(w))
    this.#orders = orders
  }

  begin(cursor: Cursor): void {
    const buckets = this.#links(cursor) + cursor.capacity
    cursor.halves.fill(0, buckets, buckets + cursor.bucketMask + 1)
  }

  /** The record at that place in order of time counts from now on. It is new to the windows in which its value was not; `nowMs`: where they end. */
  enter(cursor: Cursor, index: number, recordMs: number, nowMs: number): void {
    const { data, floats, halves } = cursor
    const { at, windows, countsAt } = this.column
    const links = this.#links(cursor)
    const position = halves[cursor.order + index]!
    const column = cursor.record(index) + at
    const low = data.getInt32(column, true)
    const high = data.getInt32(column + 4, true)
    halves[links + position] = superseded
    if ((low | high) === 0 || recordMs <= nowMs - this.#longestMs) return
    const before = this.#find(cursor, low, high, nowMs)
    const beforeMs = before < 0 ? -Infinity : timeOf(data, cursor.start + before * cursor.width)
    if (beforeMs > recordMs) return
    for (let k = 0; k < windows.length; k++) {
      const afterMs = nowMs - this.#windowsMs[windows[k]!]!
      if (recordMs > afterMs && beforeMs <= afterMs) floats[cursor.at + countsAt + k]!++
    }
    const bucket = this.#bucket(cursor, low)
    if (before >= 0) this.#unlink(halves, links, bucket, before)
    halves[links + position] = halves[bucket]!
    halves[bucket] = position + 1
  }

  /** The record at that place in order of time leaves the window. */
  leave(cursor: Cursor, w: number, index: number): void {
    const position = cursor.halves[cursor.order + index]!
    if (cursor.halves[this.#links(cursor) + position] === superseded) return
    cursor.floats[cursor.at + this.column.countsAt + this.#placeOf[w]!]!--
  }

  /** Writes the counts of the windows that somebody asks for, and which one holds the transaction's own value. */
  show(cursor: Cursor, low: number, high: number, nowMs: number, out: DistinctSet): void {
    const { windows, countsAt } = this.column
    for (let k = 0; k < windows.length; k++) {
      out.counts[windows[k]!] = cursor.floats[cursor.at + countsAt + k]!
    }
    out.own = -1
    if ((low | high) === 0) return
    const latest = this.#find(cursor, low, high, nowMs)
    if (latest < 0) return
    const ageMs = nowMs - timeOf(cursor.data, cursor.start + latest * cursor.width)
    out.own = 0
    while (ageMs >= this.#windowsMs[out.own]!) out.own++
  }

  /** Position of the latest record with the value in the longest window; -1 where there is none. Drops what it finds older. */
  #find(cursor: Cursor, low: number, high: number, nowMs: number): number {
    const { data, halves, start, width } = cursor
    const links = this.#links(cursor)
    const afterMs = nowMs - this.#longestMs
    let from = this.#bucket(cursor, low)
    for (let link = halves[from]!; link !== 0; link = halves[from]!) {
      const place = links + link - 1
      const record = start + (link - 1) * width
      if (timeOf(data, record) <= afterMs) {
        halves[from] = halves[place]!
        halves[place] = superseded
        continue
      }
      const at = record + this.column.at
      if (data.getInt32(at, true) === low && data.getInt32(at + 4, true) === high) return link - 1
      from = place
    }
    return -1
  }

  #unlink(halves: Uint16Array, links: number, bucket: number, position: number): void {
    let from = bucket
    while (halves[from] !== position + 1) from = links + halves[from]! - 1
    halves[from] = halves[links + position]!
    halves[links + position] = superseded
  }

  #bucket(cursor: Cursor, low: number): number {
    const buckets = this.#links(cursor) + cursor.capacity
    return buckets + (low & cursor.bucketMask)
  }

  /** Where its lists begin: a link for each record, then the chains. */
  #links({ order, capacity, bucketMask }: Cursor): number {
    const own = capacity + bucketMask + 1
    return order + this.#orders * capacity + this.column.list * own
  }
}

// Different values of a window are its records that no later one supersedes, that is, has the same value:
//
//   order:      a1  b2  a3  │ c4  a5  b6 │        3 in the window: c4, a5, b6
//   superseded:  *   *   *                        a chain per bucket of hashes links the others: b6 → c4, a5
//
//   enter: the value's latest record before is found in its chain and superseded. The window has one value more if that record
//          was not in it. A late record with a later one of its value is superseded at once.
//   leave: the window has one value less if the record is not superseded; else the later one, which has not left, stands for it.
//
// So a record costs one look into a chain, however many windows there are. Records that have left the longest window are
// dropped from chains when a look comes by.
