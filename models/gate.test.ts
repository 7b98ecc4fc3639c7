// Every refusal that needs no run: each names what was expected and found, all of a folder's come at once, and nothing
// that a folder may hold makes the gate do anything else than admit or refuse.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseDocument } from '../engine/document.ts'
import { modelBytesMax, readCandidate } from './gate.ts'
import { ModelRefusal } from './model.ts'
import { openModel } from './open.ts'
import {
  DOUBLE,
  definitions,
  elsewhere,
  type FolderParts,
  faultsIn,
  goldenRows,
  INT64,
  inputsOf,
  linearParts,
  ModelFolders,
  manifestOf,
  modelFile,
  node,
  sha256Of,
  value,
} from './testing/model-files.ts'

const folders = new ModelFolders()
after(() => {
  folders.dispose()
})

const linear = modelFile(linearParts())

const faultsOf = (parts: FolderParts): string[] => faultsIn(folders.make(parts))

test('a folder whose files agree is let in', () => {
  assert.deepEqual(faultsOf({ bytes: linear }), [])
  const candidate = readCandidate(folders.make({ bytes: linear }), definitions, parseDocument)
  assert.deepEqual(candidate.bytes, linear)
  assert.deepEqual(candidate.golden.rows, goldenRows)
  assert.equal(candidate.manifest.output.name, 'score')
})

test('the hash of a model covers its manifest, and with it the file and all that makes a score', () => {
  const hashOf = (manifest: Record<string, unknown>): string =>
    readCandidate(folders.make({ bytes: linear, manifest }), definitions, parseDocument).hash
  const inputs = inputsOf(['amount', 'card_count_1h', 'card_count_1d'])
  const imputed = inputs.map((input) => ({ ...input, imputation: 1 }))
  assert.equal(hashOf({}), hashOf({ inputs }))
  assert.notEqual(hashOf({}), hashOf({ inputs: imputed }))
})

test('another file than the one the manifest describes is refused', () => {
  const sha256 = 'ab'.repeat(32)
  const found = String(manifestOf(linear)['sha256'])
  assert.deepEqual(faultsOf({ bytes: linear, manifest: { sha256 } }), [
    `model.onnx: sha256: expected ${sha256} (manifest), found ${found} (the manifest describes another file: take the whole folder from where it was made)`,
  ])
})

test('a background is read, and is the file that the manifest names', () => {
  const rows = [
    [1, 2, null],
    [0, 0, 0],
  ]
  const read = (parts: Partial<FolderParts>) =>
    readCandidate(folders.make({ bytes: linear, ...parts }), definitions, parseDocument).background
  assert.equal(read({}), null)
  assert.deepEqual(read({ background: { rows } }), rows)
  const refused = (background: unknown, sha256?: string): string[] =>
    faultsOf({ bytes: linear, background, ...(sha256 && { manifest: { background: sha256 } }) })
  const other = 'ab'.repeat(32)
  const found = sha256Of(Buffer.from('{"rows":[[1,2,3]]}'))
  assert.deepEqual(refused({ rows: [[1, 2, 3]] }, other), [
    `background.json: sha256: expected ${other} (manifest), found ${found} (the manifest describes another file: take the whole folder from where it was made)`,
  ])
  assert.deepEqual(faultsOf({ bytes: linear, manifest: { background: other } }), [
    'background.json: (file): expected a file that can be read, found ENOENT',
  ])
  assert.deepEqual(
    refused({
      rows: [
        [1, 2],
        [1, '2', 3],
      ],
      seed: 1,
    }),
    [
      'background.json: seed: expected one of rows, found "seed"',
      'background.json: rows[0]: expected 3 values, as the manifest has inputs, found 2',
      'background.json: rows[1][1]: expected a number, or null for absent, found "2"',
    ],
  )
  assert.deepEqual(refused({ rows: [] }), [
    'background.json: rows: expected at least one row, found []',
  ])
  assert.deepEqual(refused({ rows: Array(1025).fill([1, 2, 3]) }), [
    'background.json: rows: expected at most 1024 rows, found 1025',
  ])
  const folder = folders.make({
    bytes: linear,
    manifest: { background: sha256Of(Buffer.from('{')) },
  })
  writeFileSync(join(folder, 'background.json'), '{')
  assert.match(faultsIn(folder)[0]!, /^background\.json: \(file\): expected valid JSON, found /)
})

test('a folder that is replaced while it is read is refused: files of two versions do not agree', async () => {
  const other = { ...linearParts(), name: 'next' }
  const rows = [[1, 2, 3]]
  const now = { bytes: linear, background: { rows } }
  const next = { bytes: modelFile(other), background: { rows: [[3, 2, 1]] } }
  const replacing = (places: readonly string[], after: string): string => {
    const folder = folders.make(now)
    const later = folders.make(next)
    try {
      readCandidate(folder, definitions, (file, bytes) => {
        if (file.endsWith(after)) {
          for (const name of places) copyFileSync(join(later, name), join(folder, name))
        }
        return parseDocument(file, bytes)
      })
      return 'admitted'
    } catch (error) {
      assert.ok(error instanceof ModelRefusal, String(error))
      return error.message.replaceAll(`${folder}/`, '').replaceAll(/: expected.*/g, '')
    }
  }
  const all = ['manifest.json', 'model.onnx', 'background.json', 'golden.json']
  assert.equal(replacing(all, 'manifest.json'), 'background.json: sha256\nmodel.onnx: sha256')
  // The golden rows are read before the model.
  assert.equal(replacing(all, 'golden.json'), 'background.json: sha256\nmodel.onnx: sha256')
  assert.equal(replacing(['model.onnx'], 'golden.json'), 'model.onnx: sha256')
  assert.equal(replacing(['background.json'], 'golden.json'), 'background.json: sha256')
  // Whichever golden rows it read, the model must agree with them.
  const golden = { rows: goldenRows, scores: goldenRows.map(() => 0.5) }
  const mixed = folders.make({ bytes: linear, golden })
  await assert.rejects(openModel(mixed, definitions, parseDocument), /golden row/)
})

