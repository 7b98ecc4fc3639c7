// `--features-out rows.parquet` and `--with`, as a data scientist gets them: the same rows in every format, the labels that
// training would take, and under the file's name whole files only.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { defaultParameters, generate, writeRow } from '../../features/generator/generator.ts'
import { shipped } from '../assemble.ts'
import { type CommandRun, runCommand } from '../testing/command-run.ts'
import { command } from './command.ts'
import { replayLine, runReplay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-rows-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const inFolder = (name: string): string => join(folder, name)

function write(name: string, lines: readonly string[]): void {
  writeFileSync(inFolder(name), `${lines.join('\n')}\n`)
}

function run(text: string, stop?: AbortSignal): Promise<CommandRun> {
  return runCommand(text.split(' '), [command(replayLine, runReplay)], folder, {}, stop)
}

async function replayed(text: string): Promise<void> {
  const { exitCode, stderr } = await run(`replay ${text}`)
  assert.equal(exitCode, 0, stderr)
}

type Row = Record<string, unknown>

async function readParquet(name: string): Promise<Row[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(inFolder(name)) })
}

function readLines(name: string): Row[] {
  const lines = readFileSync(inFolder(name), 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Row)
}

const generated = [...generate({ ...defaultParameters, rows: 3000 })].map(({ row }) => row)
write('rows.jsonl', generated.map(writeRow))
const history = `--input rows.jsonl --map ${shipped.mapping}`

describe('rows as Parquet', () => {
  test('are those of the other formats, number for number and null for null', async () => {
    await replayed(`${history} --features-out f.jsonl`)
    await replayed(`${history} --features-out f.parquet`)
    const rows = await readParquet('f.parquet')
    assert.deepEqual(rows, readLines('f.jsonl'))
    assert.ok(rows.some((row) => Object.values(row).includes(null)))
  })

  test('have the id as text that must be there, and doubles that may be absent', async () => {
    await replayed(`${history} --limit 10 --features-out f.parquet`)
    const { schema } = await parquetMetadataAsync(await asyncBufferFromFile(inFolder('f.parquet')))
    const [root, id, ...features] = schema
    assert.equal(root!.num_children, features.length + 1)
    assert.deepEqual(
      [id!.name, id!.type, id!.converted_type, id!.repetition_type],
      ['transaction_id', 'BYTE_ARRAY', 'UTF8', 'REQUIRED'],
    )
    const kinds = features.map(({ type, repetition_type }) => `${type} ${repetition_type}`)
    assert.deepEqual([...new Set(kinds)], ['DOUBLE OPTIONAL'])
    const [line] = readLines('f.jsonl')
    assert.deepEqual(
      features.map(({ name }) => name),
      Object.keys(line!).slice(1),
    )
  })

  test('are the same bytes on every run', async () => {
    await replayed(`${history} --features-out one.parquet`)
    await replayed(`${history} --features-out two.parquet`)
    assert.deepEqual(readFileSync(inFolder('one.parquet')), readFileSync(inFolder('two.parquet')))
  })

  test('are not there after a replay that was stopped: what was there before stays', async () => {
    const before = readFileSync(inFolder('one.parquet'))
    const { exitCode } = await run(
      `replay ${history} --features-out one.parquet`,
      AbortSignal.abort(),
    )
    assert.equal(exitCode, 1)
    assert.deepEqual(readFileSync(inFolder('one.parquet')), before)
    await run(`replay ${history} --features-out stopped.parquet`, AbortSignal.abort())
    assert.equal(existsSync(inFolder('stopped.parquet')), false)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.part')),
      [],
    )
  })

  test('a disk that is full is told, and leaves no file', {
    skip: !existsSync('/dev/full'),
  }, async () => {
    symlinkSync('/dev/full', inFolder('full.parquet.part'))
    const { exitCode, stderr } = await run(`replay ${history} --features-out full.parquet`)
    assert.equal(exitCode, 1)
    assert.match(stderr, /writing .*full\.parquet: ENOSPC: no space left on device/)
    assert.match(stderr, /output_unwritable: /)
    assert.equal(existsSync(inFolder('full.parquet')), false)
  })
})

