// Claims about `weir init`: what it makes of files as they are found in the wild, what it says it cannot know, and that what
// it writes is what the engine then reads.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { defaultParameters, generateJsonLines } from '../../features/generator/generator.ts'
import { compileMapping, type Mapping } from '../../features/mapping.ts'
import { Transaction } from '../../features/transaction.ts'
import { hasShippedFeatures, shipped } from '../assemble.ts'
import { readDocument } from '../document.ts'
import { type CommandRun, runCommand } from '../testing/command-run.ts'
import { command } from './command.ts'
import { initLine, runInit } from './init.ts'
import { replayLine, runReplay } from './replay.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const folder = mkdtempSync(join(tmpdir(), 'weir-init-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const commands = [command(initLine, runInit), command(replayLine, runReplay)]

/** `weir init` on a file of this content, in a folder of its own. */
async function init(name: string, content: string | Uint8Array): Promise<CommandRun> {
  writeFileSync(join(folder, name), content)
  return runCommand(['init', '--input', name, '--dir', `${name}.d`], commands, folder)
}

function written(name: string, file: string): string {
  return readFileSync(join(folder, `${name}.d`, file), 'utf8')
}

function mappingOf(name: string): Mapping {
  return compileMapping(readDocument(join(folder, `${name}.d`, 'mapping.yaml')))
}

function replay(name: string): Promise<CommandRun> {
  const argv = ['replay', '--input', `../${name}`, '--decisions-out', '-']
  return runCommand(argv, commands, join(folder, `${name}.d`))
}

/** Lines of a document that are not comments. */
function said(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/ *#.*/, ''))
    .filter((line) => line !== '')
}

/** What a parser makes of a record, as text; of the entities only those named. */
function parsed(
  mapping: Mapping,
  columns: readonly string[],
  record: Buffer,
  names: string[],
): string {
  const { entities, fields } = mapping.schema
  const out = new Transaction(entities.length, fields.length)
  const reject = mapping
    .parser(mapping.needsHeader ? columns : undefined)
    .parse(record, Number.NaN, out)
  assert.equal(reject, null)
  const kept = names.map((name) => out.entities[entities.indexOf(name)])
  const { kind, tenant, id, timeMs, atMs, receivedMs, amountMinor, verdict, labelMs } = out
  const { latitude, longitude } = out
  const numbers = {
    kind,
    timeMs,
    atMs,
    receivedMs,
    amountMinor,
    verdict,
    labelMs,
    latitude,
    longitude,
  }
  return JSON.stringify({
    id,
    tenant,
    ...numbers,
    entities: kept,
    primary: entities[mapping.schema.primary],
  })
}

const handbook = [
  'TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,TX_FRAUD_SCENARIO',
  '0,2018-04-01 00:00:31,596,3156,57.16,31,0,0,0',
  '1,2018-04-01 00:02:10,4961,3412,81.51,130,0,0,0',
  '2,2018-04-01 00:07:56,2,1365,146.0,476,0,0,0',
  '3,2018-04-01 00:10:45,596,3156,50.99,645,0,1,1',
].join('\n')

test('the columns of the fraud detection handbook are mapped whole, and replay scores them', async () => {
  const { exitCode, stdout, stderr } = await init('handbook.csv', handbook)
  assert.equal(exitCode, 0, stdout)
  assert.deepEqual(said(written('handbook.csv', 'mapping.yaml')), [
    'format: csv',
    'id: TRANSACTION_ID',
    'time: { field: TX_DATETIME, as: iso, tz: UTC }',
    'amount: { field: TX_AMOUNT, decimals: 2 }',
    'currency: { const: EUR }',
    'primary: card',
    'entities:',
    '  card: CUSTOMER_ID',
    '  merchant: TERMINAL_ID',
    'label: { field: TX_FRAUD, fraud: ["1"], legit: ["0"], delay: 7d }',
  ])
  assert.match(stdout, /Tried: 4 of 4 rows parse/)
  assert.equal(stderr, 'next: cd handbook.csv.d && weir replay --input ../handbook.csv\n')
  const replayed = await replay('handbook.csv')
  assert.equal(replayed.exitCode, 0, replayed.stderr)
  const scores = replayed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { score: unknown }).score)
  assert.equal(scores.length, 4)
  for (const score of scores)
    assert.equal(typeof score, 'number', 'the shipped model serves this catalog')
})

