// The journals that a store holds: records by the million in slabs, without a JS object each. Appends, finds and shows
// them, and sums what is old. Physical compaction here must never be visible: a view has the same bits before and after.
import { strict as assert } from 'node:assert'
import {
  fingerprintAt,
  hopBoundary,
  identityAt,
  type JournalPlan,
  type JournalPlans,
  sourceAt,
  sourceBytes,
} from '../journal.ts'
import type { Seen } from '../observation.ts'
import type { View } from '../view.ts'
import {
  blockAt,
  type Directory,
  detachedFlag,
  flagsAt,
  incarnationAt,
  kindMask,
  kindShift,
  layoutMask,
  lengthAt,
  pinsAt,
  placeAt,
  sumsAt,
  tenantAt,
  usedFlag,
} from './directory.ts'
import { Layouts } from './layouts.ts'
import { Room, type WhenFull } from './room.ts'
import { copyWords, nowhere, type Slabs } from './slabs.ts'
import { adoptRecord, compareSources, hasSource } from './source.ts'
import { StoreError } from './store.ts'
import type { Sum } from './sums.ts'
import { Tenants } from './tenants.ts'
import type { Whole } from './whole.ts'

/** Slots of a call are counted in observe.lua: 1,024 for sixteen rows. */
const kindsMax = 64
const empty = new DataView(new ArrayBuffer(0))
const noHops = new Float64Array(0)

/**
 * Journals by number. A number is valid while its journal is pinned, or until the next `open`. All records and keys are
 * passed as words of the caller's memory and copied.
 */
export class Journals {
  readonly #plans: readonly JournalPlan[]
  readonly #layouts: Layouts
  readonly #room: Room
  readonly #directory: Directory
  readonly #slabs: Slabs
  readonly #tenants: Tenants
  readonly #recordBytes: Uint8Array
  readonly #recordWords: Uint32Array

  constructor(plans: JournalPlans, bytesMax: number, whenFull: WhenFull) {
    const kinds = plans.journals.length
    if (kinds > kindsMax) {
      throw new StoreError(`expected at most ${kindsMax} kinds of entities, found ${kinds}`, false)
    }
    for (const { width, cap, isPrimary } of plans.journals) {
      assert(width % 8 === 0 && width >= (isPrimary ? sourceAt + sourceBytes : fingerprintAt))
      assert(cap >= 1)
    }
    this.#plans = plans.journals
    this.#layouts = new Layouts(plans.journals)
    this.#tenants = new Tenants(whenFull)
    this.#room = new Room(bytesMax, whenFull)
    this.#directory = this.#room.directory
    this.#slabs = this.#room.slabs
    this.#recordBytes = new Uint8Array(Math.max(...plans.journals.map((plan) => plan.width)))
    this.#recordWords = new Uint32Array(this.#recordBytes.buffer)
  }

  get bytes(): number {
    return this.#room.bytes
  }

  get live(): number {
    return this.#directory.live
  }

