// What one entity's windows have gathered, in flat arrays: tail.ts and hop-sums.ts add to them, entity-fold.ts reads them.
// Amounts are kept in two limbs, so that no order of adding can change a bit.
const two32 = 2 ** 32

/** Per window (shortest first) and per label window. Sized once, emptied per view. */
export class WindowSums {
  readonly count: Float64Array
  /** Transactions that have an amount. */
  readonly amounts: Float64Array
  /** Their sum, high limb in units of 2^32. */
  readonly high: Float64Array
  readonly low: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  /** Age of the newest transaction in the window, ms; Infinity for none. */
  readonly since: Float64Array
  readonly labelled: Float64Array
  readonly frauds: Float64Array
  readonly isApproximate: Uint8Array
  readonly isSinceApproximate: Uint8Array
  /** Some transaction in the window is known by its hop alone. */
  readonly reachesHops: Uint8Array
  readonly isLabelApproximate: Uint8Array
  /** Time of the newest transaction in the view, ms; -Infinity when there is none. */
  newestMs = -Infinity
  readonly #numbers: Float64Array
  readonly #empty: Float64Array
  readonly #flags: Uint8Array

  constructor(windows: number, labelWindows: number) {
    // One array behind all, so that emptying them is one copy.
    this.#numbers = new Float64Array(windows * 7 + labelWindows * 2)
    this.#flags = new Uint8Array(windows * 3 + labelWindows)
    const numbers = (place: number): Float64Array =>
      this.#numbers.subarray(place * windows, (place + 1) * windows)
    this.count = numbers(0)
    this.amounts = numbers(1)
    this.high = numbers(2)
    this.low = numbers(3)
    this.min = numbers(4)
    this.max = numbers(5)
    this.since = numbers(6)
    this.labelled = this.#numbers.subarray(windows * 7, windows * 7 + labelWindows)
    this.frauds = this.#numbers.subarray(windows * 7 + labelWindows)
    this.isApproximate = this.#flags.subarray(0, windows)
    this.isSinceApproximate = this.#flags.subarray(windows, windows * 2)
    this.reachesHops = this.#flags.subarray(windows * 2, windows * 3)
    this.isLabelApproximate = this.#flags.subarray(windows * 3)
    this.min.fill(Infinity)
    this.max.fill(-Infinity)
    this.since.fill(Infinity)
    this.#empty = this.#numbers.slice()
  }

  clear(): void {
    this.#numbers.set(this.#empty)
    this.#flags.fill(0)
    this.newestMs = -Infinity
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

  /** Takes out an amount that a hop has counted; least and greatest stay as they are. */
  takeAmount(window: number, amount: number): void {
    if (Number.isNaN(amount)) return
    const high = Math.floor(amount / two32)
    this.amounts[window]!--
    this.high[window]! -= high
    this.low[window]! -= amount - high * two32
  }

  /** Each window takes over what the shorter ones gathered. */
  merge(): void {
    for (let w = 1; w < this.count.length; w++) {
      this.count[w]! += this.count[w - 1]!
      this.amounts[w]! += this.amounts[w - 1]!
      this.high[w]! += this.high[w - 1]!
      this.low[w]! += this.low[w - 1]!
      this.min[w] = Math.min(this.min[w]!, this.min[w - 1]!)
      this.max[w] = Math.max(this.max[w]!, this.max[w - 1]!)
      this.since[w] = Math.min(this.since[w]!, this.since[w - 1]!)
    }
  }

  /** The sum with the transaction's own amount: exact in two limbs, and the one rounding is here. */
  sum(window: number, own: number): number {
    const ownHigh = Math.floor(own / two32)
    return (this.high[window]! + ownHigh) * two32 + (this.low[window]! + (own - ownHigh * two32))
  }
}