const simulated = [
  'step,type,amount,nameOrig,oldbalanceOrg,newbalanceOrig,nameDest,oldbalanceDest,newbalanceDest,isFraud,isFlaggedFraud',
  '1,PAYMENT,9839.64,C1231006815,170136.0,160296.36,M1979787155,0.0,0.0,0,0',
  '1,TRANSFER,181.0,C1305486145,181.0,0.0,C553264065,0.0,0.0,1,0',
  '1,CASH_OUT,181.0,C840083671,181.0,0.0,C38997010,21182.0,0.0,1,0',
  '2,CASH_OUT,229133.94,C905080434,15325.0,0.0,C38997010,5083.0,51513.44,0,0',
  '3,PAYMENT,7817.71,C90045638,53860.0,46042.29,M573487274,0.0,0.0,0,0',
].join('\n')

test('a file without ids and real times is told so, and with the columns that it is told to make it is mapped', async () => {
  const first = await init('paysim.csv', simulated)
  assert.equal(first.exitCode, 1)
  assert.match(first.stdout, /^Not guessed: id, time\./m)
  const mapping = written('paysim.csv', 'mapping.yaml')
  assert.match(mapping, /^# >>> NOT GUESSED: id\. .*\n(# >>> .*\n)+# id:$/m)
  assert.match(
    mapping,
    /^# >>> NOT GUESSED: time\. No real time: step counts .*\n(# >>> .*\n)+# time:$/m,
  )
  const refused = await replay('paysim.csv')
  assert.equal(refused.exitCode, 2)
  assert.match(refused.stderr, /mapping\.yaml:\d+: id: expected/)
  assert.match(refused.stderr, /mapping\.yaml:\d+: time: expected/)

  const advice = /\$ (awk .*"seconds".* > timed\.csv)$/m.exec(first.stdout)![1]!
  execFileSync('sh', ['-c', advice], { cwd: folder })
  const { exitCode, stdout } = await init('timed.csv', readFileSync(join(folder, 'timed.csv')))
  assert.equal(exitCode, 0, stdout)
  assert.deepEqual(said(written('timed.csv', 'mapping.yaml')), [
    'format: csv',
    'id: row_id',
    'time: { field: seconds, as: epoch_s }',
    'amount: { field: amount, decimals: 2 }',
    'currency: { const: EUR }',
    'primary: card',
    'entities:',
    '  card: nameOrig',
    '  merchant: nameDest',
    'fields:',
    '  channel: type',
    'label: { field: isFraud, fraud: ["1"], legit: ["0"], delay: 7d }',
  ])
  assert.equal((await replay('timed.csv')).exitCode, 0)
})

test('a file without any entity is told that there is nothing to keep windows for', async () => {
  const { exitCode, stdout } = await init(
    'components.csv',
    '"Time","V1","V2","V28","Amount","Class"\n0,-1.35,-0.07,-0.02,149.62,"0"\n0,1.19,0.26,0.01,2.69,"0"\n1,-1.35,-1.34,-0.05,378.66,"0"\n2,0.5,0.5,0.1,9,"1"\n',
  )
  assert.equal(exitCode, 1)
  assert.match(stdout, /^Not guessed: id, primary\./m)
  assert.match(stdout, /no column says whose transaction it is/)
  assert.match(stdout, /there is no history to count/)
  const mapping = written('components.csv', 'mapping.yaml')
  assert.match(mapping, /time: \{ field: Time, as: epoch_s \}/)
  assert.match(mapping, /label: \{ field: Class, fraud: \["1"\], legit: \["0"\], delay: 7d \}/)
})

test('of numbered card columns the one with most values is the card; counted seconds are no real time', async () => {
  const { exitCode, stdout } = await init(
    'cis.csv',
    [
      'TransactionID,isFraud,TransactionDT,TransactionAmt,ProductCD,card1,card2,card3,card4,card5,card6,addr1,addr2,P_emaildomain,R_emaildomain',
      '2987000,0,86400,68.5,W,13926,,150.0,discover,142.0,credit,315.0,87.0,,',
      '2987001,0,86401,29.0,W,2755,404.0,150.0,mastercard,102.0,credit,325.0,87.0,gmail.com,',
      '2987002,0,86469,59.125,H,4663,490.0,150.0,visa,166.0,debit,330.0,87.0,outlook.com,',
      '2987003,0,86499,50.0,W,13926,567.0,150.0,mastercard,117.0,debit,476.0,87.0,yahoo.com,',
    ].join('\n'),
  )
  assert.equal(exitCode, 0, stdout)
  const mapping = written('cis.csv', 'mapping.yaml')
  assert.deepEqual(said(mapping).slice(1, 9), [
    'id: TransactionID',
    'time: { field: TransactionDT, as: epoch_s }',
    'amount: { field: TransactionAmt, decimals: 3 }',
    'currency: { const: EUR }',
    'primary: card',
    'entities:',
    '  card: card1',
    'fields:',
  ])
  assert.match(mapping, /no real time: seconds from an unnamed start/)
  assert.match(mapping, /no fraud in these rows, 1 assumed/)
  assert.match(stdout, /Tried: 4 of 4 rows parse/)
})

const exported = join(root, '../shared/data/aws-fraud-detector/transaction_data_2K_coldstart.csv')
const skip = existsSync(exported) ? false : `the export is not there: ${exported}`

test('which column comes first says nothing: the card is the one with most values', async () => {
  const rows = [
    '1,2024-01-01T00:00:00Z,5,visa,x',
    '2,2024-01-01T00:00:01Z,6,visa,y',
    '3,2024-01-01T00:00:02Z,6,amex,z',
  ]
  await init('cards.csv', ['id,time,amount,card4,card1', ...rows].join('\n'))
  assert.match(written('cards.csv', 'mapping.yaml'), /^ {2}card: card1 /m)
})

test('a real export is read as the mapping made by hand reads it, every row of it', {
  skip,
}, async () => {
  const bytes = readFileSync(exported)
  const { exitCode, stdout } = await init('export.csv', bytes)
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /Tried: 1,611 of 1,611 rows parse/)
  const byHand = compileMapping(readDocument(join(root, 'docs/examples/aws-fraud-detector.yaml')))
  const guessed = mappingOf('export.csv')
  const [header, ...records] = bytes.toString('utf8').trimEnd().split(/\r?\n/)
  assert.equal(records.length, 1611)
  const columns = header!.split(',')
  const names = ['card', 'merchant', 'device', 'ip']
  for (const record of records.map((line) => Buffer.from(line))) {
    assert.equal(parsed(guessed, columns, record, names), parsed(byHand, columns, record, names))
  }
  const replayed = await replay('export.csv')
  assert.match(replayed.stderr, /^1,611 messages: [\d,]+ approve, [\d,]+ review, [\d,]+ deny$/m)
})

