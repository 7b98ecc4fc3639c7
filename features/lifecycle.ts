// What reversals, declines and label messages in an entity's exact tail do to its transactions. Only journals of mappings that
// declare kinds spend anything on this, and only tails that hold such a record allocate.

import { Block, blockFloats } from './blocks.ts'
import { blockRecords, identityAt } from './journal.ts'
import { kindOf, type RecordLayout, timeOf, verdictOf, wordOf } from './layout.ts'
import { Kind } from './transaction.ts'
import type { View } from './view.ts'

/** A transaction that was reversed or declined, by what the messages say of it. */
export interface Undone {
  readonly recordMs: number
  /** Second word of a message (layout.ts), with its filters. */
  readonly word: number
  readonly amount: number
  isReversed: boolean
  isDeclined: boolean
  /** Its transaction is in the exact tail. */
  isMatched: boolean
}

interface Label {
  readonly recordMs: number
  readonly word: number
  readonly verdict: number
  readonly arrivalMs: number
  /** Its transaction was reversed or declined. */
  isUndone: boolean
}

/** Reused per view: `gather`, then ask. */
export class Lifecycle {
  readonly #layout: RecordLayout
  readonly #blockFloats: number
  /** By identity of the transaction that they name. */
  readonly #undone = new Map<string, Undone>()
  readonly #labels = new Map<string, Label>()

  constructor(layout: RecordLayout) {
    this.#layout = layout
    this.#blockFloats = blockFloats(layout)
  }

  /** Takes what had happened by `timeMs` from the records of `view` from ordinal `boundary` on; false when nothing had. */
  gather(view: View, boundary: number, timeMs: number): boolean {
    if (this.#labels.size > 0) this.#labels.clear()
    if (this.#undone.size > 0) this.#undone.clear()
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
    if (this.#undone.size > 0) {
      this.#match(data, start + first * width, start + (ordinal - base) * width)
      for (const [name, label] of this.#labels) label.isUndone = this.#undone.has(name)
    }
    return this.#undone.size > 0 || this.#labels.size > 0
  }

  /** Reversed or declined. */
  isUndone(data: DataView, at: number): boolean {
    return this.#undone.size > 0 && this.#undone.has(identityText(data, at + identityAt))
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

  undone(): Iterable<Undone> {
    return this.#undone.values()
  }

  /** Whether the records at positions [from, next) are known to be transactions. */
  #isBlockPlain({ blocks, blocksAt }: View, from: number, next: number): boolean {
    if (blocks === null || next - from !== blockRecords) return false
    const at = blocksAt + (from / blockRecords) * this.#blockFloats
    return blocks[at + Block.others] === 0
  }

  #gatherRecords(data: DataView, start: number, end: number, timeMs: number): void {
    const { width, own, named } = this.#layout
    for (let at = start; at < end; at += width) {
      const kind = kindOf(data, at)
      if (kind === Kind.transaction || data.getFloat64(at + own, true) > timeMs) continue
      const name = identityText(data, at + named)
      if (kind === Kind.label) this.#gatherLabel(data, at, name)
      else this.#gatherUndone(data, at, name, kind)
    }
  }

  #gatherUndone(data: DataView, at: number, name: string, kind: number): void {
    const { amount } = this.#layout
    let undone = this.#undone.get(name)
    if (undone === undefined) {
      undone = {
        recordMs: timeOf(data, at),
        word: wordOf(data, at),
        amount: amount < 0 ? Number.NaN : data.getFloat64(at + amount, true),
        isReversed: false,
        isDeclined: false,
        isMatched: false,
      }
      this.#undone.set(name, undone)
    }
    if (kind === Kind.reversal) undone.isReversed = true
    else undone.isDeclined = true
  }

  /** The latest verdict wins; of two at the same ms the later record. */
  #gatherLabel(data: DataView, at: number, name: string): void {
    const arrivalMs = data.getFloat64(at + this.#layout.own, true)
    const held = this.#labels.get(name)
    if (held !== undefined && held.arrivalMs > arrivalMs) return
    const verdict = verdictOf(data, at)
    const word = wordOf(data, at)
    this.#labels.set(name, {
      recordMs: timeOf(data, at),
      word,
      verdict,
      arrivalMs,
      isUndone: false,
    })
  }

  #match(data: DataView, start: number, end: number): void {
    for (let at = start; at < end; at += this.#layout.width) {
      if (kindOf(data, at) !== Kind.transaction) continue
      const undone = this.#undone.get(identityText(data, at + identityAt))
      if (undone !== undefined) undone.isMatched = true
    }
  }
}

function identityText(data: DataView, at: number): string {
  return `${data.getUint32(at, true)}:${data.getUint32(at + 4, true)}`
}
