// The commands of docs/analyst.md, as they stand there, one after the other on a history with the guide's columns.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { defaultParameters, generate } from '../../features/generator/generator.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const folder = mkdtempSync(join(tmpdir(), 'weir-analyst-'))
after(() => {
  rmSync(folder, { recursive: true })
})

const header =
  'TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,TX_FRAUD_SCENARIO'

function history(rows: number): string {
  const lines = [header]
  for (const { row, isFraud, timeMs, isDuplicate } of generate({ ...defaultParameters, rows })) {
    const { transaction_id, card, merchant, amount } = row
    const time = new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')
    const fraud = isFraud ? 1 : 0
    if (isDuplicate) continue
    lines.push([transaction_id, time, card, merchant, amount, 0, 0, fraud, fraud].join())
  }
  return `${lines.join('\n')}\n`
}

const lacks = ['bash', 'jq', 'awk'].filter((name) => spawnSync(name, ['--version']).error)
const skip = lacks.length === 0 ? false : `not installed: ${lacks.join(', ')}`

test('every command of the guide works, and shows what it says it shows', { skip }, () => {
  const guide = readFileSync(join(root, 'docs/analyst.md'), 'utf8')
  const commands = [...guide.matchAll(/```sh\n(.*?)```/gs)].map(([, text]) => text!)
  writeFileSync(join(folder, 'history.csv'), history(2000))
  const rows = history(2000).trimEnd().split('\n').length - 1
  const main = join(root, 'dist/engine/main.js')
  const script = [
    'set -euo pipefail',
    `weir() { "${process.execPath}" "${main}" "$@"; }`,
    ...commands,
  ]
  const printed = execFileSync('bash', ['-c', script.join('\n')], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  assert.match(printed, new RegExp(`Tried: [\\d,]+ of [\\d,]+ rows parse`))
  const flips = [...printed.matchAll(/^(\w+ → \w+) +(\d+) transactions +([\d.]+)$/gm)]
  assert.equal(
    flips.reduce((sum, [, , count]) => sum + Number(count), 0),
    rows,
  )
  assert.ok(
    flips.some(([, change]) => change === 'approve → review'),
    printed,
  )
  assert.match(
    printed,
    /^before\n( {2}(fraud|honest), \w+ +\d+\n)+strict\n( {2}(fraud|honest), \w+ +\d+\n)+/m,
  )
  assert.match(printed, /^card_count_3h +count per card over 3h/m)
  assert.match(printed, /^transaction_id,amount,.*,card_count_3h$/m)
  assert.match(printed, /^the same$/m)
  assert.equal(printed.match(/^\["[0-9a-f]+","[0-9a-f]+","[0-9a-f]+","[0-9a-f]+"\]$/gm)?.length, 2)
})
