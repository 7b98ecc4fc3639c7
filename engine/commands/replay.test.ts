// `weir replay` over files as an analyst runs it: the same bytes on every run, a row for each transaction, labels only from
// their arrival, and clear refusals of what cannot be meant.
import assert from 'node:assert/strict'
import { linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import Papa from 'papaparse'
import {
  defaultParameters,
  type GeneratedRow,
  generate,
  writeRow,
} from '../../features/generator/generator.ts'
import { shipped } from '../assemble.ts'
import { type CommandRun, runCommand } from '../testing/command-run.ts'
import { command } from './command.ts'
import { replayLine, runReplay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-replay-'))
after(() => {
  rmSync(folder, { recursive: true })
})

function write(name: string, lines: readonly string[]): void {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

function run(
  text: string,
  stop?: AbortSignal,
  environment: NodeJS.ProcessEnv = {},
): Promise<CommandRun> {
  return runCommand(text.split(' '), [command(replayLine, runReplay)], folder, environment, stop)
}

/** Of a history: what came, in which shape. */
const rows: readonly GeneratedRow[] = [...generate({ ...defaultParameters, rows: 3000 })].map(
  ({ row }) => row,
)
write('rows.jsonl', rows.map(writeRow))
write('rows.csv', Papa.unparse([...rows], { newline: '\n' }).split('\n'))
write('csv-map.yaml', [readFileSync(shipped.mapping, 'utf8').replace('jsonl', 'csv')])
const generated = `replay --input rows.jsonl --map ${shipped.mapping}`

const mapping = [
  'format: csv',
  'id: id',
  'time: { field: time, as: iso }',
  'amount: { field: amount, decimals: 2 }',
  'currency: { const: EUR }',
  'primary: card',
  'entities: { card: card, shop: shop }',
]
write('map.yaml', mapping)
write('catalog.yaml', [
  'features:',
  '  - { name: amount, value: amount }',
  '  - { name: shop_count_1d, entity: shop, aggregate: count, window: 1d }',
  '  - { name: card_avg_before_1d, entity: card, aggregate: avg, window: 1d, current: excluded }',
])
write('history.csv', [
  'id,time,amount,card,shop',
  'a,2026-03-01T10:00:00Z,1.00,c1,s1',
  '"b, ""the second""",2026-03-01T10:01:00Z,2.00,c1,s1',
  'c,2026-03-01T10:02:00Z,three,c1,s1',
  'a,2026-03-01T10:00:00Z,1.00,c1,s1',
  'd,2026-03-01T10:03:00Z,4.00,c2,',
])
const history = 'replay --input history.csv --map map.yaml --catalog catalog.yaml'

describe('results', () => {
  test('are the same bytes on every run, and in every order of columns', async () => {
    for (const [name, input] of [
      ['one', generated],
      ['two', generated],
      ['csv', 'replay --input rows.csv --map csv-map.yaml'],
    ] as const) {
      const out = `--decisions-out ${name}-d.jsonl --features-out ${name}-f.csv`
      const { exitCode, stdout, stderr } = await run(`${input} ${out}`)
      assert.equal(exitCode, 0, stderr)
      assert.equal(stdout, '')
      assert.match(stderr, /3,000 messages: [\d,]+ approve, \d+ review, \d+ deny/)
    }
    assert.equal(read('one-d.jsonl').split('\n').length, 3001)
    assert.equal(read('two-d.jsonl'), read('one-d.jsonl'))
    assert.equal(read('two-f.csv'), read('one-f.csv'))
    assert.equal(read('csv-d.jsonl'), read('one-d.jsonl'), 'CSV or JSON is only the envelope')
    assert.equal(read('csv-f.csv'), read('one-f.csv'))
  })

  test('a decision has nothing of the run itself: no clock, no latency', async () => {
    await run(`${history} --decisions-out d.jsonl`)
    const [first] = read('d.jsonl').split('\n')
    const decision = JSON.parse(first!) as Record<string, unknown>
    assert.equal(decision['mode'], 'replay')
    assert.equal('latency_us' in decision, false)
    assert.deepEqual(decision['source'], { name: 'file', partition: 0, offset: 0 })
  })

  test('decisions without the values of features are the same in all else, and a replay still computes them', async () => {
    await run(`${generated} --decisions-out all-d.jsonl --features-out all-f.csv`)
    const environment = { WEIR_DECISIONS_FEATURES: 'none' }
    await run(
      `${generated} --decisions-out no-d.jsonl --features-out no-f.csv`,
      undefined,
      environment,
    )
    const [all, none] = [read('all-d.jsonl'), read('no-d.jsonl')]
    assert.equal(none, all.replace(/"features":\{"amount[^}]*\}/g, '"features":{}'))
    assert.match(none, /"features":\{\}/)
    assert.equal(read('no-f.csv'), read('all-f.csv'))
  })

  test('features in CSV: transaction_id first, then each by name; a row for each decided transaction, in order of input', async () => {
    const { stderr } = await run(`${history} --features-out f.csv`)
    assert.equal(
      read('f.csv'),
      [
        'transaction_id,amount,shop_count_1d,card_avg_before_1d',
        'a,100,1,',
        '"b, ""the second""",200,2,100',
        'd,400,,',
        '',
      ].join('\n'),
    )
    assert.match(stderr, /5 messages: .*; 1 duplicates; 1 rejected \(bad_amount 1\)/)
  })

  test('features in JSON lines: the same, absent values null', async () => {
    await run(`${history} --features-out f.jsonl`)
    assert.deepEqual(read('f.jsonl').trimEnd().split('\n'), [
      '{"transaction_id":"a","amount":100,"shop_count_1d":1,"card_avg_before_1d":null}',
      '{"transaction_id":"b, \\"the second\\"","amount":200,"shop_count_1d":2,"card_avg_before_1d":100}',
      '{"transaction_id":"d","amount":400,"shop_count_1d":null,"card_avg_before_1d":null}',
    ])
  })

  test('every feature row is the one of its decision', async () => {
    await run(`${generated} --decisions-out d.jsonl --features-out f.jsonl`)
    type Decision = { type: string; id: string; features: object }
    const decisions = read('d.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Decision)
    const expected = decisions
      .filter(({ type }) => type === 'decision')
      .map(({ id, features }) => JSON.stringify({ transaction_id: id, ...features }))
    assert.deepEqual(read('f.jsonl').trimEnd().split('\n'), expected)
    const ids = new Set(rows.map(({ transaction_id }) => transaction_id))
    assert.deepEqual(
      decisions.filter(({ type }) => type === 'decision').map(({ id }) => id),
      [...ids],
    )
  })

  test('go to stdout where they are asked to, and only they', async () => {
    const { stdout } = await run(`${history} --features-out -`)
    assert.deepEqual(Object.keys(JSON.parse(stdout.split('\n')[0]!) as object), [
      ...['transaction_id', 'amount', 'shop_count_1d', 'card_avg_before_1d'],
    ])
    assert.equal(stdout.split('\n').length, 4)
  })

  //  t   a: fraud, known at 12:00        11:59:59  12:00:00
  // ─────●─────────────────────────────────●─────────●──▶
  //                                        none yet  one of one
  test('a label counts from its arrival and never for its own transaction', async () => {
    write('labelled.csv', [
      'id,time,amount,card,shop,fraud,known',
      'a,2026-03-01T10:00:00Z,1,c1,s1,1,2026-03-01T12:00:00Z',
      'b,2026-03-01T10:30:00Z,1,c2,s1,0,2026-03-01T10:30:00Z',
      'e,2026-03-01T11:59:59.999Z,1,c3,s1,,',
      'f,2026-03-01T12:00:00Z,1,c4,s1,1,2026-03-01T12:00:00Z',
      'g,2026-03-02T10:00:00Z,1,c5,s1,,',
    ])
    const time = '{ field: known, as: iso }'
    write('label-map.yaml', [
      ...mapping,
      `label: { field: fraud, fraud: ["1"], legit: ["0"], time: ${time} }`,
    ])
    write('label-catalog.yaml', [
      'features:',
      '  - { name: frauds, entity: shop, aggregate: fraud_count, window: 1d }',
      '  - { name: risk, entity: shop, aggregate: fraud_rate, window: 1d }',
    ])
    const files = '--input labelled.csv --map label-map.yaml --catalog label-catalog.yaml'
    await run(`replay ${files} --features-out f.csv`)
    assert.deepEqual(read('f.csv').trimEnd().split('\n').slice(1), [
      'a,0,',
      'b,0,',
      'e,0,0',
      'f,1,0.5',
      'g,1,0.5',
    ])
  })

  test('end at the limit', async () => {
    const { exitCode } = await run(`${generated} --limit 257 --features-out f.csv`)
    assert.equal(exitCode, 0)
    const whole = read('one-f.csv').split('\n')
    const limited = read('f.csv').trimEnd().split('\n')
    assert.ok(limited.length > 250 && limited.length <= 258)
    assert.deepEqual(limited, whole.slice(0, limited.length))
  })

  test('of a replay that was stopped end after the batch at hand, with 1', async () => {
    const { exitCode } = await run(`${generated} --decisions-out d.jsonl`, AbortSignal.abort())
    assert.equal(exitCode, 1)
    assert.equal(read('d.jsonl').trimEnd().split('\n').length, 256)
  })
})

describe('what is asked wrongly ends with 2 and says what was expected and found', () => {
  async function refusalOf(text: string): Promise<string> {
    const { exitCode, stderr } = await run(text)
    assert.equal(exitCode, 2, stderr)
    assert.match(stderr, /^weir replay: asked wrongly$/m)
    return stderr
  }

  test('a file without the mapped columns, all of them named, with what was probably meant', async () => {
    write('other.csv', ['id,Time,amount,shop', 'a,2026-03-01T10:00:00Z,1,s'])
    const said = await refusalOf('replay --input other.csv --map map.yaml')
    assert.match(
      said,
      /reading .*other\.csv: expected the column time \(did you mean "Time"\?\); the column card; the header is \["id","Time","amount","shop"\]/,
    )
    assert.match(said, /input_invalid: /)
  })

  test('a header that has a mapped column twice', async () => {
    write('twice.csv', ['id,time,amount,card,shop,amount,x,x', ''])
    const said = await refusalOf('replay --input twice.csv --map map.yaml')
    assert.match(said, /expected the column amount once, found it 2 times;/)
    assert.doesNotMatch(said, /column x/)
  })

  test('an empty file where a header should be', async () => {
    writeFileSync(join(folder, 'empty.csv'), '')
    const said = await refusalOf('replay --input empty.csv --map map.yaml')
    assert.match(said, /expected a header line with the names of the columns, found an empty file/)
  })

  test('a file that the mapping does not fit: no message was taken, and why not the first one', async () => {
    write('wrong-map.yaml', mapping.with(0, 'format: json'))
    const wrong = await refusalOf('replay --input rows.jsonl --map wrong-map.yaml')
    assert.match(wrong, /3,000 messages: .*3,000 rejected \(missing_id 3,000\)/)
    assert.match(
      wrong,
      /no message was taken, the first is at offset 0: id: expected a transaction id, found nothing/,
    )
    const csv = await refusalOf('replay --input history.csv --map wrong-map.yaml')
    assert.match(csv, /offset 0: \$: expected one JSON document, found id,time,amount/)
  })

  test('a compressed or binary file', async () => {
    writeFileSync(join(folder, 'rows.csv.gz'), Buffer.from('1f8b0800000000000003ff00', 'hex'))
    const said = await refusalOf('replay --input rows.csv.gz --map map.yaml')
    assert.match(said, /expected the column id; the column amount; .* the header is \["/)
  })

  test('an output that is the input, also by another name', async () => {
    linkSync(join(folder, 'rows.jsonl'), join(folder, 'link.jsonl'))
    const before = read('rows.jsonl')
    for (const option of ['--decisions-out', '--features-out']) {
      for (const name of ['rows.jsonl', 'link.jsonl']) {
        const said = await refusalOf(`${generated} ${option} ${name}`)
        assert.match(said, new RegExp(`option ${option}: expected another file than --input`))
      }
    }
    assert.equal(read('rows.jsonl'), before)
  })

  test('an input that is a folder or is not there', async () => {
    assert.match(await refusalOf('replay --input . --map map.yaml'), /--input: expected a file/)
    assert.match(
      await refusalOf('replay --input no.csv --map map.yaml'),
      /--input: expected a file/,
    )
  })
})
