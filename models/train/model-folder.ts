// Writes what a training run found as a model folder: model.onnx, manifest.json, golden.json, CARD.md. The same run gives the
// same bytes: no clock, no path, no name of a machine goes in.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Feature } from '../../features/catalog.ts'
import { writeGraph } from '../graph.ts'
import { type CardFacts, writeCard } from './card.ts'
import { perceptronGraph } from './perceptron.ts'
import type { RowTable } from './row-table.ts'
import type { InputScale } from './scaling.ts'
import { type Scorecard, scoreRowsOf } from './training.ts'

const goldenRows = 64
/** Of a golden row's score, computed here in float64: the runtime's float32 is within a tenth of it. */
export const tolerance = 1e-5

export interface FolderParts extends CardFacts {
  readonly features: readonly Feature[]
  readonly judgedTable: RowTable
  readonly judged: Int32Array
}

/** Writes the folder, the manifest last: half a folder is refused by the gate. Throws what the file system throws. */
export function writeModelFolder(folder: string, parts: FolderParts): void {
  const { name, version, trained, features } = parts
  const { perceptron, scales, thresholds } = trained
  const bytes = writeGraph(perceptronGraph(name, scales, perceptron))
  const manifest = {
    name,
    version,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    input: 'features',
    inputs: scales.map(({ column, imputation, rawMean, rawDeviation }) => ({
      feature: features[column]!.name,
      definition: features[column]!.definition,
      imputation,
      mean: rawMean,
      deviation: rawDeviation,
    })),
    output: { name: 'score', column: 0, kind: 'probability' },
    thresholds,
    tolerance,
    training: trainingFacts(parts),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), bytes)
  writeFileSync(join(folder, 'golden.json'), `${JSON.stringify(goldenOf(parts))}\n`)
  writeFileSync(join(folder, 'CARD.md'), writeCard(parts))
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`)
}

/** Frauds first, for they are what scores must be right for; then rows spread over the period. */
function goldenOf({ trained, judgedTable, judged }: FolderParts): {
  rows: (number | null)[][]
  scores: number[]
} {
  const frauds = judged.filter((row) => judgedTable.isFraud(row)).slice(0, goldenRows / 2)
  const honest = judged.filter((row) => !judgedTable.isFraud(row))
  const left = Math.min(honest.length, goldenRows - frauds.length)
  const spread = Array.from(
    { length: left },
    (_, n) => honest[Math.floor((n * honest.length) / left)]!,
  )
  const rows = Int32Array.from([...frauds, ...spread])
  const { perceptron, scales } = trained
  return {
    rows: Array.from(rows, (row) => rawInputs(scales, judgedTable.values(row))),
    scores: [...scoreRowsOf(perceptron, scales, judgedTable, rows)],
  }
}

function rawInputs(scales: readonly InputScale[], values: Float32Array): (number | null)[] {
  return scales.map(({ column }) => {
    const value = values[column]!
    return Number.isNaN(value) ? null : value
  })
}

function trainingFacts({ source, backend, history, trained }: FolderParts): unknown {
  const { split, table } = history
  const { options, best, epochs, model, baselines, truth } = trained
  return {
    source,
    backend,
    rows: split.train.length,
    frauds: count(split.train, table),
    validationRows: split.validation.length,
    validationFrauds: count(split.validation, table),
    leftOut: split.leftOut,
    labelDelayMs: split.labelDelayMs,
    ...options,
    epochs,
    bestEpoch: best.number,
    validationAveragePrecision: digits(best.averagePrecision),
    judged: {
      rows: truth.count,
      frauds: truth.isFraud.reduce((sum, value) => sum + value, 0),
      ...measures(model),
      brier: Number(trained.brier.toPrecision(4)),
    },
    baselines: baselines.map((one) => ({ name: one.name, ...measures(one) })),
  }
}

function measures({ auc, averagePrecision, cardPrecision }: Scorecard): Record<string, number> {
  return {
    auc: digits(auc),
    averagePrecision: digits(averagePrecision),
    cardPrecision100: digits(cardPrecision.mean),
  }
}

function count(rows: Int32Array, table: RowTable): number {
  return rows.reduce((sum, row) => sum + (table.isFraud(row) ? 1 : 0), 0)
}

function digits(value: number): number {
  return Number(value.toFixed(4))
}
