// The admission gate: what must hold of a model folder before its model may run. Everything that can be known without
// running it is checked here, on the bytes, before the runtime sees them; what takes a run is trial.ts.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Document, DocumentError, type Fault } from '../features/document.ts'
import { Faults, wholeFile } from './faults.ts'
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
import { checkModelFile, readModelFile } from './model-file.ts'

/** Bytes of a model file: larger ones would not score within any budget of ours. */
export const modelBytesMax: number = 256 * 1024 * 1024

/** Bytes of manifest.json and golden.json. */
const documentBytesMax = 1024 * 1024

/** Bytes of background.json: as many rows as it may have, of a few hundred columns. */
const backgroundBytesMax = 8 * 1024 * 1024

/** Reads YAML or JSON with its lines. Throws DocumentError. */
export type ParseDocument = (file: string, bytes: Uint8Array) => Document

/** A folder whose files agree with each other and with the catalog. */
export interface Candidate {
  /** Path of model.onnx. */
  readonly file: string
  /** Of the model that is run: that of the file, cut down to what its scores are computed from. */
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
  const bytes = attempt(() => readModelBytes(file))
  if (bytes !== null && manifest !== null) {
    attempt(() => {
      checkHash(file, bytes, manifest.sha256)
    })
  }
  const name = manifest?.output.name ?? null
  const model = bytes && attempt(() => readModelFile(file, bytes, name))
  if (model !== null) faults.push(...checkModelFile(file, model, manifest))
  if (faults.length > 0) throw new ModelRefusal(faults)
  // Whatever is null has left a fault, but for a background that no manifest names.
  return {
    file,
    bytes: model!.bytes,
    manifest: manifest!,
    hash: sha256Of(stated!),
    golden: golden!,
    background,
  }
}

/** Thousands of numbers that nobody writes by hand: plain JSON, whose faults have no lines. */
function openBackground(file: string, bytes: Buffer, { background, inputs }: Manifest): Row[] {
  checkHash(file, bytes, background!)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    const faults = new Faults(file)
    faults.add(wholeFile, 'valid JSON', (cause as Error).message)
    throw new DocumentError(faults.list)
  }
  return readBackground({ file, value, lineOf: () => 0 }, inputs.length)
}

function checkHash(file: string, bytes: Buffer, stated: string): void {
  const sha256 = sha256Of(bytes)
  if (sha256 === stated) return
  const faults = new Faults(file)
  const hint = 'the manifest describes another file: take the whole folder from where it was made'
  faults.add('sha256', `${stated} (manifest)`, sha256, hint)
  throw new ModelRefusal(faults.list)
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The bytes of a model file, which messages call `name`. Throws ModelRefusal where it cannot be read or is too large. */
export function readModelBytes(file: string, name: string = file): Buffer {
  return readBounded(file, modelBytesMax, name)
}

function readBounded(file: string, bytesMax: number, name: string = file): Buffer {
  const refuse = (expected: string, found: string): ModelRefusal => {
    const faults = new Faults(name)
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
