// From what was counted and sampled to measures: CPU-µs of each stage that add up to what the process used, bytes allocated.
import type { Latency } from '../../engine/core/latency.ts'
import { type Stage, stages } from './stages.ts'
import type { Allocations, CpuShares } from './witness.ts'

/** What the goal for allocations speaks of: inside `Pipeline.process`, behind parsing and before the text. */
export const between: readonly Stage[] = [
  'encode',
  'observe',
  'fold',
  'score',
  'explain',
  'decide',
  'pipeline',
]

/**
 * `stage_<name>_cpu_us`, which add up to `totalUs`. The pipeline has one mark behind deciding and writing: the profile tells
 * which part of that was text, and how much of all was collecting garbage, which lies within the stages.
 */
export function accountMeasures(
  account: Latency,
  totalUs: number,
  { shares }: CpuShares,
  decisions: number,
): Record<string, number> {
  const { decide, ...rest } = account
  const text = shares.serialise / (shares.serialise + shares.decide)
  const us = { ...rest, decide: decide * (1 - text), serialise: decide * text }
  const known = Object.values(us).reduce((sum, value) => sum + value, 0)
  const all = { ...us, other: totalUs - known }
  return {
    ...Object.fromEntries(
      Object.entries(all).map(([stage, value]) => [`stage_${stage}_cpu_us`, value / decisions]),
    ),
    garbage_collection_share_of_cpu: shares.gc,
  }
}

/**
 * The same where nothing but samples tells: the main thread's by its samples, and `threads` is all others (collector, compiler).
 * `threadUs`: of the main thread alone, known in steps of 10 ms only.
 */
export function sampledMeasures(
  { shares, samples, coverage }: CpuShares,
  used: { readonly totalUs: number; readonly threadUs: number; readonly decisions: number },
): Record<string, number> {
  const result: Record<string, number> = {}
  const mainUs = Math.min(used.threadUs, used.totalUs)
  for (const stage of stages) {
    if (shares[stage] > 0)
      result[`stage_${stage}_cpu_us`] = (shares[stage] * mainUs) / used.decisions
  }
  result['stage_threads_cpu_us'] = (used.totalUs - mainUs) / used.decisions
  return { ...result, stage_samples: samples, stage_samples_cover_share_of_cpu: coverage }
}

const sitesShown = 40

/** To stderr, for who wants to know what to look at. */
export function showSites({ sites }: Pick<Allocations, 'sites'>, decisions: number): void {
  for (const { stage, place, bytes } of sites.slice(0, sitesShown)) {
    const each = (bytes / decisions).toFixed(1).padStart(8)
    process.stderr.write(`${each} B  ${stage.padEnd(10)} ${place}\n`)
  }
}

export function allocationMeasures(
  { bytes }: Pick<Allocations, 'bytes'>,
  decisions: number,
): Record<string, number> {
  const sum = (of: readonly Stage[]): number =>
    of.reduce((total, stage) => total + bytes[stage], 0) / decisions
  const result: Record<string, number> = {
    allocated_bytes_per_decision: sum(between),
    allocated_bytes_per_decision_in_total: sum(stages),
  }
  for (const stage of stages) {
    if (bytes[stage] > 0) result[`allocated_bytes_in_${stage}`] = bytes[stage] / decisions
  }
  return result
}
