// How many transactions of a window reversals and declines speak of, by the time of the transaction.
import type { MessageWindow } from './entity-plan.ts'
import { isMostlyInside } from './hop-sums.ts'
import { type PlacedSeries, Slice } from './hops.ts'
import { isMet } from './layout.ts'
import type { Undone } from './lifecycle.ts'
import { Kind, type Timed } from './transaction.ts'
import type { Hops } from './view.ts'

/** Per message window. Sized once, emptied per view. */
export class MessageSums {
  readonly count: Float64Array
  /** Of them, those whose transaction is in no journal as far as is known. */
  readonly unmatched: Float64Array
  readonly isApproximate: Uint8Array
  readonly #windows: readonly MessageWindow[]

  constructor(windows: readonly MessageWindow[]) {
    this.#windows = windows
    this.count = new Float64Array(windows.length)
    this.unmatched = new Float64Array(windows.length)
    this.isApproximate = new Uint8Array(windows.length)
  }

  clear(): void {
    // Mostly none or one: a native call each would take longer.
    for (let w = 0; w < this.#windows.length; w++) {
      this.count[w] = 0
      this.unmatched[w] = 0
      this.isApproximate[w] = 0
    }
  }

  add(undone: Undone, timeMs: number): void {
    for (let w = 0; w < this.#windows.length; w++) {
      const { windowMs, delayMs, mask, kind } = this.#windows[w]!
      if (kind === Kind.reversal ? !undone.isReversed : !undone.isDeclined) continue
      const ageMs = timeMs - delayMs - undone.recordMs
      if (ageMs < 0 || ageMs >= windowMs || !isMet(undone.word, mask)) continue
      this.count[w]!++
      if (!undone.isMatched) this.unmatched[w]!++
    }
  }

  /** In hops every message counts, once the last of its slice has come; none replaces another, so all are approximate. */
  addHops(hops: Hops, series: readonly PlacedSeries[], { timeMs }: Timed): void {
    for (let w = 0; w < series.length; w++) {
      const { at: seriesAt, size, sliceFloats, delayMs, windowMs } = series[w]!
      const untilMs = timeMs - delayMs
      const afterMs = untilMs - windowMs
      if (afterMs < hops[seriesAt]!) this.isApproximate[w] = 1
      for (let slice = 0; slice < size; slice++) {
        const at = seriesAt + 1 + slice * sliceFloats
        if (hops[at]! < 0) continue
        const minMs = hops[at + Slice.minMs]!
        const maxMs = hops[at + Slice.maxMs]!
        if (maxMs <= afterMs || minMs > untilMs) continue
        this.isApproximate[w] = 1
        if (hops[at + Slice.arrivalMax]! > timeMs) continue
        const isAcross = minMs <= afterMs || maxMs > untilMs
        if (isAcross && !isMostlyInside(minMs, maxMs, afterMs, untilMs)) continue
        this.count[w]! += hops[at + Slice.count]!
      }
    }
  }
}
