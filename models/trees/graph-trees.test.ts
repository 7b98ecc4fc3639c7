// Trees are found in the graphs that converters write, and give the scores of the library that fitted them; what a graph does
// beyond them is never overlooked.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readNodes } from '../graph/graph-nodes.ts'
import { sigmoid } from '../reading.ts'
import { attribute, floats, modelFile, node, value, wholes } from '../testing/model-files.ts'
import { randomTrees, type TreeWishes, treeAttributes } from '../testing/random-trees.ts'
import { type TreeScore, treeScoreOf } from './graph-trees.ts'
import { Walker } from './walker.ts'

const fixtureFile = (name: string, file: string): string =>
  fileURLToPath(import.meta.resolve(`#root/models/testing/fixtures/${name}/${file}`))
const fixtureColumns = 8

function readFixture(name: string, input: string, output: string, column: number) {
  const nodes = readNodes(readFileSync(fixtureFile(name, 'model.onnx')))
  return treeScoreOf(nodes, { input, columns: fixtureColumns, output, column })
}

/** Rows, and what the library gave each. */
function goldenOf(name: string): { row: number[]; score: number }[] {
  const lines = readFileSync(fixtureFile(name, 'golden.jsonl'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const { score, ...values } = JSON.parse(line) as Record<string, number | null>
    return { row: Object.values(values).map((one) => one ?? Number.NaN), score: score! }
  })
}

for (const [name, input, output, column, isSigmoid] of [
  ['lightgbm-classifier', 'input', 'lgbmprobabilities', 1, true],
  ['xgboost-classifier', 'input', 'probabilities', 1, true],
  ['sklearn-gradient-boosting', 'X', 'proba_output', 1, true],
  ['sklearn-hist-gradient-boosting', 'X', 'probabilities', 1, true],
  ['sklearn-random-forest', 'X', 'probabilities', 1, false],
  ['lightgbm-margin', 'input', 'variable', 0, false],
] as const) {
  test(`${name} is trees, which give the scores of its library`, () => {
    const score = readFixture(name, input, output, column)
    assert.ok(score !== null)
    assert.equal(score.isSigmoid, isSigmoid)
    const walker = new Walker(score.ensemble, 1)
    for (const { row, score: expected } of goldenOf(name)) {
      const margin = walker.walk(new Int32Array(Float32Array.from(row).buffer), 1)[0]!
      const found = isSigmoid ? sigmoid(margin) : margin
      assert.ok(Math.abs(found - expected) < 1e-6, `${String(row)}: ${expected}, found ${found}`)
    }
  })
}

test('forests of other sums and models of other kinds are none', () => {
  for (const [name, input, output, column] of [
    ['sklearn-isolation-forest', 'X', 'scores', 0],
    ['sklearn-logistic', 'X', 'probabilities', 1],
    ['pytorch', 'features', 'sigmoid', 0],
    // Legitimate as the class that is asked for, the label itself, and what is not there.
    ['lightgbm-classifier', 'input', 'lgbmprobabilities', 0],
    ['lightgbm-classifier', 'input', 'label', 0],
    ['lightgbm-classifier', 'input', 'nothing', 1],
    ['lightgbm-margin', 'input', 'variable', 1],
  ] as const) {
    assert.equal(readFixture(name, input, output, column), null, `${name} ${output} ${column}`)
  }
})

const columns = 3
const wish: TreeWishes = {
  ...{ seed: 4, trees: 2, depthMax: 3, columns, hasMissing: false, base: null },
  ...{ modes: ['BRANCH_LEQ'], kind: 'regressor' },
}
const parts = treeAttributes(randomTrees(wish), wish)
type Node = ReturnType<typeof node>
const trees = (input: string, output: string): Node =>
  node('TreeEnsembleRegressor', [input], [output], parts, 'ai.onnx.ml')
const cast = (to: number, input: string, output: string): Node =>
  node('Cast', [input], [output], [attribute.int('to', to)])

