// ONNX files: reads of one what the admission gate must know, and writes the graphs that we make ourselves (IR 8,
// onnx.proto of ONNX 1.17). Checked in tests against an independent decoder.
import { WireError, type WireField, WireWriter, wireFields } from './protobuf.ts'

/** Codes of TensorProto.DataType that can be met at a model's edge. */
export const elementTypes = {
  1: 'float',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'double',
} as const satisfies Readonly<Record<number, string>>

/** An input or output. `type` is an element type, or `sequence`, `map`, `optional`, `sparse tensor` or `unknown`. */
export interface GraphValue {
  readonly name: string
  readonly type: string
  /** A size, or the name of a free dimension ('' for one without a name); null without a shape. */
  readonly shape: readonly (number | string)[] | null
}

export interface Graph {
  /** Inputs that a caller must give: without initializers. */
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
  /** `domain.op`, `op` alone in ONNX's own domain; each once, with those of subgraphs and functions, but not functions. */
  readonly operators: readonly string[]
  readonly opset: number
  /** What wrote the file, with its version; '' where it does not say. */
  readonly producer: string
  /** Names of tensors whose bytes are in another file. */
  readonly externalTensors: readonly string[]
}

export { WireError }

/** Graphs within graphs: as many as the runtime's own reader (100 messages deep) can take. */
const graphDepthMax = 32

/** Reads a model. Throws WireError for bytes that are none. */
export function readGraph(bytes: Buffer): Graph {
  const found = new Found()
  let opset = 0
  let producer = ''
  let graph: Buffer | null = null
  for (const field of wireFields(bytes)) {
    if (field.number === 2) producer = need(field).toString('utf8')
    else if (field.number === 3) producer += ` ${need(field).toString('utf8')}`
    else if (field.number === 7) graph = once(graph, field)
    else if (field.number === 8) opset = Math.max(opset, readOpset(need(field)))
    else if (field.number === 20) readTraining(need(field), found)
    else if (field.number === 25) readFunction(need(field), found)
  }
  if (graph === null) throw new WireError('there is no graph')
  const edge = readGraphProto(graph, found, 0)
  return {
    ...edge,
    operators: [...found.operators].filter((name) => !found.functions.has(name)).sort(),
    opset,
    producer: producer.trim(),
    externalTensors: found.externalTensors,
  }
}

/** What is gathered over the graph and all below it. */
class Found {
  readonly operators = new Set<string>()
  /** Operators that the model defines itself, out of others. */
  readonly functions = new Set<string>()
  readonly externalTensors: string[] = []
}

/** Other readers merge a message that comes twice: what they would run is then not what we have seen. */
function once(before: Buffer | null, field: WireField): Buffer {
  if (before !== null) throw new WireError(`field ${field.number} comes twice`)
  return need(field)
}

function need({ bytes, number }: WireField): Buffer {
  if (bytes === null) throw new WireError(`field ${number} is a number where a message belongs`)
  return bytes
}

function readOpset(message: Buffer): number {
  let domain = ''
  let version = 0
  for (const field of wireFields(message)) {
    if (field.number === 1) domain = need(field).toString('utf8')
    else if (field.number === 2) version = field.value
  }
  return domain === '' || domain === 'ai.onnx' ? version : 0
}

function readGraphProto(
  message: Buffer,
  found: Found,
  depth: number,
): Pick<Graph, 'inputs' | 'outputs'> {
  if (depth > graphDepthMax) throw new WireError(`more than ${graphDepthMax} graphs in each other`)
  const inputs: GraphValue[] = []
  const outputs: GraphValue[] = []
  const initializers = new Set<string>()
  for (const field of wireFields(message)) {
    if (field.number === 1) readNode(need(field), found, depth)
    else if (field.number === 5) initializers.add(readTensor(need(field), found))
    else if (field.number === 11) inputs.push(readValue(need(field)))
    else if (field.number === 12) outputs.push(readValue(need(field)))
    else if (field.number === 15) initializers.add(readSparse(need(field), found))
  }
  return { inputs: inputs.filter(({ name }) => !initializers.has(name)), outputs }
}

