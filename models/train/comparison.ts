// Several models on the same rows: how each ranks them, how far its scores are probabilities, and what each would save if all
// hurt as many honest customers. It opens nothing and knows no folder.
import type { Feature } from '../../features/catalog.ts'
import type { Model } from '../model.ts'
import { brierScore, type ThresholdEffect, type Truth, thresholdEffect } from './judgement.ts'
import type { RowTable } from './row-table.ts'
import { percent, whole } from './text.ts'
import { cardsPerDay, type Scorecard, scorecard } from './training.ts'

/** A model by its scores of the rows judged. */
export interface Contender {
  readonly name: string
  readonly scores: Float64Array
  readonly isProbability: boolean
}

export interface Compared extends Scorecard {
  /** Null where scores are no probabilities. */
  readonly brier: number | null
  /** At the threshold where it hurts no more honest customers than the reference. */
  readonly effect: ThresholdEffect
}

export interface Comparison {
  /** Whose deny threshold says how many customers may be hurt. */
  readonly reference: string
  readonly referenceEffect: ThresholdEffect
  readonly rows: readonly Compared[]
}

/** `reference` is one of `contenders`, `deny` its threshold. */
export function compare(
  contenders: readonly Contender[],
  reference: Contender,
  deny: number,
  truth: Truth,
): Comparison {
  const referenceEffect = thresholdEffect(reference.scores, truth, deny)
  return {
    reference: reference.name,
    referenceEffect,
    rows: contenders.map(({ name, scores, isProbability }) => ({
      ...scorecard(name, scores, truth),
      brier: isProbability ? brierScore(scores, truth.isFraud) : null,
      effect: thresholdEffect(
        scores,
        truth,
        thresholdHurting(scores, truth, referenceEffect.honestCustomers),
      ),
    })),
  }
}

/** The lowest threshold at which no more than so many customers without any fraud are hurt; Infinity where any hurts more. */
export function thresholdHurting(scores: Float64Array, truth: Truth, customersMax: number): number {
  const defrauded = new Set(truth.customer.filter((_, row) => truth.isFraud[row] === 1))
  const order = Int32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!)
  const hurt = new Set<number>()
  let threshold = Number.POSITIVE_INFINITY
  for (let at = 0; at < order.length; ) {
    const score = scores[order[at]!]!
    // Equal scores are on one side of any threshold.
    for (; at < order.length && scores[order[at]!] === score; at++) {
      const customer = truth.customer[order[at]!]!
      if (!defrauded.has(customer)) hurt.add(customer)
    }
    if (hurt.size > customersMax) break
    threshold = score
  }
  return threshold
}

/**
 * A model's scores of rows, each input from its feature's column, absent ones imputed. A row that it gives no score counts as 0.
 * `features`: of the table's columns. Rejects with ModelError.
 */
export async function modelScores(
  model: Model,
  features: readonly Feature[],
  table: RowTable,
  rows: Int32Array,
): Promise<Float64Array> {
  const { inputs, rowMax } = model
  const columns = inputs.map(({ feature }) => features.findIndex(({ name }) => name === feature))
  const scores = new Float64Array(rows.length)
  for (let first = 0; first < rows.length; first += rowMax) {
    const count = Math.min(rowMax, rows.length - first)
    for (let r = 0; r < count; r++) {
      const values = table.values(rows[first + r]!)
      for (const [input, column] of columns.entries()) {
        const value = values[column]!
        model.rows[r * inputs.length + input] = Number.isNaN(value)
          ? inputs[input]!.imputation
          : value
      }
    }
    await model.score(count, scores.subarray(first, first + count))
  }
  return scores.map((score) => (Number.isNaN(score) ? 0 : score))
}

/** For a terminal, and for a card. */
export function comparisonTable({ reference, referenceEffect, rows }: Comparison): {
  text: string[]
  markdown: string[]
} {
  const heads = [
    'AUC',
    'average precision',
    `card precision@${cardsPerDay}`,
    'Brier score',
    'money saved',
    'fraud caught',
    'customers hurt',
  ]
  const lines = rows.map(({ name, auc, averagePrecision, cardPrecision, brier, effect }) => [
    name,
    auc.toFixed(3),
    averagePrecision.toFixed(3),
    percent(cardPrecision.mean),
    brier === null ? 'no probability' : brier.toPrecision(3),
    `${whole(effect.moneyCaughtMinor)} (${percent(effect.moneyCaught)})`,
    percent(effect.fraudCaught),
    whole(effect.honestCustomers),
  ])
  const note = [
    `Money saved (minor units, and of all that was defrauded) and fraud caught: each model at the lowest threshold that hurts no more`,
    `customers without any fraud than ${reference} does at its deny threshold (${referenceEffect.threshold}): ${whole(referenceEffect.honestCustomers)}.`,
  ]
  const table = [['', ...heads], ...lines]
  const widths = table[0]!.map((_, cell) => Math.max(...table.map((line) => line[cell]!.length)))
  return {
    text: [
      ...table.map((line) =>
        line
          .map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)))
          .join('  '),
      ),
      ...note,
    ],
    markdown: [
      `| | ${heads.join(' | ')} |`,
      `|---|${heads.map(() => '---:|').join('')}`,
      ...lines.map((line) => `| ${line.join(' | ')} |`),
      '',
      ...note,
    ],
  }
}
