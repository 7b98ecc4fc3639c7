// A weighted draw in constant time: Walker's alias method, set up as by M. D. Vose ("A Linear Algorithm For Generating
// Random Numbers With a Given Distribution", 1991).
import type { Random } from './random.ts'

export class Choice {
  readonly #items: Int32Array
  readonly #alias: Int32Array
  readonly #threshold: Float64Array

  /** Draws `items[i]` in proportion to `weights[i]`. At least one item; weights above zero. */
  constructor(items: readonly number[], weights: readonly number[]) {
    const count = items.length
    if (count === 0 || weights.length !== count) throw new RangeError('a choice needs its weights')
    this.#items = Int32Array.from(items)
    this.#alias = new Int32Array(count)
    this.#threshold = new Float64Array(count)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const scaled = weights.map((weight) => (weight * count) / total)
    const small: number[] = []
    const large: number[] = []
    for (let index = 0; index < count; index++) (scaled[index]! < 1 ? small : large).push(index)
    while (small.length > 0 && large.length > 0) {
      const less = small.pop()!
      const more = large.at(-1)!
      this.#threshold[less] = scaled[less]!
      this.#alias[less] = more
      scaled[more] = scaled[more]! + scaled[less]! - 1
      if (scaled[more] < 1) small.push(large.pop()!)
    }
    // What rounding left over stands for itself.
    for (const index of [...small, ...large]) this.#threshold[index] = 1
  }

  draw(random: Random): number {
    const at = random.uniform() * this.#items.length
    const index = Math.floor(at)
    return this.#items[at - index < this.#threshold[index]! ? index : this.#alias[index]!]!
  }
}

/**
 * Deals items of the given weights to pools so that each pool's share of the weight comes near its target: every item, in
 * order, goes to the pool that is furthest behind. Returns the pool of each item.
 */
export function deal(weights: readonly number[], targets: readonly number[]): Int32Array {
  const total = targets.reduce((sum, target) => sum + target, 0)
  const need = targets.map((target) => target / total)
  const given = targets.map(() => 0)
  const pools = new Int32Array(weights.length)
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  for (const [item, weight] of weights.entries()) {
    let pool = 0
    for (let index = 1; index < need.length; index++) {
      if (need[index]! - given[index]! > need[pool]! - given[pool]!) pool = index
    }
    pools[item] = pool
    given[pool] = given[pool]! + weight / all
  }
  return pools
}
