// What is asked of an import, and all that can be said of it before anything is run: every fault of the names, the rows and the
// model at once.
import { existsSync } from 'node:fs'
import { closest, DocumentError, type Fault, show } from '../../features/document.ts'
import { Faults, listed } from '../faults.ts'
import type { Row } from '../manifest.ts'
import { ModelRefusal, type Thresholds } from '../model.ts'
import { checkModelFile, type ModelFile, readModelFile } from '../model-file.ts'
import type { OutputKind } from '../reading.ts'
import { type InputStatistics, type RowFile, statisticsOf, valuesOf } from './rows.ts'

/** What stands for absent values: NaN, of each input its mean or median, or one number for all. */
export type Imputation = 'nan' | 'mean' | 'median' | number

export interface ImportRequest {
  /** As it is called in messages, and its bytes. */
  readonly file: string
  readonly bytes: Buffer
  /** Where to write; must not exist. */
  readonly folder: string
  readonly name: string
  readonly version: number
  readonly features: readonly string[]
  /** The catalog's feature definitions by name. */
  readonly definitions: ReadonlyMap<string, string>
  /** Has a column for each feature, and one with the scores. */
  readonly golden: RowFile
  /** Rows that the model was fitted on, or like them; null: the golden ones stand for them. */
  readonly sample: RowFile | null
  readonly kind: OutputKind | null
  readonly output: string | null
  readonly column: number | null
  readonly fraud: number
  readonly stranger: 'higher' | 'lower'
  readonly thresholds: Thresholds | null
  readonly tolerance: number
  readonly imputation: Imputation | null
  /** For the latency check; null: not looked at. */
  readonly monotonicUs: (() => number) | null
  /** True for a model that only replays: its rows may take longer than a decision has. */
  readonly isForReplay: boolean
}

/** What was asked cannot be done, whatever the model is: another file, column or name. Says everything that is wrong. */
export class ImportError extends DocumentError {
  override readonly name = 'ImportError'
}

/** All that is known before anything is run. */
export interface Facts {
  readonly model: ModelFile
  /** Golden rows, and their scores as the library said them. */
  readonly rows: readonly Row[]
  readonly scores: readonly number[]
  /** What the statistics are of. */
  readonly sample: readonly Row[]
  readonly statistics: readonly InputStatistics[]
  /** In words, and of each input. */
  readonly imputation: Imputation
  readonly imputations: readonly number[]
}

export const scoreColumn = 'score'

/** Golden rows that are kept: some that the gate tries in every kind of batch, and three times as many to agree to. */
const goldenRowsMax = 256

/** Throws ImportError, or ModelRefusal where the request is right and the model is not. Both say all that is wrong. */
export function gatherFacts(request: ImportRequest): Facts {
  const { file, bytes, features, golden, sample } = request
  const asked = [...folderFaults(request), ...featureFaults(request)]
  const goldenFaults = new Faults(golden.file)
  const rows = spread(valuesOf(golden, features, goldenFaults))
  const scores = spread(scoresOf(golden, goldenFaults))
  const sampleFaults = new Faults(sample?.file ?? '')
  const sampled = sample === null ? rows : valuesOf(sample, features, sampleFaults)
  asked.push(...goldenFaults.list, ...sampleFaults.list)

  const { model, faults } = open(file, bytes, request.output)
  if (model !== null) faults.push(...modelFaults(request, model))
  if (asked.length > 0) throw new ImportError([...asked, ...faults])
  if (faults.length > 0) throw new ModelRefusal(faults)
  const statistics = statisticsOf(sampled, features.length)
  // What is absent in golden rows was absent when the library scored them.
  const hasAbsent = rows.some((row) => row.includes(null))
  const imputation = request.imputation ?? (hasAbsent ? 'nan' : 'mean')
  const imputations = imputationsOf(imputation, statistics)
  return { model: model!, rows, scores, sample: sampled, statistics, imputation, imputations }
}

/** As many as are kept, from all over them. */
function spread<T>(items: readonly T[]): T[] {
  const count = Math.min(items.length, goldenRowsMax)
  return Array.from({ length: count }, (_, at) => items[Math.floor((at * items.length) / count)]!)
}

function open(
  file: string,
  bytes: Buffer,
  output: string | null,
): { model: ModelFile | null; faults: Fault[] } {
  try {
    return { model: readModelFile(file, bytes, output), faults: [] }
  } catch (error) {
    if (error instanceof ModelRefusal) return { model: null, faults: [...error.faults] }
    throw error
  }
}

function folderFaults({ folder }: ImportRequest): Fault[] {
  const faults = new Faults('--out')
  if (existsSync(folder)) faults.add('folder', 'one that is not there yet', folder)
  return faults.list
}

function featureFaults({ features, definitions }: ImportRequest): Fault[] {
  const faults = new Faults('--features')
  for (const [at, name] of features.entries()) {
    const path = `feature ${at + 1}`
    if (features.indexOf(name) !== at) faults.add(path, 'a feature named once', show(name))
    if (definitions.has(name)) continue
    const near = closest(name, [...definitions.keys()])
    const hint = near === null ? null : `did you mean ${near}?`
    faults.add(path, 'a feature of the catalog', show(name), hint)
  }
  return faults.list
}

function scoresOf(golden: RowFile, faults: Faults): number[] {
  if (!golden.columns.includes(scoreColumn)) {
    const near = closest(scoreColumn, golden.columns)
    const hint = near === null ? 'what the library gave each row' : `did you mean ${near}?`
    faults.add('columns', `a column ${scoreColumn}`, listed(golden.columns), hint)
    return []
  }
  const scores = valuesOf(golden, [scoreColumn], faults).map(([score]) => score ?? null)
  const absent = scores.indexOf(null)
  if (absent >= 0) faults.add(`row ${absent + 1}, ${scoreColumn}`, 'a number', 'none')
  return scores.map((score) => score ?? Number.NaN)
}

function modelFaults({ file, features, output }: ImportRequest, model: ModelFile): Fault[] {
  const faults = new Faults(file)
  faults.list.push(...checkModelFile(file, model, null))
  const { inputs, outputs } = model.graph
  const width = inputs[0]?.shape?.[1]
  if (inputs.length === 1 && typeof width === 'number' && width !== features.length) {
    const expected = `${features.length} columns, as --features has names`
    faults.add(`input ${inputs[0]!.name}`, expected, String(width))
  }
  const readable = outputs.filter(({ type }) => type === 'float' || type === 'int64')
  const found = listed(outputs.map(({ name, type }) => `${name} (${type})`))
  if (output !== null && !readable.some(({ name }) => name === output)) {
    faults.add(`output ${output}`, 'it among the outputs of float or int64', found)
  } else if (readable.length === 0) faults.add('outputs', 'one of float or int64', found)
  return faults.list
}

function imputationsOf(imputation: Imputation, statistics: readonly InputStatistics[]): number[] {
  return statistics.map(({ mean, median }) => {
    if (typeof imputation === 'number') return imputation
    if (imputation === 'nan') return Number.NaN
    return imputation === 'mean' ? mean : median
  })
}