//        1 Mar   2 Mar    3 Mar     4 Mar
//   ───────a────────b────────c─────────d──▶
//  own     ·      legit    fraud       ·
//  told  fraud,   fraud,    legit,
//        5 Mar   1 Mar(!)  6 Mar
const kinds = 'kind: { field: kind, label: [verdict], at: { field: at, as: iso } }'
const mapping = [
  'format: csv',
  'id: id',
  'time: { field: time, as: iso }',
  'amount: { field: amount, decimals: 2 }',
  'currency: { field: currency, rates: rates.yaml }',
  'primary: card',
  'entities: { card: card }',
  'label: { field: fraud, fraud: ["1"], legit: ["0"], time: { field: known, as: iso } }',
]
write('rates.yaml', ['base: EUR', 'decimals: 2', 'rates:', '  USD: 0.5'])
write('map.yaml', mapping)
write('label-map.yaml', [...mapping, kinds])
write('catalog.yaml', [
  'features:',
  '  - { name: card_count, entity: card, aggregate: count, window: 1d }',
])
const day = (n: number): string => `2026-03-0${n}T00:00:00Z`
const ms = (n: number): bigint => BigInt(Date.parse(day(n)))
write('labels.csv', [
  'id,time,amount,currency,card,fraud,known,kind,at',
  `a,${day(1)},1.00,EUR,c1,,,,`,
  `b,${day(2)},2.00,EUR,c1,0,${day(2)},,`,
  `c,${day(3)},3.00,XXX,c1,1,${day(4)},,`,
  `d,${day(4)},4.00,EUR,c1,,,,`,
  `a,${day(1)},1.00,EUR,c1,0,,verdict,${day(4)}`,
  `a,${day(1)},1.00,EUR,c1,1,,verdict,${day(5)}`,
  `b,${day(2)},2.00,EUR,c1,1,,verdict,${day(1)}`,
  `c,${day(3)},3.00,EUR,c1,0,,verdict,${day(6)}`,
])

describe('--with', () => {
  test('adds time, amount and label, in this order, behind the id and in every format', async () => {
    const files = '--input labels.csv --map map.yaml --catalog catalog.yaml --limit 4'
    for (const ending of ['parquet', 'jsonl', 'csv']) {
      await replayed(`${files} --features-out w.${ending} --with label,amount --with time`)
    }
    assert.deepEqual(readFileSync(inFolder('w.csv'), 'utf8').trimEnd().split('\n'), [
      'transaction_id,time_ms,amount_minor,label,label_ms,card_count',
      `a,${ms(1)},100,,,1`,
      `b,${ms(2)},200,0,${ms(2)},1`,
      `c,${ms(3)},,1,${ms(4)},1`,
      `d,${ms(4)},400,,,1`,
    ])
    const whole = (value: unknown) => (typeof value === 'bigint' ? Number(value) : value)
    const rows = await readParquet('w.parquet')
    const [first] = rows
    assert.deepEqual(
      rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, whole(v)]))),
      readLines('w.jsonl'),
    )
    assert.deepEqual(first, {
      transaction_id: 'a',
      time_ms: ms(1),
      amount_minor: 100n,
      label: null,
      label_ms: null,
      card_count: 1,
    })
  })

  test('a label is the latest verdict that the input knows, in the row or in a message', async () => {
    const files = '--input labels.csv --map label-map.yaml --catalog catalog.yaml'
    await replayed(`${files} --features-out l.parquet --with label`)
    const rows = await readParquet('l.parquet')
    assert.deepEqual(
      rows.map(({ transaction_id, label, label_ms }) => [transaction_id, label, label_ms]),
      [
        ['a', 1n, ms(5)],
        ['b', 0n, ms(2)],
        ['c', 0n, ms(6)],
        ['d', null, null],
      ],
    )
  })

  test('is refused without rows, for a column that there is none of, and where a feature has the name', async () => {
    const refusal = async (text: string): Promise<string> => {
      const { exitCode, stderr } = await run(`replay ${text}`)
      assert.equal(exitCode, 2, stderr)
      return stderr
    }
    assert.match(
      await refusal(`${history} --with time`),
      /option --with: expected it with --features-out only/,
    )
    assert.match(
      await refusal(`${history} --features-out f.csv --with time,labels`),
      /option --with: expected some of time, amount, label, found labels/,
    )
    write('taken.yaml', [
      'features:',
      '  - { name: label, entity: card, aggregate: count, window: 1d }',
    ])
    const files = '--input labels.csv --map map.yaml --catalog taken.yaml'
    assert.match(
      await refusal(`${files} --features-out f.csv --with label`),
      /option --with: expected columns that no feature is named like, found the feature label/,
    )
  })
})
