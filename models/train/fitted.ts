// The port of a fit: what learns from rows, and what it has made of them. Judging, writing and comparing know a model by this
// alone, whatever it is inside.
import type { GraphSource } from '../graph/graph.ts'
import type { RowTable } from './row-table.ts'

/** One input of a fitted model. */
export interface FittedInput {
  /** Column of the table. */
  readonly column: number
  /** What stands for an absent value; NaN where the model takes absent ones itself. */
  readonly imputation: number
  /** Over the training rows, for evidence. */
  readonly rawMean: number
  readonly rawDeviation: number
}

export interface Fitted {
  readonly inputs: readonly FittedInput[]
  /** How the manifest says that a score is read from the graph's output. */
  readonly output: ScoreKind
  /** Golden rows: how far the runtime's float32 may be from `score`. */
  readonly tolerance: number
  /** What it is, for the card: lines of Markdown. */
  readonly description: readonly string[]
  /** What it is, for the manifest. */
  readonly facts: Readonly<Record<string, unknown>>
  /** 0…1 in float64, of a row's features by column of the table, NaN for absent. */
  score(values: Float32Array): number
  /** From raw inputs, in their order, to an output `score` [N, 1]. */
  graph(name: string): GraphSource
}

export type ScoreKind =
  | { readonly kind: 'probability' }
  | { readonly kind: 'anomaly'; readonly quantiles: readonly number[] }

/** Rows of a table to learn from, and later ones to stop by. */
export interface LearningRows {
  readonly table: RowTable
  /** Columns of the inputs. */
  readonly columns: readonly number[]
  readonly train: Int32Array
  readonly validation: Int32Array
}

/** One report of a fit under way. */
export interface Progress {
  /** Who, and how far: `network: epoch 3`. */
  readonly step: string
  readonly loss: number
  /** How it does on the validation rows: `average precision 0.351`. */
  readonly validation: string
  /** Over the rows, since the last report. */
  readonly passes: number
}

export interface LearningHooks {
  progress(progress: Progress): void
  /** Aborted to end at the next pause; then the fit rejects with the reason. */
  readonly stop: AbortSignal
}

export interface Learner {
  /** Without labels it learns what is ordinary, from all rows but known frauds. */
  readonly needsLabels: boolean
  /** The same rows give the same bits. */
  fit(rows: LearningRows, hooks: LearningHooks): Promise<Fitted>
}

/** The scores of rows, in float64. */
export function scoreRows(fitted: Fitted, table: RowTable, rows: Int32Array): Float64Array {
  return Float64Array.from(rows, (row) => fitted.score(table.values(row)))
}
