// Holds the bytes of a model file against what its manifest says of it, without running anything.
import type { Fault } from '../features/document.ts'
import { Faults, listed, namesMax, wholeFile } from './faults.ts'
import { type Graph, readGraph } from './graph/graph.ts'
import { knownOperators, operatorHint } from './graph/operators.ts'
import { type Pruned, pruneModel } from './graph/pruning.ts'
import type { Manifest } from './manifest.ts'
import { ModelRefusal } from './model.ts'
import type { OutputRule } from './reading.ts'

/** A model file, cut down to what its scores are computed from. */
export interface ModelFile extends Pruned {
  /** Of the cut-down bytes. */
  readonly graph: Graph
}

/** `output`: the one that scores are read from, if it is known. Throws ModelRefusal for bytes that are no model. */
export function readModelFile(file: string, bytes: Buffer, output: string | null): ModelFile {
  try {
    const graph = readGraph(bytes)
    const pruned = pruneModel(bytes, output)
    return { ...pruned, graph: pruned.bytes === bytes ? graph : readGraph(pruned.bytes) }
  } catch (cause) {
    const faults = new Faults(file)
    faults.add(wholeFile, 'an ONNX model', `bytes that are none: ${(cause as Error).message}`)
    throw new ModelRefusal(faults.list)
  }
}

/** Everything that is wrong with a model. `manifest` null: only what needs none is checked. */
export function checkModelFile(
  file: string,
  { graph, zipMaps }: ModelFile,
  manifest: Manifest | null,
): Fault[] {
  const faults = new Faults(file)
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
  if (manifest !== null) checkOutput(graph, zipMaps, manifest.output, faults)
  return faults.list
}

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

function checkOutput(
  { outputs }: Graph,
  zipMaps: ModelFile['zipMaps'],
  { name, column, kind }: OutputRule,
  faults: Faults,
): void {
  const path = `output ${name}`
  const output = outputs.find((one) => one.name === name)
  if (output === undefined) {
    const read = zipMaps.get(name)
    const hint = read === undefined ? null : `name the tensor that its ZipMap reads: ${read}`
    faults.add(path, 'it among the outputs', listed(outputs.map((one) => one.name)), hint)
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

/** `[N, 8]`; `?` for a free dimension without a name. */
export function shapeText(shape: readonly (number | string)[] | null): string {
  if (shape === null) return 'no shape'
  return `[${shape.map((size) => (size === '' ? '?' : size)).join(', ')}]`
}
