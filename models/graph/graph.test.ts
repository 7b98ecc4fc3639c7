// ONNX files as we write and read them, held against a decoder and an encoder that are not ours (onnx-proto), and the
// reader against bytes that are no model.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { shipped } from '../../engine/assemble.ts'
import { Random } from '../../features/generator/random.ts'
import {
  attribute,
  elsewhere,
  floats,
  linearParts,
  modelFile,
  node,
  onnx,
  plainOf,
  value,
} from '../testing/model-files.ts'
import { elementTypes, type Graph, type GraphSource, readGraph, writeGraph } from './graph.ts'
import { WireError, WireWriter, wireFields } from './protobuf.ts'

const shippedBytes = readFileSync(join(shipped.model, 'model.onnx'))

/** One node with an attribute of each kind. */
const source: GraphSource = {
  name: 'gräph',
  input: 'features',
  columns: 15,
  output: 'score',
  nodes: [
    {
      operator: 'Odd',
      domain: 'ai.onnx.ml',
      inputs: ['features', ''],
      outputs: ['margin'],
      attributes: {
        one: { int: -3 },
        most: { int: Number.MAX_SAFE_INTEGER },
        least: { int: Number.MIN_SAFE_INTEGER },
        mode: { text: 'SUM…' },
        whole: { ints: [0, -1, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 40] },
        real: { floats: [0.5, -0.1, 3.4e38, Number.NEGATIVE_INFINITY] },
        modes: { texts: ['BRANCH_LEQ', 'LEAF', ''] },
      },
    },
    { operator: 'Sigmoid', domain: '', inputs: ['margin'], outputs: ['score'], attributes: {} },
  ],
}

test('another decoder reads what we write, field for field', () => {
  const tensor = (columns: number) => ({
    tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }, { dimValue: columns }] } },
  })
  assert.deepEqual(plainOf(onnx.ModelProto.decode(writeGraph(source))), {
    irVersion: 8,
    producerName: 'weir',
    graph: {
      name: 'gräph',
      node: [
        {
          input: ['features', ''],
          output: ['margin'],
          name: 'Odd_margin',
          opType: 'Odd',
          attribute: [
            { name: 'one', type: 2, i: -3 },
            { name: 'most', type: 2, i: Number.MAX_SAFE_INTEGER },
            { name: 'least', type: 2, i: Number.MIN_SAFE_INTEGER },
            { name: 'mode', type: 3, s: 'SUM…' },
            {
              name: 'whole',
              type: 7,
              ints: [0, -1, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 40],
            },
            {
              name: 'real',
              type: 6,
              floats: [0.5, Math.fround(-0.1), Math.fround(3.4e38), Number.NEGATIVE_INFINITY],
            },
            { name: 'modes', type: 8, strings: ['BRANCH_LEQ', 'LEAF', ''] },
          ],
          domain: 'ai.onnx.ml',
        },
        { input: ['margin'], output: ['score'], name: 'Sigmoid_score', opType: 'Sigmoid' },
      ],
      input: [{ name: 'features', type: tensor(15) }],
      output: [{ name: 'score', type: tensor(1) }],
    },
    opsetImport: [
      { domain: '', version: 17 },
      { domain: 'ai.onnx.ml', version: 3 },
    ],
  })
})

test('the same source gives the same bytes, and we read what we write', () => {
  assert.deepEqual(writeGraph(source), writeGraph(structuredClone(source)))
  assert.deepEqual(readGraph(writeGraph(source)), {
    inputs: [{ name: 'features', type: 'float', shape: ['N', 15] }],
    outputs: [{ name: 'score', type: 'float', shape: ['N', 1] }],
    operators: ['Sigmoid', 'ai.onnx.ml.Odd'],
    opset: 17,
    producer: 'weir',
    externalTensors: [],
  } satisfies Graph)
})

test('every whole number within 2^53 comes back from the wire', () => {
  const back = (number: number): number => {
    const [field] = [...wireFields(new WireWriter().int(1, number).finish())]
    return field!.value
  }
  for (const number of [-1, -127, -128, -(2 ** 28), -(2 ** 28) - 1, -(2 ** 35), 2 ** 35, 2 ** 28]) {
    assert.equal(back(number), number)
  }
  fc.assert(fc.property(fc.maxSafeInteger(), (number) => back(number) === number))
})

const names = fc.string({ minLength: 1, maxLength: 8 })
const shapes = fc.array(fc.oneof(fc.integer({ min: -1, max: 2 ** 40 }), names), { maxLength: 4 })
const anyType = fc.constantFrom(...Object.keys(elementTypes).map(Number))
const anyValue = fc.tuple(names, fc.option(shapes), anyType)