const score = value('score', ['N', 1])

test('faults of all three files come together', () => {
  const inputs = inputsOf(['amount', 'card_count_1h', 'speed'])
  inputs[2] = { ...inputs[2], definition: 'eeeeeeeeeeeeeeee' }
  const parts = {
    ...linearParts(),
    initializer: [elsewhere('weights')],
    node: [node('Foo', ['features'], ['score'])],
    input: [value('features', [1, 4], DOUBLE)],
    output: [score, value('label', ['N'], INT64)],
  }
  const manifest = { inputs, sha256: 'ab'.repeat(32), output: { name: 'probability' } }
  const golden = { rows: [[1, 2]], scores: [2] }
  const places = faultsOf({ bytes: modelFile(parts), manifest, golden }).map((fault) =>
    fault.replace(/: expected.*/, ''),
  )
  assert.deepEqual(places, [
    'manifest.json:22: inputs[2].feature',
    'golden.json:1: rows[0]',
    'golden.json:1: scores[0]',
    'model.onnx: sha256',
    'model.onnx: tensors',
    'model.onnx: operators',
    'model.onnx: input features',
    'model.onnx: input features',
    'model.onnx: input features',
    'model.onnx: output probability',
  ])
})

test('what can be known of a model without its manifest is still said when that is broken', () => {
  const bytes = modelFile({
    ...linearParts(),
    input: [value('features', [1, 3])],
    initializer: [elsewhere('w')],
  })
  const folder = folders.make({ bytes })
  writeFileSync(join(folder, 'manifest.json'), '{"name": "linear",\n"version": 1')
  const faults = faultsIn(folder)
  assert.match(faults[0]!, /^manifest\.json:2: /)
  assert.deepEqual(
    faults.slice(-2).map((fault) => fault.split(', found')[0]),
    [
      'model.onnx: tensors: expected all tensors in this file',
      'model.onnx: input features: expected a free batch dimension',
    ],
  )
})

test('missing files, a folder for a file and a huge file are refused, all at once', () => {
  const folder = folders.make({ bytes: linear })
  for (const name of ['manifest.json', 'golden.json', 'model.onnx']) rmSync(join(folder, name))
  const readable = '(file): expected a file that can be read, found ENOENT'
  assert.deepEqual(faultsIn(folder), [
    `manifest.json: ${readable}`,
    `golden.json: ${readable}`,
    `model.onnx: ${readable}`,
  ])
  mkdirSync(join(folder, 'golden.json'))
  // Sparse: it takes no space, and is refused before a byte is read.
  writeFileSync(join(folder, 'model.onnx'), '')
  truncateSync(join(folder, 'model.onnx'), modelBytesMax + 1)
  assert.deepEqual(faultsIn(folder).slice(1), [
    'golden.json: (file): expected a file, found something else',
    'model.onnx: (file): expected at most 268435456 bytes, found 268435457 bytes',
  ])
})

test('an empty file, text and a broken-off model are no models', () => {
  const folder = folders.make({ bytes: linear })
  const found = (bytes: Buffer | string): string => {
    writeFileSync(join(folder, 'model.onnx'), bytes)
    const faults = faultsIn(folder)
    assert.match(faults[0]!, /^model\.onnx: sha256: /)
    return faults[1]!.replace(
      'model.onnx: (file): expected an ONNX model, found bytes that are none: ',
      '',
    )
  }
  assert.equal(found(''), 'there is no graph')
  assert.equal(found('version https://git-lfs'), 'wire type 6 at byte 1')
  assert.match(found(linear.subarray(0, 60)), /^a field of \d+ bytes where \d+ are left$/)
})

test('every truncation and every flipped bit of a model is refused by its hash, before the runtime sees it', async () => {
  const folder = folders.make({ bytes: linear })
  const refused = async (bytes: Buffer): Promise<void> => {
    writeFileSync(join(folder, 'model.onnx'), bytes)
    await assert.rejects(openModel(folder, definitions, parseDocument), (error) => {
      assert.ok(error instanceof ModelRefusal)
      assert.equal(error.faults[0]!.path, 'sha256')
      return true
    })
  }
  for (let length = 0; length < linear.length; length++) await refused(linear.subarray(0, length))
  for (let bit = 0; bit < linear.length * 8; bit += 3) {
    const bytes = Buffer.from(linear)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    await refused(bytes)
  }
})

test('a flipped bit that the manifest was hashed after ends in a model or a refusal, too', async () => {
  let admitted = 0
  for (let bit = 0; bit < linear.length * 8; bit += 5) {
    const bytes = Buffer.from(linear)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    const folder = folders.make({ bytes })
    try {
      const model = await openModel(folder, definitions, parseDocument, { rowMax: 4 })
      await model.close()
      admitted++
    } catch (error) {
      assert.ok(error instanceof ModelRefusal, `bit ${bit}: ${String(error)}`)
    }
  }
  // A name that nothing refers to, the last bits of a weight: its golden rows still agree.
  assert.ok(admitted > 0)
})
