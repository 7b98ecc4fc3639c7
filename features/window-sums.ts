// What the windows of one group have gathered, in flat arrays: tail.ts and hop-sums.ts add to them, entity-fold.ts reads them.
// Amounts and squares are kept in limbs, so that no order of adding can change a bit.
const two27 = 2 ** 27
const two32 = 2 ** 32
/** The square of a greater amount has more than 53 bits. */
const squareMax = 94_906_265

/** What a group gathers beside counts and amounts. */
export interface Gathered {
  readonly hasSquares: boolean
  readonly hasLocation: boolean
  readonly numbers: readonly number[]
}

/** Per window, shortest first. Sized once, emptied per view. */
export class WindowSums {
  readonly count: Float64Array
  /** Transactions that have an amount. */
  readonly amounts: Float64Array
  /** Their sum, high limb in units of 2^32. */
  readonly high: Float64Array
  readonly low: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  /** Age of the newest transaction in the window, ms, and of the oldest; Infinity and -Infinity for none. */
  readonly youngest: Float64Array
  readonly oldest: Float64Array
  /** Sums of squares, four limbs in units of 2^0, 2^27, 2^54, 2^81; empty where nobody asks. */
  readonly squares: readonly Float64Array[]
  /** Per number (numbers × windows): time and value of the first record that has it, and of the last. */
  readonly firstMs: Float64Array
  readonly first: Float64Array
  readonly lastMs: Float64Array
  readonly last: Float64Array
  /** Of the newest record that has a location; millionths of a degree. */
  readonly locatedMs: Float64Array
  readonly latitude: Float64Array
  readonly longitude: Float64Array
  readonly isApproximate: Uint8Array
  readonly isFirstApproximate: Uint8Array
  readonly isLastApproximate: Uint8Array
  /** Some transaction in the window is known by its hop alone. */
  readonly reachesHops: Uint8Array
  /** Sums tell of a reversal or decline in the window, perhaps of a transaction that is known one by one. */
  readonly isTouched: Uint8Array
  readonly #windows: number
  readonly #numbers: number
  readonly #hasMore: boolean
  readonly #floats: Float64Array
  readonly #empty: Float64Array
  readonly #flags: Uint8Array

  constructor(windows: number, { hasSquares, hasLocation, numbers }: Gathered) {
    this.#windows = windows
    this.#numbers = numbers.length
    this.#hasMore = hasSquares || hasLocation || numbers.length > 0
    const limbs = hasSquares ? 4 : 0
    const places = hasLocation ? windows : 0
    // One array behind all, so that emptying them is one copy.
    this.#floats = new Float64Array(windows * (8 + limbs + 4 * numbers.length) + 3 * places)
    this.#flags = new Uint8Array(windows * 5)
    let at = 0
    const take = (length: number, value = 0): Float64Array => {
      at += length
      return this.#floats.subarray(at - length, at).fill(value)
    }
    this.count = take(windows)
    this.amounts = take(windows)
    this.high = take(windows)
    this.low = take(windows)
    this.min = take(windows, Infinity)
    this.max = take(windows, -Infinity)
    this.youngest = take(windows, Infinity)
    this.oldest = take(windows, -Infinity)
    this.squares = Array.from({ length: limbs }, () => take(windows))
    this.firstMs = take(windows * numbers.length, Infinity)
    this.first = take(windows * numbers.length)
    this.lastMs = take(windows * numbers.length, -Infinity)
    this.last = take(windows * numbers.length)
    this.locatedMs = take(places, -Infinity)
    this.latitude = take(places)
    this.longitude = take(places)
    this.isApproximate = this.#flags.subarray(0, windows)
    this.isFirstApproximate = this.#flags.subarray(windows, windows * 2)
    this.isLastApproximate = this.#flags.subarray(windows * 2, windows * 3)
    this.reachesHops = this.#flags.subarray(windows * 3, windows * 4)
    this.isTouched = this.#flags.subarray(windows * 4)
    this.#empty = this.#floats.slice()
  }