test('JSON lines of the generator are read as its own mapping reads them', async () => {
  const lines = [...generateJsonLines({ ...defaultParameters, rows: 300 })]
  const { exitCode, stdout } = await init('generated.jsonl', lines.join('\n'))
  assert.equal(exitCode, 0, stdout)
  const own = compileMapping(readDocument(shipped.mapping))
  const guessed = mappingOf('generated.jsonl')
  const names = ['card', 'merchant', 'device', 'ip']
  for (const line of lines.map((text) => Buffer.from(text))) {
    assert.equal(parsed(guessed, [], line, names), parsed(own, [], line, names))
  }
})

test('nested JSON is found by its paths, and a time by its form where no name says so', async () => {
  const row = (n: number): string =>
    JSON.stringify({
      txn: { id: `a${n}`, moment: `31.12.2024 23:59:0${n}`, amt: n + 0.5, ccy: 'SEK' },
      acct: { iban: `DE${n % 2}` },
      shop: { store_id: `s${n % 3}` },
      verdict: n === 4 ? 'FRAUD' : 'OK',
    })
  const { exitCode, stdout } = await init('nested.jsonl', [1, 2, 3, 4].map(row).join('\n'))
  assert.equal(exitCode, 0, stdout)
  assert.deepEqual(said(written('nested.jsonl', 'mapping.yaml')), [
    'format: jsonl',
    'id: txn.id',
    'time: { field: txn.moment, as: "dd.MM.yyyy HH:mm:ss", tz: UTC }',
    'amount: { field: txn.amt, decimals: 2 }',
    'currency: { field: txn.ccy, rates: as_is }',
    'primary: card',
    'entities:',
    '  card: acct.iban',
    '  merchant: shop.store_id',
    'label: { field: verdict, fraud: ["FRAUD"], legit: ["OK"], delay: 7d }',
  ])
  assert.match(stdout, /Tried: 4 of 4 rows parse/)
})

