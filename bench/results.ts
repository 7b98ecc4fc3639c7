// What a benchmark run leaves: every raw value, with the machine, versions, flags and commit that it was measured with. Data only.
import type { Stalls } from './stalls.ts'
import type { Outcome } from './variant.ts'

/** One process of a variant. */
export interface Run extends Outcome {
  /** Just before it, CPU-µs of one unit of the calibration kernel; null where a result is older than the kernel. */
  readonly calibrationUs: number | null
  readonly stalls: Stalls | null
  /** How long it took, getting ready included; a result of before has none. */
  readonly seconds?: number
}

export interface VariantResult {
  readonly name: string
  readonly about: string
  /** What was measured, and when. */
  readonly commit: string
  readonly date: string
  readonly versions: Versions
  readonly runs: readonly Run[]
}

/** What a variant once measured at a commit, without curves: enough to compare with and to draw over time. */
export interface Past extends Pick<VariantResult, 'name' | 'commit' | 'date'> {
  readonly runs: readonly Run[]
}

/** Of what takes part besides this project, by name: `redis-server`, `onnxruntime-node`. */
export type Versions = Readonly<Record<string, string>>

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
}

export interface Results {
  readonly machine: Machine
  readonly flags: readonly string[]
  readonly variants: readonly VariantResult[]
}

/** Runs whose numbers may be used: those that nothing made void. */
export function soundRuns({ runs }: Pick<VariantResult, 'runs'>): readonly Run[] {
  return runs.filter((run) => (run.void ?? []).length === 0)
}

/** The names of all that its sound runs measured. */
export function measuresOf(variant: Pick<VariantResult, 'runs'>): readonly string[] {
  return [...new Set(soundRuns(variant).flatMap(({ measures }) => Object.keys(measures)))]
}
