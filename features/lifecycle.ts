// What reversals and label messages in an entity's exact tail do to its transactions. Only journals of mappings that
// declare kinds spend anything on this, and only tails that hold such a record allocate.

import { Block, blockFloats } from './blocks.ts'
import { blockRecords, identityAt } from './journal.ts'
import type { RecordLayout } from './layout.ts'
import { timeOf, verdictOf } from './layout.ts'
import { Kind } from './transaction.ts'
import type { View } from './view.ts'

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
  readonly #blockFloats: number
  /** By identity of the transaction that they name. */
  readonly #reversals = new Map<string, Reversal>()
  readonly #labels = new Map<string, Label>()

  constructor(layout: RecordLayout) {
    this.#layout = layout
    this.#blockFloats = blockFloats(layout)
  }

  /** Takes what had happened by `timeMs` from the records of `view` from ordinal `boundary` on; false when nothing had. */
  gather(view: View, boundary: number, timeMs: number): boolean {
    if (this.#labels.size > 0) this.#labels.clear()
    if (this.#reversals.size > 0) this.#reversals.clear()
    const { width } = this.#layout
    const { data, start, base, ordinal } = view
    const first = boundary - base
    // Oldest first, so that of two labels at the same ms the later one wins; blocks of transactions alone hold none.
    for (let from = first; from < ordinal - base; ) {
      const next = Math.min(ordinal - base, (from & -blockRecords) + blockRecords)
      if (!this.#isBlockPlain(view, from, next)) {
        this.#gatherRecords(data, start + from * width, start + next * width, timeMs)
      }
      from = next
    }
    if (this.#reversals.size > 0) {
      this.#match(data, start + first * width, start + (ordinal - base) * width)
    }
    return this.#reversals.size > 0 || this.#labels.size > 0
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

  /** Whether the records at positions [from, next) are known to be transactions. */
  #isBlockPlain({ blocks, blocksAt }: View, from: number, next: number): boolean {
    if (blocks === null || next - from !== blockRecords) return false
    const at = blocksAt + (from / blockRecords) * this.#blockFloats
    return blocks[at + Block.others] === 0
  }

  #gatherRecords(data: DataView, start: number, end: number, timeMs: number): void {
    const { width, own, named, amount } = this.#layout
    for (let at = start; at < end; at += width) {
      const kind = data.getUint8(at + 6)
      if (kind !== Kind.reversal && kind !== Kind.label) continue
      if (data.getFloat64(at + own, true) > timeMs) continue
      const name = identityText(data, at + named)
      if (kind === Kind.label) this.#gatherLabel(data, at, name)
      else {
        const value = amount < 0 ? Number.NaN : data.getFloat64(at + amount, true)
        this.#reversals.set(name, { recordMs: timeOf(data, at), amount: value, isMatched: false })
      }
    }
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
