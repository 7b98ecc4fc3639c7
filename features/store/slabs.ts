// Blocks of bytes outside the JS heap, in size classes. Knows nothing of journals but the number of each block's owner.

/** Block sizes: 64, 96, 128, 192, 256, 384… bytes. Two steps for each doubling waste at most a third. */
export function classBytes(sizeClass: number): number {
  return bytesOfClass[sizeClass]!
}

export const classesMax = 50
const bytesOfClass = Float64Array.from(
  { length: classesMax },
  (_, sizeClass) => (sizeClass % 2 === 0 ? 64 : 96) * 2 ** (sizeClass >>> 1),
)
const noBlock = -1
/** Place of what has no block. */
export const nowhere = 0

/** Equal blocks of one class, or one block that is larger than a slab. */
export class Slab {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly floats: Float64Array
  readonly halves: Uint16Array
  sizeClass = noBlock
  blockBytes = 0
  live = 0
  /** First freed block; further ones are chained through `owners`. */
  free = noBlock
  /** Blocks never used yet begin here. */
  next = 0
  /** Per block: its owner, or -2 minus the next freed block. */
  owners: Int32Array = new Int32Array(0)

  constructor(size: number) {
    const buffer = new ArrayBuffer(size)
    this.view = new DataView(buffer)
    this.bytes = new Uint8Array(buffer)
    this.words = new Uint32Array(buffer)
    this.floats = new Float64Array(buffer)
    this.halves = new Uint16Array(buffer)
  }

  assign(sizeClass: number): void {
    this.sizeClass = sizeClass
    this.blockBytes = classBytes(sizeClass)
    this.live = 0
    this.free = noBlock
    this.next = 0
    this.owners = new Int32Array(Math.floor(this.bytes.length / this.blockBytes))
  }

  get isFull(): boolean {
    return this.free === noBlock && this.next === this.owners.length
  }

  /** Takes a block; the byte it begins at. Not to be called when full. */
  take(owner: number): number {
    let block = this.free
    if (block === noBlock) block = this.next++
    else this.free = -2 - this.owners[block]!
    this.owners[block] = owner
    this.live++
    return block * this.blockBytes
  }

  disown(at: number, owner: number): void {
    this.owners[at / this.blockBytes] = owner
  }

  give(at: number): void {
    const block = at / this.blockBytes
    this.owners[block] = -2 - this.free
    this.free = block
    this.live--
  }
}

/** Hands out blocks. `place` and `at` of the block last taken are left in fields, so that taking one allocates nothing. */
export class Slabs {
  readonly slabBytes: number
  /** What is taken from the system, used or not. */
  bytes = 0
  place = 0
  at = 0
  readonly slabs: (Slab | null)[] = [null]
  /** Per class: slabs with a block to give. */
  readonly #open: number[][] = Array.from({ length: classesMax }, () => [])
  readonly #empty: number[] = []
  readonly #gone: number[] = []

  constructor(slabBytes: number) {
    this.slabBytes = slabBytes
  }

  /** A block without asking the system for memory; false when there is none. */
  take(sizeClass: number, owner: number): boolean {
    if (classBytes(sizeClass) > this.slabBytes) return false
    const open = this.#open[sizeClass]!
    if (open.length === 0) {
      const empty = this.#empty.pop()
      if (empty === undefined) return false
      this.slabs[empty]!.assign(sizeClass)
      open.push(empty)
    }
    this.place = open[open.length - 1]!
    const slab = this.slabs[this.place]!
    this.at = slab.take(owner)
    if (slab.isFull) open.pop()
    return true
  }

  /** True when `take` would have a block. */
  has(sizeClass: number): boolean {
    if (classBytes(sizeClass) > this.slabBytes) return false
    return this.#open[sizeClass]!.length > 0 || this.#empty.length > 0
  }

  /** Returns an empty slab to the system; false when there is none. */
  drop(): boolean {
    const place = this.#empty.pop()
    if (place === undefined) return false
    this.bytes -= this.slabs[place]!.bytes.length
    this.slabs[place] = null
    this.#gone.push(place)
    return true
  }

  /** Bytes that `grow` would ask of the system for a block of this class. */
  growthOf(sizeClass: number): number {
    return Math.max(this.slabBytes, classBytes(sizeClass))
  }

  /** A block in new memory. */
  grow(sizeClass: number, owner: number): void {
    const slab = new Slab(this.growthOf(sizeClass))
    slab.assign(sizeClass)
    const place = this.#gone.pop() ?? this.slabs.length
    this.slabs[place] = slab
    this.bytes += slab.bytes.length
    this.place = place
    this.at = slab.take(owner)
    if (!slab.isFull) this.#open[sizeClass]!.push(place)
  }

  give(place: number, at: number): void {
    const slab = this.slabs[place]!
    const wasFull = slab.isFull
    slab.give(at)
    if (slab.live > 0) {
      if (wasFull) this.#open[slab.sizeClass]!.push(place)
      return
    }
    if (!wasFull) {
      const open = this.#open[slab.sizeClass]!
      open.splice(open.indexOf(place), 1)
    }
    if (slab.bytes.length > this.slabBytes) {
      // One large block: its memory goes back to the system, since no other class could use it.
      this.bytes -= slab.bytes.length
      this.slabs[place] = null
      this.#gone.push(place)
    } else {
      slab.sizeClass = noBlock
      this.#empty.push(place)
    }
  }
}

/** More are copied faster at once. */
const wordsByHandMax = 256

/** Most journals are short, and a view of their words would be an object for each that grows. */
export function copyWords(
  from: Uint32Array,
  at: number,
  to: Uint32Array,
  toAt: number,
  count: number,
): void {
  if (count > wordsByHandMax) to.set(from.subarray(at, at + count), toAt)
  else for (let word = 0; word < count; word++) to[toAt + word] = from[at + word]!
}
