// Runs `weir model inspect`: what is in a model file, and what the gate says of it. Changes nothing.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DocumentError } from '../../features/document.ts'
import { readModelBytes } from '../../models/gate.ts'
import { type GraphValue, readGraph } from '../../models/graph/graph.ts'
import { type Manifest, readManifest } from '../../models/manifest.ts'
import { ModelRefusal } from '../../models/model.ts'
import { checkModelFile, readModelFile, shapeText } from '../../models/model-file.ts'
import { openModel } from '../../models/open.ts'
import type { Timing } from '../../models/scorers.ts'
import { parseDocument, readDocument } from '../document.ts'
import type { Context, Run } from './command.ts'
import type { InspectOptions, Named } from './model.ts'
import { definitionsOf, refusal } from './model-import.ts'
import { columns, count } from './text.ts'

/** 0 where nothing speaks against the model, 1 where the gate would refuse it. */
export const runInspect: Run<InspectOptions> = async ({ place, isFolder }, context) => {
  const { stdout } = context
  const inside = (name: string): Named => ({
    text: join(place.text, name),
    path: join(place.path, name),
  })
  const file = isFolder ? inside('model.onnx') : place
  try {
    if (existsSync(file.path)) stdout.write(fileText(file))
    const verdict = isFolder ? await judgeFolder(place, context) : judgeFile(file)
    stdout.write(`${verdict}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    stdout.write(refusal(error).replaceAll(place.path, place.text))
    return 1
  }
}

/** Throws ModelRefusal for bytes that are no model. */
function fileText({ text, path }: Named): string {
  const bytes = readModelBytes(path)
  const { zipMaps } = readModelFile(path, bytes, null)
  const { inputs, outputs, operators, opset, producer } = readGraph(bytes)
  const list = (name: string, values: readonly string[]): string[][] =>
    values.map((value, at) => [at === 0 ? `  ${name}` : '', value])
  const rows = [
    ['  size', `${count(bytes.length)} bytes`],
    ['  sha256', createHash('sha256').update(bytes).digest('hex')],
    ['  made by', `${producer || 'unknown'}${opset === 0 ? '' : `, opset ${opset}`}`],
    ...list('inputs', inputs.map(valueText)),
    ...list(
      'outputs',
      outputs.map((output) => {
        const read = zipMaps.get(output.name)
        return read === undefined
          ? valueText(output)
          : `${output.name}: a ZipMap of ${read}, read from that`
      }),
    ),
    ['  operators', operators.join(', ')],
  ]
  return [text, ...columns(rows), ''].join('\n')
}

function valueText({ name, type, shape }: GraphValue): string {
  return `${name}: ${type} ${shapeText(shape)}`
}

/** Throws ModelRefusal with everything that no manifest could make good. */
function judgeFile({ path }: Named): string {
  const model = readModelFile(path, readModelBytes(path), null)
  const faults = checkModelFile(path, model, null)
  if (faults.length > 0) throw new ModelRefusal(faults)
  return 'Nothing in the file speaks against it. Whether its scores are right, its golden rows will say.'
}

/** Through the whole gate. Throws DocumentError with everything that is wrong. */
async function judgeFolder({ path }: Named, context: Context): Promise<string> {
  const { catalog } = context.loaded.config
  const isHeld = catalog.length > 0
  const definitions = isHeld ? definitionsOf(context) : ownDefinitions(join(path, 'manifest.json'))
  const monotonicUs = (): number => context.clock.monotonicUs()
  const model = await openModel(path, definitions, parseDocument, { monotonicUs })
  await model.close()
  const against = isHeld ? '' : ' Its features were held against no catalog: --catalog names one.'
  const { name, version, inputs, scorer, thresholds, tried } = model
  const { trees, onnxruntime } = tried.admission
  return [
    ['  features', inputs.map(({ feature }) => feature).join(', ')],
    ['  outcomes', `review from ${thresholds.review}, deny from ${thresholds.deny}`],
    ['  scorer', scorer],
    ...(trees === null ? [] : [['  walker', timingText(trees)]]),
    ...(onnxruntime === null ? [] : [['  runtime', timingText(onnxruntime)]]),
  ]
    .map(([key, value]) => `${key!.padEnd(13)}${value!}`)
    .concat(`Admitted: ${name} ${version}.${against}`)
    .join('\n')
}

function timingText({ aloneUs, batchedUs }: Timing): string {
  return `${aloneUs.toFixed(1)} µs for a row alone, ${batchedUs.toFixed(1)} µs in a batch`
}

/** As if the catalog computed just what the model was fitted on; none where the manifest is broken, which the gate will say. */
function ownDefinitions(file: string): ReadonlyMap<string, string> {
  let manifest: Manifest
  try {
    manifest = readManifest(readDocument(file))
  } catch {
    return new Map()
  }
  return new Map(manifest.inputs.map(({ feature, definition }) => [feature, definition]))
}
