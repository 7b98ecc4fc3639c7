// manifest.json and golden.json: what a model folder says of its model. Each is read with all its faults at once.
import { closest, type Document, DocumentReader, type Path } from '../features/document.ts'
import type { ModelInput, Thresholds } from './model.ts'
import { type OutputRule, readOutputRule } from './reading.ts'

export interface Manifest {
  readonly name: string
  readonly version: number
  /** Of model.onnx. */
  readonly sha256: string
  readonly input: string
  readonly inputs: readonly ModelInput[]
  readonly output: OutputRule
  readonly thresholds: Thresholds
  /** Golden rows: their largest difference from the score stated. */
  readonly tolerance: number
  /** Of background.json; null without one. */
  readonly background: string | null
  /** Free facts of the training run. */
  readonly training: unknown
}

/** Values in the order of the manifest's inputs, null for absent. */
export type Row = readonly (number | null)[]

/** Rows, and the score of each. */
export interface Golden {
  readonly rows: readonly Row[]
  readonly scores: readonly number[]
}

const keys = [
  'name',
  'version',
  'sha256',
  'input',
  'inputs',
  'output',
  'thresholds',
  'tolerance',
  'background',
  'training',
] as const
const inputKeys = ['feature', 'definition', 'imputation', 'mean', 'deviation', 'baseline'] as const

/** Rows of background.json: each is walked through every tree when a model is opened. */
export const backgroundRowsMax = 1024

/** Throws DocumentError with all faults of manifest.json. */
export function readManifest(document: Document): Manifest {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], keys) ?? {}
  const manifest: Manifest = {
    name: reader.name(root['name'], ['name']),
    version: reader.integer(root['version'], ['version'], 1, 1_000_000),
    sha256: readSha256(reader, root['sha256'], ['sha256']),
    input: reader.text(root['input'], ['input']),
    inputs: readInputs(reader, root['inputs']),
    output: readOutputRule(reader, root['output']),
    thresholds: readThresholds(reader, root['thresholds']),
    tolerance: reader.number(root['tolerance'] ?? 1e-6, ['tolerance'], 0, 0.01),
    background:
      root['background'] === undefined
        ? null
        : readSha256(reader, root['background'], ['background']),
    training: root['training'] ?? null,
  }
  reader.finish()
  return manifest
}

function readSha256(reader: DocumentReader, value: unknown, path: Path): string {
  const sha256 = reader.text(value, path)
  if (sha256 !== '' && !/^[0-9a-f]{64}$/.test(sha256)) {
    reader.fault(path, '64 hex digits', sha256)
  }
  return sha256
}

function readThresholds(reader: DocumentReader, value: unknown): Thresholds {
  const path = ['thresholds']
  const object = reader.object(value, path, ['review', 'deny']) ?? {}
  const thresholds = {
    review: reader.number(object['review'], [...path, 'review'], 0, 1),
    deny: reader.number(object['deny'], [...path, 'deny'], 0, 1),
  }
  if (thresholds.review > thresholds.deny) {
    reader.fault([...path, 'review'], `at most deny (${thresholds.deny})`, thresholds.review)
  }
  return thresholds
}

function readInputs(reader: DocumentReader, value: unknown): ModelInput[] {
  const inputs = reader.list(value, ['inputs']).map((item, index) => readInput(reader, item, index))
  if (Array.isArray(value) && value.length === 0) reader.fault(['inputs'], 'at least one input', [])
  const seen = new Set<string>()
  for (const [index, { feature }] of inputs.entries()) {
    if (feature !== '' && seen.has(feature)) {
      reader.fault(['inputs', index, 'feature'], 'a feature named once', feature)
    }
    seen.add(feature)
  }
  return inputs
}

function readInput(reader: DocumentReader, item: unknown, index: number): ModelInput {
  const path = ['inputs', index]
  const object = reader.object(item, path, inputKeys) ?? {}
  const mean = readFinite(reader, object['mean'], [...path, 'mean'], -Infinity)
  const baseline = object['baseline'] ?? mean
  return {
    feature: reader.name(object['feature'], [...path, 'feature']),
    definition: reader.text(object['definition'], [...path, 'definition']),
    imputation: readImputation(reader, object['imputation'], [...path, 'imputation']),
    mean,
    deviation: readFinite(reader, object['deviation'], [...path, 'deviation'], 0),
    baseline: readFinite(reader, baseline, [...path, 'baseline'], -Infinity),
  }
}

function readImputation(reader: DocumentReader, value: unknown, path: Path): number {
  if (value === 'nan') return Number.NaN
  if (Number.isFinite(value)) return value as number
  reader.fault(path, 'a number, or "nan" for a model that takes absent values', value)
  return Number.NaN
}

function readFinite(reader: DocumentReader, value: unknown, path: Path, min: number): number {
  if (Number.isFinite(value) && (value as number) >= min) return value as number
  reader.fault(path, min === 0 ? 'a number from 0' : 'a number', value)
  return 0
}

/** Holds the inputs against the catalog's features: name → definition hash. Throws DocumentError with all that differ. */
export function checkFeatures(
  document: Document,
  { inputs }: Manifest,
  definitions: ReadonlyMap<string, string>,
): void {
  const reader = new DocumentReader(document)
  for (const [index, { feature, definition }] of inputs.entries()) {
    const path = ['inputs', index]
    const computed = definitions.get(feature)
    if (computed === undefined) {
      const near = closest(feature, [...definitions.keys()])
      const hint = near === null ? null : `did you mean ${near}?`
      reader.fault([...path, 'feature'], 'a feature of the catalog', feature, hint)
    } else if (computed !== definition) {
      const hint = 'the catalog computes another number under this name: fit the model on it'
      const expected = `${computed}, the catalog's definition of ${feature}`
      reader.fault([...path, 'definition'], expected, definition, hint)
    }
  }
  reader.finish()
}

/** Throws DocumentError with all faults of golden.json. `columns` null: not known. */
export function readGolden(document: Document, columns: number | null): Golden {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], ['rows', 'scores']) ?? {}
  const rows = readRows(reader, root['rows'], columns)
  const scores = reader
    .list(root['scores'], ['scores'])
    .map((score, at) => reader.number(score, ['scores', at], 0, 1))
  if (Array.isArray(root['scores']) && scores.length !== rows.length) {
    reader.fault(['scores'], `as many as rows (${rows.length})`, scores.length)
  }
  reader.finish()
  return { rows, scores }
}

/** Throws DocumentError with all faults of background.json. `columns` null: not known. */
export function readBackground(document: Document, columns: number | null): Row[] {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], ['rows']) ?? {}
  const rows = readRows(reader, root['rows'], columns)
  if (rows.length > backgroundRowsMax) {
    reader.fault(['rows'], `at most ${backgroundRowsMax} rows`, rows.length)
  }
  reader.finish()
  return rows
}

function readRows(reader: DocumentReader, value: unknown, columns: number | null): Row[] {
  const rows = reader.list(value, ['rows']).map((row, at) => {
    const values = reader.list(row, ['rows', at])
    if (Array.isArray(row) && columns !== null && values.length !== columns) {
      reader.fault(['rows', at], `${columns} values, as the manifest has inputs`, values.length)
    }
    return values.map((one, input) => readValue(reader, one, ['rows', at, input]))
  })
  if (Array.isArray(value) && rows.length === 0) reader.fault(['rows'], 'at least one row', [])
  return rows
}

function readValue(reader: DocumentReader, value: unknown, path: Path): number | null {
  if (Number.isFinite(value)) return value as number
  if (value !== null) reader.fault(path, 'a number, or null for absent', value)
  return null
}
