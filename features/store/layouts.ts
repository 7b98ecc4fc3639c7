// How the records of each entity kind lie in a block of each size class, and how one is found there by its identity.
//
//   records … | running sums | sums of each 32 records, in longer journals | index by identity, in all but the shortest
import { blockRecords, type JournalPlan } from '../journal.ts'
import type { View } from '../view.ts'
import { classBytes, classesMax, type Slab } from './slabs.ts'

/** Layouts per entity kind: number = kind * 64 + size class. */
export const layoutShift = 6
/** Longer journals have an index of their records at the end of their block; in shorter ones a scan is faster. */
const scannedMax = 8
/** From so many records on sums are kept, of blocks and running ones: fewer are read as fast. */
const summedMin = 64
/** An entry has sixteen bits for a record's position. */
const indexedMax = 0xfffe

/** Facts by number of layout, flat since every lookup needs them. */
export class Layouts {
  readonly widths: Int32Array
  readonly caps: Float64Array
  /** Records that a block has room for. */
  readonly capacities: Int32Array
  /** Slots of the index, a power of two; 0 without one. */
  readonly indexSizes: Int32Array
  /** Words from a block's begin to its index. */
  readonly indexStarts: Int32Array
  /** float64s from a block's begin to the sums, and of each; the latter 0 where there are none. */
  readonly #sumStarts: Int32Array
  readonly #sumFloats: Int32Array
  /** float64s from a block's begin to the running sums; 0 where there are none. */
  readonly #runningStarts: Int32Array
  readonly #plans: readonly JournalPlan[]

  constructor(plans: readonly JournalPlan[]) {
    const count = plans.length << layoutShift
    this.#plans = plans
    this.widths = new Int32Array(count)
    this.caps = new Float64Array(count)
    this.capacities = new Int32Array(count)
    this.indexSizes = new Int32Array(count)
    this.indexStarts = new Int32Array(count)
    this.#sumStarts = new Int32Array(count)
    this.#sumFloats = new Int32Array(count)
    this.#runningStarts = new Int32Array(count)
    for (const [kind, plan] of plans.entries()) {
      for (let sizeClass = 0; sizeClass < classesMax; sizeClass++) {
        this.#set((kind << layoutShift) + sizeClass, plan, classBytes(sizeClass))
      }
    }
  }

  /** The smallest size class with room for `records`; -1 when none has. */
  classFor(kind: number, records: number): number {
    const first = kind << layoutShift
    for (let sizeClass = 0; sizeClass < classesMax; sizeClass++) {
      if (this.capacities[first + sizeClass]! >= records) return sizeClass
    }
    return -1
  }

  /** Makes index and sums anew for the first `length` records of the block at byte `block`; running sums begin anew. */
  rebuild(layout: number, slab: Slab, block: number, length: number): void {
    const running = this.#runningStarts[layout]!
    if (running > 0) slab.floats[(block >>> 3) + running] = 0
    const size = this.indexSizes[layout]!
    const index = (block >>> 2) + this.indexStarts[layout]!
    slab.words.fill(0, index, index + size)
    for (let position = 0; position < length; position++) {
      this.insert(layout, slab, block, position)
    }
  }

  /** Adds the record at `position` to index and sums; to be called for each one appended. */
  insert(layout: number, slab: Slab, block: number, position: number): void {
    const size = this.indexSizes[layout]!
    if (size === 0) return
    const held = slab.words
    const index = (block >>> 2) + this.indexStarts[layout]!
    const record = (block + position * this.widths[layout]!) >>> 2
    let slot = held[record + 2]! & (size - 1)
    while (held[index + slot] !== 0) slot = (slot + 1) & (size - 1)
    // The upper half of the identity's second word saves most looks at records; zero is an empty slot.
    held[index + slot] = (held[record + 3]! & 0xffff0000) | (position + 1)
    if ((position + 1) % blockRecords === 0) this.#sum(layout, slab, block, position + 1)
  }

