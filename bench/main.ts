// `npm run bench [name…]`: runs the variants, all or some, puts them into bench/results/latest.json, and writes RESULTS.md from it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeMachine, runRounds } from './harness.ts'
import { formatResults, type Results } from './report/markdown.ts'
import { suite } from './suite.ts'
import { nodeFlags, type Variant } from './variant.ts'

const wanted = process.argv.slice(2)
const chosen = suite.filter(
  ({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)),
)
if (chosen.length === 0) {
  process.stderr.write(`no benchmark has such a name; there are: ${names(suite)}\n`)
  process.exit(2)
}
const rounds = 3
const folder = fileURLToPath(import.meta.resolve('#root/bench'))
const file = `${folder}/results/latest.json`
const machine = describeMachine()
const measured = await runRounds(chosen, rounds, (text) => process.stderr.write(`${text}\n`))
const own = { machine, flags: nodeFlags, rounds, variants: measured }
const all = merged(own)
if (all !== null) {
  mkdirSync(`${folder}/results`, { recursive: true })
  writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`)
  writeFileSync(`${folder}/RESULTS.md`, formatResults(all))
}
process.stdout.write(formatResults(own))

/** With what is there of the other variants; null where that was measured on another machine, and a part was asked for. */
function merged(results: Results): Results | null {
  if (wanted.length === 0 || !existsSync(file)) return results
  const before = JSON.parse(readFileSync(file, 'utf8')) as Results
  if (JSON.stringify(before.machine) !== JSON.stringify(machine)) {
    process.stderr.write('not kept: the other results are of another machine; run all of them\n')
    return null
  }
  const known = [...results.variants, ...before.variants]
  return {
    ...results,
    variants: suite.flatMap(({ name }) => known.find((one) => one.name === name) ?? []),
  }
}

function names(list: readonly Variant[]): string {
  return list.map(({ name }) => name).join(', ')
}
