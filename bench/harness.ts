// Runs each variant in a fresh process, several rounds, the order reversed every other round, and keeps every raw value. Before
// each it asks what the machine is worth just now. It knows nothing of what is measured, and one variant that fails, hangs or
// leaves something running never hurts the next.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { processEnvironment } from '../engine/config.ts'
import { describeCommit, describeVersions } from './machine.ts'
import type { Probe } from './probe.ts'
import { runsMin } from './report/statistics.ts'
import type { Run, VariantResult } from './results.ts'
import { nodeFlags, type Outcome, type Variant } from './variant.ts'

export interface Plan {
  readonly rounds: number
  /** Small sizes: what a variant calls `quick`. */
  readonly isQuick: boolean
  /** Aborted to stop: what runs is ended, and what has run often enough for a claim is told. */
  readonly stop: AbortSignal
  readonly progress: (text: string) => void
}

export interface Failed {
  readonly name: string
  readonly why: string
}

export interface Measured {
  /** Those with at least one run, in the order of `variants`; stopped, with as many as a claim takes. */
  readonly variants: readonly VariantResult[]
  /** Not started again after the first failure, and none of their runs counts. */
  readonly failed: readonly Failed[]
}

export async function runRounds(variants: readonly Variant[], plan: Plan): Promise<Measured> {
  const { rounds, stop, progress } = plan
  const isStopped = (): boolean => stop.aborted
  const facts = { commit: describeCommit(), date: today(), versions: describeVersions() }
  const runs = new Map<Variant, Run[]>(variants.map((variant) => [variant, []]))
  const failed = new Map<Variant, Failed>()
  const roundsOf = (variant: Variant): number => Math.min(variant.rounds ?? rounds, rounds)
  const clock = new Clock(variants.reduce((sum, one) => sum + roundsOf(one), 0))
  for (let round = 0; round < rounds && !isStopped(); round++) {
    const order = round % 2 === 0 ? variants : variants.toReversed()
    for (const variant of order) {
      if (isStopped()) break
      if (failed.has(variant) || round >= roundsOf(variant)) continue
      progress(`round ${round + 1}/${rounds}: ${variant.name}${clock.next()}`)
      try {
        const run = await runOnce(variant, plan)
        runs.get(variant)!.push(run)
        for (const why of run.void ?? []) progress(`void, ${variant.name}: ${why}`)
      } catch (error) {
        if (isStopped()) break
        const why = advised((error as Error).message)
        failed.set(variant, { name: variant.name, why })
        progress(`failed, ${variant.name}: ${why}`)
      }
    }
  }
  const countMin = (variant: Variant): number =>
    isStopped() ? Math.min(runsMin, roundsOf(variant)) : 1
  return {
    variants: variants
      .filter((one) => !failed.has(one) && runs.get(one)!.length >= countMin(one))
      .map((variant) => {
        const { name, about } = variant
        return { name, about, ...facts, runs: runs.get(variant)! }
      }),
    failed: [...failed.values()],
  }
}

/** How long all of it may still take, by how long it took so far. */
class Clock {
  readonly #total: number
  readonly #beganMs = performance.now()
  #done = 0

  constructor(total: number) {
    this.#total = total
  }

  next(): string {
    const done = this.#done++
    if (done === 0) return ''
    const leftMs = ((performance.now() - this.#beganMs) / done) * (this.#total - done)
    return ` (${done} of ${this.#total} done, about ${Math.ceil(leftMs / 60_000)} min left)`
  }
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

/** Long enough to see one stall in a hundred, and short beside what is measured. */
const probeMs = { quick: 100, full: 500 }

async function runOnce(variant: Variant, { isQuick, stop }: Plan): Promise<Run> {
  const ms = isQuick ? probeMs.quick : probeMs.full
  const { calibrationUs, stalls } = await lastLine<Probe>('probe', [String(ms)], stop)
  const args = isQuick ? (variant.quick ?? variant.args) : variant.args
  const beganMs = performance.now()
  const outcome = await lastLine<Outcome>(variant.script, args, stop)
  const told: Readonly<Record<string, unknown>> = outcome.measures
  const measures = Object.entries(told).map(([name, value]) => {
    // JSON has no NaN: it arrives as null.
    if (typeof value !== 'number')
      throw new Error(`${name}: expected a number, found ${JSON.stringify(value)}`)
    return [name, Number(value.toPrecision(digits))] as const
  })
  const seconds = Math.ceil((performance.now() - beganMs) / 1000)
  return { ...outcome, measures: Object.fromEntries(measures), calibrationUs, stalls, seconds }
}

/** What is beyond was never measured. */
const digits = 6

/** What takes longer hangs. */
const runMsMax = 30 * 60_000

/** Runs a script of bench/ in a process group and a temporary folder of its own, both gone afterwards, and reads its last line. */
async function lastLine<T>(script: string, args: readonly string[], stop: AbortSignal): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url))
  const child = spawn(process.execPath, [...nodeFlags, '--expose-gc', path, ...args], {
    detached: true,
    env: { ...processEnvironment(), TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    const { why, stdout, stderr } = await ended(child, stop)
    if (why !== null) throw new Error(`${why}${complaint(stderr)}`)
    const line = stdout.trim().split('\n').at(-1) ?? ''
    if (line.startsWith('{') && line.endsWith('}')) return JSON.parse(line) as T
    throw new Error(`expected its outcome as the last line of its output, found "${line}"`)
  } finally {
    killGroup(child)
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

interface Ended {
  /** Null where it ended well. */
  readonly why: string | null
  readonly stdout: string
  readonly stderr: string
}

function ended(child: ChildProcess, stop: AbortSignal): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  let isLate = false
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrCharsMax)
  })
  return new Promise((resolve) => {
    const end = (): void => {
      killGroup(child)
    }
    const timer = setTimeout(() => {
      isLate = true
      end()
    }, runMsMax)
    stop.addEventListener('abort', end, { once: true })
    // What it has started may hold its pipes open.
    child.once('exit', end)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      stop.removeEventListener('abort', end)
      const how = isLate ? `still ran after ${runMsMax / 60_000} minutes` : null
      const why = code === 0 ? null : (how ?? `ended with ${signal ?? code}`)
      resolve({ why, stdout, stderr })
    })
  })
}

const stderrCharsMax = 8000

/** Also what it has started: a broker must not outlive who measures it. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const noSpace = /ENOSPC|no space left/i

/** The line of stderr that says what was wrong. */
function complaint(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
  const said =
    lines.find((line) => noSpace.test(line)) ??
    lines.find((line) => /^\w*Error\b/.test(line)) ??
    lines.at(-1)
  return said === undefined ? '' : `: ${said.trim().replace(/ \{$/, '')}`
}

/** What went wrong, and what helps where that is known. */
function advised(message: string): string {
  if (!noSpace.test(message)) return message
  return `${message} (working files go to ${tmpdir()}: set TMPDIR to a folder on a disk with space)`
}
