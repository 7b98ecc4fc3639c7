// `weir model import` and `inspect` as they are typed: exit codes, what is printed where, and what is left on the disk.
import assert from 'node:assert/strict'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { shipped } from '../assemble.ts'
import { runCommandLine } from '../cli.ts'
import { openLog } from '../telemetry/log.ts'
import { command } from './command.ts'
import { importLine, inspectLine } from './model.ts'
import { runImport } from './model-import.ts'
import { runInspect } from './model-inspect.ts'

const fixtures = fileURLToPath(import.meta.resolve('#root/models/testing/fixtures'))
const folder = mkdtempSync(join(tmpdir(), 'weir-model-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const names =
  'amount,hour,card_count_1h,card_sum_1d,card_avg_30d,card_merchants_1d,merchant_fraud_rate_30d,device_cards_1d'
for (const name of ['lightgbm-classifier', 'sklearn-logistic', 'refused-fixed-batch']) {
  copyFileSync(join(fixtures, name, 'model.onnx'), join(folder, `${name}.onnx`))
  copyFileSync(join(fixtures, name, 'golden.jsonl'), join(folder, `${name}.jsonl`))
}
writeFileSync(join(folder, 'names.txt'), `${names.replaceAll(',', '\n')}\n`)
writeFileSync(join(folder, 'header.csv'), `transaction_id,${names},label\n`)

async function weir(...argv: readonly string[]) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const clock = { nowMs: () => 0, monotonicUs: () => 0 }
  const commands = [command(inspectLine, runInspect), command(importLine, runImport)]
  const exitCode = await runCommandLine(['model', ...argv], commands, {
    version: '1.2.3',
    environment: {},
    folder,
    stdout,
    stderr,
    isTerminal: false,
    clock,
    stop: new AbortController().signal,
    openLog: (level) => openLog(level, clock),
  })
  const textOf = (stream: PassThrough) => ((stream.read() as Buffer | null) ?? '').toString()
  return { exitCode, stdout: textOf(stdout), stderr: textOf(stderr) }
}

const bringing = (name: string, out: string, ...more: readonly string[]) =>
  weir('import', `${name}.onnx`, '--golden', `${name}.jsonl`, '--out', out, ...more)

test('a model is brought with the names of its columns, and then inspected as the folder that it is', async () => {
  const brought = await bringing('lightgbm-classifier', 'cards-v3', '--features', names)
  assert.equal(brought.exitCode, 0, brought.stderr)
  const [admitted, golden, read] = brought.stdout.split('\n')
  assert.equal(admitted, 'Admitted: cards 3 in cards-v3, with its CARD.md')
  assert.match(golden!, /^ {2}golden rows: 32, the largest difference \S+ \(allowed 0\.00001\)$/)
  assert.match(read!, /column 1 of lgbmprobabilities, read as probability/)
  assert.equal(
    brought.stderr,
    'next: weir replay --model cards-v3    and compare with the model you have\n',
  )

  const { exitCode, stdout } = await weir('inspect', 'cards-v3', '--catalog', shipped.catalog)
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /\n {2}features {3}amount, hour, .*\n {2}outcomes {3}review from 0\.5, deny/)
  assert.match(stdout, /\nAdmitted: cards 3\.\n$/)
  const alone = await weir('inspect', 'cards-v3')
  assert.match(alone.stdout, /Its features were held against no catalog: --catalog names one\.\n$/)
})

test('the names of the columns may be lines of a text or the header of rows', async () => {
  for (const [at, file] of ['names.txt', 'header.csv', 'sklearn-logistic.jsonl'].entries()) {
    const { exitCode, stderr } = await bringing('sklearn-logistic', `a${at}-v1`, '--features', file)
    assert.equal(exitCode, 0, stderr)
  }
  const manifests = [0, 1, 2].map((at) => readFileSync(join(folder, `a${at}-v1/manifest.json`)))
  const inputsOf = (bytes: Buffer) => (JSON.parse(bytes.toString()) as { inputs: unknown }).inputs
  assert.deepEqual(inputsOf(manifests[1]!), inputsOf(manifests[0]!))
  assert.deepEqual(inputsOf(manifests[2]!), inputsOf(manifests[0]!))
})

