// manifest.json: what a model folder says of its model. Read with all its faults at once.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DocumentReader } from '../features/document.ts'
import { ModelError, type ModelInput, type Thresholds } from './model.ts'

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

/** Reads manifest.json of a folder. Throws DocumentError with all its faults, ModelError where there is none to read. */
export function readManifest(folder: string): Manifest {
  const file = join(folder, 'manifest.json')
  const reader = new DocumentReader({ file, value: readJson(file), lineOf: () => 0 })
  const root = reader.object(reader.document.value, [], keys) ?? {}
  const output = reader.object(root['output'], ['output'], ['name', 'column', 'transform']) ?? {}
  const thresholds = reader.object(root['thresholds'], ['thresholds'], ['review', 'deny']) ?? {}
  const sha256 = reader.text(root['sha256'], ['sha256'])
  if (sha256 !== '' && !/^[0-9a-f]{64}$/.test(sha256)) {
    reader.fault(['sha256'], '64 hex digits', sha256)
  }
  const manifest: Manifest = {
    name: reader.name(root['name'], ['name']),
    version: reader.integer(root['version'], ['version'], 1, 1_000_000),
    sha256,
    input: reader.text(root['input'], ['input']),
    inputs: reader
      .list(root['inputs'], ['inputs'])
      .map((item, index) => readInput(reader, item, index)),
    output: {
      name: reader.text(output['name'], ['output', 'name']),
      column: reader.integer(output['column'] ?? 0, ['output', 'column'], 0, 1000),
      transform: reader.oneOf(
        output['transform'] ?? 'none',
        ['output', 'transform'],
        ['none', 'sigmoid'],
      ),
    },
    thresholds: {
      review: reader.number(thresholds['review'], ['thresholds', 'review'], 0, 1),
      deny: reader.number(thresholds['deny'], ['thresholds', 'deny'], 0, 1),
    },
    tolerance: reader.number(root['tolerance'] ?? 1e-6, ['tolerance'], 0, 0.01),
    training: root['training'] ?? null,
  }
  if (manifest.inputs.length === 0) reader.fault(['inputs'], 'at least one input', [])
  reader.finish()
  return manifest
}

function readInput(reader: DocumentReader, item: unknown, index: number): ModelInput {
  const path = ['inputs', index]
  const names = ['feature', 'definition', 'imputation', 'mean', 'deviation']
  const object = reader.object(item, path, names) ?? {}
  const imputation = object['imputation']
  const number = (name: string): number =>
    reader.number(object[name], [...path, name], -Number.MAX_VALUE, Number.MAX_VALUE)
  return {
    feature: reader.name(object['feature'], [...path, 'feature']),
    definition: reader.text(object['definition'], [...path, 'definition']),
    imputation: imputation === 'nan' ? Number.NaN : number('imputation'),
    mean: number('mean'),
    deviation: number('deviation'),
  }
}

/** Reads golden.json; throws ModelError where it does not fit the manifest. */
export function readGolden(folder: string, columns: number): Golden {
  const file = join(folder, 'golden.json')
  const golden = readJson(file) as Partial<Golden> | null
  const { rows, scores } = golden ?? {}
  if (!Array.isArray(rows) || !Array.isArray(scores) || rows.length !== scores.length) {
    throw new ModelError(`${file}: expected rows and as many scores, found something else`)
  }
  if (rows.length === 0) throw new ModelError(`${file}: expected at least one row, found none`)
  const wrong = (rows as unknown[]).findIndex(
    (row) => !Array.isArray(row) || row.length !== columns,
  )
  if (wrong >= 0) {
    const row: unknown = rows[wrong]
    const found = Array.isArray(row) ? row.length : typeof row
    throw new ModelError(`${file}: row ${wrong}: expected ${columns} values, found ${found}`)
  }
  return { rows, scores }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown
  } catch (cause) {
    throw new ModelError(`reading ${file}`, cause)
  }
}
