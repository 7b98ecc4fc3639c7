// Everything that is refused of a model file by its bytes: operators, tensors elsewhere, inputs and outputs.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseDocument } from '../engine/document.ts'
import { readCandidate } from './gate.ts'
import {
  attribute,
  DOUBLE,
  elsewhere,
  type FolderParts,
  faultsIn,
  floats,
  INT64,
  inputsOf,
  linearParts,
  ModelFolders,
  modelFile,
  node,
  STRING,
  value,
} from './testing/model-files.ts'

const folders = new ModelFolders()
after(() => {
  folders.dispose()
})

const faultsOf = (parts: FolderParts): string[] => faultsIn(folders.make(parts))

/** The faults of `linearParts` with other parts of its graph. */
function faultsOfGraph(parts: Partial<ReturnType<typeof linearParts>>): string[] {
  return faultsOf({ bytes: modelFile({ ...linearParts(), ...parts }) })
}

/** A file's graph, and what is said of it. Columns and names are those of the test manifest: three, features, score. */
const graphs: readonly (readonly [
  string,
  Partial<ReturnType<typeof linearParts>>,
  readonly string[],
])[] = [
  [
    'external data',
    { initializer: [elsewhere('weights'), elsewhere('')] },
    [
      'tensors: expected all tensors in this file, found weights, (no name) in another file (save the model as one file)',
    ],
  ],
  [
    'external data in a subgraph',
    {
      node: [
        node(
          'If',
          ['a'],
          ['score'],
          [attribute.graph('then_branch', { initializer: [elsewhere('w')] })],
        ),
      ],
    },
    [
      'tensors: expected all tensors in this file, found w in another file (save the model as one file)',
    ],
  ],
  [
    'many tensors elsewhere',
    { initializer: Array.from({ length: 9 }, (_, at) => elsewhere(`w${at}`)) },
    [
      'tensors: expected all tensors in this file, found w0, w1, w2, w3, w4 and 4 more in another file (save the model as one file)',
    ],
  ],
  [
    'an unknown operator, and one of an unknown domain',
    { node: [node('Foo', [], ['a']), node('Sigmoid', ['a'], ['score'], [], 'com.acme')] },
    [
      'operators: expected known ones only, found Foo (express it in operators of ONNX)',
      'operators: expected known ones only, found com.acme.Sigmoid (express it in operators of ONNX)',
    ],
  ],
  [
    'many unknown operators',
    { node: Array.from({ length: 7 }, (_, at) => node(`Foo${at}`, [], ['score'])) },
    [
      ...Array.from(
        { length: 5 },
        (_, at) =>
          `operators: expected known ones only, found Foo${at} (express it in operators of ONNX)`,
      ),
      'operators: expected known ones only, found 7 that are not, in all',
    ],
  ],
  [
    'a drawn score',
    { node: [node('RandomUniformLike', ['features'], ['score'])] },
    ['operators: expected known ones only, found RandomUniformLike (a score must not be drawn)'],
  ],
  [
    'a loop in a subgraph',
    {
      node: [
        node(
          'If',
          ['a'],
          ['score'],
          [attribute.graph('else_branch', { node: [node('Loop', [], ['b'])] })],
        ),
      ],
    },
    ['operators: expected known ones only, found Loop (nothing bounds its time: unroll it)'],
  ],
  [
    'an operator that reads files, out of the runtime’s own domain',
    { node: [node('EPContext', [], ['score'], [], 'com.microsoft')] },
    [
      'operators: expected known ones only, found com.microsoft.EPContext (save the model before it is optimised)',
    ],
  ],
  [
    'a fixed batch',
    { input: [value('features', [1, 3])] },
    [
      'input features: expected a free batch dimension, found 1 (export it with a dynamic first dimension)',
    ],
  ],
  [
    'a batch of minus one, as some exporters write a free one',
    { input: [value('features', [-1, 3])] },
    [
      'input features: expected a free batch dimension, found -1 (export it with a dynamic first dimension)',
    ],
  ],
  [
    'two columns for three inputs',
    { input: [value('features', ['N', 2])] },
    ['input features: expected 3 columns (manifest), found 2'],
  ],
  [
    'four columns for three inputs',
    { input: [value('features', ['', 4])] },
    ['input features: expected 3 columns (manifest), found 4'],
  ],
  [
    'any number of columns',
    { input: [value('features', ['N', 'C'])] },
    [
      'input features: expected 3 columns (manifest), found a free dimension (a model that takes any number of columns cannot be held against its manifest)',
    ],
  ],
  [
    'an input per feature',
    { input: ['a', 'b', 'c'].map((name) => value(name, ['N', 1])) },
    [
      'inputs: expected one tensor [N, 3], found a, b, c (join them to one tensor before the model is converted)',
    ],
  ],
  ['no input', { input: [] }, ['inputs: expected one tensor [N, 3], found none']],
  [
    'an input of another name',
    { input: [value('X', ['N', 3])] },
    ['input X: expected the name features (manifest), found X'],
  ],
  [
    'an input of one dimension',
    { input: [value('features', [3])] },
    ['input features: expected the shape [N, 3], found [3]'],
  ],
  [
    'an input of three dimensions',
    { input: [value('features', ['N', '', 3])] },
    ['input features: expected the shape [N, 3], found [N, ?, 3]'],
  ],
  [
    'an input without a shape',
    { input: [value('features', null)] },
    ['input features: expected the shape [N, 3], found no shape'],
  ],
  [
    'a text input',
    { input: [value('features', ['N', 3], STRING)] },
    [
      'input features: expected float, found string (make numbers of texts in the catalog, not in the model)',
    ],
  ],
  [
    'an input of doubles',
    { input: [value('features', ['N', 3], DOUBLE)] },
    ['input features: expected float, found double (fit or convert it with float32)'],
  ],
  [
    'a missing output',
    { output: [value('label', ['N'], INT64), value('margin', ['N', 1])] },
    ['output score: expected it among the outputs, found label, margin'],
  ],
  ['no outputs', { output: [] }, ['output score: expected it among the outputs, found none']],
  [
    'labels for scores',
    { output: [value('score', ['N'], INT64)] },
    ['output score: expected a float tensor, found int64 (name the scores, or say kind: label)'],
  ],
  [
    'an output of doubles',
    { output: [value('score', ['N', 1], DOUBLE)] },
    ['output score: expected a float tensor, found double (fit or convert it with float32)'],
  ],
  [
    'an output of three dimensions',
    { output: [value('score', ['N', 1, 1])] },
    ['output score: expected the shape [N], [N, 1] or [N, columns], found [N, 1, 1]'],
  ],
  [
    'one score for all',
    { output: [value('score', [])] },
    ['output score: expected the shape [N], [N, 1] or [N, columns], found []'],
  ],
  [
    'a ZipMap in the middle of a model, which is no model of ONNX,',
    {
      node: [
        node('ZipMap', ['features'], ['a'], [], 'ai.onnx.ml'),
        node('Sigmoid', ['a'], ['score']),
      ],
    },
    [
      'operators: expected known ones only, found ai.onnx.ml.ZipMap (only at the end of a model: there it is left out)',
    ],
  ],
  [
    'the name of a ZipMap',
    {
      node: [
        ...linearParts().node.slice(0, 1),
        node('ZipMap', ['margin'], ['score'], [], 'ai.onnx.ml'),
      ],
      output: [{ name: 'score', type: { sequenceType: { elemType: { mapType: {} } } } }],
    },
    [
      'output score: expected it among the outputs, found margin (name the tensor that its ZipMap reads: margin)',
    ],
  ],
  [
    'a map',
    { output: [{ name: 'score', type: { mapType: { keyType: INT64 } } }] },
    ['output score: expected a float tensor, found map'],
  ],
  [
    'an output that may be absent',
    { output: [{ name: 'score', type: { optionalType: {} } }] },
    ['output score: expected a float tensor, found optional'],
  ],
  [
    'an output without a type',
    { output: [{ name: 'score' }] },
    ['output score: expected a float tensor, found unknown'],
  ],
]

