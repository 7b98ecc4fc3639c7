// Keeps account of the CPU that each stage of the pipeline uses, with the pipeline's own marks: the clock that it is handed
// counts CPU time instead of time, so that neither waiting nor other processes are in it. For benchmarks alone: what such a
// clock says is no latency.
import { systemClock } from '../../engine/clock.ts'
import type { Latency } from '../../engine/core/latency.ts'
import type { Clock, Meter } from '../../engine/core/ports.ts'

export class CpuAccount implements Clock, Meter {
  /** µs by stage since `take`; those of all threads while a stage lasts, of collecting garbage too. */
  #sums = noLatency()
  /** False: an ordinary clock. */
  isCounting = false

  nowMs(): number {
    return systemClock.nowMs()
  }

  /** Costs 0.7 µs: a stage of a batch has it once. */
  monotonicUs(): number {
    if (!this.isCounting) return systemClock.monotonicUs()
    const { user, system } = process.cpuUsage()
    return user + system
  }

  decided(_: unknown, latency: Readonly<Latency> | null): void {
    if (!this.isCounting || latency === null) return
    const sums = this.#sums
    for (const stage of Object.keys(sums) as (keyof Latency)[]) sums[stage] += latency[stage]
  }

  sent(): void {
    // Nothing is sent here.
  }

  failed(error: unknown): void {
    throw new Error('a benchmark needs every batch decided', { cause: error })
  }

  take(): Latency {
    const sums = this.#sums
    this.#sums = noLatency()
    return sums
  }
}

function noLatency(): Latency {
  return { parse: 0, encode: 0, observe: 0, fold: 0, score: 0, explain: 0, decide: 0 }
}
