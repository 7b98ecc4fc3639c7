// Claims about `weir train`: it learns a planted pattern better than the baselines, writes a folder that the gate admits, the
// same bytes again, and says clearly why it cannot.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { minstd } from '../../models/train/testing/minstd.ts'
import { plantedHistory as history, TrainingWorld } from '../testing/training-world.ts'

const world = new TrainingWorld()
after(() => {
  world.close()
})
const { folder } = world
const write = world.write.bind(world)
const weir = world.weir.bind(world)
const trainOn = (input: string, out: string, ...rest: readonly string[]) =>
  world.trainOn(input, out, '--fit', 'network', ...rest)

write('history.csv', history(3000))

interface Facts {
  readonly inputs: readonly { readonly feature: string }[]
  readonly training: {
    readonly rows: number
    readonly leftOut: { readonly unlabelled: number }
    readonly judged: { readonly auc: number; readonly averagePrecision: number }
    readonly baselines: readonly { readonly auc: number; readonly averagePrecision: number }[]
  }
}

function manifestOf(out: string): Facts {
  return JSON.parse(readFileSync(join(folder, out, 'manifest.json'), 'utf8')) as Facts
}

test('it learns what no baseline can, and its folder serves', async () => {
  const { exitCode, stdout, stderr } = await trainOn('history.csv', 'cards-v1')
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /TensorFlow\.js on wasm/)
  assert.match(stderr, /network: epoch 1, loss [\d.]+, validation average precision [\d.]+, /)
  assert.match(stderr, /next: weir replay --model/)
  assert.match(stdout, /Thresholds: review from [\d.]+, deny from/)
  const { judged, baselines } = manifestOf('cards-v1').training
  assert.ok(judged.auc > 0.9, JSON.stringify(judged))
  for (const { auc, averagePrecision } of baselines) {
    assert.ok(judged.auc > auc + 0.1 && judged.averagePrecision > averagePrecision + 0.2)
  }
  const card = readFileSync(join(folder, 'cards-v1/CARD.md'), 'utf8')
  assert.match(
    card,
    /`weir train --input history\.csv --map map\.yaml --catalog catalog\.yaml --fit network --out cards-v1`/,
  )
  assert.ok(!card.includes(folder), 'a card names no folder of the machine')
  const replayed = await weir(
    ...['replay', '--input', 'history.csv', '--map', 'map.yaml', '--catalog', 'catalog.yaml'],
    ...['--model', 'cards-v1', '--decisions-out', 'decisions.jsonl'],
  )
  assert.equal(replayed.exitCode, 0, replayed.stderr)
  const decided = readFileSync(join(folder, 'decisions.jsonl'), 'utf8').split('\n')
  assert.match(decided[100]!, /"score":0\.\d+/)
})

test('what the mapping cannot fill is no input', async () => {
  const { exitCode, stderr } = await trainOn('history.csv', 'cards-v2', '--epochs', '1')
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /absent under this mapping: card_merchants_1d/)
  const names = manifestOf('cards-v2').inputs.map(({ feature }) => feature)
  assert.deepEqual(names, ['amount', 'hour', 'card_count_1h'])
})

test('the same command gives the same bytes, another seed others', async () => {
  const short = ['--epochs', '2', '--layers', '8']
  for (const out of ['a/cards-v3', 'b/cards-v3']) {
    const { exitCode, stderr } = await trainOn('history.csv', out, ...short)
    assert.equal(exitCode, 0, stderr)
  }
  const names = readdirSync(join(folder, 'a/cards-v3')).sort()
  assert.deepEqual(names, ['CARD.md', 'golden.json', 'manifest.json', 'model.onnx'])
  const read = (out: string, name: string): string =>
    readFileSync(join(folder, out, name), 'base64')
  for (const name of names) assert.equal(read('a/cards-v3', name), read('b/cards-v3', name), name)
  await trainOn('history.csv', 'c/cards-v3', ...short, '--fit-seed', '2')
  assert.notEqual(read('a/cards-v3', 'model.onnx'), read('c/cards-v3', 'model.onnx'))
})

test('rows without a label are left out and counted', async () => {
  let seen = 0
  write(
    'some.csv',
    history(3000, (isFraud) => (seen++ % 3 === 0 ? '' : isFraud ? '1' : '0')),
  )
  const { exitCode, stderr } = await trainOn('some.csv', 'some-v1', '--epochs', '1')
  assert.equal(exitCode, 0, stderr)
  const { rows, leftOut } = manifestOf('some-v1').training
  assert.ok(leftOut.unlabelled > 1500 && leftOut.unlabelled < 2500, `${leftOut.unlabelled}`)
  assert.ok(rows < manifestOf('cards-v1').training.rows)
})

