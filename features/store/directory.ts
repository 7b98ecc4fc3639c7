// Which number a journal has: a hash table from (tenant, entity kind, hash) to a row of sixteen words, outside the JS heap.

/** Words of a journal's row, one cache line. `base` is a float in words 4 and 5. */
export const rowWords = 16
export const lengthAt = 6
export const placeAt = 7
export const blockAt = 8
export const flagsAt = 9
export const tenantAt = 10
export const pinsAt = 11
export const sumsAt = 12
/** Two words, Redis' name of what is held. */
export const incarnationAt = 13

/** In the word of flags: number of the layout (entity kind * 64 + size class of the block), then one bit each. */
export const layoutMask = 0x3fff
export const kindMask = 0x3fc0
export const kindShift = 6
export const usedFlag = 1 << 16
export const detachedFlag = 1 << 17
export const liveFlag = 1 << 18

const rowsShift = 12
const rowsPerChunk = 1 << rowsShift
const chunkBytes = rowsPerChunk * rowWords * 4
const slotWords = 2

export class Directory {
  /** Rows ever used; a row below it is live or waits to be used again. */
  count = 0
  readonly #words: Uint32Array[] = []
  readonly #floats: Float64Array[] = []
  readonly #vacant: number[] = []
  /** Per slot: journal + 1 (0: empty), and the second word of its hash, so that most rows need not be read. */
  #slots = new Uint32Array(2 * rowsPerChunk * slotWords)
  #mask = 2 * rowsPerChunk - 1

  /** The chunk that holds a journal's row; the row begins at `at(journal)`. */
  words(journal: number): Uint32Array {
    return this.#words[journal >>> rowsShift]!
  }

  at(journal: number): number {
    return (journal & (rowsPerChunk - 1)) * rowWords
  }

  base(journal: number): number {
    return this.#floats[journal >>> rowsShift]![(this.at(journal) >>> 1) + 2]!
  }

  setBase(journal: number, base: number): void {
    this.#floats[journal >>> rowsShift]![(this.at(journal) >>> 1) + 2] = base
  }

  get bytes(): number {
    return this.#words.length * chunkBytes + this.#slots.byteLength
  }

  get live(): number {
    return this.count - this.#vacant.length
  }

  /** Bytes that the next `insert` would ask of the system; mostly 0. */
  get growth(): number {
    if (this.#vacant.length > 0 || this.count < this.#words.length * rowsPerChunk) return 0
    return chunkBytes + (this.#isCrowded() ? this.#slots.byteLength : 0)
  }

  /** The journal, or -1. */
  find(tenant: number, entity: number, key: Uint32Array, keyAt: number): number {
    const tag = key[keyAt + 1]!
    let slot = hash(tenant, entity, key[keyAt]!) & this.#mask
    while (true) {
      const found = this.#slots[slot * slotWords]!
      if (found === 0) return -1
      if (this.#slots[slot * slotWords + 1] === tag) {
        const words = this.words(found - 1)
        const at = this.at(found - 1)
        if (
          words[at] === key[keyAt] &&
          words[at + 2] === key[keyAt + 2] &&
          words[at + 3] === key[keyAt + 3] &&
          words[at + tenantAt] === tenant &&
          (words[at + flagsAt]! & kindMask) === entity << kindShift
        ) {
          return found - 1
        }
      }
      slot = (slot + 1) & this.#mask
    }
  }

  /** A new row with its key, all else zero. The key must not be there yet. */
  insert(tenant: number, entity: number, key: Uint32Array, keyAt: number): number {
    const journal = this.#row()
    const words = this.words(journal)
    const at = this.at(journal)
    words.fill(0, at, at + rowWords)
    for (let word = 0; word < 4; word++) words[at + word] = key[keyAt + word]!
    words[at + tenantAt] = tenant
    words[at + flagsAt] = (entity << kindShift) | liveFlag
    this.#link(journal)
    return journal
  }

  /** Takes a journal out of the table; its row stays until `vacate`. */
  unlink(journal: number): void {
    let slot = this.#home(journal)
    while (this.#slots[slot * slotWords] !== journal + 1) slot = (slot + 1) & this.#mask
    // Linear probing without tombstones: later entries that belong here or before move up.
    let gap = slot
    while (true) {
      slot = (slot + 1) & this.#mask
      const moved = this.#slots[slot * slotWords]!
      if (moved === 0) break
      const home = this.#home(moved - 1)
      if (((slot - home) & this.#mask) >= ((slot - gap) & this.#mask)) {
        this.#slots[gap * slotWords] = moved
        this.#slots[gap * slotWords + 1] = this.#slots[slot * slotWords + 1]!
        gap = slot
      }
    }
    this.#slots[gap * slotWords] = 0
  }

  vacate(journal: number): void {
    this.words(journal)[this.at(journal) + flagsAt] = 0
    this.#vacant.push(journal)
  }

  #row(): number {
    const vacant = this.#vacant.pop()
    if (vacant !== undefined) return vacant
    if (this.count === this.#words.length * rowsPerChunk) {
      if (this.#isCrowded()) this.#double()
      const buffer = new ArrayBuffer(chunkBytes)
      this.#words.push(new Uint32Array(buffer))
      this.#floats.push(new Float64Array(buffer))
    }
    return this.count++
  }

  /** True when another chunk of rows would fill more than half of the slots. */
  #isCrowded(): boolean {
    return (this.#words.length + 1) * rowsPerChunk * 2 > this.#mask + 1
  }

  #double(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    this.#mask = this.#slots.length / slotWords - 1
    for (let slot = 0; slot < old.length; slot += slotWords) {
      if (old[slot] !== 0) this.#link(old[slot]! - 1)
    }
  }

  #link(journal: number): void {
    let slot = this.#home(journal)
    while (this.#slots[slot * slotWords] !== 0) slot = (slot + 1) & this.#mask
    this.#slots[slot * slotWords] = journal + 1
    this.#slots[slot * slotWords + 1] = this.words(journal)[this.at(journal) + 1]!
  }

  #home(journal: number): number {
    const words = this.words(journal)
    const at = this.at(journal)
    return (
      hash(words[at + tenantAt]!, (words[at + flagsAt]! & kindMask) >>> kindShift, words[at]!) &
      this.#mask
    )
  }
}

/** The key is a keyed hash already: only kinds and tenants with the same id need to be parted. */
function hash(tenant: number, entity: number, word: number): number {
  const mixed = word ^ Math.imul(entity + 1, 0x9e3779b1) ^ Math.imul(tenant, 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
