// What `weir bench` starts: chooses variants, runs them, prints and keeps what they measured. Its only argument is the options
// of the command, as JSON. Exit code 2: asked wrongly; 1: something failed, was void throughout or could not be kept; else 0.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { BenchOptions } from '../engine/commands/bench.ts'
import { Archive, isSameMachine, readResults } from './archive.ts'
import { type Failed, runRounds } from './harness.ts'
import { describeMachine, isCheckout, resolveCommit, root } from './machine.ts'
import { lacking, lacksOf, type Skipped, sortOut } from './needs.ts'
import { compare, formatComparison } from './report/compare.ts'
import { formatPage, formatVariants } from './report/markdown.ts'
import { drawPlots } from './report/plots.ts'
import { type Past, type Results, soundRuns } from './results.ts'
import { select } from './selection.ts'
import { suite } from './suite.ts'
import { nodeFlags, type Variant } from './variant.ts'

/** What results are compared with. */
interface Base {
  readonly name: string
  readonly variants: readonly Past[]
}

/** What there is to tell at the end. */
interface Told {
  readonly results: Results
  readonly skipped: readonly Skipped[]
  readonly failed: readonly Failed[]
}

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stop.abort()
  })
}
// `weir bench --list | head` closes the pipe: the reader has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})
const argument = process.argv[2]
process.exitCode =
  argument === undefined
    ? refuse('the options of `weir bench` as JSON, found nothing: use `weir bench`')
    : await main(JSON.parse(argument) as BenchOptions)

async function main(options: BenchOptions): Promise<number> {
  const { chosen, faults } = select(suite, options.names)
  if (faults.length > 0) return refuse(...faults.map((fault) => `argument [name...]: ${fault}`))
  const archive = new Archive(options.out ?? usualFolder())
  if (options.isList) return list(chosen, archive)
  let base: Base | null = null
  try {
    if (options.compare !== null) base = findBase(options.compare, archive)
  } catch (error) {
    return refuse(`option --compare: ${(error as Error).message}`)
  }
  return options.rounds === 0
    ? again(options, archive, chosen, base)
    : measure(options, archive, chosen, base)
}

/** Runs what can run here, prints it, keeps it. */
async function measure(
  options: BenchOptions,
  archive: Archive,
  chosen: readonly Variant[],
  base: Base | null,
): Promise<number> {
  const { able, skipped } = sortOut(chosen, lacksOf())
  saySkipped(skipped)
  const { rounds, isQuick } = options
  let obstacle = isQuick ? null : obstacleOf(archive)
  if (obstacle !== null) say(`${obstacle}; what is measured will only be printed`)
  const plan = { rounds, isQuick, stop: stop.signal, progress: say }
  const { variants, failed } = await runRounds(able, plan)
  const isStopped = stop.signal.aborted
  if (isStopped) say(`stopped: ${keptOf(variants)} is kept`)
  if (isStopped && variants.length === 0) return 1
  const results = { machine: describeMachine(), flags: nodeFlags, variants }
  print(options, { results, skipped, failed }, base)
  if (!isQuick && obstacle === null && variants.length > 0) {
    obstacle = await keep(options, archive, results)
  }
  // Hours may lie between.
  if (able.length > 0) saySkipped(skipped)
  for (const { name, why } of failed) say(`failed, ${name}: ${why}`)
  if (obstacle !== null) say(`not kept: ${obstacle}`)
  const isVoid = variants.some((variant) => soundRuns(variant).length === 0)
  const isWhole = variants.length > 0 && failed.length === 0 && !isVoid && !isStopped
  return isWhole && obstacle === null ? 0 : 1
}

/** Of a run that was stopped. */
function keptOf(variants: Results['variants']): string {
  if (variants.length === 0) return 'nothing'
  return `what had run often enough for a claim, ${variants.map(({ name }) => name).join(', ')},`
}

/** Measures nothing: prints what is kept, and writes the page anew. */
async function again(
  options: BenchOptions,
  archive: Archive,
  chosen: readonly Variant[],
  base: Base | null,
): Promise<number> {
  const kept = archive.latest()
  if (kept === null) {
    return refuse(`option --rounds: expected results in ${archive.folder}, found none to go by`)
  }
  const variants = kept.variants.filter(({ name }) => chosen.some((one) => one.name === name))
  print(options, { results: { ...kept, variants }, skipped: [], failed: [] }, base)
  await publish(archive, kept)
  return 0
}