test('windows see a label from its arrival: fraud by chance stays unforeseen, though its count is a feature', async () => {
  const next = minstd(23)
  write(
    'chance.csv',
    history(4000, () => (next() % 7 === 0 ? '1' : '0')),
  )
  const { exitCode, stderr } = await weir(
    ...['train', '--input', 'chance.csv', '--map', 'map.yaml', '--catalog', 'labels.yaml'],
    ...['--fit', 'network', '--backend', 'wasm', '--epochs', '5', '--out', 'chance-v1'],
  )
  assert.ok(exitCode < 2, stderr)
  const { judged, baselines } = manifestOf('chance-v1').training
  for (const { auc } of [judged, ...baselines]) assert.ok(Math.abs(auc - 0.5) < 0.07, `${auc}`)
})

test('a model that beats no baseline is written, called useless, and ends with 1', async () => {
  const rows = history(1500).trimEnd().split('\n')
  const labelled = rows.map((row, line) => {
    const [id, time, card, amount] = row.split(',')
    return line === 0 ? row : [id, time, card, amount, Number(amount) > 13 ? 1 : 0].join(',')
  })
  write('dear.csv', `${labelled.join('\n')}\n`)
  const { exitCode, stdout, stderr } = await trainOn('dear.csv', 'dear-v1')
  assert.equal(exitCode, 1, stderr)
  assert.match(stdout, /It does not beat .*amount alone.*: do not use it\./)
  assert.doesNotMatch(stderr, /next:/)
  assert.match(readFileSync(join(folder, 'dear-v1/CARD.md'), 'utf8'), /\*\*It does not beat: /)
})

const unfit: readonly (readonly [string, string, RegExp])[] = [
  [
    'no label of fraud',
    history(1000, () => '0'),
    /rows to train on: expected at least 20 labelled fraud and 100 legitimate, found 0 and \d{3,}/,
  ],
  ['nothing but fraud', history(1000, () => '1'), /legitimate, found \d{3,} and 0/],
  [
    'no label at all',
    history(1000, () => ''),
    /found 0 and 0; .*left out: \d+ while windows filled, \d{3,} without a label/,
  ],
  ['too few rows', history(40), /rows to judge by: expected at least 5 labelled fraud/],
  ['no row', 'id,time,card,amount,label\n', /found 0 and 0/],
]

for (const [name, text, expected] of unfit) {
  test(`a history with ${name} is refused with exit code 2`, async () => {
    write('unfit.csv', text)
    const { exitCode, stderr } = await trainOn('unfit.csv', 'unfit-v1')
    assert.equal(exitCode, 2, stderr)
    assert.match(stderr, expected)
    assert.match(stderr, /history_unfit: /)
    assert.ok(!readdirSync(folder).includes('unfit-v1'), 'nothing is written')
  })
}

test('an unknown feature is refused with the name that was probably meant', async () => {
  const { exitCode, stderr } = await trainOn('history.csv', 'x-v1', '--features', 'amount,houre')
  assert.equal(exitCode, 2)
  assert.match(
    stderr,
    /--features: expected a feature of the catalog, found "houre" \(did you mean hour\?\)/,
  )
  const absent = await trainOn('history.csv', 'x-v1', '--features', 'card_merchants_1d')
  assert.match(absent.stderr, /that the mapping fills, found "card_merchants_1d"/)
})

test('what is asked wrongly is told together', async () => {
  const { exitCode, stderr } = await weir(
    ...['train', '--input', 'history.csv', '--map', 'map.yaml', '--out', 'Cards', '--layers', '0'],
    ...['--fit', 'network'],
    ...['--label-delay', 'a week', '--backend', 'gpu', '--judge', '95', '--features', 'a,,b'],
  )
  assert.equal(exitCode, 2)
  for (const option of ['out', 'layers', 'label-delay', 'backend', 'judge', 'features']) {
    assert.match(stderr, new RegExp(`option --${option}: expected .*, found `))
  }
  const bare = await weir('train', '--input', 'history.csv', '--map', 'map.yaml')
  assert.match(
    bare.stderr,
    /--out: expected a folder <name>-v<version> such as cards-v1, found nothing/,
  )
})

test('a backend that is asked for and does not load is refused', async () => {
  const { exitCode, stderr } = await weir(
    ...['train', '--input', 'history.csv', '--map', 'map.yaml', '--catalog', 'catalog.yaml'],
    ...['--out', 'x-v1', '--backend', 'native'],
  )
  if (exitCode === 0) return // The optional peer is installed here.
  assert.equal(exitCode, 2)
  assert.match(stderr, /--backend: expected one that loads, found native: /)
})
