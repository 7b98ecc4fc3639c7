// Counts distinct values per window in one pass: a set that remembers, for each value, the shortest window it was seen in.

/** Emptied in constant time. Values are u64 hashes as two words; 0/0 stands for absent. */
export class DistinctSet {
  readonly #mask: number
  readonly #low: Uint32Array
  readonly #high: Uint32Array
  readonly #window: Uint8Array
  /** Place is in use when it was written in the present round. */
  readonly #round: Uint32Array
  #now = 0
  /** Per window: values whose shortest window it is. */
  readonly counts: Float64Array

  constructor(windowCount: number, valuesMax: number) {
    const capacity = 2 ** Math.ceil(Math.log2(valuesMax * 2))
    this.#mask = capacity - 1
    this.#low = new Uint32Array(capacity)
    this.#high = new Uint32Array(capacity)
    this.#window = new Uint8Array(capacity)
    this.#round = new Uint32Array(capacity)
    this.counts = new Float64Array(windowCount)
  }

  clear(): void {
    this.#now++
    this.counts.fill(0)
  }

  /** The value was seen in `window` (an index, shortest first) and all longer ones. */
  add(low: number, high: number, window: number): void {
    const at = this.#find(low, high)
    if (this.#round[at] !== this.#now) {
      this.#round[at] = this.#now
      this.#low[at] = low
      this.#high[at] = high
      this.#window[at] = window
      this.counts[window]!++
    } else if (window < this.#window[at]!) {
      this.counts[this.#window[at]!]!--
      this.counts[window]!++
      this.#window[at] = window
    }
  }

  /** The shortest window that holds the value; -1 when none does. */
  windowOf(low: number, high: number): number {
    const at = this.#find(low, high)
    return this.#round[at] === this.#now ? this.#window[at]! : -1
  }

  #find(low: number, high: number): number {
    let at = (low ^ high) & this.#mask
    while (this.#round[at] === this.#now && (this.#low[at] !== low || this.#high[at] !== high)) {
      at = (at + 1) & this.#mask
    }
    return at
  }
}
