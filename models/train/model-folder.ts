// Writes what a training run found as a model folder: model.onnx, manifest.json, golden.json, CARD.md. The same run gives the
// same bytes: no clock, no path, no name of a machine goes in.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Feature } from '../../features/catalog.ts'
import { writeGraph } from '../graph/graph.ts'
import { type CardFacts, writeCard } from './card.ts'
import { type FittedInput, scoreRows } from './fitted.ts'
import type { RowTable } from './row-table.ts'
import type { Scorecard } from './training.ts'

const goldenRows = 64

export interface FolderParts extends CardFacts {
  readonly features: readonly Feature[]
}

/** Writes the folder, the manifest last: half a folder is refused by the gate. Throws what the file system throws. */
export function writeModelFolder(folder: string, parts: FolderParts): void {
  const { name, version, trained, features } = parts
  const { fitted, thresholds } = trained
  const bytes = writeGraph(fitted.graph(name))
  const manifest = {
    name,
    version,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    input: 'features',
    inputs: fitted.inputs.map(({ column, imputation, rawMean, rawDeviation }) => ({
      feature: features[column]!.name,
      definition: features[column]!.definition,
      imputation: Number.isNaN(imputation) ? 'nan' : imputation,
      mean: rawMean,
      deviation: rawDeviation,
    })),
    output: { name: 'score', column: 0, ...fitted.output },
    thresholds,
    tolerance: fitted.tolerance,
    training: trainingFacts(parts),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), bytes)
  writeFileSync(join(folder, 'golden.json'), `${JSON.stringify(goldenOf(parts))}\n`)
  writeFileSync(join(folder, 'CARD.md'), writeCard(parts))
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`)
}

/** Frauds first, for they are what scores must be right for; then rows spread over the period. */
function goldenOf({ trained, history }: FolderParts): {
  rows: (number | null)[][]
  scores: number[]
} {
  const { table, split, judgedTable, judged } = history
  // Without labels there may be no rows to judge by.
  const [from, all] = judged.length > 0 ? [judgedTable, judged] : [table, split.validation]
  const frauds = all.filter((row) => from.isFraud(row)).slice(0, goldenRows / 2)
  const honest = all.filter((row) => !from.isFraud(row))
  const left = Math.min(honest.length, goldenRows - frauds.length)
  const spread = Array.from(
    { length: left },
    (_, n) => honest[Math.floor((n * honest.length) / left)]!,
  )
  const rows = Int32Array.from([...frauds, ...spread])
  const { fitted } = trained
  return {
    rows: Array.from(rows, (row) => rawInputs(fitted.inputs, from.values(row))),
    scores: [...scoreRows(fitted, from, rows)],
  }
}

function rawInputs(inputs: readonly FittedInput[], values: Float32Array): (number | null)[] {
  return inputs.map(({ column }) => {
    const value = values[column]!
    return Number.isNaN(value) ? null : value
  })
}

function trainingFacts({ source, backend, history, trained }: FolderParts): unknown {
  const { split, table } = history
  const { fitted, judgement } = trained
  return {
    source,
    backend,
    rows: split.train.length,
    frauds: count(split.train, table),
    validationRows: split.validation.length,
    validationFrauds: count(split.validation, table),
    leftOut: split.leftOut,
    labelDelayMs: split.labelDelayMs,
    ...fitted.facts,
    ...('missing' in judgement
      ? { judged: null }
      : {
          judged: {
            rows: judgement.truth.count,
            frauds: judgement.truth.isFraud.reduce((sum, value) => sum + value, 0),
            ...measures(judgement.model),
            ...(judgement.reliability === null
              ? {}
              : { brier: Number(judgement.reliability.brier.toPrecision(4)) }),
          },
          baselines: judgement.baselines.map((one) => ({ name: one.name, ...measures(one) })),
        }),
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