test('we read the edges of any graph as another encoder wrote them', () => {
  const operators = fc.array(fc.tuple(fc.constantFrom('', 'ai.onnx.ml', 'x'), names))
  fc.assert(
    fc.property(fc.array(anyValue), fc.array(anyValue), operators, (inputs, outputs, nodes) => {
      const bytes = modelFile({
        input: inputs.map(([name, shape, type]) => value(name, shape, type)),
        output: outputs.map(([name, shape, type]) => value(name, shape, type)),
        node: nodes.map(([domain, name]) => node(name, [], [], [], domain)),
      })
      const edge = (values: typeof inputs) =>
        values.map(([name, shape, type]) => {
          return { name, type: elementTypes[type as keyof typeof elementTypes], shape }
        })
      const used = nodes.map(([domain, name]) => (domain === '' ? name : `${domain}.${name}`))
      assert.deepEqual(readGraph(bytes), {
        inputs: edge(inputs),
        outputs: edge(outputs),
        operators: [...new Set(used)].sort(),
        opset: 17,
        producer: '',
        externalTensors: [],
      } satisfies Graph)
    }),
  )
})

test('the shipped model reads alike in both decoders', () => {
  const { graph } = onnx.ModelProto.decode(shippedBytes)
  const read = readGraph(shippedBytes)
  assert.deepEqual(
    read.inputs.map(({ name }) => name),
    graph!.input!.map(({ name }) => name),
  )
  const used = new Set(
    graph!.node!.map(({ domain, opType }) => (domain ? `${domain}.${opType}` : opType)),
  )
  assert.deepEqual(read.operators, [...used].sort())
})

test('an input with an initializer is a default, not an input', () => {
  const parts = linearParts()
  const sparse = { values: floats('mask', [1], [1]), indices: floats('', [1], [0]), dims: [3] }
  const input = [...parts.input, value('weights', [3, 1]), value('mask', [3])]
  const { inputs } = readGraph(modelFile({ ...parts, input, sparseInitializer: [sparse] }))
  assert.deepEqual(
    inputs.map(({ name }) => name),
    ['features'],
  )
})

test('external data is found wherever a tensor can be', () => {
  const inner = { initializer: [elsewhere('inner')] }
  const sparse = { values: elsewhere('values'), indices: elsewhere('indices'), dims: [2] }
  const nodes = [
    node('Constant', [], ['a'], [attribute.tensor('value', elsewhere('attribute'))]),
    node('Constant', [], ['b'], [attribute.tensors('values', [elsewhere('second')])]),
    node('If', ['c'], ['d'], [attribute.graph('then', inner), attribute.graphs('all', [inner])]),
    node('Constant', [], ['e'], [attribute.sparse('v', sparse)]),
    node('Constant', [], ['f'], [attribute.sparses('v', [sparse])]),
  ]
  const bytes = modelFile(
    { node: nodes, initializer: [elsewhere('top')], sparseInitializer: [sparse] },
    {
      trainingInfo: [
        { initialization: { initializer: [elsewhere('training')] }, algorithm: inner },
      ],
      functions: [{ name: 'F', domain: 'x', node: nodes.slice(0, 1) }],
    },
  )
  const found = new Map<string, number>()
  for (const name of readGraph(bytes).externalTensors) found.set(name, (found.get(name) ?? 0) + 1)
  assert.deepEqual(Object.fromEntries(found), {
    attribute: 2,
    second: 1,
    inner: 3,
    values: 3,
    indices: 3,
    top: 1,
    training: 1,
  })
})

test('external data is found in the defaults of a function, which the other encoder does not know yet', () => {
  // FunctionProto.attribute_proto, since ONNX 1.13.
  const tensor = onnx.TensorProto.encode(onnx.TensorProto.create(elsewhere('default'))).finish()
  const preset = new WireWriter().text(1, 'v').bytes(5, tensor)
  const defined = new WireWriter().text(1, 'F').message(11, preset)
  const appended = new WireWriter().message(25, defined).finish()
  const bytes = Buffer.concat([modelFile(linearParts()), appended])
  assert.deepEqual(readGraph(bytes).externalTensors, ['default'])
})

test('a location or a place in another file alone makes data external', () => {
  const located = { ...elsewhere('located'), externalData: [] }
  const keyed = { ...elsewhere('keyed'), dataLocation: onnx.TensorProto.DataLocation.DEFAULT }
  const bytes = modelFile({ ...linearParts(), initializer: [located, keyed] })
  assert.deepEqual(readGraph(bytes).externalTensors, ['located', 'keyed'])
})

