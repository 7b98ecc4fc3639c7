// manifest.json and golden.json: every fault that can be in them, all at once, each with its line.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseDocument } from '../engine/document.ts'
import { readCandidate } from './gate.ts'
import {
  definitions,
  type FolderParts,
  faultsIn,
  inputsOf,
  linearParts,
  ModelFolders,
  modelFile,
} from './testing/model-files.ts'

const folders = new ModelFolders()
after(() => {
  folders.dispose()
})

const linear = modelFile(linearParts())
const faultsOf = (parts: FolderParts): string[] => faultsIn(folders.make(parts))

test('a feature that the catalog does not have, or computes otherwise, is refused with its line', () => {
  const inputs = inputsOf(['amount', 'card_cuont_1h', 'card_count_1d'])
  inputs[1] = { ...inputs[1], definition: 'bbbbbbbbbbbbbbbb' }
  inputs[2] = { ...inputs[2], definition: '0123456789abcdef' }
  assert.deepEqual(faultsOf({ bytes: linear, manifest: { inputs } }), [
    'manifest.json:15: inputs[1].feature: expected a feature of the catalog, found "card_cuont_1h" (did you mean card_count_1h?)',
    'manifest.json:23: inputs[2].definition: expected cccccccccccccccc, the catalog\'s definition of card_count_1d, found "0123456789abcdef" (the catalog computes another number under this name: fit the model on it)',
  ])
})

test('all faults of a manifest come at once, with their lines', () => {
  const inputs = inputsOf(['amount', 'amount', 'card_count_1d'])
  inputs[0] = { ...inputs[0], imputation: '0', mean: null, deviation: -1, weight: 2 }
  inputs[2] = { ...inputs[2], baseline: 'mean' }
  const manifest = {
    name: 'no name',
    version: 1.5,
    sha256: 'abc',
    input: 7,
    inputs,
    output: { name: 'score', columm: 1, transform: 'softmax', kind: 'margn' },
    thresholds: { review: 0.9, deny: 0.8 },
    tolerance: -1,
    background: 7,
    licence: 'none',
  }
  assert.deepEqual(faultsOf({ bytes: linear, manifest }), [
    'manifest.json:2: name: expected a name of letters, digits and _, at most 64, found "no name"',
    'manifest.json:3: version: expected a whole number from 1 to 1000000, found 1.5',
    'manifest.json:4: sha256: expected 64 hex digits, found "abc"',
    'manifest.json:5: input: expected a text, found 7',
    'manifest.json:10: inputs[0].imputation: expected a number, or "nan" for a model that takes absent values, found "0"',
    'manifest.json:11: inputs[0].mean: expected a number, found null',
    'manifest.json:12: inputs[0].deviation: expected a number from 0, found -1',
    'manifest.json:13: inputs[0].weight: expected one of feature, definition, imputation, mean, deviation, baseline, found "weight"',
    'manifest.json:16: inputs[1].feature: expected a feature named once, found "amount"',
    'manifest.json:28: inputs[2].baseline: expected a number, found "mean"',
    'manifest.json:33: output.columm: expected one of name, column, kind, fraud, stranger, quantiles, found "columm" (did you mean column?)',
    'manifest.json:34: output.transform: expected one of name, column, kind, fraud, stranger, quantiles, found "transform"',
    'manifest.json:35: output.kind: expected one of probability, margin, label, anomaly, found "margn" (did you mean margin?)',
    'manifest.json:38: thresholds.review: expected at most deny (0.8), found 0.9',
    'manifest.json:41: tolerance: expected a number from 0 to 0.01, found -1',
    'manifest.json:43: background: expected a text, found 7',
    'manifest.json:44: licence: expected one of name, version, sha256, input, inputs, output, thresholds, tolerance, background, training, found "licence"',
  ])
})

test('a manifest without anything says all that belongs into one', () => {
  const folder = folders.make({ bytes: linear })
  writeFileSync(join(folder, 'manifest.json'), '{}')
  assert.deepEqual(
    faultsIn(folder).map((fault) => fault.split(': ')[1]),
    ['name', 'version', 'sha256', 'input', 'inputs', 'output', 'thresholds'],
  )
})

test('golden rows of the wrong width, kind or number are refused with their lines', () => {
  const golden =
    '{"rows": [\n[1, 2, 3],\n[1, 2],\n7,\n[1, "2", true]],\n"scores": [0.5, 1.5, "0",\n 0.1, 0.2], "seed": 1}'
  const folder = folders.make({ bytes: linear })
  writeFileSync(join(folder, 'golden.json'), golden)
  assert.deepEqual(faultsIn(folder), [
    'golden.json:3: rows[1]: expected 3 values, as the manifest has inputs, found 2',
    'golden.json:4: rows[2]: expected a list, found 7',
    'golden.json:5: rows[3][1]: expected a number, or null for absent, found "2"',
    'golden.json:5: rows[3][2]: expected a number, or null for absent, found true',
    'golden.json:6: scores[1]: expected a number from 0 to 1, found 1.5',
    'golden.json:6: scores[2]: expected a number from 0 to 1, found "0"',
    'golden.json:6: scores: expected as many as rows (4), found 5',
    'golden.json:7: seed: expected one of rows, scores, found "seed"',
  ])
  assert.deepEqual(faultsOf({ bytes: linear, golden: { rows: [], scores: [] } }), [
    'golden.json:1: rows: expected at least one row, found []',
  ])
})

test('what only one kind of output has is refused with another, and an anomaly needs its quantiles', () => {
  const faults = (output: object): string[] =>
    faultsOf({ bytes: linear, manifest: { output: { name: 'score', ...output } } }).map((fault) =>
      fault.replace(/^manifest\.json:\d+: output/, ''),
    )
  assert.deepEqual(faults({ kind: 'margin', fraud: 1, stranger: 'lower', quantiles: [0, 1] }), [
    '.fraud: expected none, for only kind: label has it, found 1',
    '.stranger: expected none, for only kind: anomaly has it, found "lower"',
    '.quantiles: expected none, for only kind: anomaly has it, found [0,1]',
  ])
  assert.deepEqual(faults({ kind: 'label', fraud: 1.5 }), [
    '.fraud: expected a whole number from -1000000 to 1000000, found 1.5',
  ])
  assert.deepEqual(faults({ kind: 'anomaly', stranger: 'low' }), [
    '.quantiles: expected a list, found nothing',
    '.stranger: expected one of higher, lower, found "low" (did you mean lower?)',
  ])
  const quantiles = (of: unknown[]): string[] => faults({ kind: 'anomaly', quantiles: of })
  assert.deepEqual(quantiles([1]), ['.quantiles: expected 2 to 10001 numbers, found 1'])
  assert.deepEqual(quantiles([1, 1, 2]), [])
  assert.deepEqual(quantiles([1, null]), ['.quantiles[1]: expected a number, found null'])
  assert.deepEqual(quantiles([1, 3, 2]), [
    '.quantiles[2]: expected at least the one before it (3), found 2',
  ])
  assert.deepEqual(quantiles(Array(10_002).fill(0)), [
    '.quantiles: expected 2 to 10001 numbers, found 10002',
  ])
})

test('an input without a baseline has its mean for one', () => {
  const [amount, hour, count] = inputsOf(['amount', 'card_count_1h', 'card_count_1d'])
  const inputs = [amount, { ...hour, baseline: -7 }, count]
  const folder = folders.make({ bytes: linear, manifest: { inputs } })
  const { manifest } = readCandidate(folder, definitions, parseDocument)
  assert.deepEqual(
    manifest.inputs.map(({ baseline }) => baseline),
    [1, -7, 1],
  )
})
