// Cuts a model down to what its score is computed from: ZipMaps, which make dictionaries of a tensor that nobody could read
// otherwise, other outputs, and the nodes that only they need. What stays, stays byte for byte.
import { WireError, type WireField, WireWriter, wireFields } from './protobuf.ts'

export interface Pruned {
  /** The bytes that were given where nothing is to be cut. */
  readonly bytes: Buffer
  /** Outputs of ZipMaps, which are gone, and the tensor that each was made of: an output now, float [N, classes]. */
  readonly zipMaps: ReadonlyMap<string, string>
}

/**
 * `output`: the only one to be kept; null, or one that is not there, keeps all. The graphs of `bytes` must have been read
 * before (graph.ts), which bounds their depth. Throws WireError for bytes that are no model.
 */
export function pruneModel(bytes: Buffer, output: string | null): Pruned {
  const model = [...wireFields(bytes)]
  const graphs = model.filter(({ number }) => number === 7)
  if (graphs.length !== 1) throw new WireError(`${graphs.length} graphs where one belongs`)
  const graph = need(graphs[0]!)
  const fields = [...wireFields(graph)]
  const nodes = new Map(
    fields.filter(({ number }) => number === 1).map((field) => [field, readNode(need(field))]),
  )
  const zipMaps = new Map<string, ZipMap>()
  for (const { isZipMap, inputs, outputs, classes } of nodes.values()) {
    const [input] = inputs
    if (isZipMap && input !== undefined) zipMaps.set(outputs[0] ?? '', { input, classes })
  }
  const outputs = keepOutputs(fields, zipMaps, output)
  const kept = keepNodes(nodes, outputs.names)
  const names = new Map([...zipMaps].map(([name, { input }]) => [name, input]))
  if (!outputs.isChanged && kept.size === nodes.size) return { bytes, zipMaps: names }

  const parts: Buffer[] = []
  for (const field of fields) {
    const isCut = field.number === 12 || (field.number === 1 && !kept.has(field))
    if (!isCut) parts.push(graph.subarray(field.start, field.end))
  }
  for (const value of outputs.values) parts.push(new WireWriter().bytes(12, value).finish())
  const cut = new WireWriter().bytes(7, Buffer.concat(parts)).finish()
  const whole = model.map((field) =>
    field.number === 7 ? cut : bytes.subarray(field.start, field.end),
  )
  return { bytes: Buffer.concat(whole), zipMaps: names }
}

interface ZipMap {
  readonly input: string
  readonly classes: number
}

interface Outputs {
  readonly names: ReadonlySet<string>
  /** Their messages. */
  readonly values: readonly Buffer[]
  readonly isChanged: boolean
}

/** Declared outputs in their order; a tensor that ZipMap read stands where its dictionaries stood. */
function keepOutputs(
  fields: readonly WireField[],
  zipMaps: ReadonlyMap<string, ZipMap>,
  only: string | null,
): Outputs {
  const values = new Map<string, Buffer>()
  let isChanged = false
  for (const field of fields) {
    if (field.number !== 12) continue
    const value = need(field)
    const name = nameOf(value)
    const zipMap = zipMaps.get(name)
    if (zipMap === undefined) values.set(name, value)
    else values.set(zipMap.input, tensorOf(zipMap))
    isChanged ||= zipMap !== undefined
  }
  const wanted = only === null ? undefined : values.get(only)
  if (wanted === undefined || values.size === 1) {
    return { names: new Set(values.keys()), values: [...values.values()], isChanged }
  }
  return { names: new Set([only!]), values: [wanted], isChanged: true }
}

function tensorOf({ input, classes }: ZipMap): Buffer {
  const rows = new WireWriter().text(2, 'N')
  const shape = new WireWriter().message(1, rows).message(1, new WireWriter().int(1, classes))
  const tensor = new WireWriter().int(1, 1).message(2, shape)
  return new WireWriter().text(1, input).message(2, new WireWriter().message(1, tensor)).finish()
}

/** The nodes that `outputs` are computed by, going backwards: in a file they stand in the order of their computation. */
function keepNodes(
  nodes: ReadonlyMap<WireField, Node>,
  outputs: ReadonlySet<string>,
): ReadonlySet<WireField> {
  const needed = new Set(outputs)
  const kept = new Set<WireField>()
  for (const [field, node] of [...nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue
    kept.add(field)
    for (const name of node.inputs) needed.add(name)
  }
  return kept
}

interface Node {
  readonly isZipMap: boolean
  /** With what graphs inside it name, which may be of this graph. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Of a ZipMap. */
  readonly classes: number
}

function readNode(message: Buffer): Node {
  const inputs: string[] = []
  const outputs: string[] = []
  let operator = ''
  let domain = ''
  let classes = 0
  for (const field of wireFields(message)) {
    if (field.number === 1) inputs.push(textOf(field))
    else if (field.number === 2) outputs.push(textOf(field))
    else if (field.number === 4) operator = textOf(field)
    else if (field.number === 7) domain = textOf(field)
    else if (field.number === 5) classes = Math.max(classes, readAttribute(need(field), inputs))
  }
  const isZipMap = operator === 'ZipMap' && domain === 'ai.onnx.ml'
  return { isZipMap, inputs, outputs, classes }
}

/** How many labels it has; the names in its graphs go to `inputs`. */
function readAttribute(message: Buffer, inputs: string[]): number {
  let name = ''
  let values = 0
  for (const field of wireFields(message)) {
    if (field.number === 1) name = textOf(field)
    else if (field.number === 9) values++
    else if (field.number === 8) values += field.bytes === null ? 1 : varints(field.bytes)
    else if (field.number === 6 || field.number === 11) {
      for (const part of wireFields(need(field))) {
        if (part.number === 1) inputs.push(...readNode(need(part)).inputs)
        else if (part.number === 12) inputs.push(nameOf(need(part)))
      }
    }
  }
  return name.startsWith('classlabels_') ? values : 0
}

/** How many there are in packed bytes: each ends with one below 128. */
function varints(packed: Buffer): number {
  return packed.reduce((count, byte) => count + (byte < 0x80 ? 1 : 0), 0)
}

function nameOf(message: Buffer): string {
  let name = ''
  for (const field of wireFields(message)) if (field.number === 1) name = textOf(field)
  return name
}

function need({ bytes, number }: WireField): Buffer {
  if (bytes === null) throw new WireError(`field ${number} is a number where a message belongs`)
  return bytes
}

function textOf(field: WireField): string {
  return need(field).toString('utf8')
}