test('operators of subgraphs and functions count, functions of the model itself do not', () => {
  const parts = linearParts()
  const inner = { node: [node('Inner', [], ['y'])] }
  parts.node.push(node('If', ['c'], ['d'], [attribute.graph('then_branch', inner)]))
  parts.node.push(node('Ours', [], ['e'], [], 'x'), node('Ours', [], ['f'], [], 'y'))
  const functions = [{ name: 'Ours', domain: 'x', node: [node('Within', [], ['z'])] }]
  assert.deepEqual(readGraph(modelFile(parts, { functions })).operators, [
    ...['If', 'Inner', 'MatMul', 'Sigmoid', 'Within', 'y.Ours'],
  ])
})

test('what comes twice where one belongs is refused: others would merge it with what we have seen', () => {
  const whole = modelFile(linearParts())
  const second = new WireWriter().message(7, new WireWriter()).finish()
  assert.throws(() => readGraph(Buffer.concat([whole, second])), /field 7 comes twice/)
  const typed = (twice: (shape: WireWriter) => WireWriter): Buffer => {
    const input = twice(new WireWriter().text(1, 'x'))
    return new WireWriter().message(7, new WireWriter().message(11, input)).finish()
  }
  const tensor = (): WireWriter => new WireWriter().message(1, new WireWriter().int(1, 1))
  assert.equal(readGraph(typed((input) => input.message(2, tensor()))).inputs[0]!.type, 'float')
  assert.throws(
    () => readGraph(typed((input) => input.message(2, tensor()).message(2, tensor()))),
    /field 2 comes twice/,
  )
  const shaped = new WireWriter().message(2, new WireWriter()).message(2, new WireWriter())
  const twice = new WireWriter().message(1, shaped)
  assert.throws(() => readGraph(typed((input) => input.message(2, twice))), /field 2 comes twice/)
  const two = tensor().message(4, new WireWriter())
  assert.throws(() => readGraph(typed((input) => input.message(2, two))), /two types/)
})

test('a length below zero does not send the reader back', () => {
  // −4096 as a length, ending at byte 4110: taken as it is, the reader would be back at byte 14, where a field begins,
  // and so for ever.
  const begin = new WireWriter().bytes(3, Buffer.alloc(12)).bytes(3, Buffer.alloc(4082)).finish()
  const negative = new WireWriter().int(2, -4096).finish().subarray(1)
  const bytes = Buffer.concat([begin, Buffer.from([0x12]), negative])
  assert.equal(bytes.length, 4110)
  assert.throws(() => readGraph(bytes), WireError)
})

test('graphs in each other are read as deep as the runtime reads them, and no deeper', () => {
  const nested = (depth: number): Buffer => {
    let graph = new WireWriter()
    for (let level = 0; level < depth; level++) {
      const branch = new WireWriter().text(1, 'then_branch').message(6, graph)
      const one = new WireWriter().text(4, 'If').message(5, branch)
      graph = new WireWriter().message(1, one)
    }
    return new WireWriter().message(7, graph).finish()
  }
  assert.deepEqual(readGraph(nested(32)).operators, ['If'])
  assert.throws(() => readGraph(nested(33)), /more than 32 graphs/)
  assert.throws(() => readGraph(nested(3000)), WireError)
})

/** Reads; anything but a graph or a WireError fails. */
function readAnything(bytes: Buffer, from: string): boolean {
  try {
    readGraph(bytes)
    return true
  } catch (error) {
    assert.ok(error instanceof WireError, `${from}: ${String(error)}`)
    return false
  }
}

test('the shipped model broken off anywhere is a WireError, or a graph that ends early', () => {
  const places = [...Array(2000).keys(), ...Array.from({ length: 600 }, (_, at) => at * 97)]
  for (const place of places) {
    for (const end of [place, shippedBytes.length - place]) {
      readAnything(shippedBytes.subarray(0, Math.max(0, end)), `cut at ${end}`)
    }
  }
  assert.ok(!readAnything(shippedBytes.subarray(0, -1), 'the last byte off'))
  assert.ok(!readAnything(Buffer.alloc(0), 'nothing'))
})

test('no flipped bit of a model crashes the reader or keeps it for ever', () => {
  const small = modelFile(linearParts())
  for (let bit = 0; bit < small.length * 8; bit++) {
    const bytes = Buffer.from(small)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    readAnything(bytes, `bit ${bit} of the small model`)
  }
  const random = Random.of(1, 'bits')
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(shippedBytes)
    // Near the start of a message more often than in its long lists.
    const reach = round % 2 === 0 ? bytes.length : 200
    const flips = [0, 1, 2].map(() => Math.floor(random.uniform() * reach * 8))
    for (const bit of flips) bytes[bit >> 3]! ^= 1 << (bit & 7)
    readAnything(bytes, `bits ${flips.join(', ')} of the shipped model`)
  }
})

test('no bytes crash the reader', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      readAnything(Buffer.from(bytes), 'random bytes')
    }),
    { numRuns: 2000 },
  )
})
