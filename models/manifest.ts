// manifest.json and golden.json: what a model folder says of its model. Each is read with all its faults at once.
import { closest, type Document, DocumentReader, type Path } from '../features/document.ts'
import type { ModelInput, Thresholds } from './model.ts'

/** How a score is read from an output. */
export interface OutputRule {
  readonly name: string
  /** Column of an output [N, columns]: 1 for the second of two class probabilities. */
  readonly column: number
  /** `sigmoid` for a model that gives a margin. */
  readonly transform: 'none' | 'sigmoid'
}

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
  /** Free facts of the training run. */
  readonly training: unknown
}

/** Rows in the order of the manifest's inputs, null for absent, and the score of each. */
export interface Golden {
  readonly rows: readonly (readonly (number | null)[])[]
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
  'training',
] as const
const inputKeys = ['feature', 'definition', 'imputation', 'mean', 'deviation'] as const

/** Throws DocumentError with all faults of manifest.json. */
export function readManifest(document: Document): Manifest {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], keys) ?? {}
  const output = reader.object(root['output'], ['output'], ['name', 'column', 'transform']) ?? {}
  const manifest: Manifest = {
    name: reader.name(root['name'], ['name']),
    version: reader.integer(root['version'], ['version'], 1, 1_000_000),
    sha256: readSha256(reader, root['sha256']),
    input: reader.text(root['input'], ['input']),
    inputs: readInputs(reader, root['inputs']),
    output: {
      name: reader.text(output['name'], ['output', 'name']),
      column: reader.integer(output['column'] ?? 0, ['output', 'column'], 0, 1000),
      transform: reader.oneOf(
        output['transform'] ?? 'none',
        ['output', 'transform'],
        ['none', 'sigmoid'],
      ),
    },
    thresholds: readThresholds(reader, root['thresholds']),
    tolerance: reader.number(root['tolerance'] ?? 1e-6, ['tolerance'], 0, 0.01),
    training: root['training'] ?? null,
  }
  reader.finish()
  return manifest
}

function readSha256(reader: DocumentReader, value: unknown): string {
  const sha256 = reader.text(value, ['sha256'])
  if (sha256 !== '' && !/^[0-9a-f]{64}$/.test(sha256)) {
    reader.fault(['sha256'], '64 hex digits', sha256)
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
  return {
    feature: reader.name(object['feature'], [...path, 'feature']),
    definition: reader.text(object['definition'], [...path, 'definition']),
    imputation: readImputation(reader, object['imputation'], [...path, 'imputation']),
    mean: readFinite(reader, object['mean'], [...path, 'mean'], -Infinity),
    deviation: readFinite(reader, object['deviation'], [...path, 'deviation'], 0),
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
  const rows = reader.list(root['rows'], ['rows']).map((row, at) => {
    const values = reader.list(row, ['rows', at])
    if (Array.isArray(row) && columns !== null && values.length !== columns) {
      reader.fault(['rows', at], `${columns} values, as the manifest has inputs`, values.length)
    }
    return values.map((value, input) => readValue(reader, value, at, input))
  })
  const scores = reader
    .list(root['scores'], ['scores'])
    .map((score, at) => reader.number(score, ['scores', at], 0, 1))
  if (Array.isArray(root['rows']) && rows.length === 0) {
    reader.fault(['rows'], 'at least one row', [])
  }
  if (Array.isArray(root['scores']) && scores.length !== rows.length) {
    reader.fault(['scores'], `as many as rows (${rows.length})`, scores.length)
  }
  reader.finish()
  return { rows, scores }
}

function readValue(
  reader: DocumentReader,
  value: unknown,
  row: number,
  input: number,
): number | null {
  if (Number.isFinite(value)) return value as number
  if (value !== null) reader.fault(['rows', row, input], 'a number, or null for absent', value)
  return null
}
