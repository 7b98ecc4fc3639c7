// What may be said of several runs of one measure: its median where they agree well enough for its kind, and otherwise only the
// range. The rule is data, and printed in RESULTS.md; whoever prints a figure asks here first.
import type { Run, VariantResult } from '../results.ts'
import { soundRuns } from '../results.ts'

/** One kind of measure, told by its name, and how far its values may lie from their median. */
export interface Kind {
  readonly name: string
  readonly has: RegExp
  /** As a share of the median. */
  readonly deviationMax: number
}

/** The first whose pattern fits. */
export const kinds: readonly Kind[] = [
  { name: 'bytes and round trips', has: /bytes|round_trips/, deviationMax: 0.05 },
  { name: 'median latency', has: /(^|_)p50(_\w+)?_(us|ms)$/, deviationMax: 0.2 },
  { name: 'tail latency', has: /(^|_)(p9\d*|max|longest)(_\w+)?_(us|ms)$/, deviationMax: 0.3 },
  { name: 'rate', has: /_per_second$/, deviationMax: 0.15 },
  { name: 'CPU', has: /(^|_)(us|ns)(_|$)/, deviationMax: 0.15 },
  { name: 'time', has: /_(ms|s|seconds)$/, deviationMax: 0.2 },
  { name: 'memory and anything else', has: /./, deviationMax: 0.15 },
]

/** Fewer say nothing about spread, so nothing is claimed of them. */
export const runsMin = 3

/** A latency in the tail is claimed where the stalls of the machine itself, at the same share, are at most such a part of it. */
export const stallShareMax = 0.5

export interface Figure {
  readonly measure: string
  /** Of sound runs, in their order. */
  readonly values: readonly number[]
  readonly median: number
  readonly lowest: number
  readonly highest: number
  /** Why the median may not be claimed; null where it may. */
  readonly refusal: string | null
}

/** One value, and the run that it comes from. */
export interface Sample {
  readonly value: number
  readonly run: Run
}

/** Null where no sound run has the measure. */
export function figureOf(variant: Pick<VariantResult, 'runs'>, measure: string): Figure | null {
  const samples = soundRuns(variant).flatMap((run): Sample[] => {
    const value = run.measures[measure]
    return value === undefined ? [] : [{ value, run }]
  })
  return figureFrom(measure, samples)
}

/** Null where there is no value. */
export function figureFrom(measure: string, samples: readonly Sample[]): Figure | null {
  if (samples.length === 0) return null
  const values = samples.map(({ value }) => value)
  return {
    measure,
    values,
    median: median(values),
    lowest: Math.min(...values),
    highest: Math.max(...values),
    refusal: refusalOf(measure, values, samples),
  }
}

function refusalOf(
  measure: string,
  values: readonly number[],
  samples: readonly Sample[],
): string | null {
  if (values.length < runsMin) return values.length === 1 ? 'one run' : `${values.length} runs`
  const kind = kindOf(measure)
  if (deviationOf(values) > kind.deviationMax) return 'too noisy'
  const floorUs = stallFloorUs(
    measure,
    samples.map(({ run }) => run),
  )
  if (floorUs === null) return 'stalls unknown'
  const us = median(values) * (measure.endsWith('_ms') ? 1000 : 1)
  return floorUs > us * stallShareMax ? `stalls of ${Math.round(floorUs)} µs` : null
}

export function kindOf(measure: string): Kind {
  return kinds.find(({ has }) => has.test(measure))!
}

/** How far the farthest lies from the median, as a share of it; 0 where all are equal, 0 among them. */
export function deviationOf(values: readonly number[]): number {
  const middle = median(values)
  const farthest = Math.max(...values.map((value) => Math.abs(value - middle)))
  return farthest === 0 ? 0 : farthest / Math.abs(middle)
}

/** What the machine's own stalls were at the quantile that a measure names, median over the runs; 0 where it names none, null where nobody looked. */
function stallFloorUs(measure: string, runs: readonly Run[]): number | null {
  const quantile = /(?:^|_)(p50|p99|p999)_(?:\w+_)?(?:us|ms)$/.exec(measure)?.[1]
  const stalls = runs.flatMap((run) => run.stalls ?? [])
  if (quantile === undefined) return 0
  if (stalls.length === 0) return null
  const key = `${quantile}Us` as 'p50Us' | 'p99Us' | 'p999Us'
  return median(stalls.map((one) => one[key]))
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