test('name, version, thresholds and tolerance are those that were asked for', async () => {
  const asked = ['--name', 'mine', '--model-version', '7', '--thresholds', '0.2,0.3']
  const { exitCode, stderr } = await bringing('sklearn-logistic', 'here', ...asked)
  assert.equal(exitCode, 0, stderr)
  const manifest = JSON.parse(readFileSync(join(folder, 'here/manifest.json'), 'utf8')) as object
  const { name, version, thresholds, tolerance } = manifest as Record<string, unknown>
  assert.deepEqual(
    { name, version, thresholds, tolerance },
    { name: 'mine', version: 7, thresholds: { review: 0.2, deny: 0.3 }, tolerance: 1e-5 },
  )
})

test('a model that the gate refuses is answered with 1, and nothing is left behind', async () => {
  const before = readdirSync(folder)
  const { exitCode, stdout, stderr } = await bringing('refused-fixed-batch', 'fixed-v1')
  assert.equal(exitCode, 1)
  assert.equal(stdout, '')
  assert.equal(
    stderr,
    'Refused:\n  refused-fixed-batch.onnx: input input: expected a free batch dimension, found 1 (export it with a dynamic first dimension)\n',
  )
  assert.deepEqual(readdirSync(folder), before)
})

test('whoever asks wrongly is answered with 2, and all that is wrong', async () => {
  const misspelt = names.replace('hour', 'huor')
  const features = await bringing('sklearn-logistic', 'b-v1', '--features', misspelt)
  assert.equal(features.exitCode, 2)
  assert.match(features.stderr, /feature 2: expected a feature of the catalog, found "huor"/)
  assert.match(features.stderr, /did you mean hour\?/)
  const flags = await weir(
    ...['import', 'none.onnx', '--golden', 'names.txt', '--out', 'b', '--kind', 'score'],
    ...['--column', '-1', '--fraud', 'x', '--thresholds', '0.9,0.1', '--tolerance', '1'],
    ...['--imputation', 'zero', '--stranger', 'low', '--sample', 'none.csv'],
  )
  assert.equal(flags.exitCode, 2)
  const said = flags.stderr.split('\n').filter((line) => /^ {2}(option|argument)/.test(line))
  assert.deepEqual(
    said.map((line) => line.trim().split(':')[0]),
    [
      ...['argument <file>', 'option --golden', 'option --sample', 'option --out', 'option --kind'],
      ...['option --column', 'option --fraud', 'option --stranger', 'option --thresholds'],
      ...['option --tolerance', 'option --imputation'],
    ],
  )
  assert.ok(!existsSync(join(folder, 'b')))
})

test('a file is described, with what would be read instead of a ZipMap', async () => {
  const { exitCode, stdout } = await weir('inspect', 'lightgbm-classifier.onnx')
  assert.equal(exitCode, 0)
  assert.deepEqual(
    stdout.split('\n').filter((line) => !line.includes('sha256')),
    [
      'lightgbm-classifier.onnx',
      '  size       10,968 bytes',
      '  made by    OnnxMLTools 1.16.0, opset 9',
      '  inputs     input: float [?, 8]',
      '  outputs    label: int64 [1]',
      '             probabilities: a ZipMap of lgbmprobabilities, read from that',
      '  operators  Cast, Identity, ai.onnx.ml.TreeEnsembleClassifier, ai.onnx.ml.ZipMap',
      'Nothing in the file speaks against it. Whether its scores are right, its golden rows will say.',
      '',
    ],
  )
})

test('what speaks against a file or folder is said, with 1', async () => {
  const fixed = await weir('inspect', 'refused-fixed-batch.onnx')
  assert.equal(fixed.exitCode, 1)
  assert.match(
    fixed.stdout,
    /\nRefused:\n {2}refused-fixed-batch\.onnx: input input: expected a free/,
  )
  const none = await weir('inspect', 'names.txt')
  assert.equal(none.exitCode, 1)
  assert.match(none.stdout, /^Refused:\n {2}names\.txt: \(file\): expected an ONNX model/)
  assert.equal((await weir('inspect', 'nothing')).exitCode, 2)
  assert.equal((await weir('inspect')).exitCode, 2)
  assert.equal((await weir()).exitCode, 2)
})

test('a folder whose files are of two versions is refused by the hash', async () => {
  await bringing('sklearn-logistic', 'one-v1')
  cpSync(join(folder, 'one-v1'), join(folder, 'mixed-v2'), { recursive: true })
  copyFileSync(join(folder, 'lightgbm-classifier.onnx'), join(folder, 'mixed-v2/model.onnx'))
  const { exitCode, stdout } = await weir('inspect', 'mixed-v2')
  assert.equal(exitCode, 1)
  assert.match(
    stdout,
    /\n {2}mixed-v2\/model\.onnx: sha256: expected \w{64} \(manifest\), found \w{64}/,
  )
})
