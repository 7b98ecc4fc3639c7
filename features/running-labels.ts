// The running sums of an entity's label windows: labels that have come, of transactions in the delayed window of their own time.
import type { LabelSums } from './label-sums.ts'
import { isMet, type RecordLayout, timeOf, verdictMask, verdictShift, wordOf } from './layout.ts'
import type { Cursor } from './running-cursor.ts'
import { Head, Labelled, type RunningPlan } from './running-plan.ts'
import { Verdict } from './transaction.ts'

export class RunningLabels {
  readonly #plan: RunningPlan
  /** Byte of a record's arrival of its label. */
  readonly #label: number

  constructor(layout: RecordLayout, plan: RunningPlan) {
    this.#plan = plan
    this.#label = layout.label
  }

  begin(cursor: Cursor): void {
    const { floats, at } = cursor
    floats[at + Head.nextArrivalMs] = Infinity
    for (let w = 0; w < this.#plan.labels.length; w++) {
      const window = this.#window(cursor, w)
      floats[window + Labelled.headMs] = Infinity
      floats[window + Labelled.nearMs] = Infinity
    }
  }

  /** Takes out what is too old now, and adds the labels that have come meanwhile. */
  leave(cursor: Cursor): void {
    const { floats, at } = cursor
    const beforeMs = floats[at + Head.nowMs]!
    for (let w = 0; w < this.#plan.labels.length; w++) {
      const window = this.#window(cursor, w)
      const afterMs = this.#afterMs(cursor, w)
      while (floats[window + Labelled.headMs]! <= afterMs) {
        const head = floats[window + Labelled.head]!
        this.#count(cursor, w, cursor.record(head), beforeMs, -1)
        const isLast = head + 1 === floats[window + Labelled.near]
        floats[window + Labelled.head] = head + 1
        floats[window + Labelled.headMs] = isLast ? Infinity : cursor.timeMs(head + 1)
      }
    }
    while (floats[at + Head.nextArrivalMs]! <= cursor.nowMs) this.#arrive(cursor, beforeMs)
  }

  /** A record was put at place `index` in order of time. */
  insert(cursor: Cursor, index: number, record: number): void {
    const { floats, recordMs } = cursor
    if ((wordOf(cursor.data, record) & verdictMask) !== 0) this.#list(cursor, index, record)
    for (let w = 0; w < this.#plan.labels.length; w++) {
      const window = this.#window(cursor, w)
      const near = floats[window + Labelled.near]!
      if (index < near) this.#enter(cursor, w, index, recordMs)
      else if (index === near) floats[window + Labelled.nearMs] = recordMs
    }
  }

  /** Adds what windows reach now. */
  reach(cursor: Cursor): void {
    const { floats } = cursor
    for (let w = 0; w < this.#plan.labels.length; w++) {
      const window = this.#window(cursor, w)
      const untilMs = cursor.nowMs - this.#plan.labels[w]!.delayMs
      while (floats[window + Labelled.nearMs]! <= untilMs) {
        const near = floats[window + Labelled.near]!
        this.#enter(cursor, w, near, floats[window + Labelled.nearMs]!)
        floats[window + Labelled.nearMs] = cursor.timeMs(near + 1)
      }
    }
  }

  /** `sums` are empty before. */
  show(cursor: Cursor, sums: LabelSums): void {
    for (let w = 0; w < this.#plan.labels.length; w++) {
      const window = this.#window(cursor, w)
      sums.labelled[w] = cursor.floats[window + Labelled.labelled]!
      sums.frauds[w] = cursor.floats[window + Labelled.frauds]!
    }
  }

  #window({ at }: Cursor, w: number): number {
    return at + this.#plan.labelsAt + w * Labelled.floats
  }

  #afterMs({ nowMs }: Cursor, w: number): number {
    const { windowMs, delayMs } = this.#plan.labels[w]!
    return nowMs - delayMs - windowMs
  }

  #arrivalMs(cursor: Cursor, index: number): number {
    return cursor.data.getFloat64(this.#labelled(cursor, index) + this.#label, true)
  }

  /** Byte of the labelled record at that place in order of arrival. */
  #labelled({ start, width, halves, order, capacity }: Cursor, index: number): number {
    return start + halves[order + capacity + index]! * width
  }

  /** The next label has come: it counts where its transaction does, which the windows had reached by `beforeMs`. */
  #arrive(cursor: Cursor, beforeMs: number): void {
    const { floats, at } = cursor
    const record = this.#labelled(cursor, floats[at + Head.arrived]!++)
    const recordMs = timeOf(cursor.data, record)
    for (let w = 0; w < this.#plan.labels.length; w++) {
      const untilMs = beforeMs - this.#plan.labels[w]!.delayMs
      if (recordMs > this.#afterMs(cursor, w) && recordMs <= untilMs) {
        this.#count(cursor, w, record, cursor.nowMs, 1)
      }
    }
    this.#next(cursor)
  }

  #next(cursor: Cursor): void {
    const { floats, at } = cursor
    const arrived = floats[at + Head.arrived]!
    const isLast = arrived === floats[at + Head.labelled]
    floats[at + Head.nextArrivalMs] = isLast ? Infinity : this.#arrivalMs(cursor, arrived)
  }

  /** Puts the labelled record at place `place` in order of time in order of arrival. */
  #list(cursor: Cursor, place: number, record: number): void {
    const { floats, halves, order, capacity } = cursor
    const arrivalMs = cursor.data.getFloat64(record + this.#label, true)
    const list = order + capacity
    const count = floats[cursor.at + Head.labelled]!++
    let index = count
    // By halves: a complaint comes before the confirmations of all that nobody complains about.
    for (let from = 0; from < index; ) {
      const middle = index === count ? index - 1 : (from + index) >>> 1
      if (this.#arrivalMs(cursor, middle) > arrivalMs) index = middle
      else from = middle + 1
    }
    halves.copyWithin(list + index + 1, list + index, list + count)
    halves[list + index] = halves[order + place]!
    if (arrivalMs <= cursor.nowMs) floats[cursor.at + Head.arrived]!++
    this.#next(cursor)
  }

  /** The window reaches the record at place `index`, or had passed that place. */
  #enter(cursor: Cursor, w: number, index: number, recordMs: number): void {
    const { floats } = cursor
    const window = this.#window(cursor, w)
    const head = floats[window + Labelled.head]!
    if (recordMs > this.#afterMs(cursor, w)) {
      if (index <= head) {
        floats[window + Labelled.head] = index
        floats[window + Labelled.headMs] = recordMs
      }
      this.#count(cursor, w, cursor.record(index), cursor.nowMs, 1)
    } else if (index <= head) floats[window + Labelled.head]!++
    floats[window + Labelled.near]!++
  }

  /** Adds the record's label, or takes it out, if it has one that had come by `timeMs`. */
  #count(cursor: Cursor, w: number, record: number, timeMs: number, by: 1 | -1): void {
    const { floats, data } = cursor
    const word = wordOf(data, record)
    const verdict = (word & verdictMask) >>> verdictShift
    if (verdict === Verdict.none || !isMet(word, this.#plan.labels[w]!.mask)) return
    if (data.getFloat64(record + this.#label, true) > timeMs) return
    const window = this.#window(cursor, w)
    floats[window + Labelled.labelled]! += by
    if (verdict === Verdict.fraud) floats[window + Labelled.frauds]! += by
  }
}
