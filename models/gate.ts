// The admission gate: what must hold of a model folder before its model may run. Everything that can be known without
// running it is checked here, on the bytes, before the runtime sees them; what takes a run is trial.ts.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Document, DocumentError, type Fault } from '../features/document.ts'
import { type Graph, readGraph } from './graph.ts'
import {
  checkFeatures,
  type Golden,
  type Manifest,
  type Row,
  readBackground,
  readGolden,
  readManifest,
} from './manifest.ts'
import { ModelRefusal } from './model.ts'
import { knownOperators, operatorHint } from './operators.ts'

/** Bytes of a model file: larger ones would not score within any budget of ours. */
export const modelBytesMax: number = 256 * 1024 * 1024

/** Bytes of manifest.json and golden.json. */
const documentBytesMax = 1024 * 1024

/** Bytes of background.json: as many rows as it may have, of a few hundred columns. */
const backgroundBytesMax = 8 * 1024 * 1024

/** Names of one fault, and characters of what it quotes: enough to find the cause. */
const namesMax = 5
const textMax = 200

/** Reads YAML or JSON with its lines. Throws DocumentError. */
export type ParseDocument = (file: string, bytes: Uint8Array) => Document

/** A folder whose files agree with each other and with the catalog. */
export interface Candidate {
  /** Path of model.onnx. */
  readonly file: string
  readonly bytes: Buffer
  readonly manifest: Manifest
  /** sha256 of manifest.json. */
  readonly hash: string
  readonly golden: Golden
  /** Rows of the training run, as the golden ones; null without background.json. */
  readonly background: readonly Row[] | null
}

/**
 * Reads a model folder. `definitions`: the catalog's feature definitions by name. Throws one ModelRefusal with everything
 * that is wrong in any of its files.
 */
export function readCandidate(
  folder: string,
  definitions: ReadonlyMap<string, string>,
  parse: ParseDocument,
): Candidate {
  const faults: Fault[] = []
  const attempt = <T>(read: () => T): T | null => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error
      faults.push(...error.faults)
      return null
    }
  }
  const open = (name: string, bytesMax: number): Buffer | null =>
    attempt(() => readBounded(join(folder, name), bytesMax))

  const stated = open('manifest.json', documentBytesMax)
  const document = stated && attempt(() => parse(join(folder, 'manifest.json'), stated))
  const manifest = document && attempt(() => readManifest(document))
  if (manifest !== null) {
    attempt(() => {
      checkFeatures(document!, manifest, definitions)
    })
  }
  const rows = open('golden.json', documentBytesMax)
  const columns = manifest === null ? null : manifest.inputs.length
  const golden =
    rows && attempt(() => readGolden(parse(join(folder, 'golden.json'), rows), columns))
  const sample = manifest?.background == null ? null : open('background.json', backgroundBytesMax)
  const background =
    sample && attempt(() => openBackground(join(folder, 'background.json'), sample, manifest!))
  const file = join(folder, 'model.onnx')
  const bytes = open('model.onnx', modelBytesMax)
  if (bytes !== null) faults.push(...checkModel(file, bytes, manifest))
  if (faults.length > 0) throw new ModelRefusal(faults)
  // Whatever is null has left a fault, but for a background that no manifest names.
  return {
    file,
    bytes: bytes!,
    manifest: manifest!,
    hash: sha256Of(stated!),
    golden: golden!,
    background,
  }
}

/** Thousands of numbers that nobody writes by hand: plain JSON, whose faults have no lines. */
function openBackground(file: string, bytes: Buffer, { background, inputs }: Manifest): Row[] {
  const faults = new Faults(file)
  const sha256 = sha256Of(bytes)
  if (sha256 !== background) {
    faults.add('sha256', `${String(background)} (manifest)`, sha256, otherFileHint)
    throw new DocumentError(faults.list)
  }
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    faults.add(wholeFile, 'valid JSON', (cause as Error).message)
    throw new DocumentError(faults.list)
  }
  return readBackground({ file, value, lineOf: () => 0 }, inputs.length)
}

const otherFileHint =
  'the manifest describes another file: take the whole folder from where it was made'

/** Everything that is wrong with a model file. `manifest` null: only what needs none is checked. */
export function checkModel(file: string, bytes: Buffer, manifest: Manifest | null): Fault[] {
  const faults = new Faults(file)
  const sha256 = sha256Of(bytes)
  if (manifest !== null && sha256 !== manifest.sha256) {
    faults.add('sha256', `${manifest.sha256} (manifest)`, sha256, otherFileHint)
  }
  let graph: Graph
  try {
    graph = readGraph(bytes)
  } catch (cause) {
    faults.add(wholeFile, 'an ONNX model', `bytes that are none: ${(cause as Error).message}`)
    return faults.list
  }
  if (graph.externalTensors.length > 0) {
    const found = `${listed(graph.externalTensors.map((name) => name || '(no name)'))} in another file`
    faults.add('tensors', 'all tensors in this file', found, 'save the model as one file')
  }
  const unknown = graph.operators.filter((name) => !knownOperators.has(name))
  for (const operator of unknown.slice(0, namesMax)) {
    faults.add('operators', 'known ones only', operator, operatorHint(operator))
  }
  if (unknown.length > namesMax) {
    faults.add('operators', 'known ones only', `${unknown.length} that are not, in all`)
  }
  checkInput(graph, manifest, faults)
  checkOutput(graph, manifest, faults)
  return faults.list
}

