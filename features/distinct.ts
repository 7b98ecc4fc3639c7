// Counts distinct values per window in one pass: a set that remembers, for each value, the shortest window it was seen in.

/** Words of a place: low, high, window, round. Side by side, so that a probe touches one cache line. */
const placeWords = 4

/** Emptied in constant time. Values are u64 hashes as two words; 0/0 stands for absent and is not added. */
export class DistinctSet {
  readonly #places: Int32Array
  readonly #mask: number
  /** A place is in use when it was written in the present round. */
  #round = 0
  /** Per window: values whose shortest window it is. */
  readonly counts: Int32Array

  constructor(windowCount: number, valuesMax: number) {
    const capacity = 2 ** Math.ceil(Math.log2(valuesMax * 2))
    this.#places = new Int32Array(capacity * placeWords)
    this.#mask = capacity - 1
    this.counts = new Int32Array(windowCount)
  }

  clear(): void {
    this.#round = (this.#round + 1) | 0
    this.counts.fill(0)
  }

  /** The value was seen in `window` (an index, shortest first) and all longer ones. */
  add(low: number, high: number, window: number): void {
    const places = this.#places
    const at = this.#find(low | 0, high | 0)
    if (places[at + 3] !== this.#round) {
      places[at] = low
      places[at + 1] = high
      places[at + 2] = window
      places[at + 3] = this.#round
      this.counts[window]!++
    } else if (window < places[at + 2]!) {
      this.counts[places[at + 2]!]!--
      this.counts[window]!++
      places[at + 2] = window
    }
  }

  /** The shortest window that holds the value; -1 when none does. */
  windowOf(low: number, high: number): number {
    const at = this.#find(low | 0, high | 0)
    return this.#places[at + 3] === this.#round ? this.#places[at + 2]! : -1
  }

  #find(low: number, high: number): number {
    const places = this.#places
    let place = low & this.#mask
    for (;;) {
      const at = place * placeWords
      if (places[at + 3] !== this.#round) return at
      if (places[at] === low && places[at + 1] === high) return at
      place = (place + 1) & this.#mask
    }
  }
}