function readNode(message: Buffer, found: Found, depth: number): void {
  let operator = ''
  let domain = ''
  for (const field of wireFields(message)) {
    if (field.number === 4) operator = need(field).toString('utf8')
    else if (field.number === 7) domain = need(field).toString('utf8')
    else if (field.number === 5) readAttribute(need(field), found, depth)
  }
  found.operators.add(qualified(domain, operator))
}

function qualified(domain: string, operator: string): string {
  return domain === '' || domain === 'ai.onnx' ? operator : `${domain}.${operator}`
}

function readAttribute(message: Buffer, found: Found, depth: number): void {
  for (const field of wireFields(message)) {
    if (field.number === 5 || field.number === 10) readTensor(need(field), found)
    else if (field.number === 6 || field.number === 11) {
      readGraphProto(need(field), found, depth + 1)
    } else if (field.number === 22 || field.number === 23) readSparse(need(field), found)
  }
}

/** Its name. */
function readTensor(message: Buffer, found: Found): string {
  let name = ''
  let isExternal = false
  for (const field of wireFields(message)) {
    if (field.number === 8) name = need(field).toString('utf8')
    else if (field.number === 13) isExternal = true
    else if (field.number === 14 && field.value !== 0) isExternal = true
  }
  if (isExternal) found.externalTensors.push(name)
  return name
}

/** The name of its values, which is its own. */
function readSparse(message: Buffer, found: Found): string {
  let name = ''
  for (const field of wireFields(message)) {
    if (field.number === 1) name = readTensor(need(field), found)
    else if (field.number === 2) readTensor(need(field), found)
  }
  return name
}

function readTraining(message: Buffer, found: Found): void {
  for (const field of wireFields(message)) {
    if (field.number === 1 || field.number === 2) readGraphProto(need(field), found, 0)
  }
}

function readFunction(message: Buffer, found: Found): void {
  let name = ''
  let domain = ''
  for (const field of wireFields(message)) {
    if (field.number === 1) name = need(field).toString('utf8')
    else if (field.number === 10) domain = need(field).toString('utf8')
    else if (field.number === 7) readNode(need(field), found, 0)
    else if (field.number === 11) readAttribute(need(field), found, 0)
  }
  found.functions.add(qualified(domain, name))
}

function readValue(message: Buffer): GraphValue {
  let name = ''
  let type: Buffer | null = null
  for (const field of wireFields(message)) {
    if (field.number === 1) name = need(field).toString('utf8')
    else if (field.number === 2) type = once(type, field)
  }
  return { name, ...readType(type ?? Buffer.alloc(0)) }
}

type ValueType = Omit<GraphValue, 'name'>

/** A value has one type; of several the last would count, or their sum. */
function readType(message: Buffer): ValueType {
  let found: ValueType | null = null
  for (const field of wireFields(message)) {
    const type = readTypeField(field)
    if (type === null) continue
    if (found !== null) throw new WireError('a value of two types')
    found = type
  }
  return found ?? { type: 'unknown', shape: null }
}

function readTypeField(field: WireField): ValueType | null {
  switch (field.number) {
    case 1:
      return readTensorType(need(field))
    case 4:
      return { type: 'sequence', shape: null }
    case 5:
      return { type: 'map', shape: null }
    case 8:
      return { type: 'sparse tensor', shape: null }
    case 9:
      return { type: 'optional', shape: null }
    default:
      return null
  }
}

function readTensorType(message: Buffer): ValueType {
  let type = 'unknown'
  let shape: Buffer | null = null
  for (const field of wireFields(message)) {
    if (field.number === 1) {
      const names: Readonly<Record<number, string>> = elementTypes
      type = names[field.value] ?? 'unknown'
    } else if (field.number === 2) shape = once(shape, field)
  }
  return { type, shape: shape && readShape(shape) }
}

