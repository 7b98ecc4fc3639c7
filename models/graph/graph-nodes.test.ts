// Nodes and constants as we read them, held against an encoder that is not ours (onnx-proto), and against bytes that are no model.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  attribute,
  DOUBLE,
  elsewhere,
  FLOAT,
  floats,
  INT64,
  linearParts,
  modelFile,
  node,
  onnx,
  wholes,
} from '../testing/model-files.ts'
import { readNodes } from './graph-nodes.ts'
import { WireError, WireWriter } from './protobuf.ts'

const names = fc.string({ maxLength: 8 })
const anyFloat = fc.float().map(Math.fround)
const wholeNumbers = fc.array(fc.maxSafeInteger())
const anyAttribute = fc.oneof(
  fc.record({ int: fc.maxSafeInteger() }),
  fc.record({ float: anyFloat }),
  fc.record({ text: names }),
  fc.record({ ints: wholeNumbers }),
  fc.record({ floats: fc.array(anyFloat) }),
  fc.record({ texts: fc.array(names) }),
)

/** As the other encoder takes it. */
function encoded(name: string, one: Record<string, unknown>) {
  const { INT, FLOAT, STRING, INTS, FLOATS, STRINGS } = onnx.AttributeProto.AttributeType
  if ('int' in one) return { name, type: INT, i: one['int'] as number }
  if ('float' in one) return { name, type: FLOAT, f: one['float'] as number }
  if ('text' in one) return { name, type: STRING, s: Buffer.from(one['text'] as string) }
  if ('ints' in one) return { name, type: INTS, ints: one['ints'] as number[] }
  if ('floats' in one) return { name, type: FLOATS, floats: one['floats'] as number[] }
  return {
    name,
    type: STRINGS,
    strings: (one['texts'] as string[]).map((text) => Buffer.from(text)),
  }
}

/** As we give it. */
function read(one: Record<string, unknown>): Record<string, unknown> {
  if ('ints' in one) return { ints: Float64Array.from(one['ints'] as number[]) }
  if ('floats' in one) return { floats: Float32Array.from(one['floats'] as number[]) }
  return { ...one }
}

test('we read the nodes and attributes of any graph as another encoder wrote them', () => {
  const anyNode = fc.record({
    operator: names,
    domain: fc.constantFrom('', 'ai.onnx.ml', 'x'),
    inputs: fc.array(names),
    outputs: fc.array(names),
    attributes: fc.dictionary(names, anyAttribute),
  })
  fc.assert(
    fc.property(fc.array(anyNode), (nodes) => {
      const bytes = modelFile({
        node: nodes.map(({ operator, inputs, outputs, domain, attributes }) => {
          const attribute = Object.entries(attributes).map(([name, one]) => encoded(name, one))
          return node(operator, inputs, outputs, attribute, domain)
        }),
      })
      const expected = nodes.map(({ ...one }) => {
        const attributes = Object.entries(one.attributes).map(
          ([name, value]) => [name, read(value)] as const,
        )
        return { ...one, attributes: new Map(attributes) }
      })
      assert.deepEqual(readNodes(bytes).nodes, expected)
    }),
  )
})

