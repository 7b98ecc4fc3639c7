// Claims about what `weir train` fits and compares: trees, and an autoencoder with or without labels, each in a folder that serves;
// models side by side on the same rows; and what is refused.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { plantedHistory, TrainingWorld } from '../testing/training-world.ts'

const world = new TrainingWorld()
after(() => {
  world.close()
})
world.write('history.csv', plantedHistory(3000))
world.write(
  'unlabelled.csv',
  plantedHistory(1500, () => ''),
)

const files = ['--map', 'map.yaml', '--catalog', 'catalog.yaml']
const textOf = (...path: readonly string[]): string =>
  readFileSync(join(world.folder, ...path), 'utf8')

interface Facts {
  readonly inputs: readonly { readonly imputation: number | string }[]
  readonly output: { readonly kind: string; readonly quantiles?: readonly number[] }
  readonly thresholds: { readonly review: number; readonly deny: number }
  readonly training: {
    readonly fit: string
    readonly rows: number
    readonly judged: { readonly auc: number } | null
    readonly baselines: readonly { readonly name: string; readonly auc: number }[]
  }
}
const factsOf = (out: string): Facts => JSON.parse(textOf(out, 'manifest.json')) as Facts

async function scoresOf(model: string, input: string): Promise<string[]> {
  const out = ['--model', model, '--decisions-out', 'decisions.jsonl']
  const replayed = await world.weir('replay', '--input', input, ...files, ...out)
  assert.equal(replayed.exitCode, 0, replayed.stderr)
  const lines = textOf('decisions.jsonl').trimEnd().split('\n')
  return lines.map((line) => /"score":([\d.]+)/.exec(line)?.[1] ?? 'none')
}

test('trees, which nobody has to ask for, learn what no baseline can, take absent values, and serve', async () => {
  const small = ['--trees', '60', '--leaves', '7']
  const { exitCode, stdout, stderr } = await world.trainOn('history.csv', 'trees-v1', ...small)
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /trees: 10, loss [\d.]+, validation average precision [\d.]+, /)
  assert.match(stdout, /Thresholds: review from/)
  const { inputs, output, training } = factsOf('trees-v1')
  assert.deepEqual([training.fit, output.kind], ['trees', 'probability'])
  assert.ok(inputs.every(({ imputation }) => imputation === 'nan'))
  for (const { name, auc } of training.baselines) {
    assert.ok(training.judged!.auc > auc + 0.1, `${name}: ${auc}, trees: ${training.judged!.auc}`)
  }
  assert.match(textOf('trees-v1', 'CARD.md'), /\d+ boosted trees of at most 7 leaves/)
  const scores = await scoresOf('trees-v1', 'history.csv')
  assert.ok(new Set(scores).size > 20 && !scores.includes('none'))
  await world.trainOn('history.csv', 'again/trees-v1', ...small)
  for (const name of ['CARD.md', 'golden.json', 'manifest.json', 'model.onnx']) {
    assert.equal(textOf('again', 'trees-v1', name), textOf('trees-v1', name), name)
  }
})

