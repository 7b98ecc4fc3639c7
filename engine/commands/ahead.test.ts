// Reading ahead in a thread changes when rows are parsed, and nothing else: outputs, counts and refusals of `weir replay` are those
// of one thread.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Papa from 'papaparse'
import { compileCatalogs } from '../../features/catalogs.ts'
import { defaultParameters, generate } from '../../features/generator/generator.ts'
import { Plan } from '../../features/plan.ts'
import { shipped } from '../assemble.ts'
import { loadConfig } from '../config.ts'
import { Taken } from '../core/intake.ts'
import { batchRowsMax } from '../core/limits.ts'
import { readCatalogs, readMapping } from '../declarations.ts'
import type { Ahead } from '../replay/ahead.ts'
import { openFile } from '../stream/file-source.ts'
import { type CommandRun, runCommand } from '../testing/command-run.ts'
import { startAhead } from './ahead.ts'
import { command } from './command.ts'
import { replayFrom, replayLine } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-ahead-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const inFolder = (name: string): string => join(folder, name)
const read = (name: string): string => readFileSync(inFolder(name), 'utf8')

/** More than a thread may have ready, with rows that are rejected or come twice, and quotes and other alphabets. */
const rows = [...generate({ ...defaultParameters, rows: 12_000 })].map(({ row }, n) => {
  if (n % 97 === 5) return { ...row, amount: 'ten' }
  if (n % 89 === 3) return { ...row, channel: `é, "${n}"` }
  return row
})
rows.splice(5000, 0, ...rows.slice(4000, 4400))
writeFileSync(inFolder('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
writeFileSync(inFolder('rows.csv'), Papa.unparse([...rows], { newline: '\n' }))
const jsonMap = readFileSync(shipped.mapping, 'utf8')
writeFileSync(inFolder('json.yaml'), jsonMap)
writeFileSync(inFolder('csv.yaml'), jsonMap.replace('jsonl', 'csv'))
writeFileSync(
  inFolder('catalog.yaml'),
  `features:
  - { name: amount, value: amount }
  - { name: code, value: mcc }
  - { name: card_avg_7d, entity: card, aggregate: avg, of: amount, window: 7d }
  - { name: device_cards_1d, entity: device, aggregate: distinct, of: card, window: 1d }
`,
)

function run(text: string, bytesMin: number, stop?: AbortSignal): Promise<CommandRun> {
  const commands = [command(replayLine, replayFrom(bytesMin))]
  return runCommand(`replay ${text}`.split(' '), commands, folder, {}, stop)
}

/** What a replay said and wrote, its outputs under names of its own. */
async function resultOf(text: string, bytesMin: number) {
  const name = bytesMin === 0 ? 'ahead' : 'here'
  const { exitCode, stdout, stderr } = await run(text.replaceAll('OUT', name), bytesMin)
  const outputs = [...text.matchAll(/OUT\.\w+/g)].map(([out]) => read(out.replace('OUT', name)))
  return { exitCode, stdout, stderr: stderr.replaceAll(`${name}.`, 'OUT.'), outputs }
}

for (const format of ['csv', 'json'] as const) {
  const file = format === 'csv' ? 'rows.csv' : 'rows.jsonl'
  const input = `--input ${file} --map ${format}.yaml --catalog catalog.yaml`
  for (const [what, options] of [
    ['nothing but the count', ''],
    ['decisions', ' --decisions-out OUT.jsonl'],
    ['rows of features', ' --features-out OUT.csv --with time,amount,label'],
    [
      'both up to a limit within a batch',
      ' --limit 9999 --decisions-out OUT.jsonl --features-out OUT.csv',
    ],
  ] as const) {
    test(`${file}, ${what}: the same by a thread`, async () => {
      const ahead = await resultOf(input + options, 0)
      const here = await resultOf(input + options, Number.POSITIVE_INFINITY)
      assert.equal(ahead.exitCode, 0, ahead.stderr)
      assert.match(ahead.stderr, /rejected \(bad_amount 1\d\d/)
      assert.match(ahead.stderr, /[34]\d\d duplicates/)
      assert.deepEqual(ahead, here)
    })
  }
}

test('a refusal is the same by a thread, whatever of the input is wrong', async () => {
  writeFileSync(inFolder('other.csv'), 'id,when\na,b\n')
  writeFileSync(inFolder('empty.csv'), '')
  writeFileSync(inFolder('bad-map.yaml'), 'format: csv\nid: transaction_id\n')
  writeFileSync(inFolder('open-quote.csv'), `${read('rows.csv').split('\n')[0]!}\n"a`)
  for (const text of [
    '--input other.csv --map csv.yaml',
    '--input empty.csv --map csv.yaml',
    '--input rows.csv --map bad-map.yaml',
    '--input rows.csv --map csv.yaml --catalog csv.yaml',
    '--input open-quote.csv --map csv.yaml',
    '--input rows.jsonl --map csv.yaml',
  ]) {
    const ahead = await resultOf(text, 0)
    assert.equal(ahead.exitCode, 2, ahead.stderr)
    assert.deepEqual(ahead, await resultOf(text, Number.POSITIVE_INFINITY))
  }
})

test('a replay that is stopped ends after the batch at hand, with 1', async () => {
  const input = '--input rows.csv --map csv.yaml --decisions-out stopped.jsonl'
  const { exitCode } = await run(input, 0, AbortSignal.abort())
  assert.equal(exitCode, 1)
  assert.equal(read('stopped.jsonl').trimEnd().split('\n').length, batchRowsMax)
})

const mapping = readMapping(inFolder('csv.yaml'))
const catalog = compileCatalogs(readCatalogs(inFolder('catalog.yaml')))
const { config } = loadConfig({
  file: null,
  environment: {},
  folder,
  options: {
    source: { option: '--map', value: 'csv.yaml' },
    catalog: { option: '--catalog', value: 'catalog.yaml' },
  },
})
const key = Buffer.alloc(16)

function start(file: string): Ahead {
  return startAhead({ kind: 'file', file: inFolder(file) }, config, key, false, 0)!
}

test('a file that cannot be read any more is told as it is without a thread', async () => {
  writeFileSync(inFolder('gone.csv'), read('rows.csv'))
  const ahead = start('gone.csv')
  rmSync(inFolder('gone.csv'))
  try {
    await ahead.open(new Plan(catalog, mapping.schema), `${mapping.hash} ${catalog.hash}`, null)
    const failure = await ahead.batches()[Symbol.asyncIterator]().next().then(null, describeOf)
    const here = await openFile(inFolder('gone.csv'), mapping, batchRowsMax, 0).then(
      null,
      describeOf,
    )
    assert.equal(failure, here)
    assert.match(failure, /file_unreadable: opening .*gone\.csv: ENOENT/)
  } finally {
    await ahead.close()
  }
})

test('texts that features read come also where no outputs need them', async () => {
  const plan = new Plan(catalog, mapping.schema)
  const ahead = start('rows.csv')
  const taken = new Taken(plan)
  try {
    await ahead.open(plan, `${mapping.hash} ${catalog.hash}`, null)
    for await (const messages of ahead.batches()) {
      ahead.parse(messages, taken)
      break
    }
  } finally {
    await ahead.close()
  }
  const mcc = mapping.schema.fields.indexOf('mcc')
  assert.deepEqual(
    taken.transactions.slice(0, 5).map(({ fields }) => fields[mcc]),
    rows.slice(0, 5).map(({ mcc }) => mcc),
  )
})

test('a thread that read another mapping than the one who decides is refused', async () => {
  const ahead = start('rows.csv')
  try {
    const opened = ahead.open(new Plan(catalog, mapping.schema), 'another one', null)
    await assert.rejects(opened, /expected mapping and catalog to stay as they are/)
  } finally {
    await ahead.close()
  }
})

test('a small file is read where it is decided, and so is what is no file', () => {
  const file = { kind: 'file', file: inFolder('rows.csv') } as const
  assert.equal(startAhead(file, config, key, false, 1e9), null)
  assert.equal(startAhead({ kind: 'generator', seed: 1 }, config, key, false, 0), null)
})

function describeOf(error: { code: string; message: string; cause: Error }): string {
  return `${error.code}: ${error.message}: ${error.cause.message}`
}