test('the written catalog has every feature of the shipped one, and windows for what else the file has', async () => {
  await init(
    'more.csv',
    'id,time,amount,card,email\n1,2024-01-01T00:00:00Z,5,a,x@y.z\n2,2024-01-01T00:01:00Z,6,b,w@y.z\n',
  )
  assert.ok(hasShippedFeatures([join(folder, 'more.csv.d', 'catalog.yaml')]))
  assert.match(written('more.csv', 'catalog.yaml'), /name: email_cards_1d, entity: email/)
  writeFileSync(
    join(folder, 'less.yaml'),
    written('more.csv', 'catalog.yaml').replace('window: 1d', 'window: 2d'),
  )
  assert.ok(!hasShippedFeatures([join(folder, 'less.yaml')]), 'a changed window is another feature')
})

test('what is no CSV or JSON lines is refused with what to do', async () => {
  const bytes = (...values: number[]) => Uint8Array.from(values)
  const refused: readonly [string, string | Uint8Array, RegExp][] = [
    ['array.json', '[{"id":1}]', /a JSON array; .*jq -c '\.\[\]'/],
    ['pretty.json', '{\n  "id": 1\n}\n', /an object over several lines.*jq -c \./],
    ['packed.gz', bytes(0x1f, 0x8b, 8, 0), /found gzip; unpack it: gunzip/],
    ['sheet.xlsx', 'PK\u0003\u0004', /save the sheet as CSV/],
    ['table.parquet', 'PAR1', /Parquet; convert it/],
    ['wide.csv', bytes(0xff, 0xfe, 0x69, 0), /UTF-16; convert it: iconv/],
    ['semicolons.csv', 'id;time;amount\n1;2024-01-01;5,00\n', /found semicolons; export it again/],
    ['bare.csv', '17,2024-01-01,5.00\n18,2024-01-02,6.00\n', /header line .*, found the value 17/],
    ['twice.csv', 'id,amount,amount\n1,2,3\n', /"amount" twice in the header/],
    ['empty.csv', '', /found nothing/],
    ['header.csv', 'id,amount\n', /expected rows below the header, found none/],
  ]
  for (const [name, content, message] of refused) {
    const { exitCode, stdout, stderr } = await init(name, content)
    assert.equal(exitCode, 2, name)
    assert.equal(stdout, '')
    assert.match(stderr, message)
    assert.ok(!existsSync(join(folder, `${name}.d`)), 'nothing is written')
  }
})