  /** Shows the sums in `out`, null where there are none. */
  show(layout: number, slab: Slab, block: number, out: View): void {
    out.blocks = this.#sumFloats[layout] === 0 ? null : slab.floats
    out.blocksAt = (block >>> 3) + this.#sumStarts[layout]!
    const running = this.#runningStarts[layout]!
    out.running = running === 0 ? null : slab.floats
    out.runningHalves = slab.halves
    out.runningAt = (block >>> 3) + running
    out.runningCapacity = this.capacities[layout]!
    out.runningOf = this.#plans[layout >>> layoutShift]!
  }

  /** Position of the record with the identity of the one at `words[at]`, from `first` on; -1 when there is none. */
  find(
    layout: number,
    held: Uint32Array,
    block: number,
    first: number,
    length: number,
    words: Uint32Array,
    at: number,
  ): number {
    // Read here: as an argument, every second word would be an object.
    const low = words[at + 2]!
    const high = words[at + 3]!
    const stride = this.widths[layout]! >>> 2
    const size = this.indexSizes[layout]!
    if (size === 0) {
      for (let position = length - 1; position >= first; position--) {
        const record = block + position * stride
        if (held[record + 2] === low && held[record + 3] === high) return position
      }
      return -1
    }
    const index = block + this.indexStarts[layout]!
    let slot = low & (size - 1)
    while (true) {
      const entry = held[index + slot]!
      if (entry === 0) return -1
      if (entry >>> 16 === high >>> 16) {
        const position = (entry & 0xffff) - 1
        const record = block + position * stride
        if (position >= first && held[record + 2] === low && held[record + 3] === high) {
          return position
        }
      }
      slot = (slot + 1) & (size - 1)
    }
  }

  /** Sums the 32 records before position `end`. */
  #sum(layout: number, slab: Slab, block: number, end: number): void {
    const floats = this.#sumFloats[layout]!
    if (floats === 0) return
    const from = end - blockRecords
    const to = (block >>> 3) + this.#sumStarts[layout]! + (from / blockRecords) * floats
    const plan = this.#plans[layout >>> layoutShift]!
    plan.sumBlock(slab.view, block + from * this.widths[layout]!, slab.floats, to)
  }

  #set(layout: number, plan: JournalPlan, bytes: number): void {
    this.widths[layout] = plan.width
    this.caps[layout] = plan.cap
    this.capacities[layout] = Math.min(0x7fffffff, Math.floor(bytes / plan.width))
    if (this.capacities[layout] <= scannedMax) return
    for (let size = 8; size <= 1 << 17; size *= 2) {
      const index = bytes - size * 4
      const most = Math.floor(index / plan.width)
      const isSummed = most >= summedMin
      const sumBytes = isSummed ? plan.blockFloats * 8 : 0
      const isRunning = isSummed && plan.runningBytes(most) > 0
      const sumsOf = (records: number): number => Math.floor(records / blockRecords) * sumBytes
      const runningOf = (records: number): number => (isRunning ? plan.runningBytes(records) : 0)
      const capacity = greatest(most, (records) => {
        return records * plan.width + runningOf(records) + sumsOf(records) <= index
      })
      // At most three quarters full.
      if (capacity > size * 0.75) continue
      if (capacity > indexedMax || capacity < scannedMax) return
      this.capacities[layout] = capacity
      this.indexSizes[layout] = size
      this.indexStarts[layout] = index >>> 2
      const sums = index - sumsOf(capacity)
      this.#sumStarts[layout] = sums >>> 3
      this.#sumFloats[layout] = sumBytes >>> 3
      this.#runningStarts[layout] = isRunning ? (sums - runningOf(capacity)) >>> 3 : 0
      return
    }
  }
}

/** The greatest number up to `most` that fits; what is greater than one that does not fit does not fit either. */
function greatest(most: number, fits: (count: number) => boolean): number {
  let least = 0
  let next = most + 1
  while (next - least > 1) {
    const middle = (least + next) >>> 1
    if (fits(middle)) least = middle
    else next = middle
  }
  return least
}
