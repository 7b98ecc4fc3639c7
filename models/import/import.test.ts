// What an import finds out, what it writes, and what it says of everything that is wrong. Real models are in fixtures.test.ts.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseDocument } from '../../engine/document.ts'
import { readCandidate } from '../gate.ts'
import { ModelRefusal } from '../model.ts'
import {
  attribute,
  DOUBLE,
  definitions,
  elsewhere,
  floats,
  INT64,
  linearParts,
  linearScore,
  modelFile,
  node,
  sha256Of,
  value,
  weights,
} from '../testing/model-files.ts'
import { importModel } from './import.ts'
import { ImportError, type ImportRequest } from './request.ts'
import type { RowFile } from './rows.ts'

const root = mkdtempSync(join(tmpdir(), 'weir-import-'))
after(() => {
  rmSync(root, { recursive: true })
})
let made = 0

const features = ['amount', 'card_count_1h', 'card_count_1d']

function rowFile(file: string, rows: readonly Readonly<Record<string, unknown>>[]): RowFile {
  return { file, columns: Object.keys(rows[0] ?? {}), rows, count: rows.length }
}

const rowOf = (at: number): number[] => [at, 3 - at / 2, at % 3]
const cells = (row: readonly (number | null)[]): Record<string, unknown> =>
  Object.fromEntries(features.map((name, input) => [name, row[input]]))
const goldenOf = (score: (row: readonly number[]) => unknown): RowFile =>
  rowFile(
    'golden.csv',
    Array.from({ length: 9 }, (_, at) => ({ ...cells(rowOf(at)), score: score(rowOf(at)) })),
  )

function requestOf(parts: Partial<ImportRequest> = {}): ImportRequest {
  return {
    file: 'mine.onnx',
    bytes: modelFile(linearParts()),
    folder: join(root, `model-${made++}`),
    name: 'mine',
    version: 3,
    features,
    definitions,
    golden: goldenOf(linearScore),
    sample: null,
    kind: null,
    output: null,
    column: null,
    fraud: 1,
    stranger: 'higher',
    thresholds: null,
    tolerance: 1e-5,
    imputation: null,
    monotonicUs: null,
    isForReplay: false,
    ...parts,
  }
}

async function bring(parts: Partial<ImportRequest> = {}) {
  const request = requestOf(parts)
  const imported = await importModel(request, parseDocument)
  return { ...imported, ...readCandidate(request.folder, definitions, parseDocument), request }
}

/** What is said of a request that fails, a line each. Nothing of it is left behind. */
async function faultsOf(
  parts: Partial<ImportRequest>,
  kind: typeof ImportError | typeof ModelRefusal,
): Promise<string[]> {
  const before = readdirSync(root)
  let lines: string[] = []
  await assert.rejects(importModel(requestOf(parts), parseDocument), (error) => {
    assert.ok(error instanceof kind, String(error))
    lines = error.message.split('\n')
    return true
  })
  assert.deepEqual(readdirSync(root), before)
  return lines
}

const weighted = (row: readonly number[]): number =>
  weights.reduce((sum, weight, input) => sum + weight * row[input]!, 0)

/** Score and complement in one tensor, the fraud first; and the margin beside them. */
function twoOutputs(): Buffer {
  const parts = linearParts()
  return modelFile({
    ...parts,
    initializer: [...parts.initializer!, floats('one', [1], [1])],
    node: [
      parts.node[0]!,
      node('Sigmoid', ['margin'], ['fraud']),
      node('Sub', ['one', 'fraud'], ['legit']),
      node('Concat', ['fraud', 'legit'], ['both'], [attribute.int('axis', 1)]),
    ],
    output: [value('margin', ['N', 1]), value('both', ['N', 2])],
  })
}

