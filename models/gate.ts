// The admission gate: what must hold of a model before it may score. Everything that can be known without running it is
// checked here, on the bytes, before the runtime sees them; what takes a run is checked by onnx.ts.
import { createHash } from 'node:crypto'
import { closest } from '../features/document.ts'
import { type Graph, readGraph } from './graph.ts'
import type { Manifest } from './manifest.ts'
import { ModelError } from './model.ts'

/** Bytes of a model file: larger ones would not score within any budget of ours. */
export const modelBytesMax = 256 * 1024 * 1024

/**
 * Checks hash, external data, shapes and inputs. `definitions`: the catalog's features by name. Throws one ModelError that
 * lists everything that is wrong, each with what was expected and found.
 */
export function checkModel(
  file: string,
  bytes: Buffer,
  manifest: Manifest,
  definitions: ReadonlyMap<string, string>,
): void {
  const faults: string[] = []
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (sha256 !== manifest.sha256) {
    faults.push(`sha256: expected ${manifest.sha256}, found ${sha256}`)
  }
  let graph: Graph
  try {
    graph = readGraph(bytes)
  } catch (cause) {
    faults.push(`expected an ONNX model, found bytes that are none (${(cause as Error).message})`)
    throw refusal(file, faults)
  }
  if (graph.hasExternalData) {
    faults.push('expected all tensors in the file, found external data: save the model as one file')
  }
  checkInput(graph, manifest, faults)
  checkOutput(graph, manifest, faults)
  checkFeatures(manifest, definitions, faults)
  if (faults.length > 0) throw refusal(file, faults)
}

export function refusal(file: string, faults: readonly string[]): ModelError {
  return new ModelError(faults.map((fault) => `${file}: ${fault}`).join('\n'))
}

function checkInput(graph: Graph, manifest: Manifest, faults: string[]): void {
  const names = graph.inputs.map(({ name }) => name).join(', ')
  if (graph.inputs.length !== 1) {
    faults.push(
      `inputs: expected one tensor [N, ${manifest.inputs.length}], found ${names || 'none'}`,
    )
    return
  }
  const input = graph.inputs[0]!
  if (input.name !== manifest.input) {
    faults.push(`input: expected ${manifest.input} (manifest), found ${input.name}`)
  }
  if (input.type !== 'float') {
    const mend = input.type === 'double' ? ': fit or convert it with float32' : ''
    faults.push(`input ${input.name}: expected float, found ${input.type}${mend}`)
  }
  const { shape } = input
  if (shape?.length !== 2) {
    faults.push(
      `input ${input.name}: expected two dimensions, found ${shape?.length ?? 'no shape'}`,
    )
    return
  }
  if (typeof shape[0] === 'number') {
    faults.push(`input ${input.name}: expected a free batch dimension, found ${shape[0]}`)
  }
  if (typeof shape[1] === 'number' && shape[1] !== manifest.inputs.length) {
    faults.push(
      `input ${input.name}: expected ${manifest.inputs.length} columns (manifest), found ${shape[1]}`,
    )
  }
}

function checkOutput(graph: Graph, { output }: Manifest, faults: string[]): void {
  if (graph.operators.includes('ai.onnx.ml.ZipMap')) {
    faults.push('expected tensors as outputs, found ZipMap: convert with zipmap=False')
  }
  const found = graph.outputs.find(({ name }) => name === output.name)
  if (found === undefined) {
    const names = graph.outputs.map(({ name }) => name).join(', ')
    faults.push(`output: expected ${output.name} (manifest), found ${names}`)
    return
  }
  if (found.type !== 'float') {
    faults.push(`output ${found.name}: expected float, found ${found.type}`)
  }
  const columns = found.shape?.[1] ?? 1
  if (typeof columns === 'number' && output.column >= columns) {
    faults.push(
      `output ${found.name}: expected a column ${output.column}, found ${columns} columns`,
    )
  }
}

function checkFeatures(
  { inputs }: Manifest,
  definitions: ReadonlyMap<string, string>,
  faults: string[],
): void {
  for (const { feature, definition } of inputs) {
    const found = definitions.get(feature)
    if (found === undefined) {
      const near = closest(feature, [...definitions.keys()])
      const hint = near === null ? '' : ` (did you mean ${near}?)`
      faults.push(`feature ${feature}: expected it in the catalog, found none of that name${hint}`)
    } else if (found !== definition) {
      faults.push(
        `feature ${feature}: expected definition ${definition}, found ${found} in the catalog`,
      )
    }
  }
}
