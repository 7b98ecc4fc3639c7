// The work alone in Java: one thread, no Kafka. Every decision is held against the naive oracle: one that differs means that
// our Java is wrong, and what it costs says nothing.
// Usage: floor.js <onnx|trees> <transactions> <warm-up>. Prints one line of JSON.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeStandard, writeTransactions } from '../standard/standard.ts'
import { standardTransactions } from '../standard/transactions.ts'
import { tell } from '../variant.ts'
import { DecisionCheck } from './check.ts'
import { peersClassPath } from './java.ts'
import { jvmFlags } from './setups.ts'
import { writeTrees } from './trees.ts'

const scorer = process.argv[2] ?? 'onnx'
const count = Number(process.argv[3] ?? '200000')
const warmUp = Number(process.argv[4] ?? '100000')
const checkEvery = 10

const folder = mkdtempSync(join(tmpdir(), 'weir-floor-'))
try {
  const { model } = await writeStandard(folder)
  writeTrees(model)
  await writeTransactions(folder, count, count)
  const output = join(folder, 'decisions.jsonl')
  const options = { input: join(folder, 'transactions.jsonl'), model, scorer, 'warm-up': warmUp }
  const words = Object.entries({ ...options, output }).map(([name, value]) => `${name}=${value}`)
  const main = ['-cp', await peersClassPath(), 'weir.peers.Main', 'floor']
  const { stdout } = await promisify(execFile)('java', [...jvmFlags, ...main, ...words])
  const { differing_share, other_outcome_share, decision_bytes } = check(output)
  tell({
    measures: {
      ...named(JSON.parse(stdout) as Record<string, number>),
      differing_share: differing_share!,
      other_outcome_share: other_outcome_share!,
      decision_bytes: decision_bytes!,
    },
    configuration: { java: jvmFlags.join(' '), scorer },
    void:
      differing_share === 0 && other_outcome_share === 0
        ? []
        : ['the Java of the peers computes other windows or scores'],
  })
} finally {
  rmSync(folder, { recursive: true })
}

function check(output: string): Record<string, number> {
  const decisions = new DecisionCheck(0, checkEvery)
  let index = 0
  for (const transaction of standardTransactions()) {
    if (index++ === count) break
    decisions.produced(transaction)
  }
  for (const line of readFileSync(output, 'latin1').trim().split('\n')) decisions.decided(line)
  return decisions.measures
}

function named({ cpu_us, ...stages }: Record<string, number>): Record<string, number> {
  const named: Record<string, number> = { engine_cpu_us_per_decision: cpu_us! }
  for (const [name, value] of Object.entries(stages)) {
    named[name.replace('_us', '_cpu_us_per_decision')] = value
  }
  return named
}
