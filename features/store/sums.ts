// Sums of journals longer than two caps, by number: arrays exist only for those few.
import type { JournalPlan } from '../journal.ts'

/** `hops` sums what is no longer held exactly, `cached` the records before `through`, the newest view's c(n). */
export interface Sum {
  readonly plan: JournalPlan
  hops: Float64Array | null
  cached: Float64Array | null
  through: number
}

export class Sums {
  bytes = 0
  readonly #sums: (Sum | null)[] = [null]
  readonly #vacant: number[] = []

  /** Number 0 is no sum. */
  get(sum: number): Sum | null {
    return this.#sums[sum]!
  }

  add(plan: JournalPlan): number {
    const sum = this.#vacant.pop() ?? this.#sums.length
    this.#sums[sum] = { plan, hops: null, cached: null, through: 0 }
    this.bytes += bytesOf(plan)
    return sum
  }

  remove(sum: number): void {
    if (sum === 0) return
    this.bytes -= bytesOf(this.#sums[sum]!.plan)
    this.#sums[sum] = null
    this.#vacant.push(sum)
  }
}

/** Both arrays, and what V8 keeps for them. */
function bytesOf(plan: JournalPlan): number {
  return 2 * (plan.hopFloats * 8 + 128)
}

/** An empty sum. */
export function newHops(plan: JournalPlan): Float64Array {
  const hops = new Float64Array(plan.hopFloats)
  plan.clearHops(hops)
  return hops
}
