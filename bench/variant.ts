// What a variant of a benchmark is, and what it tells: the contract between the harness, which starts processes, and the
// scripts, which measure. A script knows nothing of rounds, files or reports.

/** What a variant cannot run without. The harness says what is missing and runs the rest. */
export type Need = 'redis' | 'kafka' | 'java' | 'two cores'

export interface Variant {
  /** `benchmark` or `benchmark/variant`; words on the command line choose by either. */
  readonly name: string
  /** The script, relative to bench/, without its ending. */
  readonly script: string
  readonly args: readonly string[]
  /** Arguments for `--quick`, a run of a few seconds whose numbers are not kept; where there are none, `args`. */
  readonly quick?: readonly string[]
  readonly needs: readonly Need[]
  /** Packages that an installed Weir does not bring: those of development. */
  readonly packages?: readonly string[]
  /** What it measures and what it leaves out, for under the numbers. */
  readonly about: string
  /** Where it takes minutes: fewer rounds than the others. */
  readonly rounds?: number
}

/** What one run of a variant found: the last line of its standard output. */
export interface Outcome {
  /** By measure, unit in the name: `engine_cpu_us_per_decision`. One number a run. */
  readonly measures: Readonly<Record<string, number>>
  /** Curves by name, a point each: `{ offered_per_second: 2000, p50_us: 900 }`. */
  readonly series?: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>>
  /** How what was measured was set up, where it is not this project's code: versions, settings of peers. */
  readonly configuration?: Readonly<Record<string, string>>
  /** Why nothing of this run may be claimed: a wrong answer, a generator later than what it measured. */
  readonly void?: readonly string[]
}

/**
 * A young generation large enough that a batch dies in it, and no full collections below 256 MB, which buffers of sends
 * bring about otherwise: docs/operations.md says the same to users.
 */
export const nodeFlags = [
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--initial-old-space-size=256',
] as const

/** A script's last act. */
export function tell(outcome: Outcome): void {
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