  clear(): void {
    this.#floats.set(this.#empty)
    this.#flags.fill(0)
  }

  /** Adds an amount in minor units; NaN, where there was no rate, adds nothing. */
  addAmount(window: number, amount: number): void {
    if (amount < two32) this.low[window]! += amount
    else if (amount >= two32) {
      const high = Math.floor(amount / two32)
      this.high[window]! += high
      this.low[window]! += amount - high * two32
    } else return
    this.amounts[window]!++
    if (amount < this.min[window]!) this.min[window] = amount
    if (amount > this.max[window]!) this.max[window] = amount
  }

  /** Adds (sign 1) or takes out (sign -1) the square of an amount. */
  addSquare(window: number, amount: number, sign: number): void {
    if (amount <= squareMax) {
      const square = amount * amount
      const high = Math.floor(square / two27)
      this.squares[0]![window]! += sign * (square - high * two27)
      this.squares[1]![window]! += sign * high
    } else if (amount > squareMax) {
      splitSquare(amount, limbs)
      for (let limb = 0; limb < 4; limb++) this.squares[limb]![window]! += sign * limbs[limb]!
    }
  }

  /** Adds the value of a number at `timeMs`, of a record with a lesser ordinal than all before: at the same ms it is the first. */
  addOlderEnd(number: number, window: number, timeMs: number, value: number): void {
    const at = number * this.#windows + window
    if (timeMs <= this.firstMs[at]!) {
      this.firstMs[at] = timeMs
      this.first[at] = value
    }
    if (timeMs > this.lastMs[at]!) {
      this.lastMs[at] = timeMs
      this.last[at] = value
    }
  }

  /** The same of a location. */
  addOlderLocation(window: number, timeMs: number, latitude: number, longitude: number): void {
    if (timeMs <= this.locatedMs[window]!) return
    this.locatedMs[window] = timeMs
    this.latitude[window] = latitude
    this.longitude[window] = longitude
  }

  /** Takes out an amount that a hop has counted; least and greatest stay as they are. */
  takeAmount(window: number, amount: number): void {
    if (Number.isNaN(amount)) return
    const high = Math.floor(amount / two32)
    this.amounts[window]!--
    this.high[window]! -= high
    this.low[window]! -= amount - high * two32
    if (this.squares.length > 0) this.addSquare(window, amount, -1)
  }

  /** Each window takes over what the shorter ones gathered. */
  merge(): void {
    const { count, amounts, high, low, min, max, youngest, oldest } = this
    for (let w = 1; w < this.#windows; w++) {
      count[w]! += count[w - 1]!
      amounts[w]! += amounts[w - 1]!
      high[w]! += high[w - 1]!
      low[w]! += low[w - 1]!
      if (min[w - 1]! < min[w]!) min[w] = min[w - 1]!
      if (max[w - 1]! > max[w]!) max[w] = max[w - 1]!
      if (youngest[w - 1]! < youngest[w]!) youngest[w] = youngest[w - 1]!
      if (oldest[w - 1]! > oldest[w]!) oldest[w] = oldest[w - 1]!
    }
    if (this.#hasMore) this.#mergeMore()
  }

  #mergeMore(): void {
    const { squares, locatedMs, latitude, longitude } = this
    for (let w = 1; w < this.#windows; w++) {
      for (let limb = 0; limb < squares.length; limb++) {
        squares[limb]![w]! += squares[limb]![w - 1]!
      }
      if (locatedMs.length > 0) {
        this.addOlderLocation(w, locatedMs[w - 1]!, latitude[w - 1]!, longitude[w - 1]!)
      }
      for (let n = 0; n < this.#numbers; n++) this.#mergeEnds(n * this.#windows + w)
    }
  }

  /** Ages of two windows' own records never meet, so times tell which came first. */
  #mergeEnds(at: number): void {
    if (this.firstMs[at - 1]! < this.firstMs[at]!) {
      this.firstMs[at] = this.firstMs[at - 1]!
      this.first[at] = this.first[at - 1]!
    }
    if (this.lastMs[at - 1]! > this.lastMs[at]!) {
      this.lastMs[at] = this.lastMs[at - 1]!
      this.last[at] = this.last[at - 1]!
    }
  }

