// Models of the libraries that people bring, each through the whole way that a user goes: imported from the file that the
// converter gave, opened from the folder that came of it, and its scores held against those of the library itself.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { shipped } from '../../engine/assemble.ts'
import { readRowFile } from '../../engine/commands/row-file.ts'
import { parseDocument, readDocument } from '../../engine/document.ts'
import { compileCatalog } from '../../features/catalog.ts'
import { type Model, ModelRefusal } from '../model.ts'
import { openModel } from '../open.ts'
import { sigmoid } from '../reading.ts'
import { importModel } from './import.ts'
import type { ImportRequest } from './request.ts'

const fixtures = fileURLToPath(import.meta.resolve('#root/models/testing/fixtures'))
const catalog = compileCatalog(readDocument(shipped.catalog))
const definitions = new Map(catalog.features.map(({ name, definition }) => [name, definition]))

const root = mkdtempSync(join(tmpdir(), 'weir-fixtures-'))
after(() => {
  rmSync(root, { recursive: true })
})

async function requestFor(
  name: string,
  wishes: Partial<ImportRequest> = {},
): Promise<ImportRequest> {
  const golden = await readRowFile(join(fixtures, name, 'golden.jsonl'), 'golden.jsonl', 1000)
  const sample = join(fixtures, name, 'sample.jsonl')
  return {
    file: 'model.onnx',
    bytes: readFileSync(join(fixtures, name, 'model.onnx')),
    folder: join(root, `${name}-v1`),
    name: 'brought',
    version: 1,
    features: golden.columns.filter((column) => column !== 'score'),
    definitions,
    golden,
    sample: existsSync(sample) ? await readRowFile(sample, 'sample.jsonl', 1000) : null,
    kind: null,
    output: null,
    column: null,
    fraud: 1,
    stranger: 'higher',
    thresholds: null,
    tolerance: 1e-6,
    imputation: null,
    monotonicUs: null,
    isForReplay: false,
    ...wishes,
  }
}

async function scoresOf(model: Model, { golden, features }: ImportRequest): Promise<number[]> {
  for (const [at, row] of golden.rows.entries()) {
    const values = features.map((name, input) => row[name] ?? model.inputs[input]!.imputation)
    model.rows.set(values as number[], at * features.length)
  }
  const out = new Float64Array(golden.rows.length)
  await model.score(golden.rows.length, out)
  return [...out]
}

/** A file, what has to be said about it, how its scores are read, and what of its own scores they are. */
const brought: readonly (readonly [
  name: string,
  wishes: Partial<ImportRequest>,
  read: string,
  own?: (score: number) => number,
])[] = [
  ['lightgbm-classifier', {}, 'lgbmprobabilities 1 probability'],
  ['lightgbm-margin', { kind: 'margin' }, 'variable 0 margin', sigmoid],
  ['xgboost-classifier', {}, 'probabilities 1 probability'],
  ['sklearn-logistic', {}, 'probabilities 1 probability'],
  ['sklearn-scaler-logistic', {}, 'probabilities 1 probability'],
  ['sklearn-imputer', {}, 'probabilities 1 probability'],
  ['sklearn-random-forest', {}, 'probabilities 1 probability'],
  ['sklearn-gradient-boosting', {}, 'proba_output 1 probability'],
  ['sklearn-hist-gradient-boosting', {}, 'probabilities 1 probability'],
  ['sklearn-three-classes', {}, 'probabilities 0 probability'],
  ['sklearn-label', {}, 'label 0 label'],
  ['pytorch', {}, 'sigmoid 0 probability'],
  ['keras', {}, 'dense_2 0 probability'],
]

for (const [name, wishes, read, own] of brought) {
  test(`${name}: brought as its converter gives it, it scores as in its own library`, async () => {
    const request = await requestFor(name, wishes)
    const { rule } = await importModel(request, parseDocument)
    assert.equal(`${rule.name} ${rule.column} ${rule.kind}`, read)
    const model = await openModel(request.folder, definitions, parseDocument)
    const scores = await scoresOf(model, request)
    await model.close()
    for (const [row, { score }] of request.golden.rows.entries()) {
      const expected = own === undefined ? (score as number) : own(score as number)
      // Float32 on both sides; the largest that was seen is 1.8e-7.
      const off = Math.abs(scores[row]! - expected)
      assert.ok(off <= 1e-6, `row ${row}: expected ${expected}, found ${scores[row]!}`)
    }
  })
}

test('sklearn-isolation-forest: a score is the share of its training rows that are less strange', async () => {
  const name = 'sklearn-isolation-forest'
  const request = await requestFor(name, { kind: 'anomaly', stranger: 'lower' })
  await importModel(request, parseDocument)
  const model = await openModel(request.folder, definitions, parseDocument)
  const scores = await scoresOf(model, request)
  await model.close()
  const fitted = request.sample!.rows.map(({ score }) => score as number)
  for (const [row, { score }] of request.golden.rows.entries()) {
    const less = fitted.filter((one) => one > (score as number)).length / fitted.length
    // Between two rows a score is between their shares.
    const off = Math.abs(scores[row]! - less)
    assert.ok(off <= 1.5 / fitted.length, `row ${row}: expected ${less}, found ${scores[row]!}`)
  }
})

const refused: readonly (readonly [name: string, faults: readonly string[]])[] = [
  [
    'refused-string-input',
    [
      'input input: expected float, found string (make numbers of texts in the catalog, not in the model)',
    ],
  ],
  [
    'refused-fixed-batch',
    [
      'input input: expected a free batch dimension, found 1 (export it with a dynamic first dimension)',
    ],
  ],
  [
    'refused-double-input',
    ['input X: expected float, found double (fit or convert it with float32)'],
  ],
  [
    'refused-several-inputs',
    [
      'inputs: expected one tensor [N, columns], found amount, hour, card_count_1h, card_sum_1d, card_avg_30d and 3 more (join them to one tensor before the model is converted)',
    ],
  ],
  [
    'refused-external-data',
    [
      'tensors: expected all tensors in this file, found weights in another file (save the model as one file)',
    ],
  ],
  [
    'refused-pytorch-default',
    [
      'tensors: expected all tensors in this file, found layers.0.weight in another file (save the model as one file)',
      'input features: expected a free batch dimension, found 1 (export it with a dynamic first dimension)',
    ],
  ],
  [
    'refused-unknown-domain',
    [
      'operators: expected known ones only, found com.microsoft.FusedGemm (save the model before it is optimised)',
    ],
  ],
  [
    'refused-nan',
    [
      ...[0, 1, 2].map(
        (row) =>
          `golden row ${row}: expected 0.5 ± 0.000001, found no number within 0…1 (NaN, or a margin: that needs kind: margin)`,
      ),
      'golden rows: expected all 32 within the tolerance, found 22 that are not, the worst of them above (column 0 of score, read as probability)',
    ],
  ],
]

for (const [name, faults] of refused) {
  test(`${name}: it is refused with what to do, and nothing is left behind`, async () => {
    const request = await requestFor(name)
    await assert.rejects(importModel(request, parseDocument), (error) => {
      assert.ok(error instanceof ModelRefusal, String(error))
      assert.deepEqual(
        error.message.split('\n'),
        faults.map((fault) => `model.onnx: ${fault}`),
      )
      return true
    })
    assert.ok(!existsSync(request.folder))
    assert.ok(!existsSync(join(root, `.${name}-v1.part`)))
  })
}
