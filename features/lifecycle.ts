// What reversals and label messages in an entity's exact tail do to its transactions. Only journals of mappings that
// declare kinds spend anything on this, and only tails that hold such a record allocate.

import { identityAt } from './journal.ts'
import type { RecordLayout } from './layout.ts'
import { timeOf, verdictOf } from './layout.ts'
import { Kind } from './transaction.ts'

interface Reversal {
  readonly recordMs: number
  readonly amount: number
  isMatched: boolean
}

interface Label {
  readonly recordMs: number
  readonly verdict: number
  readonly arrivalMs: number
}

/** Reused per view: `gather`, then ask. */
export class Lifecycle {
  readonly #layout: RecordLayout
  /** By identity of the transaction that they name. */
  readonly #reversals = new Map<string, Reversal>()
  readonly #labels = new Map<string, Label>()

  constructor(layout: RecordLayout) {
    this.#layout = layout
  }

  get isEmpty(): boolean {
    return this.#reversals.size === 0 && this.#labels.size === 0
  }

  /** Takes what had happened by `timeMs` from the records in bytes [start, end). */
  gather(data: DataView, start: number, end: number, timeMs: number): void {
    this.#reversals.clear()
    this.#labels.clear()
    const { width, own, named, amount } = this.#layout
    let hasUnmatched = false
    for (let at = start; at < end; at += width) {
      const kind = data.getUint8(at + 6)
      if (kind !== Kind.reversal && kind !== Kind.label) continue
      if (data.getFloat64(at + own, true) > timeMs) continue
      const name = identityText(data, at + named)
      if (kind === Kind.label) this.#gatherLabel(data, at, name)
      else {
        hasUnmatched = true
        const value = amount < 0 ? Number.NaN : data.getFloat64(at + amount, true)
        const reversal = { recordMs: timeOf(data, at), amount: value, isMatched: false }
        this.#reversals.set(name, reversal)
      }
    }
    if (hasUnmatched) this.#match(data, start, end)
  }

  isReversed(data: DataView, at: number): boolean {
    return this.#reversals.size > 0 && this.#reversals.has(identityText(data, at + identityAt))
  }

  /** True when a label message speaks for the transaction: its own label came earlier, or has not come by `timeMs`. */
  isRelabelled(data: DataView, at: number, timeMs: number): boolean {
    if (this.#labels.size === 0) return false
    const name = identityText(data, at + identityAt)
    const label = this.#labels.get(name)
    if (label === undefined) return false
    const inRow = data.getFloat64(at + this.#layout.label, true)
    if (inRow > timeMs || label.arrivalMs >= inRow) return true
    this.#labels.delete(name)
    return false
  }

  labels(): Iterable<Label> {
    return this.#labels.values()
  }

  /** Reversals whose transaction is not in the exact tail. */
  *unmatched(): Iterable<Reversal> {
    for (const reversal of this.#reversals.values()) if (!reversal.isMatched) yield reversal
  }

  /** The latest verdict wins; of two at the same ms the later record. */
  #gatherLabel(data: DataView, at: number, name: string): void {
    const arrivalMs = data.getFloat64(at + this.#layout.own, true)
    const held = this.#labels.get(name)
    if (held !== undefined && held.arrivalMs > arrivalMs) return
    const verdict = verdictOf(data, at)
    this.#labels.set(name, { recordMs: timeOf(data, at), verdict, arrivalMs })
  }

  #match(data: DataView, start: number, end: number): void {
    for (let at = start; at < end; at += this.#layout.width) {
      if (data.getUint8(at + 6) !== Kind.transaction) continue
      const reversal = this.#reversals.get(identityText(data, at + identityAt))
      if (reversal !== undefined) reversal.isMatched = true
    }
  }
}

function identityText(data: DataView, at: number): string {
  return `${data.getUint32(at, true)}:${data.getUint32(at + 4, true)}`
}