/** Of nodes from `features` to a column of `score`. */
function read(nodes: Node[], column = 0): TreeScore | null {
  const bytes = modelFile({
    input: [value('features', ['N', columns])],
    output: [value('score', ['N', 1])],
    initializer: [
      floats('one', [1], [1]),
      floats('two', [1], [2]),
      floats('ones', [2], [1, 1]),
      wholes('column', [2], [-1, 1]),
      wholes('line', [1], [-1]),
      wholes('row', [2], [1, -1]),
    ],
    node: nodes,
  })
  const place = { input: 'features', columns, output: 'score', column }
  return treeScoreOf(readNodes(bytes), place)
}

test('between input, trees and score may stand what changes no number', () => {
  assert.equal(read([trees('features', 'score')])?.isSigmoid, false)
  const plain: Node[][] = [
    [node('Identity', ['features'], ['same']), cast(1, 'same', 'x'), trees('x', 'score')],
    [trees('features', 'sum'), node('Identity', ['sum'], ['score'])],
    [trees('features', 'sum'), cast(1, 'sum', 'score')],
    [trees('features', 'sum'), node('Mul', ['sum', 'one'], ['score'])],
    [trees('features', 'sum'), node('Mul', ['one', 'sum'], ['score'])],
    [trees('features', 'sum'), node('Reshape', ['sum', 'column'], ['score'])],
    [trees('features', 'sum'), node('Reshape', ['sum', 'line'], ['score'])],
  ]
  for (const nodes of plain) {
    assert.equal(read(nodes)?.isSigmoid, false, nodes.map(({ opType }) => opType).join(' '))
  }
  const squashed = [trees('features', 'sum'), node('Sigmoid', ['sum'], ['score'])]
  assert.equal(read(squashed)?.isSigmoid, true)
})

test('a column of several is lost where they become one', () => {
  const two = parts.map((one) => (one.name === 'n_targets' ? attribute.int('n_targets', 2) : one))
  const targets = (output: string): Node =>
    node('TreeEnsembleRegressor', ['features'], [output], two, 'ai.onnx.ml')
  assert.ok(read([targets('score')]) !== null)
  assert.equal(read([targets('sums'), node('Reshape', ['sums', 'column'], ['score'])]), null)
})

test('a sigmoid of a sigmoid is neither', () => {
  const classifier = { ...wish, kind: 'classifier' as const }
  const lists = randomTrees(classifier)
  const votes = treeAttributes(
    { ...lists, weights: lists.weights.map((one) => -Math.abs(one)) },
    classifier,
  )
  const logistic = [...votes, attribute.text('post_transform', 'LOGISTIC')]
  const classes = (output: string): Node =>
    node('TreeEnsembleClassifier', ['features'], ['label', output], logistic, 'ai.onnx.ml')
  assert.equal(read([classes('score')], 1)?.isSigmoid, true)
  assert.equal(read([classes('share'), node('Sigmoid', ['share'], ['score'])], 1), null)
})

test('anything else between them makes it no tree model', () => {
  const other: Node[][] = [
    [cast(7, 'features', 'x'), trees('x', 'score')],
    [node('Neg', ['features'], ['x']), trees('x', 'score')],
    [trees('elsewhere', 'score')],
    [trees('features', 'sum'), node('Neg', ['sum'], ['score'])],
    [trees('features', 'sum'), cast(11, 'sum', 'score')],
    [trees('features', 'sum'), node('Mul', ['sum', 'two'], ['score'])],
    [trees('features', 'sum'), node('Mul', ['sum', 'ones'], ['score'])],
    [trees('features', 'sum'), node('Mul', ['sum', 'features'], ['score'])],
    [trees('features', 'sum'), node('Reshape', ['sum', 'row'], ['score'])],
    [trees('features', 'sum'), node('Identity', ['sum'], ['score'], [], 'com.example')],
    [
      trees('features', 'sum'),
      node('Sigmoid', ['sum'], ['once']),
      node('Sigmoid', ['once'], ['score']),
    ],
    // In circles, and against the order of the file.
    [node('Identity', ['score'], ['score'])],
    [node('Identity', ['x'], ['score']), trees('features', 'x')],
    [node('Identity', ['x'], ['x']), trees('x', 'score')],
  ]
  for (const nodes of other) {
    assert.equal(read(nodes), null, nodes.map(({ opType }) => opType).join(' '))
  }
})
