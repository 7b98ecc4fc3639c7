// From what a witness saw to measures: CPU-µs of each stage that add up to what the process used, bytes allocated.
import { type Stage, stages } from './stages.ts'
import type { Allocations, CpuShares } from './witness.ts'

export interface CpuUsed {
  /** Of all threads, as the kernel counts it, without a profiler. */
  readonly totalUs: number
  /** Of the main thread alone. */
  readonly threadUs: number
  readonly decisions: number
}

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

/** `stage_<name>_cpu_us` add up to `totalUs`: the main thread's by its samples, and `threads` is all others (collector, compiler). */
export function stageMeasures(
  { totalUs, threadUs, decisions }: CpuUsed,
  { shares, samples, coverage }: CpuShares,
): Record<string, number> {
  const result: Record<string, number> = {}
  // The main thread is known in steps of 10 ms only.
  const mainUs = Math.min(threadUs, totalUs)
  for (const stage of stages) {
    if (shares[stage] > 0) result[`stage_${stage}_cpu_us`] = (shares[stage] * mainUs) / decisions
  }
  result['stage_threads_cpu_us'] = (totalUs - mainUs) / decisions
  return { ...result, stage_samples: samples, stage_samples_cover_share_of_cpu: coverage }
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