function readShape(message: Buffer): (number | string)[] {
  const shape: (number | string)[] = []
  for (const field of wireFields(message)) {
    if (field.number !== 1) continue
    let dimension: number | string = ''
    for (const part of wireFields(need(field))) {
      if (part.number === 1) dimension = part.value
      else if (part.number === 2) dimension = need(part).toString('utf8')
    }
    shape.push(dimension)
  }
  return shape
}

/** An attribute's value: one number with a point, whole numbers, floats, or texts. */
export type Attribute =
  | { readonly int: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly texts: readonly string[] }

export interface GraphNode {
  readonly operator: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** A constant of a graph, float32. No shape is a scalar. */
export interface Initializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** A graph of ours: one float input [N, columns], one float output [N, 1]. */
export interface GraphSource {
  readonly name: string
  readonly input: string
  readonly columns: number
  readonly output: string
  readonly nodes: readonly GraphNode[]
  readonly initializers?: readonly Initializer[]
}

/** The bytes of a model, the same for the same source. Opset 17, ai.onnx.ml 3. */
export function writeGraph(source: GraphSource): Buffer {
  const graph = new WireWriter()
  for (const node of source.nodes) graph.message(1, writeNode(node))
  graph.text(2, source.name)
  for (const initializer of source.initializers ?? []) graph.message(5, writeTensor(initializer))
  graph.message(11, writeValue(source.input, source.columns))
  graph.message(12, writeValue(source.output, 1))
  return new WireWriter()
    .int(1, 8)
    .text(2, 'weir')
    .message(7, graph)
    .message(8, new WireWriter().text(1, '').int(2, 17))
    .message(8, new WireWriter().text(1, 'ai.onnx.ml').int(2, 3))
    .finish()
}

function writeNode({ operator, domain, inputs, outputs, attributes }: GraphNode): WireWriter {
  const node = new WireWriter()
  for (const input of inputs) node.text(1, input)
  for (const output of outputs) node.text(2, output)
  node.text(3, `${operator}_${outputs[0] ?? ''}`).text(4, operator)
  for (const [name, value] of Object.entries(attributes)) {
    node.message(5, writeAttribute(name, value))
  }
  if (domain !== '') node.text(7, domain)
  return node
}

function writeAttribute(name: string, value: Attribute): WireWriter {
  const attribute = new WireWriter().text(1, name)
  if ('int' in value) return attribute.int(3, value.int).int(20, 2)
  if ('text' in value) return attribute.text(4, value.text).int(20, 3)
  if ('floats' in value) {
    for (const float of value.floats) attribute.float(7, float)
    return attribute.int(20, 6)
  }
  if ('ints' in value) {
    for (const int of value.ints) attribute.int(8, int)
    return attribute.int(20, 7)
  }
  for (const text of value.texts) attribute.text(9, text)
  return attribute.int(20, 8)
}

/** With raw data, which is little endian. Throws RangeError where the shape holds another number of values. */
function writeTensor({ name, shape, values }: Initializer): WireWriter {
  const size = shape.reduce((product, dimension) => product * dimension, 1)
  if (size !== values.length) {
    throw new RangeError(`tensor ${name}: expected ${size} values, found ${values.length}`)
  }
  const tensor = new WireWriter()
  for (const dimension of shape) tensor.int(1, dimension)
  const raw = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) raw.writeFloatLE(value, 4 * index)
  return tensor.int(2, 1).text(8, name).bytes(9, raw)
}

function writeValue(name: string, columns: number): WireWriter {
  const rows = new WireWriter().text(2, 'N')
  const shape = new WireWriter().message(1, rows).message(1, new WireWriter().int(1, columns))
  const tensor = new WireWriter().int(1, 1).message(2, shape)
  return new WireWriter().text(1, name).message(2, new WireWriter().message(1, tensor))
}
