// Sums of journals longer than two caps, by number: arrays exist only for those few.
import type { JournalPlan } from '../journal.ts'

/** `hops` sums what is no longer held exactly, `cached` the records before `through`, the newest view's c(n). */
export class Sum {
  readonly plan: JournalPlan
  hops: Float64Array | null = null
  cached: Float64Array | null = null
  through = 0

  constructor(plan: JournalPlan) {
    this.plan = plan
  }

  /** Adds `count` records, at byte `start` of `data`, to what is no longer held exactly. */
  add(data: DataView, start: number, count: number): void {
    this.hops ??= newHops(this.plan)
    this.plan.addToHops(this.hops, data, start, count)
  }

  /** Adds records to the cached sum. Where views may show its array, it becomes another one. */
  advance(data: DataView, start: number, count: number, isShown: boolean): void {
    if (this.cached === null || isShown) {
      const known = this.cached ?? this.hops
      this.cached = known === null ? newHops(this.plan) : known.slice()
    }
    this.plan.addToHops(this.cached, data, start, count)
  }

  /** Copies what is no longer held exactly, and adds `count` records. */
  copy(data: DataView, start: number, count: number): Float64Array {
    const hops = this.hops === null ? newHops(this.plan) : this.hops.slice()
    this.plan.addToHops(hops, data, start, count)
    return hops
  }
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
    this.#sums[sum] = new Sum(plan)
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