  /** The sum with the transaction's own amount: exact in two limbs, and the one rounding is here. */
  sum(window: number, own: number): number {
    const ownHigh = Math.floor(own / two32)
    return (this.high[window]! + ownHigh) * two32 + (this.low[window]! + (own - ownHigh * two32))
  }

  /**
   * n Σx² − (Σx)² of the amounts, with the transaction's own where `one` is 1: n² times their variance. A whole number, exact until
   * it is rounded here once.
   */
  spread(window: number, own: number, one: number): number {
    const n = this.amounts[window]! + one
    const [l0, l1, l2, l3] = this.squares
    const sum = this.sum(window, one === 1 ? own : 0)
    const small = l1![window]! * two27 + l0![window]! + (one === 1 ? own * own : 0)
    const isSmall = l2![window] === 0 && l3![window] === 0 && sum <= squareMax
    if (isSmall && small * n <= Number.MAX_SAFE_INTEGER) return small * n - sum * sum
    const squares =
      BigInt(l0![window]!) +
      (BigInt(l1![window]!) << 27n) +
      (BigInt(l2![window]!) << 54n) +
      (BigInt(l3![window]!) << 81n)
    const ownWhole = one === 1 ? BigInt(own) : 0n
    const whole = this.#wholeSum(window) + ownWhole
    return Number(BigInt(n) * (squares + ownWhole * ownWhole) - whole * whole)
  }

  /** n x − Σx of the amounts, with the transaction's own in Σ where `one` is 1. Rounded once. */
  distance(window: number, own: number, one: number): number {
    const n = this.amounts[window]! + one
    const sum = this.sum(window, one === 1 ? own : 0)
    if (n * own <= Number.MAX_SAFE_INTEGER && sum <= Number.MAX_SAFE_INTEGER) return n * own - sum
    const whole = BigInt(own)
    return Number(BigInt(n) * whole - this.#wholeSum(window) - (one === 1 ? whole : 0n))
  }

  #wholeSum(window: number): bigint {
    return (BigInt(this.high[window]!) << 32n) + BigInt(this.low[window]!)
  }
}

/** Limbs of a square, in units of 2^0, 2^27, 2^54, 2^81. */
export const squareFloats = 4
const limbs = new Float64Array(squareFloats)

/** Adds (sign 1) or takes out (sign -1) the square of an amount in the limbs from `at` on. */
export function addSquareLimbs(out: Float64Array, at: number, amount: number, sign: 1 | -1): void {
  splitSquare(amount, limbs)
  for (let limb = 0; limb < squareFloats; limb++) out[at + limb]! += sign * limbs[limb]!
}

/** Splits the square of a whole number below 2^53 into four limbs of 27 bits or little more; no product exceeds 2^54. */
function splitSquare(amount: number, out: Float64Array): void {
  const high = Math.floor(amount / two27)
  const low = amount - high * two27
  const top = Math.floor(low / 2 ** 14)
  const rest = low - top * 2 ** 14
  const ends = top * rest * 2 ** 15 + rest * rest
  const cross = 2 * high * low
  const highs = high * high
  const endsHigh = Math.floor(ends / two27)
  const crossHigh = Math.floor(cross / two27)
  const highsHigh = Math.floor(highs / two27)
  out[0] = ends - endsHigh * two27
  out[1] = endsHigh + 2 * top * top + (cross - crossHigh * two27)
  out[2] = crossHigh + (highs - highsHigh * two27)
  out[3] = highsHigh
}
