// Brings docs/capacity.md up to what is measured: each block that begins with `$ weir capacity` gets what the command prints now, and
// the table of linearity what the results have. It changes nothing else of the page.
// Usage: guide.js [results of weir bench]
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readResults } from '../archive.ts'
import { figureOf } from '../report/statistics.ts'
import type { VariantResult } from '../results.ts'
import { capacityVariants } from './variants.ts'

const run = promisify(execFile)
const page = fileURLToPath(import.meta.resolve('#root/docs/capacity.md'))
const weir = fileURLToPath(import.meta.resolve('#root/dist/engine/main.js'))
const shipped = fileURLToPath(import.meta.resolve('#root/bench/results/latest.json'))
const block = /^```\n\$ weir (capacity[^\n]*)\n[\s\S]*?^```$/gm
const table = /(?<=^<!-- linearity -->\n)[\s\S]*?(?=^<!-- -->$)/m

const { variants } = readResults(process.argv[2] ?? shipped)
let text = readFileSync(page, 'utf8')
for (const [whole, command = ''] of text.matchAll(block)) {
  const { stdout } = await run(process.execPath, [weir, ...command.split(' ')])
  text = text.replace(whole, () => `\`\`\`\n$ weir ${command}\n${stdout}\`\`\``)
}
text = text.replace(table, () => `${linearity().join('\n')}\n\n`)
writeFileSync(page, text)

/** What each size costs a decision; a line where it was not measured. */
function linearity(): string[] {
  const lines = ['', '| CPU-µs a decision | 1 | 2 | 4 | |', '|---|---:|---:|---:|---|']
  for (const { name } of capacityVariants) {
    const variant = variants.find((one) => one.name === name)
    if (variant === undefined) lines.push(`| ${name} | | | | not measured |`)
    else for (const side of ['engine', 'redis']) lines.push(lineOf(variant, side))
  }
  return lines
}

function lineOf(variant: VariantResult, side: string): string {
  const figures = [1, 2, 4].flatMap((size) => {
    return figureOf(variant, `${side}_cpu_us_per_decision_of_${size}`) ?? []
  })
  const cells = figures.map(({ median }) => median.toFixed(1))
  const refusal = figures.find((figure) => figure.refusal !== null)?.refusal
  const { name, runs, date, commit } = variant
  const from = `${runs.length} run${runs.length === 1 ? '' : 's'}, ${date}, ${commit}`
  const claim = refusal === undefined ? from : `no claim (${refusal}): ${from}`
  return `| ${name}, ${side} | ${cells.join(' | ')} | ${claim} |`
}
