// Runs each variant in a fresh process, several rounds, the order reversed every other round, and keeps every raw value.
// It knows nothing of what is measured: a variant prints one line of JSON, an object of numbers.
import { execFile } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { nodeFlags, type Outcome, type Variant } from './variant.ts'

export interface VariantResult {
  readonly name: string
  readonly about: string
  /** What was measured, and when. */
  readonly commit: string
  readonly date: string
  /** By measure, one value a round. */
  readonly values: Readonly<Record<string, readonly number[]>>
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
}

const run = promisify(execFile)

export async function runRounds(
  variants: readonly Variant[],
  rounds: number,
  progress: (text: string) => void,
): Promise<VariantResult[]> {
  const described = await run('git', ['describe', '--always', '--dirty']).catch(() => null)
  const commit = described?.stdout.trim() ?? 'unknown'
  const date = new Date().toISOString().slice(0, 10)
  const values = new Map(variants.map(({ name }) => [name, new Map<string, number[]>()]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? variants : variants.toReversed()
    for (const variant of order) {
      if (round >= (variant.rounds ?? rounds)) continue
      progress(`round ${round + 1}/${rounds}: ${variant.name}`)
      const { measures } = await runOnce(variant)
      const byMeasure = values.get(variant.name)!
      for (const [measure, value] of Object.entries(measures)) {
        byMeasure.set(measure, [...(byMeasure.get(measure) ?? []), value])
      }
    }
  }
  return variants.map(({ name, about }) => ({
    name,
    about,
    commit,
    date,
    values: Object.fromEntries(values.get(name)!),
  }))
}

async function runOnce({ script, args }: Variant): Promise<Outcome> {
  const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url))
  const argv = [...nodeFlags, '--expose-gc', path, ...args]
  const { stdout } = await run(process.execPath, argv, { maxBuffer: 64 * 1024 * 1024 })
  const line = stdout.trim().split('\n').at(-1) ?? ''
  return JSON.parse(line) as Outcome
}

export function describeMachine(): Machine {
  const [first] = cpus()
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