/** Faults of a file without lines. */
export class Faults {
  readonly list: Fault[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  add(path: string, expected: string, found: string, hint: string | null = null): void {
    const cut = (text: string): string =>
      text.length > textMax ? `${text.slice(0, textMax)}…` : text
    this.list.push({
      file: this.#file,
      line: 0,
      path: cut(path),
      expected,
      found: cut(found),
      hint,
    })
  }
}

export const wholeFile = '(file)'

function checkInput({ inputs }: Graph, manifest: Manifest | null, faults: Faults): void {
  const columns = manifest?.inputs.length ?? 'columns'
  const [input] = inputs
  if (input === undefined || inputs.length > 1) {
    const names = inputs.map(({ name }) => name)
    const hint = names.length > 1 ? 'join them to one tensor before the model is converted' : null
    faults.add('inputs', `one tensor [N, ${columns}]`, listed(names), hint)
    return
  }
  const path = `input ${input.name}`
  if (manifest !== null && input.name !== manifest.input) {
    faults.add(path, `the name ${manifest.input} (manifest)`, input.name)
  }
  if (input.type !== 'float') faults.add(path, 'float', input.type, typeHint(input.type))
  const { shape } = input
  if (shape?.length !== 2) {
    faults.add(path, `the shape [N, ${columns}]`, shapeText(shape))
    return
  }
  const [rows, width] = shape
  if (typeof rows === 'number') {
    const hint = 'export it with a dynamic first dimension'
    faults.add(path, 'a free batch dimension', String(rows), hint)
  }
  if (typeof width !== 'number') {
    const hint = 'a model that takes any number of columns cannot be held against its manifest'
    faults.add(path, `${columns} columns (manifest)`, 'a free dimension', hint)
  } else if (manifest !== null && width !== columns) {
    faults.add(path, `${columns} columns (manifest)`, String(width))
  }
}

function typeHint(type: string): string | null {
  if (type === 'double') return 'fit or convert it with float32'
  if (type === 'string') return 'make numbers of texts in the catalog, not in the model'
  return null
}

function checkOutput({ outputs }: Graph, manifest: Manifest | null, faults: Faults): void {
  if (manifest === null) return
  const { name, column, kind } = manifest.output
  const path = `output ${name}`
  const output = outputs.find((one) => one.name === name)
  if (output === undefined) {
    faults.add(path, 'it among the outputs', listed(outputs.map((one) => one.name)))
    return
  }
  if (output.type !== 'float' && !(kind === 'label' && output.type === 'int64')) {
    const expected = kind === 'label' ? 'a tensor of int64 or float' : 'a float tensor'
    const hint =
      output.type === 'int64' ? 'name the scores, or say kind: label' : typeHint(output.type)
    faults.add(path, expected, output.type, hint)
    return
  }
  const { shape } = output
  // Without a shape, or with free dimensions, the trial looks at what comes out.
  if (shape === null) return
  if (shape.length < 1 || shape.length > 2) {
    faults.add(path, 'the shape [N], [N, 1] or [N, columns]', shapeText(shape))
    return
  }
  const width = shape[1] ?? 1
  if (typeof width === 'number' && column >= width) {
    faults.add(path, `a column ${column} (manifest, from 0)`, `${width} in all`)
  }
}

function shapeText(shape: readonly (number | string)[] | null): string {
  if (shape === null) return 'no shape'
  return `[${shape.map((size) => (size === '' ? '?' : size)).join(', ')}]`
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : ''
  return names.slice(0, namesMax).join(', ') + more
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A file's bytes. Throws ModelRefusal where it cannot be read or is larger. */
function readBounded(file: string, bytesMax: number): Buffer {
  const refuse = (expected: string, found: string): ModelRefusal => {
    const faults = new Faults(file)
    faults.add(wholeFile, expected, found)
    return new ModelRefusal(faults.list)
  }
  try {
    const stats = statSync(file)
    if (!stats.isFile()) throw refuse('a file', 'something else')
    if (stats.size > bytesMax) throw refuse(`at most ${bytesMax} bytes`, `${stats.size} bytes`)
    return readFileSync(file)
  } catch (cause) {
    if (cause instanceof ModelRefusal) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    throw refuse('a file that can be read', code ?? message)
  }
}
