// What an entity's label windows have gathered: labels that had arrived, of transactions in the delayed window of their own time.
import { Block } from './blocks.ts'
import type { LabelWindow } from './entity-plan.ts'
import { isMostlyInside } from './hop-sums.ts'
import { type PlacedSeries, Slice } from './hops.ts'
import { blockRecords } from './journal.ts'
import { isMet, timeOf, wordOf } from './layout.ts'
import { type Timed, Verdict } from './transaction.ts'
import type { Hops } from './view.ts'

/** Per label window. Sized once, emptied per view. */
export class LabelSums {
  readonly labelled: Float64Array
  readonly frauds: Float64Array
  readonly isApproximate: Uint8Array
  readonly #windows: readonly LabelWindow[]

  constructor(windows: readonly LabelWindow[]) {
    this.#windows = windows
    this.labelled = new Float64Array(windows.length)
    this.frauds = new Float64Array(windows.length)
    this.isApproximate = new Uint8Array(windows.length)
  }

  clear(): void {
    // Mostly none or one: a native call each would take longer.
    for (let w = 0; w < this.#windows.length; w++) {
      this.labelled[w] = 0
      this.frauds[w] = 0
      this.isApproximate[w] = 0
    }
  }

  /** Adds a label that became known at `arrivalMs`, of a record with the second word `word`. */
  add(
    recordMs: number,
    word: number,
    verdict: number,
    arrivalMs: number,
    timeMs: number,
    isUndone: boolean,
  ): void {
    if (arrivalMs > timeMs) return
    for (let w = 0; w < this.#windows.length; w++) {
      const { windowMs, delayMs, mask, isGross } = this.#windows[w]!
      if ((isUndone && !isGross) || !isMet(word, mask)) continue
      const ageMs = timeMs - delayMs - recordMs
      if (ageMs < 0 || ageMs >= windowMs) continue
      this.labelled[w]!++
      if (verdict === Verdict.fraud) this.frauds[w]!++
    }
  }

  /** Adds the labels of a block of transactions whose first record lies at byte `start`. */
  addBlock(
    blocks: Float64Array,
    at: number,
    data: DataView,
    start: number,
    width: number,
    timeMs: number,
  ): void {
    const minMs = blocks[at + Block.minMs]!
    const maxMs = blocks[at + Block.maxMs]!
    for (let w = 0; w < this.#windows.length; w++) {
      const { windowMs, delayMs, mask } = this.#windows[w]!
      const untilMs = timeMs - delayMs
      const afterMs = untilMs - windowMs
      if (minMs > untilMs || maxMs <= afterMs) continue
      const isInside = minMs > afterMs && maxMs <= untilMs && mask === 0
      if (isInside && blocks[at + Block.arrivalMax]! <= timeMs) {
        this.labelled[w]! += blocks[at + Block.labelled]!
        this.frauds[w]! += blocks[at + Block.frauds]!
        continue
      }
      const fraudMask = blocks[at + Block.fraudMask]! >>> 0
      for (let r = 0; r < blockRecords; r++) {
        if (blocks[at + Block.arrivals + r]! > timeMs) continue
        const record = start + r * width
        if (!isInside && !isBetween(data, record, afterMs, untilMs)) continue
        if (!isMet(wordOf(data, record), mask)) continue
        this.labelled[w]!++
        if ((fraudMask & (1 << r)) !== 0) this.frauds[w]!++
      }
    }
  }

  /** `areTransactions`: nothing else is in the hops, and no record is of a later time than they note. */
  addHops(
    hops: Hops,
    series: readonly PlacedSeries[],
    { timeMs }: Timed,
    areTransactions: boolean,
  ): void {
    for (let w = 0; w < series.length; w++) {
      const { at: seriesAt, size, sliceFloats, delayMs, windowMs } = series[w]!
      const untilMs = timeMs - delayMs
      const afterMs = untilMs - windowMs
      if (areTransactions && hops[0]! <= afterMs) continue
      if (afterMs < hops[seriesAt]!) this.isApproximate[w] = 1
      for (let slice = 0; slice < size; slice++) {
        const at = seriesAt + 1 + slice * sliceFloats
        if (hops[at]! < 0) continue
        const minMs = hops[at + Slice.minMs]!
        const maxMs = hops[at + Slice.maxMs]!
        if (maxMs <= afterMs || minMs > untilMs) continue
        const isUnarrived = hops[at + Slice.arrivalMax]! > timeMs
        const isAcross = minMs <= afterMs || maxMs > untilMs
        if (isUnarrived || isAcross || hops[at + Slice.isTouched] === 1) this.isApproximate[w] = 1
        if (isUnarrived) continue
        if (isAcross && !isMostlyInside(minMs, maxMs, afterMs, untilMs)) continue
        this.labelled[w]! += hops[at + Slice.count]!
        this.frauds[w]! += hops[at + Slice.frauds]!
      }
    }
  }

  /** A transaction that lies in hops, its label perhaps with it, was undone. */
  markUndone(recordMs: number, timeMs: number): void {
    for (let w = 0; w < this.#windows.length; w++) {
      const { windowMs, delayMs, isGross } = this.#windows[w]!
      const ageMs = timeMs - delayMs - recordMs
      if (isGross || ageMs < 0 || ageMs >= windowMs) continue
      this.isApproximate[w] = 1
    }
  }
}

function isBetween(data: DataView, record: number, afterMs: number, untilMs: number): boolean {
  const recordMs = timeOf(data, record)
  return recordMs > afterMs && recordMs <= untilMs
}