test('amounts that are no plain decimals are not guessed at', async () => {
  const file = (amount: string): string =>
    `id,time,card,amount\n1,2024-01-01T00:00:00Z,a,${amount}\n2,2024-01-01T00:01:00Z,b,${amount}\n`
  const wrong: readonly [string, RegExp][] = [
    ['"12,34"', /with a decimal comma: 12,34/],
    ['"1.234,50"', /with a decimal comma/],
    ['"1,234.50"', /with commas between thousands/],
    ['$12.34', /with a sign or code of the currency/],
  ]
  for (const [index, [amount, why]] of wrong.entries()) {
    const { exitCode, stdout } = await init(`amount-${index}.csv`, file(amount))
    assert.equal(exitCode, 1)
    assert.match(stdout, why)
    assert.match(stdout, /plain decimals with a point/)
  }
})

test('day and month that cannot be told apart are told', async () => {
  const file = (date: string): string =>
    `id,date,card,amount\n1,${date} 10:00,a,5.00\n2,${date} 11:00,b,5.00\n`
  await init('either.csv', file('03/04/2024'))
  assert.match(written('either.csv', 'mapping.yaml'), /it may also be "MM\/dd\/yyyy HH:mm"/)
  await init('month-first.csv', file('03/25/2024'))
  assert.match(written('month-first.csv', 'mapping.yaml'), /as: "MM\/dd\/yyyy HH:mm", tz: UTC \}/)
})

test('rows that do not parse are counted by reason, with the first of each', async () => {
  const rows = Array.from(
    { length: 60 },
    (_, n) => `t${n},2024-01-01T00:00:${String(n).padStart(2, '0')}Z,c${n % 9},${n}.50`,
  )
  rows[40] = 't40,2024-02-30T00:00:00Z,c1,5.00'
  rows[41] = 't41,2024-01-01T00:00:41Z,c1,-5.00'
  rows[42] = 't42,2024-01-01T00:00:42Z,c1,-6.00'
  const { exitCode, stdout } = await init('flawed.csv', ['id,time,card,amount', ...rows].join('\n'))
  assert.equal(exitCode, 0)
  assert.match(stdout, /Tried: 57 of 60 rows parse/)
  assert.match(stdout, /bad_time: 1, such as row 41: time: .* found 2024-02-30T00:00:00Z/)
  assert.match(stdout, /bad_amount: 2, such as row 42: amount: .* found -5\.00/)
})

test('nothing is overwritten without --force', async () => {
  await init('kept.csv', handbook)
  writeFileSync(join(folder, 'kept.csv.d', 'mapping.yaml'), 'mine')
  const again = await init('kept.csv', handbook)
  assert.equal(again.exitCode, 2)
  assert.match(
    again.stderr,
    /option --dir: .*mapping\.yaml, catalog\.yaml, weir\.yaml \(or --force/,
  )
  assert.equal(written('kept.csv', 'mapping.yaml'), 'mine')
  const argv = ['init', '--input', 'kept.csv', '--dir', 'kept.csv.d', '--force']
  assert.equal((await runCommand(argv, commands, folder)).exitCode, 0)
  assert.notEqual(written('kept.csv', 'mapping.yaml'), 'mine')
})

test('names and values of any kind do no harm to what is written, and card numbers stay out of it', async () => {
  const name = 'card: {no} # \u001b[2J"x'
  const header = [
    'transaction id',
    'time',
    'amount',
    `"${name.replaceAll('"', '""')}"`,
    'card_no',
    '"mail: e-mail"',
  ]
  const row = (n: number): string =>
    `t ${n},2024-01-01T00:00:0${n}Z,${n},"a\nb${n % 2}",${n % 2 === 0 ? '4111111111111111' : '5500005555555559'},"x: #${n % 2}\u202e"`
  const text = [header.join(','), row(1), row(2), row(3), row(4)].join('\n')
  const { exitCode, stdout } = await init('odd.csv', text)
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /Tried: 4 of 4 rows parse/)
  const all = stdout + written('odd.csv', 'mapping.yaml') + written('odd.csv', 'catalog.yaml')
  assert.doesNotMatch(all, /4111111111111111|5500005555555559/)
  assert.doesNotMatch(all, /[\u001b\u202e]/)
  assert.ok(mappingOf('odd.csv').schema.entities.includes('card'))
})
