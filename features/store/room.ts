// The bounded memory under the table of journals: who gets a row and a block, what is forgotten for it, and when bytes that
// an open view may still show can be used again.
import { strict as assert } from 'node:assert'
import {
  blockAt,
  Directory,
  detachedFlag,
  flagsAt,
  kindMask,
  layoutMask,
  liveFlag,
  pinsAt,
  placeAt,
  sumsAt,
  usedFlag,
} from './directory.ts'
import { classBytes, nowhere, Slabs } from './slabs.ts'
import { StoreError } from './store.ts'
import { Sums } from './sums.ts'

/** What happens at the bound: the truth refuses more, a cache forgets what was not used for long. */
export type WhenFull = 'refuse' | 'forget'

/** Owner of a block whose journal has moved away from an open view. */
const nobody = 0x7fffffff
export const bytesMaxLeast = 1 << 20
const evictionsPerBlock = 32
const limboNumbers = 3

export class Room {
  readonly directory = new Directory()
  readonly slabs: Slabs
  readonly sums = new Sums()
  readonly #bytesMax: number
  readonly #whenFull: WhenFull
  #rowHand = 0
  #slabHand = 0
  /** Observations begun and not ended, oldest first. */
  #observations: number[] = []
  #observation = 0
  /** Blocks that an open view may still show: place, byte and observation of each, `limboNumbers` apart. Kept at its length. */
  readonly #limbo: number[] = []
  #limboEnd = 0

  constructor(bytesMax: number, whenFull: WhenFull) {
    assert(bytesMax >= bytesMaxLeast)
    // A slab is a small share of the bound, so that one per size class does not exhaust it.
    const slabBytes = 2 ** Math.floor(Math.log2(bytesMax / 256))
    this.slabs = new Slabs(Math.min(1 << 20, Math.max(1 << 13, slabBytes)))
    this.#bytesMax = bytesMax
    this.#whenFull = whenFull
  }

  get bytes(): number {
    return this.slabs.bytes + this.directory.bytes + this.sums.bytes
  }

  begin(): number {
    this.#observations.push(++this.#observation)
    return this.#observation
  }

