// What is cut off a model before it runs, held against an independent decoder.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  attribute,
  floats,
  INT64,
  linearParts,
  modelFile,
  node,
  onnx,
  plainOf,
  STRING,
  value,
} from '../testing/model-files.ts'
import { WireWriter } from './protobuf.ts'
import { pruneModel } from './pruning.ts'

const dictionaries = { sequenceType: { elemType: { mapType: { keyType: INT64 } } } }

/** A classifier as converters write one: a label, and dictionaries of two tensors of probabilities. */
function classifier(labels: ReturnType<typeof attribute.ints> | null) {
  const classes = labels === null ? [] : [labels]
  const parts = linearParts()
  return {
    ...parts,
    node: [
      ...parts.node,
      node('ArgMax', ['score'], ['best']),
      node('Cast', ['best'], ['label'], [attribute.int('to', STRING)]),
      node('ZipMap', ['score'], ['zipped'], classes, 'ai.onnx.ml'),
    ],
    output: [value('label', ['N'], STRING), { name: 'zipped', type: dictionaries }],
  }
}

const twoLabels = attribute.ints('classlabels_int64s', [0, 1])

function graphOf(bytes: Buffer) {
  const { graph } = onnx.ModelProto.decode(bytes)
  return {
    operators: graph!.node!.map(({ opType }) => opType),
    outputs: plainOf(graph!.output),
    rest: plainOf({ ...graph, node: [], output: [] }),
  }
}

test('a model with nothing to cut is given back as it is', () => {
  const bytes = modelFile(linearParts())
  for (const output of ['score', 'other', null])
    assert.equal(pruneModel(bytes, output).bytes, bytes)
})

test('a ZipMap is left out: the tensor that it read is the output, with a column for each label', () => {
  const bytes = modelFile(classifier(twoLabels))
  const pruned = pruneModel(bytes, null)
  assert.deepEqual([...pruned.zipMaps], [['zipped', 'score']])
  const { operators, outputs, rest } = graphOf(pruned.bytes)
  assert.deepEqual(operators, ['MatMul', 'Sigmoid', 'ArgMax', 'Cast'])
  assert.deepEqual(outputs, plainOf([value('label', ['N'], STRING), value('score', ['N', 2])]))
  assert.deepEqual(rest, graphOf(bytes).rest)
})

test('labels are counted whether they are numbers or texts', () => {
  const texts = { ...twoLabels, name: 'classlabels_strings', ints: [] }
  const strings = ['fraud', 'legit', 'suspicious'].map((text) => Buffer.from(text))
  const { STRINGS } = onnx.AttributeProto.AttributeType
  const bytes = modelFile(classifier({ ...texts, strings, type: STRINGS }))
  assert.deepEqual(
    graphOf(pruneModel(bytes, 'score').bytes).outputs,
    plainOf([value('score', ['N', 3])]),
  )
})

test('other outputs than the one that is read go, with the nodes that only they need', () => {
  const { operators, outputs } = graphOf(
    pruneModel(modelFile(classifier(twoLabels)), 'score').bytes,
  )
  assert.deepEqual(operators, ['MatMul', 'Sigmoid'])
  assert.deepEqual(outputs, plainOf([value('score', ['N', 2])]))
  const label = graphOf(pruneModel(modelFile(classifier(twoLabels)), 'label').bytes)
  assert.deepEqual(label.operators, ['MatMul', 'Sigmoid', 'ArgMax', 'Cast'])
})

test('what a graph inside a node reads of the whole graph stays', () => {
  const inner = (name: string) => ({
    node: [node('Add', [name, 'features'], ['sum'])],
    output: [value('sum', ['N', 3])],
  })
  const bytes = modelFile({
    ...linearParts(),
    node: [
      node('Abs', ['features'], ['a']),
      node('Neg', ['features'], ['b']),
      node('Exp', ['features'], ['c']),
      node(
        'If',
        ['flag'],
        ['score'],
        [attribute.graph('then_branch', inner('a')), attribute.graphs('more', [inner('b')])],
      ),
    ],
    output: [value('score', ['N', 3]), value('c', ['N', 3])],
  })
  assert.deepEqual(graphOf(pruneModel(bytes, 'score').bytes).operators, ['Abs', 'Neg', 'If'])
})

test('what stays is the same bytes, fields that nobody knows among them', () => {
  const unknown = new WireWriter().float(900, 0.1).int(901, -3).text(902, 'x').finish()
  const parts = { ...classifier(twoLabels), initializer: [floats('weights', [3, 1], [1, 2, 3])] }
  const wide = Buffer.concat([modelFile(parts), unknown])
  const { bytes } = pruneModel(wide, 'score')
  assert.ok(bytes.subarray(-unknown.length).equals(unknown))
  assert.ok(bytes.length < wide.length)
  const again = pruneModel(bytes, 'score')
  assert.equal(again.bytes, bytes)
})