test('a folder is made that the gate admits, with what the golden rows say of its inputs', async () => {
  const { manifest, golden, notes, request } = await bring()
  assert.deepEqual(readdirSync(request.folder).sort(), [
    'CARD.md',
    'golden.json',
    'manifest.json',
    'model.onnx',
  ])
  assert.equal(manifest.name, 'mine')
  assert.equal(manifest.version, 3)
  assert.equal(golden.rows.length, 9)
  const [amount] = manifest.inputs
  // 0, 1, … 8.
  assert.deepEqual(amount, {
    feature: 'amount',
    definition: 'aaaaaaaaaaaaaaaa',
    imputation: 4,
    mean: 4,
    deviation: Number(Math.sqrt(60 / 9).toPrecision(6)),
    baseline: 4,
  })
  assert.deepEqual(manifest.thresholds, { review: 0.5, deny: 0.9 })
  assert.deepEqual(notes, [
    'Scores are column 0 of score, read as probability: nothing else agrees with the golden scores.',
    'Means, deviations and baselines are of the golden rows, for there is no --sample.',
    'For an absent value stands the mean.',
    'Thresholds: review from 0.5, deny from 0.9: for want of a sample.',
  ])
  assert.match(readFileSync(join(request.folder, 'CARD.md'), 'utf8'), /`mine\.onnx`, \d+ bytes/)
})

test('the same request gives the same bytes', async () => {
  const sample = rowFile(
    'rows.csv',
    Array.from({ length: 2000 }, (_, at) => cells(rowOf(at))),
  )
  const [one, other] = [await bring({ sample }), await bring({ sample })]
  for (const name of readdirSync(one.request.folder)) {
    const bytes = readFileSync(join(one.request.folder, name))
    assert.ok(bytes.equals(readFileSync(join(other.request.folder, name))), name)
  }
})

test('of a sample come means, medians, thresholds, and a background of at most 1024 of its rows', async () => {
  const rows = Array.from({ length: 2001 }, (_, at) => [at / 1000, at < 2 ? null : 0, at ** 2])
  const sample = rowFile('rows.csv', rows.map(cells))
  const { manifest, background, notes, request } = await bring({ sample })
  assert.equal(background!.length, 1024)
  assert.equal(new Set(background!.map(([amount]) => amount)).size, 1024)
  const stated = readFileSync(join(request.folder, 'background.json'))
  assert.equal(manifest.background, sha256Of(stated))
  const [amount, , squares] = manifest.inputs
  assert.equal(amount!.mean, 1)
  assert.equal(amount!.baseline, 1)
  assert.equal(squares!.baseline, 1_000_000)
  const scores = rows.map((row) => linearScore(row.map((one) => one ?? 0))).sort((a, b) => a - b)
  assert.ok(Math.abs(manifest.thresholds.review - scores[1980]!) < 1e-5)
  assert.ok(notes.some((note) => note.includes('1 % and 0.1 % of the sample')))
})

test('of many golden rows 256 are kept, from all over them', async () => {
  const rows = Array.from({ length: 1000 }, (_, at) => {
    const row = [at / 500, 0, 0]
    return { ...cells(row), score: linearScore(row) }
  })
  const { golden, notes } = await bring({ golden: rowFile('golden.csv', rows) })
  assert.equal(golden.rows.length, 256)
  assert.ok(golden.rows.at(-1)![0]! > 1.98)
  assert.deepEqual(
    golden.scores,
    golden.rows.map((row) => linearScore(row)),
  )
  assert.ok(notes.includes('Of 1000 golden rows 256 were taken.'))
})

test('which output, column and kind it is, the golden scores say', async () => {
  const bytes = twoOutputs()
  const read = async (parts: Partial<ImportRequest>): Promise<string> => {
    const { rule } = await bring({ bytes, ...parts })
    return `${rule.name} ${rule.column} ${rule.kind}`
  }
  assert.equal(await read({}), 'both 0 probability')
  const complement = goldenOf((row) => 1 - linearScore(row))
  assert.equal(await read({ golden: complement }), 'both 1 probability')
  assert.equal(await read({ output: 'margin' }), 'margin 0 margin')
  assert.equal(await read({ kind: 'margin' }), 'margin 0 margin')
})

test('golden scores that are margins are taken for such when it is said, and asked about when it is not', async () => {
  const margin = (row: readonly number[]): number => -Math.log(1 / linearScore(row) - 1)
  const golden = goldenOf(margin)
  const { manifest, golden: kept } = await bring({ bytes: twoOutputs(), golden, kind: 'margin' })
  assert.equal(manifest.output.kind, 'margin')
  assert.ok(Math.abs(kept.scores[4]! - linearScore(rowOf(4))) < 1e-9)
  const [fault] = await faultsOf({ bytes: twoOutputs(), golden }, ImportError)
  assert.match(fault!, /^golden\.csv: score: expected numbers from 0 to 1, found -?\d.* to \d/)
  assert.match(fault!, /margins: --kind margin; strangeness: --kind anomaly; classes: --kind label/)
})

