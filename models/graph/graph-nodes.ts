// Reads the nodes and constants of a model's main graph, for whoever must know what a graph computes. Bounded by the bytes
// at hand: it never trusts a length, and never makes room for a shape before its values are seen.
import {
  packedDoubles,
  packedFloats,
  packedVarints,
  WireError,
  type WireField,
  wireFields,
} from './protobuf.ts'

/** A constant. */
export interface Tensor {
  /** '' inside an attribute. */
  readonly name: string
  /** A code of `elementTypes` in graph.ts. */
  readonly type: number
  readonly shape: readonly number[]
  /** Float32Array for float, Float64Array for double and whole numbers (exact within ±2^53); null for any other type. */
  readonly values: Float32Array | Float64Array | null
}

/** By the type that the attribute states, as the runtime reads it. Whole numbers are exact within ±2^53. */
export type NodeAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly tensor: Tensor }
  | { readonly ints: Float64Array }
  | { readonly floats: Float32Array }
  | { readonly texts: readonly string[] }
  /** Any other type of onnx.proto, e.g. 5 for a graph. */
  | { readonly other: number }

export interface Node {
  readonly operator: string
  /** '' for ONNX's own, which may also be written `ai.onnx`. */
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, NodeAttribute>
}

export interface Nodes {
  /** In the order of the file, which is one in which they can be computed. */
  readonly nodes: readonly Node[]
  readonly initializers: ReadonlyMap<string, Tensor>
}

/** Throws WireError for bytes that are no model, and for what two readers could read in two ways. */
export function readNodes(bytes: Buffer): Nodes {
  const graphs = [...wireFields(bytes)].filter(({ number }) => number === 7)
  if (graphs.length !== 1) throw new WireError(`${graphs.length} graphs where one belongs`)
  const nodes: Node[] = []
  const initializers = new Map<string, Tensor>()
  for (const field of wireFields(need(graphs[0]!))) {
    if (field.number === 1) nodes.push(readNode(need(field)))
    else if (field.number === 5) {
      const tensor = readTensor(need(field))
      if (initializers.has(tensor.name)) throw new WireError(`tensor ${tensor.name} comes twice`)
      initializers.set(tensor.name, tensor)
    }
  }
  return { nodes, initializers }
}

function readNode(message: Buffer): Node {
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes = new Map<string, NodeAttribute>()
  let operator = ''
  let domain = ''
  for (const field of wireFields(message)) {
    if (field.number === 1) inputs.push(textOf(field))
    else if (field.number === 2) outputs.push(textOf(field))
    else if (field.number === 4) operator = textOf(field)
    else if (field.number === 7) domain = textOf(field)
    else if (field.number === 5) {
      const [name, attribute] = readAttribute(need(field))
      if (attributes.has(name)) throw new WireError(`attribute ${name} comes twice`)
      attributes.set(name, attribute)
    }
  }
  return { operator, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes }
}

/** All that an attribute may hold; which of it counts, its type says. */
function readAttribute(message: Buffer): [name: string, attribute: NodeAttribute] {
  let name = ''
  let type = 0
  let float = 0
  let int = 0
  let text = ''
  let tensor: Buffer | null = null
  const floats = new Numbers()
  const ints = new Numbers()
  const texts: string[] = []
  for (const field of wireFields(message)) {
    if (field.number === 1) name = textOf(field)
    else if (field.number === 20) type = field.value
    else if (field.number === 2) float = field.value
    else if (field.number === 3) int = field.value
    else if (field.number === 4) text = textOf(field)
    else if (field.number === 5) tensor = once(tensor, field)
    else if (field.number === 7) floats.add(field, packedFloats)
    else if (field.number === 8) ints.add(field, packedVarints)
    else if (field.number === 9) texts.push(textOf(field))
  }
  if (type === 1) return [name, { float }]
  if (type === 2) return [name, { int }]
  if (type === 3) return [name, { text }]
  if (type === 4) return [name, { tensor: readTensor(tensor ?? Buffer.alloc(0)) }]
  if (type === 6) return [name, { floats: Float32Array.from(floats.list) }]
  if (type === 7) return [name, { ints: Float64Array.from(ints.list) }]
  if (type === 8) return [name, { texts }]
  return [name, { other: type }]
}

/** A repeated number: one a field, or many in one. */
class Numbers {
  readonly list: number[] = []

  add({ bytes, value }: WireField, unpack: (bytes: Buffer) => number[]): void {
    if (bytes === null) this.list.push(value)
    else for (const one of unpack(bytes)) this.list.push(one)
  }
}

/** Bytes of one raw value, by element type; what is not here has no values for us. */
const widths: Readonly<Record<number, number>> = { 1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 11: 8 }

function readTensor(message: Buffer): Tensor {
  let name = ''
  let type = 0
  let raw: Buffer | null = null
  let isElsewhere = false
  const shape = new Numbers()
  const stored = new Numbers()
  for (const field of wireFields(message)) {
    if (field.number === 1) shape.add(field, packedVarints)
    else if (field.number === 2) type = field.value
    else if (field.number === 8) name = textOf(field)
    else if (field.number === 9) raw = once(raw, field)
    else if (field.number === 4) stored.add(field, packedFloats)
    else if (field.number === 10) stored.add(field, packedDoubles)
    else if (field.number === 5 || field.number === 7) stored.add(field, packedVarints)
    else if (field.number === 13 || (field.number === 14 && field.value !== 0)) isElsewhere = true
  }
  const tensor = { name, type, shape: shape.list }
  const width = widths[type]
  if (width === undefined || isElsewhere) return { ...tensor, values: null }
  const list = raw === null ? stored.list : readRaw(raw, type, width)
  const size = shape.list.reduce((product, dimension) => product * dimension, 1)
  if (size !== list.length || shape.list.some((dimension) => dimension < 0)) {
    throw new WireError(`tensor ${name}: ${list.length} values in a shape of ${size}`)
  }
  return { ...tensor, values: type === 1 ? Float32Array.from(list) : Float64Array.from(list) }
}

function readRaw(raw: Buffer, type: number, width: number): number[] {
  if (raw.length % width !== 0) throw new WireError(`${raw.length} bytes of values of ${width}`)
  const values: number[] = []
  for (let at = 0; at < raw.length; at += width) values.push(readOne(raw, type, at))
  return values
}

function readOne(raw: Buffer, type: number, at: number): number {
  switch (type) {
    case 1:
      return raw.readFloatLE(at)
    case 11:
      return raw.readDoubleLE(at)
    case 6:
      return raw.readInt32LE(at)
    case 7:
      return Number(raw.readBigInt64LE(at))
    case 3:
      return raw.readInt8(at)
    default:
      return raw.readUInt8(at)
  }
}

/** Other readers merge a message that comes twice. */
function once(before: Buffer | null, field: WireField): Buffer {
  if (before !== null) throw new WireError(`field ${field.number} comes twice`)
  return need(field)
}

function need({ bytes, number }: WireField): Buffer {
  if (bytes === null) throw new WireError(`field ${number} is a number where a message belongs`)
  return bytes
}

function textOf(field: WireField): string {
  return need(field).toString('utf8')
}