test('a constant has the same values raw or listed, as float, double or whole numbers', () => {
  const whole = [0, -1, 2 ** 31, -(2 ** 40)]
  const real = [0.5, Number.NaN, -0, Number.NEGATIVE_INFINITY]
  const { INT32, FLOAT16 } = onnx.TensorProto.DataType
  const raw = (list: ArrayBufferView) => new Uint8Array(list.buffer)
  const tensors = [
    floats('f', [2, 2], real),
    { name: 'rf', dims: [4], dataType: FLOAT, rawData: raw(Float32Array.from(real)) },
    { name: 'd', dims: [4], dataType: DOUBLE, doubleData: real },
    { name: 'rd', dims: [4], dataType: DOUBLE, rawData: raw(Float64Array.from(real)) },
    wholes('w', [4], whole),
    { name: 'rw', dims: [4], dataType: INT64, rawData: raw(BigInt64Array.from(whole.map(BigInt))) },
    { name: 'i', dims: [], dataType: INT32, int32Data: [-7] },
    { name: 'ri', dims: [1, 0], dataType: INT32, rawData: Buffer.alloc(0) },
    { name: 'half', dims: [1], dataType: FLOAT16, int32Data: [1] },
    elsewhere('far'),
  ]
  const inAttribute = node(
    'Constant',
    [],
    ['c'],
    [attribute.tensor('value', { ...tensors[2]!, name: '' })],
  )
  const { initializers, nodes } = readNodes(
    modelFile({ initializer: tensors, node: [inAttribute] }),
  )
  const values = Object.fromEntries([...initializers].map(([name, one]) => [name, one.values]))
  assert.deepEqual(values, {
    ...{ f: Float32Array.from(real), rf: Float32Array.from(real) },
    ...{ d: Float64Array.from(real), rd: Float64Array.from(real) },
    ...{ w: Float64Array.from(whole), rw: Float64Array.from(whole) },
    ...{ i: Float64Array.of(-7), ri: new Float64Array(0), half: null, far: null },
  })
  assert.deepEqual(initializers.get('f')!.shape, [2, 2])
  assert.deepEqual(nodes[0]!.attributes.get('value'), {
    tensor: { name: '', type: DOUBLE, shape: [4], values: Float64Array.from(real) },
  })
})

test('what could be read in two ways is refused', () => {
  const model = (...parts: WireWriter[]): Buffer =>
    Buffer.concat(parts.map((graph) => new WireWriter().message(7, graph).finish()))
  assert.throws(() => readNodes(model(new WireWriter(), new WireWriter())), /2 graphs/)
  const twice = node('X', [], [], [attribute.int('a', 1), attribute.int('a', 2)])
  assert.throws(() => readNodes(modelFile({ node: [twice] })), /attribute a comes twice/)
  const same = [floats('w', [1], [1]), floats('w', [1], [2])]
  assert.throws(() => readNodes(modelFile({ initializer: same })), /tensor w comes twice/)
})

test('a tensor is as long as its values, whatever its shape says', () => {
  for (const dims of [[3], [2 ** 40], [-2], [-1, -2], [2 ** 52, 2 ** 52]]) {
    const bytes = modelFile({ initializer: [floats('w', dims, [1, 2])] })
    assert.throws(() => readNodes(bytes), /tensor w: 2 values/, String(dims))
  }
  const cut = new WireWriter().text(1, 'a').bytes(7, Buffer.alloc(5)).int(20, 6)
  const graph = new WireWriter().message(1, new WireWriter().message(5, cut))
  const file = new WireWriter().message(7, graph).finish()
  assert.throws(() => readNodes(file), /5 bytes of numbers of 4/)
  const odd = { name: 'w', dims: [1], dataType: FLOAT, rawData: Buffer.alloc(5) }
  assert.throws(() => readNodes(modelFile({ initializer: [odd] })), /5 bytes of values of 4/)
})

/** Reads; anything but nodes or a WireError fails. */
function readAnything(bytes: Buffer, from: string): void {
  try {
    readNodes(bytes)
  } catch (error) {
    assert.ok(error instanceof WireError, `${from}: ${String(error)}`)
  }
}

test('no flipped bit, no end and no other bytes crash the reader', () => {
  const parts = linearParts()
  parts.node.push(
    node(
      'X',
      ['a'],
      ['b'],
      [
        attribute.ints('i', [1, 2]),
        attribute.floats('f', [1, 2]),
        attribute.text('s', 'SUM'),
        attribute.tensor('t', wholes('', [2], [1, 2])),
      ],
    ),
  )
  const whole = modelFile(parts)
  for (let end = 0; end < whole.length; end++) readAnything(whole.subarray(0, end), `cut at ${end}`)
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = Buffer.from(whole)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    readAnything(bytes, `bit ${bit}`)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      readAnything(Buffer.from(bytes), 'random bytes')
    }),
    { numRuns: 1000 },
  )
})