test('where golden rows have absent values the model is handed NaN, else the mean, or what was asked for', async () => {
  const imputation = async (parts: Partial<ImportRequest>): Promise<number> =>
    (await bring(parts)).manifest.inputs[1]!.imputation
  assert.equal(await imputation({}), 1)
  assert.equal(await imputation({ imputation: -1 }), -1)
  assert.equal(await imputation({ imputation: 'median' }), 1)
  assert.ok(Number.isNaN(await imputation({ imputation: 'nan' })))
  const whole = goldenOf(linearScore)
  const first = { ...whole.rows[0], card_count_1h: '', score: linearScore([0, 0, 0]) }
  const golden = { ...whole, rows: [first, ...whole.rows.slice(1)] }
  assert.equal(await imputation({ golden, imputation: 0 }), 0)
  // A weighted sum with NaN is NaN: this model does not take absent values, and the gate says so.
  const [fault] = await faultsOf({ golden }, ModelRefusal)
  assert.match(fault!, /^mine\.onnx: golden row 0: expected 0\.5 ± 0\.00001, found no number/)
})

test('everything that is wrong with a request and its model is said at once', async () => {
  const folder = join(root, 'taken')
  mkdirSync(folder, { recursive: true })
  const bytes = modelFile({
    ...linearParts(),
    input: [value('features', [1, 4], DOUBLE)],
    initializer: [elsewhere('weights')],
  })
  const rows = [{ amount: '1', card_count_1h: 'many', card_count_1d: 2, scores: 0.5 }]
  const parts = {
    folder,
    bytes,
    features: ['amount', 'card_cuont_1h', 'card_count_1d'],
    golden: rowFile('golden.csv', rows),
    sample: rowFile('rows.csv', [{ amount: 1, card_cuont_1h: 2, hour: 3 }]),
  }
  assert.deepEqual(await faultsOf(parts, ImportError), [
    `--out: folder: expected one that is not there yet, found ${folder}`,
    '--features: feature 2: expected a feature of the catalog, found "card_cuont_1h" (did you mean card_count_1h?)',
    'golden.csv: columns: expected a column card_cuont_1h, found amount, card_count_1h, card_count_1d, scores (did you mean card_count_1h?)',
    'golden.csv: columns: expected a column score, found amount, card_count_1h, card_count_1d, scores (did you mean scores?)',
    'rows.csv: columns: expected a column card_count_1d, found amount, card_cuont_1h, hour (did you mean card_cuont_1h?)',
    'mine.onnx: tensors: expected all tensors in this file, found weights in another file (save the model as one file)',
    'mine.onnx: input features: expected float, found double (fit or convert it with float32)',
    'mine.onnx: input features: expected a free batch dimension, found 1 (export it with a dynamic first dimension)',
    'mine.onnx: input features: expected 3 columns, as --features has names, found 4',
  ])
  rmSync(folder, { recursive: true })
})

test('cells that are no numbers are named, and counted where there are many', async () => {
  const rows = Array.from({ length: 7 }, () => ({ ...cells([1, 2, 3]), amount: 'x', score: null }))
  assert.deepEqual(await faultsOf({ golden: rowFile('golden.csv', rows) }, ImportError), [
    ...[1, 2, 3, 4, 5].map(
      (row) =>
        `golden.csv: row ${row}, amount: expected a number, or nothing for absent, found "x"`,
    ),
    'golden.csv: rows: expected numbers, found 7 values that are none, in all',
    'golden.csv: row 1, score: expected a number, found none',
  ])
  const none = rowFile('golden.csv', [])
  const [fault] = await faultsOf(
    { golden: { ...none, columns: [...features, 'score'] } },
    ImportError,
  )
  assert.equal(fault, 'golden.csv: rows: expected at least one row, found none')
})

test('14 or 16 names for a model of 15 columns are refused', async () => {
  const names = Array.from({ length: 16 }, (_, at) => `f${at}`)
  const known = new Map(names.map((name) => [name, 'aaaaaaaaaaaaaaaa']))
  const bytes = modelFile({ ...linearParts(), input: [value('features', ['N', 15])] })
  for (const count of [14, 16]) {
    const some = names.slice(0, count)
    const row = Object.fromEntries([...some.map((name) => [name, 1] as const), ['score', 0.5]])
    const parts = { bytes, features: some, definitions: known, golden: rowFile('g.csv', [row]) }
    assert.deepEqual(await faultsOf(parts, ModelRefusal), [
      `mine.onnx: input features: expected ${count} columns, as --features has names, found 15`,
    ])
  }
})