  /** An observation begins: its views are valid until `end` of the number returned. */
  begin(): number {
    if (this.#tenants.isFull) this.clear()
    return this.#room.begin()
  }

  end(observation: number): void {
    this.#room.end(observation)
  }

  /** The number of a tenant, for `open`. */
  tenant(name: string): number {
    return this.#tenants.number(name)
  }

  /** The journal of an entity; empty when it was not held. */
  open(tenant: number, entity: number, key: Uint32Array, keyAt: number): number {
    const found = this.#directory.find(tenant, entity, key, keyAt)
    if (found !== -1) {
      const words = this.#directory.words(found)
      words[this.#directory.at(found) + flagsAt]! |= usedFlag
      return found
    }
    return this.#room.row(tenant, entity, key, keyAt)
  }

  /** The ordinal that the next record gets. */
  count(journal: number): number {
    return this.#directory.base(journal) + this.#word(journal, lengthAt)
  }

  pin(journal: number): void {
    this.#directory.words(journal)[this.#directory.at(journal) + pinsAt]!++
  }

  unpin(journal: number): void {
    const words = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    assert(words[at + pinsAt]! > 0)
    if (--words[at + pinsAt]! > 0) return
    const flags = words[at + flagsAt]!
    if ((flags & detachedFlag) !== 0) this.#room.free(journal)
    else if (words[at + lengthAt]! >= 3 * this.#layouts.caps[flags & layoutMask]!)
      this.#compact(journal)
  }

  /** Ordinal of the record with the identity of the one at `words[from]`, if it is in the exact tail; else -1. */
  locate(journal: number, words: Uint32Array, from: number): number {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    const length = row[at + lengthAt]!
    if (length === 0) return -1
    const layout = row[at + flagsAt]! & layoutMask
    const cap = this.#layouts.caps[layout]!
    // c(n) as a position: the base is a boundary itself.
    const first = length < 2 * cap ? 0 : (Math.floor(length / cap) - 1) * cap
    const held = this.#slabs.slabs[row[at + placeAt]!]!.words
    const block = row[at + blockAt]! >>> 2
    const position = this.#layouts.find(layout, held, block, first, length, words, from)
    return position === -1 ? -1 : this.#directory.base(journal) + position
  }

  /** What the primary's record at `ordinal` says of another one with its identity. */
  compare(journal: number, ordinal: number, words: Uint32Array, from: number): Seen {
    const record = this.recordStart(journal, ordinal) >>> 2
    return compareSources(this.#held(journal), record, words, from)
  }

  /** True if the primary's record at `ordinal` was appended without a source, and nothing here knows of a message since. */
  lacksSource(journal: number, ordinal: number): boolean {
    return !hasSource(this.#held(journal), this.recordStart(journal, ordinal) >>> 2)
  }

  /** Lets the primary's record at `ordinal` name the source of the one at `words[from]` as the message that adopted it. */
  adopt(journal: number, ordinal: number, words: Uint32Array, from: number): void {
    adoptRecord(this.#held(journal), this.recordStart(journal, ordinal) >>> 2, words, from)
  }

  /** Memory of the record at `ordinal`, which must be held; `recordStart` is its first byte there. */
  recordView(journal: number): DataView {
    return this.#slabs.slabs[this.#word(journal, placeAt)]!.view
  }

  recordStart(journal: number, ordinal: number): number {
    const { width } = this.#plan(journal)
    return this.#word(journal, blockAt) + (ordinal - this.#directory.base(journal)) * width
  }

  /** Appends the record at `words[from]`; returns its ordinal. */
  append(journal: number, words: Uint32Array, from: number): number {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    const length = row[at + lengthAt]!
    let layout = row[at + flagsAt]! & layoutMask
    if (row[at + placeAt] === nowhere || length === this.#layouts.capacities[layout]) {
      this.#move(journal, length + 1)
      layout = row[at + flagsAt]! & layoutMask
    }
    const slab = this.#slabs.slabs[row[at + placeAt]!]!
    const held = slab.words
    const stride = this.#layouts.widths[layout]! >>> 2
    const record = (row[at + blockAt]! >>> 2) + length * stride
    for (let word = 0; word < stride; word++) held[record + word] = words[from + word]!
    row[at + lengthAt] = length + 1
    this.#layouts.insert(layout, slab, row[at + blockAt]!, length)
    const ordinal = this.#directory.base(journal) + length
    if ((length + 1) % this.#layouts.caps[layout]! === 0) this.#passBoundary(journal)
    return ordinal
  }

  /** Fills an empty journal with a whole one. */
  fill(journal: number, { bytes, start, count, base: summed, hops }: Whole): void {
    assert(this.count(journal) === 0)
    if (count === 0) return
    const { width, cap, hopFloats } = this.#plan(journal)
    const boundary = hopBoundary(count, cap)
    const base = Math.max(0, boundary - cap)
    assert(summed <= base)
    const length = count - base
    this.#move(journal, length)
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    const slab = this.#slabs.slabs[row[at + placeAt]!]!
    const from = start + (base - summed) * width
    slab.bytes.set(bytes.subarray(from, from + length * width), row[at + blockAt])
    row[at + lengthAt] = length
    this.#directory.setBase(journal, base)
    this.#rebuild(journal)
    if (base > 0 && hopFloats > 0) {
      const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const sum = this.#sum(journal)
      sum.hops = hops
      sum.add(data, start, base - summed)
    }
    if (boundary > 0) this.#sumTo(journal, boundary)
  }

  /** Where Redis may begin this journal, one cap behind its exact tail, and the sums of what comes before; null for a short one. */
  summary(journal: number): { readonly base: number; readonly hops: Float64Array } | null {
    const { cap, hopFloats } = this.#plan(journal)
    const base = hopBoundary(this.count(journal), cap) - cap
    if (base <= 0) return null
    if (hopFloats === 0) return { base, hops: noHops }
    const start = this.#word(journal, blockAt)
    const count = base - this.#directory.base(journal)
    return { base, hops: this.#sum(journal).copy(this.recordView(journal), start, count) }
  }

  /** Appends `count` records lying at `start` of `bytes`. */
  extend(journal: number, bytes: Uint8Array, start: number, count: number): void {
    const { width } = this.#plan(journal)
    for (let record = 0; record < count; record++) {
      const from = start + record * width
      this.#recordBytes.set(bytes.subarray(from, from + width))
      this.append(journal, this.#recordWords, 0)
    }
  }

  /** Puts an empty journal of its incarnation in this one's place, which lives on for who has it pinned; returns the new one. */
  detach(journal: number): number {
    const row = this.#directory.words(journal).slice(this.#directory.at(journal))
    this.#room.remove(journal)
    const anew = this.open(row[tenantAt]!, (row[flagsAt]! & kindMask) >>> kindShift, row, 0)
    this.setIncarnation(anew, row[incarnationAt]!, row[incarnationAt + 1]!)
    return anew
  }

  /** Forgets a journal, as `clear` does all. */
  drop(journal: number): void {
    this.#room.remove(journal)
  }

  /** Forgets everything that is not pinned; what is pinned is shown until it is released, and then forgotten. */
  clear(): void {
    this.#room.clear()
    this.#tenants.clear()
  }

  view(journal: number, ordinal: number, out: View): void {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    const base = this.#directory.base(journal)
    assert(row[at + pinsAt]! > 0 && ordinal >= base && ordinal <= base + row[at + lengthAt]!)
    const slab = this.#slabs.slabs[row[at + placeAt]!]
    out.data = slab?.view ?? empty
    out.start = row[at + blockAt]!
    out.blocks = null
    out.running = null
    if (slab) this.#layouts.show(row[at + flagsAt]! & layoutMask, slab, out.start, out)
    out.base = base
    out.ordinal = ordinal
    out.count = base + row[at + lengthAt]!
    const sum = this.#room.sums.get(row[at + sumsAt]!)
    out.hops = base === 0 ? null : (sum?.hops ?? noHops)
    out.hopsCached = sum?.cached ?? null
    out.hopsThrough = sum?.through ?? 0
  }

  setIncarnation(journal: number, low: number, high: number): void {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    row[at + incarnationAt] = low
    row[at + incarnationAt + 1] = high
  }

  isIncarnation(journal: number, low: number, high: number): boolean {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    return row[at + incarnationAt] === low && row[at + incarnationAt + 1] === high
  }

  /** Writes incarnation and identity of the last record, which there must be: 8 bytes each. */
  writeClaim(journal: number, out: DataView, to: number): void {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    out.setUint32(to, row[at + incarnationAt]!, true)
    out.setUint32(to + 4, row[at + incarnationAt + 1]!, true)
    const slab = this.#slabs.slabs[row[at + placeAt]!]!
    const width = this.#layouts.widths[row[at + flagsAt]! & layoutMask]!
    const last = row[at + blockAt]! + (row[at + lengthAt]! - 1) * width + identityAt
    // Records are copied in the machine's order of words, and so must these be.
    out.setUint32(to + 8, slab.view.getUint32(last, true), true)
    out.setUint32(to + 12, slab.view.getUint32(last + 4, true), true)
  }

  #passBoundary(journal: number): void {
    const boundary = hopBoundary(this.count(journal), this.#plan(journal).cap)
    if (boundary === 0) return
    this.#sumTo(journal, boundary)
    if (this.#word(journal, pinsAt) === 0) this.#compact(journal)
  }

  /** Brings the cached sum to `boundary`. Views may show the present arrays, so a pinned journal gets a new one. */
  #sumTo(journal: number, boundary: number): void {
    if (this.#plan(journal).hopFloats === 0) return
    const base = this.#directory.base(journal)
    const sum = this.#sum(journal)
    const from = sum.cached === null ? base : sum.through
    const start = this.recordStart(journal, from)
    const isShown = this.#word(journal, pinsAt) > 0
    sum.advance(this.recordView(journal), start, boundary - from, isShown)
    sum.through = boundary
  }

  /** Sums what the oldest view that anyone can ask for sees as hops, and reclaims its bytes. */
  #compact(journal: number): void {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    const { cap, width } = this.#plan(journal)
    const base = this.#directory.base(journal)
    const length = row[at + lengthAt]!
    const count = hopBoundary(base + length, cap) - cap - base
    if (count <= 0) return
    const slab = this.#slabs.slabs[row[at + placeAt]!]!
    const block = row[at + blockAt]!
    if (this.#plan(journal).hopFloats > 0) this.#sum(journal).add(slab.view, block, count)
    slab.bytes.copyWithin(block, block + count * width, block + length * width)
    row[at + lengthAt] = length - count
    this.#directory.setBase(journal, base + count)
    this.#rebuild(journal)
  }

  /** Moves a journal to a block with room for `length` records. */
  #move(journal: number, length: number): void {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    const kind = (row[at + flagsAt]! & kindMask) >>> kindShift
    const sizeClass = this.#layouts.classFor(kind, length)
    // No text with the number in it: it would be written for each journal that grows.
    assert(sizeClass !== -1, 'a journal is too long to be held')
    const words = (row[at + lengthAt]! * this.#plans[kind]!.width) >>> 2
    this.#room.take(journal, sizeClass)
    const { place, at: to } = this.#slabs
    if (words > 0) {
      const from = this.#slabs.slabs[row[at + placeAt]!]!.words
      copyWords(from, row[at + blockAt]! >>> 2, this.#slabs.slabs[place]!.words, to >>> 2, words)
    }
    this.#room.settle(journal, sizeClass, place, to)
    this.#rebuild(journal)
  }

  #rebuild(journal: number): void {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    const slab = this.#slabs.slabs[row[at + placeAt]!]!
    const layout = row[at + flagsAt]! & layoutMask
    this.#layouts.rebuild(layout, slab, row[at + blockAt]!, row[at + lengthAt]!)
  }

  #held(journal: number): Uint32Array {
    return this.#slabs.slabs[this.#word(journal, placeAt)]!.words
  }

  #plan(journal: number): JournalPlan {
    return this.#plans[(this.#word(journal, flagsAt) & kindMask) >>> kindShift]!
  }

  #word(journal: number, word: number): number {
    return this.#directory.words(journal)[this.#directory.at(journal) + word]!
  }

  #sum(journal: number): Sum {
    const row = this.#directory.words(journal)
    const at = this.#directory.at(journal)
    if (row[at + sumsAt] === 0) row[at + sumsAt] = this.#room.sums.add(this.#plan(journal))
    return this.#room.sums.get(row[at + sumsAt]!)!
  }
}
