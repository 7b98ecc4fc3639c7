// The work alone in Java: one thread, no Kafka. Every decision is held against the naive oracle: one that differs means that
// our Java is wrong, and what it costs says nothing.
// Usage: floor.js <onnx|trees> <transactions> <warm-up>. Prints one line of JSON.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeStandard, writeTransactions } from '../standard/standard.ts'
import {
  type StandardOptions,
  standardOptions,
  standardTransactions,
} from '../standard/transactions.ts'
import { tell } from '../variant.ts'
import { DecisionCheck } from './check.ts'
import { peersClassPath } from './java.ts'
import { jvmFlags } from './setups.ts'
import { writeTrees } from './trees.ts'

const scorer = process.argv[2] ?? 'onnx'
const count = Number(process.argv[3] ?? '200000')
const warmUp = Number(process.argv[4] ?? '100000')
/** Few ids, many late, times that meet the edges of windows: what the measured ones hardly ever do. */
const nasty: StandardOptions = {
  ...standardOptions,
  gridMs: 30_000,
  lateShare: 0.3,
  population: standardOptions.population.map((kind) => ({ ...kind, count: 20 })),
}

const folder = mkdtempSync(join(tmpdir(), 'weir-floor-'))
try {
  const { model } = await writeStandard(folder)
  writeTrees(model)
  const hard = await runJava(model, nasty, 4000, 1)
  const { checked, stages } = await runJava(model, standardOptions, count, 10)
  const isRight = [hard.checked, checked].every(
    ({ differing_share, other_outcome_share }) =>
      differing_share === 0 && other_outcome_share === 0,
  )
  const { missing_decisions, ...shares } = checked
  tell({
    measures: {
      ...named(stages),
      ...shares,
      nasty_differing_share: hard.checked['differing_share']!,
    },
    configuration: { java: jvmFlags.join(' '), scorer },
    void: isRight && missing_decisions === 0 ? [] : ['our Java computes other windows or scores'],
  })
} finally {
  rmSync(folder, { recursive: true })
}

interface Run {
  readonly stages: Record<string, number>
  readonly checked: Record<string, number>
}

async function runJava(
  model: string,
  options: StandardOptions,
  rows: number,
  checkEvery: number,
): Promise<Run> {
  await writeTransactions(folder, rows, rows, options)
  const output = join(folder, 'decisions.jsonl')
  const input = join(folder, 'transactions.jsonl')
  const told = { input, output, model, scorer, 'warm-up': Math.min(warmUp, rows / 2) }
  const words = Object.entries(told).map(([name, value]) => `${name}=${value}`)
  const main = ['-cp', await peersClassPath(), 'weir.peers.Main', 'floor']
  const { stdout } = await promisify(execFile)('java', [...jvmFlags, ...main, ...words])
  const check = new DecisionCheck(0, checkEvery)
  const transactions = standardTransactions(options)
  for (let row = 0; row < rows; row++) check.produced(transactions.next().value)
  for (const line of readFileSync(output, 'latin1').trim().split('\n')) check.decided(line)
  return { stages: JSON.parse(stdout) as Record<string, number>, checked: check.measures }
}

function named({ cpu_us, ...stages }: Record<string, number>): Record<string, number> {
  const named: Record<string, number> = { engine_cpu_us_per_decision: cpu_us! }
  for (const [name, value] of Object.entries(stages)) {
    named[name.replace('_us', '_cpu_us_per_decision')] = value
  }
  return named
}