test('a model that disagrees with its golden rows is refused with the worst of them, by the reading that comes nearest', async () => {
  const off = goldenOf((row) => linearScore(row) * (row[0] === 6 ? 0.9 : 0.99))
  const faults = await faultsOf({ bytes: twoOutputs(), golden: off }, ModelRefusal)
  assert.match(
    faults[0]!,
    /^mine\.onnx: golden row 6: expected 0\.\d+ ± 0\.00001, found 0\.\d+ \(column 0 of margin, read as margin\)$/,
  )
  assert.equal(faults.length, 4)
  assert.match(faults[3]!, /golden rows: expected all 9 within the tolerance, found 9 that are not/)
})

test('an output or a column that is not there is refused with those that are', async () => {
  assert.deepEqual(await faultsOf({ bytes: twoOutputs(), output: 'score' }, ModelRefusal), [
    'mine.onnx: output score: expected it among the outputs of float or int64, found margin (float), both (float)',
  ])
  assert.deepEqual(await faultsOf({ bytes: twoOutputs(), column: 2 }, ImportError), [
    'mine.onnx: outputs: expected one for --column 2, found margin (scores, 1 in a row), both (scores, 2 in a row)',
  ])
})

test('scores that are no labels are refused where the model gives labels', async () => {
  const parts = linearParts()
  const bytes = modelFile({
    ...parts,
    node: [parts.node[0]!, node('Cast', ['margin'], ['label'], [attribute.int('to', INT64)])],
    output: [value('label', ['N', 1], INT64)],
  })
  const [fault] = await faultsOf({ bytes, kind: 'label' }, ImportError)
  assert.match(
    fault!,
    /^golden\.csv: score: expected labels, which are whole numbers, found 0\.\d+$/,
  )
  const { rule } = await bring({ bytes, golden: goldenOf((row) => Math.trunc(weighted(row))) })
  assert.equal(rule.kind, 'label')
})

test('an anomaly without a sample, or with other scores than the model gives, is refused', async () => {
  const parts = { bytes: twoOutputs(), output: 'margin', kind: 'anomaly' } as const
  assert.deepEqual(await faultsOf({ ...parts, golden: goldenOf(linearScore) }, ImportError), [
    '--sample: rows: expected those that the model was fitted on, for the quantiles of an anomaly, found none',
  ])
  const sample = rowFile('rows.csv', [cells([1, 2, 3]), cells([3, 2, 1])])
  const [fault] = await faultsOf({ ...parts, sample }, ModelRefusal)
  assert.match(fault!, /^golden\.csv: score: expected what the model gives, ± 0\.00001, found one/)
})

test('a model of two seconds a row is run twice, and refused', async () => {
  let nowUs = 0
  let reads = 0
  const monotonicUs = (): number => {
    reads++
    return (nowUs += 2_000_000)
  }
  assert.deepEqual(await faultsOf({ monotonicUs }, ModelRefusal), [
    'mine.onnx: latency: expected at most 100000 µs for a row alone, found 2000000 µs',
  ])
  assert.equal(reads, 2)
})

test('a model that is too slow for a decision can be brought for replay alone', async () => {
  let nowUs = 0
  const parts = { monotonicUs: () => (nowUs += 2000) }
  assert.deepEqual(await faultsOf(parts, ModelRefusal), [
    'mine.onnx: latency: expected at most 1000 µs for a row alone, found 2000 µs at best',
  ])
  const { manifest } = await bring({ ...parts, isForReplay: true })
  assert.equal(manifest.name, 'mine')
})

test('bytes that are no model are refused beside what else is wrong', async () => {
  const parts = { bytes: Buffer.from('version https://git-lfs'), features: ['amount'] }
  assert.deepEqual(await faultsOf(parts, ModelRefusal), [
    'mine.onnx: (file): expected an ONNX model, found bytes that are none: wire type 6 at byte 1',
  ])
  assert.ok(!existsSync(join(root, '.model-0.part')))
})
