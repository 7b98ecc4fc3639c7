// `weir replay` as analysts run it, over a CSV file of generated transactions, made before measuring.
// Usage: replay.js <transactions>. Prints one line of JSON.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shipped } from '../../engine/assemble.ts'
import { systemClock } from '../../engine/clock.ts'
import { type GeneratedRow, generate } from '../../features/generator/generator.ts'
import { defaultParameters } from '../../features/generator/parameters.ts'
import { nodeFlags, tell } from '../variant.ts'

/** Count and average over three windows of the card, counts and the risk of the merchant: what a first model looks at. */
const catalog = `features:
  - { name: amount, value: amount }
  - { name: is_weekend, calendar: weekend }
  - { name: is_night, calendar: hour, between: [0, 6] }
  - { name: card_count_1d, entity: card, aggregate: count, window: 1d }
  - { name: card_count_7d, entity: card, aggregate: count, window: 7d }
  - { name: card_count_30d, entity: card, aggregate: count, window: 30d }
  - { name: card_avg_1d, entity: card, aggregate: avg, of: amount, window: 1d }
  - { name: card_avg_7d, entity: card, aggregate: avg, of: amount, window: 7d }
  - { name: card_avg_30d, entity: card, aggregate: avg, of: amount, window: 30d }
  - { name: merchant_count_1d, entity: merchant, aggregate: count, window: 1d }
  - { name: merchant_count_7d, entity: merchant, aggregate: count, window: 7d }
  - { name: merchant_risk_7d, entity: merchant, aggregate: fraud_rate, window: 7d, delay: 7d }
`

const count = Number(process.argv[2] ?? '1000000')
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
const file = (name: string): string => join(folder, name)
writeFileSync(file('catalog.yaml'), catalog)
const mapping = readFileSync(shipped.mapping, 'utf8').replace('format: jsonl', 'format: csv')
writeFileSync(file('mapping.yaml'), mapping)
await writeRows(file('history.csv'))

const main = fileURLToPath(import.meta.resolve('#root/dist/engine/main.js'))
const words = ['replay', '--input', 'history.csv', '--map', 'mapping.yaml']
const beganUs = systemClock.monotonicUs()
const child = spawn(process.execPath, [...nodeFlags, main, ...words, '--catalog', 'catalog.yaml'], {
  cwd: folder,
  stdio: ['ignore', 'ignore', 'pipe'],
})
const said: string[] = []
child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')))
const [code] = (await once(child, 'exit')) as [number | null]
const wallUs = systemClock.monotonicUs() - beganUs
rmSync(folder, { recursive: true })
if (code !== 0) throw new Error(`weir replay ended with ${code}: ${said.join('')}`)
tell({ measures: { transactions_per_second: (count * 1e6) / wallUs } })

async function writeRows(path: string): Promise<void> {
  const out = createWriteStream(path)
  let columns: readonly (keyof GeneratedRow)[] | null = null
  for (const { row } of generate({ ...defaultParameters, rows: count })) {
    if (columns === null) {
      columns = Object.keys(row) as (keyof GeneratedRow)[]
      out.write(`${columns.join(',')}\n`)
    }
    const line = `${columns.map((column) => row[column]).join(',')}\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}