for (const [name, parts, faults] of graphs) {
  test(`${name} is refused`, () => {
    assert.deepEqual(
      faultsOfGraph(parts),
      faults.map((fault) => `model.onnx: ${fault}`),
    )
  })
}

test('14 or 16 columns for 15 inputs are refused, 15 are not', () => {
  const names = Array.from({ length: 15 }, (_, at) => `f${at}`)
  const known = new Map(names.map((name) => [name, 'aaaaaaaaaaaaaaaa']))
  const inputs = inputsOf(names).map((input) => ({ ...input, definition: 'aaaaaaaaaaaaaaaa' }))
  const refusalOf = (columns: number): string => {
    const bytes = modelFile({ ...linearParts(), input: [value('features', ['N', columns])] })
    const golden = { rows: [Array(15).fill(0)], scores: [0.5] }
    const folder = folders.make({ bytes, manifest: { inputs }, golden })
    try {
      readCandidate(folder, known, parseDocument)
      return ''
    } catch (error) {
      return String(error)
    }
  }
  assert.match(refusalOf(14), /input features: expected 15 columns \(manifest\), found 14/)
  assert.match(refusalOf(16), /input features: expected 15 columns \(manifest\), found 16/)
  assert.equal(refusalOf(15), '')
})

test('a column that the output does not have is refused, one that it has is not', () => {
  const bytes = modelFile({ ...linearParts(), output: [value('score', ['N', 2])] })
  const output = (column: number) => ({ output: { name: 'score', column } })
  assert.deepEqual(faultsOf({ bytes, manifest: output(2) }), [
    'model.onnx: output score: expected a column 2 (manifest, from 0), found 2 in all',
  ])
  assert.deepEqual(faultsOf({ bytes, manifest: output(1) }), [])
  const line = modelFile({ ...linearParts(), output: [value('score', ['N'])] })
  assert.deepEqual(faultsOf({ bytes: line, manifest: output(1) }), [
    'model.onnx: output score: expected a column 1 (manifest, from 0), found 1 in all',
  ])
})

test('names in a hostile file are cut in what is said of them', () => {
  const long = 'x'.repeat(100_000)
  const faults = faultsOfGraph({
    node: [node(long, [], ['score'])],
    input: [value(long, ['N', 3])],
    initializer: [elsewhere(long), floats('weights', [1], [1])],
  })
  assert.equal(faults.length, 3)
  for (const fault of faults) assert.ok(fault.length < 600, fault)
})
