// What changed between two results, measure by measure. It says "no claim" wherever noise could have made the difference: the
// ranges of both sides overlap, or one side has too few runs.
import type { Past, Run } from '../results.ts'
import { measuresOf, soundRuns } from '../results.ts'
import { figureOf, kindOf, median, runsMin } from './statistics.ts'
import { show, words } from './words.ts'

export interface Comparison {
  readonly name: string
  readonly measure: string
  readonly base: number
  readonly now: number
  /** Of the medians, now to base; CPU after division by each run's calibration. */
  readonly ratio: number
  readonly isCalibrated: boolean
  readonly verdict: 'better' | 'worse' | 'changed' | 'same' | 'no claim'
  /** Why there is no claim; null with one. */
  readonly why: string | null
}

type Side = Pick<Past, 'name' | 'runs'>

/** Of what both sides have. */
export function compare(base: readonly Side[], now: readonly Side[]): Comparison[] {
  return now.flatMap((variant) => {
    const before = base.find(({ name }) => name === variant.name)
    if (before === undefined) return []
    const known = measuresOf(before)
    const shared = measuresOf(variant).filter((measure) => known.includes(measure))
    return shared.map((measure) => compareMeasure(measure, before, variant))
  })
}

function compareMeasure(measure: string, base: Side, now: Side): Comparison {
  const [runsBefore, runsNow] = [base, now].map((side) =>
    soundRuns(side).filter(({ measures }) => measures[measure] !== undefined),
  ) as [Run[], Run[]]
  const isCalibrated =
    kindOf(measure).name === 'CPU' &&
    [...runsBefore, ...runsNow].every(({ calibrationUs }) => calibrationUs !== null)
  const valueOf = (run: Run): number =>
    run.measures[measure]! / (isCalibrated ? run.calibrationUs! : 1)
  const [before, after] = [runsBefore.map(valueOf), runsNow.map(valueOf)]
  const ratio = ratioOf(median(after), median(before))
  const why = doubt(before, after) ?? stallsOf(measure, base) ?? stallsOf(measure, now)
  const raw = (runs: readonly Run[]): number => median(runs.map((run) => run.measures[measure]!))
  return {
    name: now.name,
    measure,
    base: raw(runsBefore),
    now: raw(runsNow),
    ratio,
    isCalibrated,
    verdict: why === null ? verdictOf(measure, ratio) : 'no claim',
    why,
  }
}

function doubt(before: readonly number[], after: readonly number[]): string | null {
  const fewest = Math.min(before.length, after.length)
  if (fewest < runsMin) return `${fewest} of at least ${runsMin} runs`
  if ([...before, ...after].every((value) => value === before[0])) return null
  const isApart =
    Math.max(...before) < Math.min(...after) || Math.max(...after) < Math.min(...before)
  return isApart ? null : 'the ranges overlap'
}

/** Latencies that the machine's own stalls may have made are no one's. */
function stallsOf(measure: string, side: Side): string | null {
  const refusal = figureOf(side, measure)?.refusal ?? null
  return refusal?.startsWith('stalls') === true ? refusal : null
}

function ratioOf(now: number, base: number): number {
  return now === base ? 1 : now / base
}

function verdictOf(measure: string, ratio: number): Comparison['verdict'] {
  if (ratio === 1) return 'same'
  if (/_per_second$/.test(measure)) return ratio > 1 ? 'better' : 'worse'
  const isCost =
    kindOf(measure).name !== 'memory and anything else' || /share|_mb|_mib/.test(measure)
  if (!isCost) return 'changed'
  return ratio < 1 ? 'better' : 'worse'
}

/** A table; `base` names what was compared with. */
export function formatComparison(list: readonly Comparison[], base: string): string {
  const rows = list.map(({ name, measure, base: before, now, ratio, isCalibrated, ...rest }) => {
    const verdict = rest.why === null ? rest.verdict : `${rest.verdict}: ${rest.why}`
    const shown = `${ratio.toFixed(3)}${isCalibrated ? ' *' : ''}`
    return `| ${name} | ${words(measure)} | ${show(before)} | ${show(now)} | ${shown} | ${verdict} |`
  })
  return [
    `Compared with ${base}: medians, and their ratio now to base. A claim is made where all runs of one side lie beyond all of the other.`,
    'Ratios with * are of CPU divided by the calibration kernel of each run, so that a slower hour does not look like a slower engine.',
    '',
    '| variant | measure | base | now | ratio | |',
    '|---|---|---:|---:|---:|---|',
    ...rows,
    '',
  ].join('\n')
}
