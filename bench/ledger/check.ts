// `weir bench --check`, a part of `npm run check`: measures what a decision costs and holds it against budget.json. With `--update`
// it writes a new budget instead, to be committed. Its only argument is the options of the command, as JSON. Exit code 1: the
// budget is exceeded, or an answer was wrong.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BenchOptions } from '../../engine/commands/bench.ts'
import { lacksOf } from '../needs.ts'
import { nodeFlags, type Outcome } from '../variant.ts'
import { budgetOf, compare, type Finding, type Limits, type Setting } from './budget.ts'
import { calibrate } from './calibration.ts'

const run = promisify(execFile)
const file = fileURLToPath(import.meta.resolve('#root/bench/ledger/budget.json'))
const script = fileURLToPath(new URL('./in-process.js', import.meta.url))
/** Warm-up and each pass: some seconds a setting, and enough for the sampled measures. */
const sizes = ['16000', '6000']

const settings: readonly Setting[] = (['memory', 'redis'] as const).flatMap((place) =>
  [16, 64].map((batch) => ({ place, batch })),
)

const { budget: asked } = JSON.parse(process.argv[2] ?? '{}') as Partial<BenchOptions>
process.exitCode = asked === 'update' ? await update() : await check()

async function check(): Promise<number> {
  const budget = JSON.parse(readFileSync(file, 'utf8')) as readonly Limits[]
  let isKept = true
  for (const setting of settings) {
    const limits = budget.find(
      ({ place, batch }) => place === setting.place && batch === setting.batch,
    )
    const findings = await findingsOf(setting, limits)
    for (const { kind, text } of findings) process.stderr.write(`${kind}: ${text}\n`)
    if (findings.some(({ kind }) => kind === 'exceeded')) isKept = false
  }
  if (isKept) process.stdout.write(`the budget is kept: ${settings.length} settings\n`)
  return isKept ? 0 : 1
}

async function findingsOf(setting: Setting, limits: Limits | undefined): Promise<Finding[]> {
  const { place, batch } = setting
  if (limits === undefined) {
    const text = `${place}, decision batches of ${batch}: expected a budget, found none; write one with: npm run budget -- --update`
    return [{ kind: 'exceeded', text }]
  }
  const { found, faults } = await measure(setting)
  return [
    ...compare(limits, found),
    ...faults.map((text) => ({ kind: 'exceeded' as const, text: `a wrong answer: ${text}` })),
  ]
}

async function update(): Promise<number> {
  const budget: Limits[] = []
  for (const setting of settings) {
    const { found, faults } = await measure(setting)
    for (const text of faults) process.stderr.write(`a wrong answer: ${text}\n`)
    if (faults.length > 0) return 1
    budget.push(found)
  }
  writeFileSync(file, `${JSON.stringify(budget, null, 2)}\n`)
  process.stdout.write(`wrote ${file}: commit it\n`)
  return 0
}

/** In a process of its own. */
async function measure(setting: Setting): Promise<{ found: Limits; faults: readonly string[] }> {
  const { place, batch } = setting
  if (place === 'redis') {
    const lack = lacksOf()('redis')
    if (lack !== null) {
      process.stderr.write(`${lack}\n`)
      process.exit(1)
    }
  }
  const { us } = calibrate()
  const args = [...nodeFlags, script, place, 'standard', String(batch), ...sizes]
  const { stdout } = await run(process.execPath, args, { maxBuffer: 16 * 1024 * 1024 })
  const outcome = JSON.parse(stdout.trim().split('\n').at(-1)!) as Outcome
  return { found: budgetOf(setting, outcome.measures, us), faults: outcome.void ?? [] }
}
