// Claims about `weir features --check`: the engine's number beside the one by hand, with the records that counted.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CommandRun, runCommand } from '../testing/command-run.ts'
import { command } from './command.ts'
import { featuresLine, runFeatures } from './features.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-check-'))
after(() => {
  rmSync(folder, { recursive: true })
})

function write(name: string, ...lines: readonly string[]): void {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
}

write(
  'map.yaml',
  'format: csv',
  'id: id',
  'time: { field: time, as: epoch_ms }',
  'amount: { field: amount, decimals: 2 }',
  'currency: { const: EUR }',
  'primary: card',
  'entities: { card: card, merchant: merchant }',
  'kind: { field: kind, reversal: [VOID], at: { field: at, as: epoch_ms } }',
)
write(
  'catalog.yaml',
  'features:',
  '  - { name: amount, value: amount }',
  '  - { name: n_10s, entity: card, aggregate: count, window: 10s }',
  '  - { name: sum_10s, entity: card, aggregate: sum, window: 10s, current: excluded }',
  '  - { name: merchants, entity: card, aggregate: distinct, of: merchant, window: 1d }',
  '  - { name: pair_n, entity: [card, merchant], aggregate: count, window: 1d }',
)
const t0 = 1_700_000_000_000
const card = '4111111111111111'
write(
  'history.csv',
  'id,time,amount,card,merchant,kind,at',
  `a,${t0},1.00,${card},m,SALE,`,
  `b,${t0 + 1},2.00,${card},m,SALE,`,
  `c,${t0 + 2},4.00,${card},n,SALE,`,
  `b,${t0 + 1},2.00,${card},m,VOID,${t0 + 3}`,
  `x,${t0 + 4},-1,${card},m,SALE,`,
  `c,${t0 + 2},4.00,${card},n,SALE,`,
  `e,${t0 + 10_000},8.00,${card},m,SALE,`,
)

write(
  'early.csv',
  'id,time,amount,card,merchant,kind,at',
  `a,${t0},1.00,${card},m,SALE,`,
  `b,${t0 + 1},2.00,${card},m,VOID,${t0 + 3}`,
  `b,${t0 + 1},2.00,${card},m,SALE,`,
)

function check(rest: string): Promise<CommandRun> {
  const catalog = rest.includes('--catalog') ? '' : ' --catalog catalog.yaml'
  const argv = `features --map map.yaml${catalog} ${rest}`.split(' ')
  return runCommand(argv, [command(featuresLine, runFeatures)], folder)
}

test('the last transaction of a file is shown as the engine and as the hand compute it, and nothing of a card number', async () => {
  const { exitCode, stdout } = await check('--check history.csv')
  assert.equal(exitCode, 0)
  assert.match(stdout, /^e, 2023-11-14T22:13:30\.000Z, amount 800; 6 messages before it$/m)
  // a is exactly ten seconds old, b was reversed: c is left, and e itself.
  assert.match(stdout, /^n_10s +2 +2 +1 +count per card over 10s$/m)
  assert.match(stdout, /^sum_10s +400 +400 +1 +sum amount per card over 10s, without itself$/m)
  assert.match(stdout, /^pair_n +2 +2 +1 +count per card and merchant over 1d$/m)
  assert.ok(!stdout.includes(card))
})

test('an earlier one by its id, one feature with all its records', async () => {
  const { exitCode, stdout } = await check('--check history.csv --id c --feature merchants')
  assert.equal(exitCode, 0)
  assert.match(stdout, /2 messages before it$/m)
  assert.match(stdout, /^merchants +2 +2 /m)
  assert.match(stdout, /^ +transaction +time +amount +merchant$/m)
  assert.match(
    stdout,
    /^ +a +2023-11-14T22:13:20\.000Z +100 +m\n +b +2023-11-14T22:13:20\.001Z +200 +m$/m,
  )
  assert.doesNotMatch(stdout, /n_10s/)
})

test('ids are not mixed up by hand, whatever is in them', async () => {
  write(
    'merchant.yaml',
    'features:',
    '  - { name: n, entity: merchant, aggregate: count, window: 1d }',
  )
  write(
    'spaces.csv',
    'id,time,amount,card,merchant,kind,at',
    `c,${t0},1.00,a b,m,SALE,`,
    `b c,${t0},1.00,a,m,SALE,`,
    `b c,${t0},1.00,a,m,VOID,${t0}`,
    `e,${t0},1.00,e,m,SALE,`,
  )
  const { stdout } = await check('--check spaces.csv --catalog merchant.yaml')
  assert.match(stdout, /^n +2 +2 +1 +count per merchant over 1d$/m)
})

test('a reversal that comes before its transaction is not taken for it', async () => {
  const { exitCode, stdout } = await check('--check early.csv --id b')
  assert.equal(exitCode, 0)
  assert.match(stdout, /^b, 2023-11-14T22:13:20\.001Z, amount 200; 2 messages before it$/m)
})

test('what is not there is told: the id, the feature, the file, an option without its file', async () => {
  const gone = await check('--check history.csv --id q')
  assert.equal(gone.exitCode, 2)
  assert.match(gone.stderr, /history\.csv: expected the transaction "q", found none/)
  const rejected = await check('--check history.csv --id x')
  assert.match(rejected.stderr, /expected the transaction "x", found none/)
  const feature = await check('--check history.csv --feature n10s')
  assert.equal(feature.exitCode, 2)
  assert.match(
    feature.stderr,
    /expected a feature of the catalog, found "n10s" \(did you mean n_10s\?\)/,
  )
  assert.match((await check('--check gone.csv')).stderr, /--check: expected a file that exists/)
  assert.match((await check('--id c')).stderr, /--id: expected it with --check only/)
})