/** Null, or why the results are not kept. */
async function keep(options: BenchOptions, archive: Archive, own: Results): Promise<string | null> {
  const before = archive.latest()
  if (before !== null && !isSameMachine(before.machine, own.machine) && options.names.length > 0) {
    say(
      `not kept: the results in ${archive.folder} are of another machine; run everything, or give another folder with --out`,
    )
    return null
  }
  try {
    const all = archive.keep(
      own,
      suite.map(({ name }) => name),
    )
    await publish(archive, all)
    say(`kept in ${archive.folder}: RESULTS.md, results/latest.json`)
    return null
  } catch (error) {
    return cannotWrite(archive, error)
  }
}

async function publish(archive: Archive, results: Results): Promise<void> {
  const plots = await drawPlots(results, archive.history())
  if (plots.missing !== null) say(plots.missing)
  archive.publish(formatPage(results, plots), plots.files)
}

function obstacleOf(archive: Archive): string | null {
  try {
    archive.prepare()
    return null
  } catch (error) {
    return cannotWrite(archive, error)
  }
}

function cannotWrite({ folder }: Archive, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const found = code === 'ENOSPC' ? 'a disk without space' : message
  return `expected to write results to ${folder}, found ${found}: make room, or give another folder with --out`
}

function usualFolder(): string {
  return isCheckout ? join(root, 'bench') : resolve('weir-bench')
}

/** Throws Error that says what there is to compare with. */
function findBase(name: string, archive: Archive): Base {
  if (existsSync(name)) return { name, variants: readResults(name).variants }
  const history = archive.history()
  const commits = [...new Set(history.map(({ commit }) => commit))]
  // A clean commit before the same with changes.
  const full = resolveCommit(name) ?? name
  const fitting = commits.filter((commit) => full.startsWith(commit.replace('-dirty', '')))
  const commit = fitting.find((one) => !one.endsWith('-dirty')) ?? fitting[0]
  if (commit === undefined) {
    const known = commits.length === 0 ? 'none yet' : commits.join(', ')
    throw new Error(
      `expected a results file, or a commit whose results are kept in ${archive.folder} (${known}), found ${name}`,
    )
  }
  return { name: commit, variants: history.filter((past) => past.commit === commit) }
}

function print(
  { isJson }: BenchOptions,
  { results, skipped, failed }: Told,
  base: Base | null,
): void {
  const comparison = base === null ? null : compare(base.variants, results.variants)
  if (isJson) {
    process.stdout.write(
      `${JSON.stringify({ ...results, skipped, failed, comparison }, null, 1)}\n`,
    )
    return
  }
  process.stdout.write(formatVariants(results.variants))
  if (base !== null && comparison !== null) {
    process.stdout.write(`\n${formatComparison(comparison, base.name)}`)
  }
}

function list(chosen: readonly Variant[], archive: Archive): number {
  const lacks = lacksOf()
  const known = archive.latest()?.variants ?? []
  for (const variant of chosen) {
    const { name, needs, about } = variant
    const lack = lacking(variant, lacks)
    const took = known.find((one) => one.name === name)?.runs.map(({ seconds }) => seconds ?? 0)
    const seconds = Math.max(0, ...(took ?? []))
    const facts = [
      ...(needs.length === 0 ? [] : [`needs ${needs.join(', ')}`]),
      ...(seconds === 0 ? [] : [`took ${seconds} s a run`]),
    ]
    const what = facts.length === 0 ? '' : ` (${facts.join('; ')})`
    const state = lack === null ? '' : `\n  CANNOT RUN HERE: ${lack}`
    process.stdout.write(`${name}${what}\n  ${about}${state}\n`)
  }
  return 0
}

function refuse(...lines: readonly string[]): number {
  const help = '`weir bench --help` shows the options, `weir bench --list` the benchmarks.'
  const block = ['asked wrongly', ...lines.map((line) => `  ${line}`), `  usage: ${help}`]
  process.stderr.write(`weir bench: ${block.join('\n')}\n`)
  return 2
}

function saySkipped(skipped: readonly Skipped[]): void {
  for (const why of new Set(skipped.map((one) => one.why))) {
    const names = skipped.filter((one) => one.why === why).map(({ name }) => name)
    say(`skipped, ${names.join(', ')}: ${why}`)
  }
}

function say(text: string): void {
  process.stderr.write(`weir bench: ${text}\n`)
}
