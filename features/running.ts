// Running sums of a journal that somebody holds: what its windows count is carried from one transaction to the next, by adding
// the records that came and taking out those that fell out. No answer depends on whether there are any. Drawn at the foot.
import type { EntityPlan } from './entity-plan.ts'
import { kindMask, timeOf } from './layout.ts'
import { Cursor } from './running-cursor.ts'
import { RunningLabels } from './running-labels.ts'
import { bucketCount, Head, type RunningPlan, State } from './running-plan.ts'
import { RunningWindows } from './running-windows.ts'
import type { View } from './view.ts'

/** After so many folds in turn of earlier transactions the sums begin anew. */
const missedMax = 16

const Course = { without: 0, anew: 1, on: 2 } as const
type Course = (typeof Course)[keyof typeof Course]

export class Running {
  readonly cursor = new Cursor()
  readonly windows: readonly RunningWindows[]
  readonly labels: RunningLabels | null
  readonly #plan: EntityPlan
  readonly #running: RunningPlan

  constructor(plan: EntityPlan, running: RunningPlan) {
    this.#plan = plan
    this.#running = running
    this.windows = running.groups.map(
      (group) => new RunningWindows(plan.layout, group, running.labels.length > 0 ? 2 : 1),
    )
    this.labels = running.labels.length > 0 ? new RunningLabels(plan.layout, running) : null
  }

  /** Of the journal at hand: time of its newest transaction, ms; -Infinity when there is none. */
  get newestMs(): number {
    const { floats, at } = this.cursor
    return floats[at + Head.maxMs]!
  }

  /**
   * Brings the sums of the view's journal to a transaction whose exact tail begins at ordinal `boundary`. False
   * where there are none, where they are of a later view or time, or where something else than transactions is in the tail.
   */
  bring(view: View, boundary: number, { timeMs }: { readonly timeMs: number }): boolean {
    const floats = view.running
    if (floats === null || view.runningOf !== this.#plan) return false
    const first = boundary - view.base
    const end = view.ordinal - view.base
    this.cursor.nowMs = timeMs
    const course = this.#course(floats, view.runningAt, first, end)
    if (course === Course.without) return false
    this.#open(view, floats)
    if (course === Course.anew) this.#begin(first)
    for (const windows of this.windows) windows.leave(this.cursor)
    this.labels?.leave(this.cursor)
    floats[this.cursor.at + Head.nowMs] = timeMs
    floats[this.cursor.at + Head.missed] = 0
    return this.#take(end)
  }

  /**
   * Takes in the record behind the view, mostly that of the transaction itself, while both are in the nearest cache. Only after
   * `bring` gave true, and what it brought was read.
   */
  follow({ ordinal, count }: View): void {
    if (count > ordinal) this.#take(this.cursor.floats[this.cursor.at + Head.end]! + 1)
  }

  /** How sums that begin at `at` are of use to the time at hand, for records at positions [first, end). */
  #course(floats: Float64Array, at: number, first: number, end: number): Course {
    const state = floats[at + Head.state]!
    if (state === State.met) return Course.anew
    if (state === State.empty) {
      floats[at + Head.state] = State.met
      return Course.without
    }
    // They are of a later view.
    if (first < floats[at + Head.first]! || end < floats[at + Head.end]!) return Course.without
    // Some of their records are in hops now.
    if (first > floats[at + Head.first]!) return Course.anew
    if (state === State.broken) return Course.without
    if (this.cursor.nowMs >= floats[at + Head.nowMs]!) return Course.on
    if (++floats[at + Head.missed]! > missedMax) floats[at + Head.state] = State.met
    return Course.without
  }

  #open(view: View, floats: Float64Array): void {
    const cursor = this.cursor
    cursor.data = view.data
    cursor.start = view.start
    cursor.width = this.#plan.width
    cursor.floats = floats
    cursor.halves = view.runningHalves
    cursor.at = view.runningAt
    cursor.order = (view.runningAt + this.#running.floats) * 4
    cursor.capacity = view.runningCapacity
    cursor.bucketMask = bucketCount(view.runningCapacity) - 1
    cursor.count = floats[cursor.at + Head.end]! - floats[cursor.at + Head.first]!
  }

  /** Nothing is taken in; records count from position `first` on. */
  #begin(first: number): void {
    const cursor = this.cursor
    const { floats, at } = cursor
    floats.fill(0, at, at + this.#running.floats)
    floats[at + Head.state] = State.live
    floats[at + Head.first] = first
    floats[at + Head.end] = first
    floats[at + Head.nowMs] = -Infinity
    floats[at + Head.maxMs] = -Infinity
    cursor.count = 0
    for (const windows of this.windows) windows.begin(cursor)
    this.labels?.begin(cursor)
  }

  /** Adds the records up to position `end`, then those that time has reached. False where one is no transaction. */
  #take(end: number): boolean {
    const { cursor } = this
    const { data, start, width, floats, at } = cursor
    for (let position = floats[at + Head.end]!; position < end; position++) {
      const record = start + position * width
      if ((data.getUint32(record + 4, true) & kindMask) !== 0) {
        floats[at + Head.state] = State.broken
        return false
      }
      this.#insert(position, record)
    }
    for (const windows of this.windows) windows.reach(cursor)
    this.labels?.reach(cursor)
    floats[at + Head.end] = end
    return true
  }

  #insert(position: number, record: number): void {
    const cursor = this.cursor
    const { floats, at, halves, order } = cursor
    const recordMs = timeOf(cursor.data, record)
    let index = cursor.count
    if (recordMs >= floats[at + Head.maxMs]!) floats[at + Head.maxMs] = recordMs
    else {
      while (index > 0 && cursor.timeMs(index - 1) > recordMs) index--
      halves.copyWithin(order + index + 1, order + index, order + cursor.count)
    }
    halves[order + index] = position
    cursor.count++
    cursor.recordMs = recordMs
    for (const windows of this.windows) windows.insert(cursor, index)
    this.labels?.insert(cursor, index, record)
  }
}

// A journal's records in order of time (`order`: by time, then as they came), and the windows of a group over them:
//
//                             head of 7d          head of 1d   head of 1h         near
//   order:   r0  r1  r2  r3  │ r4  r5  r6  r7  r8 │ r9  r10 r11 │ r12 r13 r14 r15 │ r16
//            left both       └──────────── counted in 7d ──────────────────────────┘ not reached yet: later than
//                                                 └──── counted in 1d ─────────────┘ the transaction, or younger
//                                                               └─ counted in 1h ──┘ than the group's delay
//
// For the next transaction, which must not be an earlier one, every head first passes what has left (`leave`), a record that
// came is put at its place (`insert`), and near passes what is reached (`reach`). A record that came late is put in the
// middle; heads and near behind it move on by one, and it counts at once where it lies between them. Whole numbers are
// added and taken out, so the sums are those of the records between head and near, whatever the way there.
//
// Whatever else happens, the fold reads the records as if there were no running sums: an earlier transaction (late, or
// again), a view that is older than what was taken in, a reversal, decline or label message in the exact tail, a journal
// that has moved or was compacted. `first` is where the exact tail begins; when it moves on, the sums begin anew.
