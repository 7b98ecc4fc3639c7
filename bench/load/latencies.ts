// Latencies of one run, to three significant digits whatever their range (node:perf_hooks' HDR histogram), and the rule by
// which a late generator makes them worthless.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

/** µs. A process hands it to another. */
export interface Latencies {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

const longestNs = 600e9

/** Takes ns; a thousandth of a value is what it may be off. */
export class LatencyHistogram {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: longestNs,
    figures: 3,
  })

  /** Before it was due is not late. */
  record(ns: number): void {
    this.#histogram.record(Math.min(longestNs, Math.max(1, Math.round(ns))))
  }

  summary(): Latencies {
    const histogram = this.#histogram
    const { count } = histogram
    const at = (percent: number): number => (count === 0 ? 0 : histogram.percentile(percent) / 1000)
    return {
      count,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: count === 0 ? 0 : histogram.max / 1000,
    }
  }
}

/** The most of a claimed latency that may be the generator's own lateness, both at the same quantile. */
export const lateShareMax = 0.5

/** Why a latency cannot be claimed, or null. */
export function tooLate(
  what: string,
  late: Latencies,
  claimed: Latencies,
  at: 'p50' | 'p99' = 'p99',
): string | null {
  const share = late[at] / claimed[at]
  if (share <= lateShareMax) return null
  const percent = Math.round(share * 100)
  return `${what}: the generator was ${Math.round(late[at])} µs late at ${at}, ${percent} % of the ${at} claimed, at most ${lateShareMax * 100} %`
}