test('an autoencoder needs no label, says that nothing could be judged, and serves', async () => {
  const { exitCode, stdout, stderr } = await world.trainOn(
    ...['unlabelled.csv', 'odd-v1', '--fit', 'autoencoder', '--epochs', '2', '--layers', '8,2,8'],
  )
  assert.equal(exitCode, 0, stderr)
  assert.match(stdout, /Not judged: rows to judge by: expected at least 5 labelled fraud/)
  const { output, thresholds, training } = factsOf('odd-v1')
  assert.equal(output.kind, 'anomaly')
  assert.equal(output.quantiles!.length, 1001)
  assert.equal(training.judged, null)
  // Without labels no row is kept back to judge by: all but the warm-up and the last 15 % are trained on.
  assert.ok(training.rows > 1900, `${training.rows}`)
  assert.ok(thresholds.review > 0.95 && thresholds.deny > thresholds.review)
  const card = textOf('odd-v1', 'CARD.md')
  assert.match(card, /## Not judged\n\nHow much fraud it finds is not known/)
  assert.match(card, /rows, labelled or not/)
  assert.doesNotMatch(card, /Calibration\n\nWhere/)
  assert.ok(!(await scoresOf('odd-v1', 'unlabelled.csv')).includes('none'))
})

test('an autoencoder is judged where there are labels, beside what needs none either', async () => {
  const { exitCode, stderr } = await world.trainOn(
    ...['history.csv', 'odd-v2', '--fit', 'autoencoder', '--epochs', '2', '--layers', '4'],
  )
  assert.ok(exitCode < 2, stderr)
  const { training } = factsOf('odd-v2')
  assert.ok(training.judged!.auc > 0)
  const names = training.baselines.map(({ name }) => name)
  assert.deepEqual(names, ['distance from the mean', 'amount alone'])
  const card = textOf('odd-v2', 'CARD.md')
  assert.match(card, /Calibration\n\nNone: its score is the share/)
  assert.match(card, /[1-9]\d* known frauds/)
})

test('models are compared on the same later rows, in the card as on stdout, and again without training', async () => {
  const short = ['--fit', 'network', '--epochs', '1', '--layers', '4']
  await world.trainOn('history.csv', 'weak-v1', ...short)
  const rivals = ['--compare', 'weak-v1,trees-v1']
  const { exitCode, stdout, stderr } = await world.trainOn(
    ...['history.csv', 'trees-v2', '--fit', 'trees', '--trees', '60', '--leaves', '7', ...rivals],
  )
  assert.equal(exitCode, 0, stderr)
  const line = (name: string, text: string): string => {
    const found = text.split('\n').find((one) => one.startsWith(name))
    assert.ok(found !== undefined, `${name} in ${text}`)
    return found
  }
  const cells = (row: string): string[] =>
    row
      .split(/ {2,}|\|/)
      .map((cell) => cell.trim())
      .filter(Boolean)
  const card = textOf('trees-v2', 'CARD.md')
  const own = cells(line('trees 2, this one', stdout))
  assert.deepEqual(cells(line('| trees 2, this one', card)), own)
  // The very same model from its folder, through the gate and ONNX: the same figures.
  assert.deepEqual(cells(line('trees 1', stdout)).slice(1), own.slice(1))
  const weak = cells(line('weak 1', stdout))
  assert.ok(Number(own[2]) > Number(weak[2]) + 0.1, `${own.join(' ')}\n${weak.join(' ')}`)
  assert.match(stdout, /than weak 1 does at its deny threshold/)
  const alone = await world.weir(
    ...['train', '--input', 'history.csv', ...files, '--fit', 'none', ...rivals],
  )
  assert.equal(alone.exitCode, 0, alone.stderr)
  assert.deepEqual(cells(line('weak 1', alone.stdout)), weak)
  assert.deepEqual(cells(line('trees 1', alone.stdout)), cells(line('trees 1', stdout)))
  assert.doesNotMatch(alone.stdout, /Model:/)
})

test('what another kind of fit knows is refused, all of it at once', async () => {
  const { exitCode, stderr } = await world.trainOn(
    ...['history.csv', 'x-v1', '--fit', 'autoencoder', '--trees', '5', '--leaves', '4'],
    ...['--fraud-weight', '2'],
  )
  assert.equal(exitCode, 2)
  assert.match(stderr, /option --trees: expected it with --fit trees only, found --fit autoencoder/)
  assert.match(stderr, /option --leaves: expected it with --fit trees only/)
  assert.match(stderr, /option --fraud-weight: expected it with --fit network or trees only/)
  const layers = await world.trainOn('history.csv', 'x-v1', '--fit', 'trees', '--layers', '4')
  assert.match(layers.stderr, /option --layers: expected it with --fit network or autoencoder only/)
  const odd = await world.trainOn('history.csv', 'x-v1', '--fit', 'forest')
  assert.match(
    odd.stderr,
    /option --fit: expected one of trees, network, autoencoder, none, found "forest"/,
  )
  const none = await world.trainOn('history.csv', 'x-v1', '--fit', 'none')
  assert.match(
    none.stderr,
    /option --out: expected it with --fit network or trees or autoencoder only/,
  )
  assert.match(none.stderr, /option --compare: expected folders of models, .*, found nothing/)
})

test('a model that the gate refuses is told before the history is read', async () => {
  const { exitCode, stderr } = await world.trainOn(
    ...['history.csv', 'x-v1', '--fit', 'trees', '--compare', 'nowhere-v1,neither-v1'],
  )
  assert.equal(exitCode, 2)
  assert.match(stderr, /nowhere-v1.*manifest\.json.*ENOENT/)
  assert.match(stderr, /neither-v1/)
  assert.doesNotMatch(stderr, /rows to train on/)
})
