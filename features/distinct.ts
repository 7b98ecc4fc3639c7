// Counts distinct values per window in one pass: a set that remembers, for each value, the shortest window it was seen in.

/** Words of a place: low, high, window, round. Side by side, so that a probe touches one cache line. */
const placeWords = 4

const roundMax = 2 ** 31 - 1

/** Emptied in constant time. Values are u64 hashes as two int32 words; 0/0 stands for absent and is not added. */
export class DistinctSet {
  readonly #places: Int32Array
  /** As many places as the present round needs: a small journal's stay in the nearest cache. */
  #mask = 0
  /** A place is in use when it was written in the present round. */
  #round = 0
  /** Per window: values whose shortest window it is. */
  readonly counts: Int32Array
  /** The shortest window that holds the transaction's own value, -1 where none does; written by who counts. */
  own = -1

  constructor(windowCount: number, valuesMax: number) {
    this.#places = new Int32Array(placesFor(valuesMax) * placeWords)
    this.counts = new Int32Array(windowCount)
  }

  /** Empties the set and makes room for `valuesMax` values, at most as many as it was made for. */
  clear(valuesMax: number): void {
    this.#mask = placesFor(valuesMax) - 1
    if (this.#round === roundMax) {
      this.#places.fill(0)
      this.#round = 0
    }
    this.#round++
    this.counts.fill(0)
  }

  /**
   * Adds the u64 at byte `column` of each of the first `count` records that begin at `starts`. Each was seen in the window of
   * its place in `windows` (an index, shortest first) and in all longer ones.
   */
  addAll(
    data: DataView,
    column: number,
    starts: Int32Array,
    windows: Uint8Array,
    count: number,
  ): void {
    const places = this.#places
    const round = this.#round
    const { counts } = this
    let lastLow = 0
    let lastHigh = 0
    let lastWindow = 0
    for (let r = 0; r < count; r++) {
      const at = starts[r]! + column
      const low = data.getInt32(at, true)
      const high = data.getInt32(at + 4, true)
      const window = windows[r]!
      // Absent, or again what the record before had: a card's country hardly ever changes.
      if (low === lastLow && high === lastHigh && window >= lastWindow) continue
      if ((low | high) === 0) continue
      lastLow = low
      lastHigh = high
      lastWindow = window
      const place = this.#find(low, high)
      if (places[place + 3] !== round) {
        places[place] = low
        places[place + 1] = high
        places[place + 2] = window
        places[place + 3] = round
        counts[window]!++
      } else if (window < places[place + 2]!) {
        counts[places[place + 2]!]!--
        counts[window]!++
        places[place + 2] = window
      }
    }
  }

  /** Each window takes over what the shorter ones gathered; nothing is added after it. */
  merge(): void {
    for (let w = 1; w < this.counts.length; w++) this.counts[w]! += this.counts[w - 1]!
  }

  /** The value was seen in `window` (an index, shortest first) and all longer ones. */
  add(low: number, high: number, window: number): void {
    const places = this.#places
    const at = this.#find(low, high)
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
    const at = this.#find(low, high)
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

/** A power of two that leaves half of the places free. */
function placesFor(values: number): number {
  return 2 << (31 - Math.clz32(Math.max(1, values * 2 - 1)))
}