  end(observation: number): void {
    const at = this.#observations.indexOf(observation)
    if (at !== -1) this.#observations.splice(at, 1)
    if (this.#limboEnd > 0) this.#giveLimbo(this.#observations[0] ?? Number.POSITIVE_INFINITY)
    if (this.#observations.length === 0 && this.bytes > this.#bytesMax) this.#shrink()
  }

  /** A new row in the directory, without a block. */
  row(tenant: number, entity: number, key: Uint32Array, keyAt: number): number {
    const growth = this.directory.growth
    if (growth > 0 && !this.#mayGrow(growth)) {
      if (this.#whenFull === 'refuse') throw this.#full()
      for (let step = 2 * this.directory.count; step > 0 && this.directory.growth > 0; step--) {
        this.#evictNext()
      }
    }
    return this.directory.insert(tenant, entity, key, keyAt)
  }

  /** Takes a block of a class for a journal: `slabs.place` and `slabs.at` say where. It is the journal's with `settle`. */
  take(journal: number, sizeClass: number): void {
    const words = this.directory.words(journal)
    const row = this.directory.at(journal)
    // What is forgotten to make room must not be the one that it is made for.
    words[row + pinsAt]!++
    try {
      this.#take(journal, sizeClass)
    } finally {
      words[row + pinsAt]!--
    }
  }

  /** A journal has the block that was taken for it, instead of the one before, whose records the caller has copied. */
  settle(journal: number, sizeClass: number, place: number, at: number): void {
    const words = this.directory.words(journal)
    const row = this.directory.at(journal)
    this.#giveBlock(journal)
    words[row + placeAt] = place
    words[row + blockAt] = at
    const flags = words[row + flagsAt]!
    words[row + flagsAt] = (flags & (kindMask | ~layoutMask)) | sizeClass
  }

  /** Takes a journal out of the table; who has pinned it keeps it until the last `unpin`. */
  remove(journal: number): void {
    const words = this.directory.words(journal)
    const row = this.directory.at(journal)
    if ((words[row + flagsAt]! & detachedFlag) !== 0) return
    this.directory.unlink(journal)
    if (words[row + pinsAt]! > 0) words[row + flagsAt]! |= detachedFlag
    else this.free(journal)
  }

  /** Gives back all that an unlinked journal has. */
  free(journal: number): void {
    this.#giveBlock(journal)
    this.sums.remove(this.directory.words(journal)[this.directory.at(journal) + sumsAt]!)
    this.directory.vacate(journal)
  }

  clear(): void {
    for (let journal = 0; journal < this.directory.count; journal++) {
      const flags = this.directory.words(journal)[this.directory.at(journal) + flagsAt]!
      if ((flags & (liveFlag | detachedFlag)) === liveFlag) this.remove(journal)
    }
  }

  #take(journal: number, sizeClass: number): void {
    if (this.slabs.take(sizeClass, journal)) return
    const growth = this.slabs.growthOf(sizeClass)
    if (!this.#mayGrow(growth)) {
      if (this.#whenFull === 'refuse') throw this.#full()
      this.#makeRoom(sizeClass, growth)
      if (this.slabs.take(sizeClass, journal)) return
    }
    // Where all is pinned, a cache goes over its bound for as long as a batch lasts.
    this.slabs.grow(sizeClass, journal)
  }

  /** What a batch had pinned beyond the bound goes back to the system. */
  #shrink(): void {
    if (this.#whenFull === 'refuse') return
    for (let step = this.slabs.slabs.length; step > 0 && this.bytes > this.#bytesMax; step--) {
      this.#slabHand = (this.#slabHand + 1) % this.slabs.slabs.length
      this.#evictSlab(this.#slabHand)
      while (this.bytes > this.#bytesMax && this.slabs.drop());
    }
  }

  #mayGrow(growth: number): boolean {
    return this.bytes + growth <= this.#bytesMax
  }

  #makeRoom(sizeClass: number, growth: number): void {
    for (let step = 0; step < evictionsPerBlock; step++) {
      if (this.slabs.has(sizeClass)) return
      this.#evictNext()
    }
    // The free blocks are of other sizes: clear whole slabs, whose memory any class can use.
    for (let step = this.slabs.slabs.length; step > 0; step--) {
      if (this.slabs.has(sizeClass)) return
      this.#slabHand = (this.#slabHand + 1) % this.slabs.slabs.length
      this.#evictSlab(this.#slabHand)
      if (classBytes(sizeClass) <= this.slabs.slabBytes) continue
      while (!this.#mayGrow(growth) && this.slabs.drop());
      if (this.#mayGrow(growth)) return
    }
  }

  /** One step of the clock: a journal used since the hand last came by is spared once. */
  #evictNext(): void {
    const { directory } = this
    this.#rowHand = (this.#rowHand + 1) % directory.count
    const words = directory.words(this.#rowHand)
    const row = directory.at(this.#rowHand)
    const flags = words[row + flagsAt]!
    if ((flags & liveFlag) === 0 || words[row + pinsAt]! > 0) return
    if ((flags & usedFlag) === 0) this.remove(this.#rowHand)
    else words[row + flagsAt] = flags & ~usedFlag
  }

  #evictSlab(place: number): void {
    const slab = this.slabs.slabs[place]
    if (!slab || slab.live === 0) return
    const owners = slab.owners.subarray(0, slab.next).filter((owner) => owner >= 0)
    for (const owner of owners) {
      if (owner === nobody) return
      if (this.directory.words(owner)[this.directory.at(owner) + pinsAt]! > 0) return
    }
    for (const owner of owners) this.remove(owner)
  }

  #giveBlock(journal: number): void {
    const words = this.directory.words(journal)
    const row = this.directory.at(journal)
    const place = words[row + placeAt]!
    const at = words[row + blockAt]!
    if (place === nowhere) return
    if (words[row + pinsAt]! > 0) {
      this.slabs.slabs[place]!.disown(at, nobody)
      this.#limbo[this.#limboEnd] = place
      this.#limbo[this.#limboEnd + 1] = at
      this.#limbo[this.#limboEnd + 2] = this.#observation
      this.#limboEnd += limboNumbers
    } else {
      this.slabs.give(place, at)
    }
  }

  /** Of blocks whose journals moved before all observations that are open. */
  #giveLimbo(oldest: number): void {
    const limbo = this.#limbo
    const end = this.#limboEnd
    this.#limboEnd = 0
    for (let from = 0; from < end; from += limboNumbers) {
      // Observations that began after the move never saw the old block.
      if (oldest > limbo[from + 2]!) this.slabs.give(limbo[from]!, limbo[from + 1]!)
      else {
        limbo.copyWithin(this.#limboEnd, from, from + limboNumbers)
        this.#limboEnd += limboNumbers
      }
    }
  }

  #full(): StoreError {
    return new StoreError(
      `journals in memory: expected at most ${this.#bytesMax} bytes, found more: raise the limit or use Redis`,
      false,
    )
  }
}
