// A training run: split, scale, fit, and judge beside three baselines on rows that nothing was fitted on. It reads no files
// and no clock; what it returns depends on its arguments and the backend alone.
import type { Feature } from '../../features/catalog.ts'
import { amountScores, bestRule, ruleScores } from './baselines.ts'
import { type Epoch, type Fit, type FitHooks, type FitOptions, fitNetwork } from './fit.ts'
import {
  type Band,
  brierScore,
  type CardPrecision,
  calibration,
  cardPrecision,
  type ThresholdEffect,
  type Truth,
  thresholdAt,
  thresholdEffect,
  truthOf,
} from './judgement.ts'
import { type Perceptron, perceptronScore } from './perceptron.ts'
import { areaUnderRoc, averagePrecision, rank } from './ranking.ts'
import type { RowTable } from './row-table.ts'
import { fitScaling, type InputScale, writeScaled } from './scaling.ts'
import type { Split } from './split.ts'
import type { Tensorflow } from './tensorflow.ts'

/** Rows to learn from, and rows to judge by: often of one table. */
export interface History {
  readonly table: RowTable
  readonly split: Split
  readonly judgedTable: RowTable
  readonly judged: Int32Array
}

export interface TrainingHooks {
  readonly stop: AbortSignal
  epoch(what: 'logistic regression' | 'network', epoch: Epoch): void
  say(text: string): void
}

export interface Scorecard {
  readonly name: string
  readonly auc: number
  readonly averagePrecision: number
  readonly cardPrecision: CardPrecision
}

export interface Trained extends Fit {
  readonly scales: readonly InputScale[]
  readonly options: FitOptions
  readonly thresholds: { readonly review: number; readonly deny: number }
  readonly model: Scorecard
  readonly baselines: readonly Scorecard[]
  readonly effects: readonly ThresholdEffect[]
  readonly bands: readonly Band[]
  readonly brier: number
  /** Of rows judged, and of a score that is always their share of fraud. */
  readonly brierOfShare: number
  readonly truth: Truth
}

/** History from which nothing can be learnt; the message lists all that is missing. */
export class TrainingError extends Error {
  constructor(faults: readonly string[]) {
    super(faults.join('; '))
    this.name = 'TrainingError'
  }
}

/** Cards that investigators open in a day. */
export const cardsPerDay = 100
/** Of validation rows, those that the thresholds send to review or deny. */
export const alertShares = { review: 0.01, deny: 0.002 } as const
/** Those of the table of thresholds, the two above among them. */
const effectShares = [0.0005, 0.001, alertShares.deny, 0.005, alertShares.review, 0.02]
const bandEdges = [0, 0.001, 0.005, 0.02, 0.1, 0.3, 0.6, 1]
/** Of an epoch, where there are rows enough. */
const batchesMin = 64
const needed = { train: [20, 100], validation: [5, 20], judged: [5, 20] } as const

/** Trains on `inputs`, columns of the tables. Rejects with TrainingError, or the reason of `hooks.stop`. */
export async function train(
  tensorflow: Tensorflow,
  history: History,
  features: readonly Feature[],
  inputs: readonly number[],
  options: FitOptions,
  hooks: TrainingHooks,
): Promise<Trained> {
  checkHistory(history)
  const { table, split, judged } = history
  const scales = fitScaling(table, split.train, inputs)
  // A short history has few batches an epoch, unless they are small.
  const batchRows = Math.ceil(split.train.length / batchesMin)
  const own = { ...options, batchRows: Math.min(options.batchRows, Math.max(32, batchRows)) }
  if (scales.length === 0) throw new TrainingError(['expected features with values, found none'])
  const data = { table, scales, train: split.train, validation: split.validation }
  const fitHooks = (what: Parameters<TrainingHooks['epoch']>[0]): FitHooks => ({
    stop: hooks.stop,
    epoch: (epoch) => {
      hooks.epoch(what, epoch)
    },
  })
  // A straight line has no valleys to miss: ten times the rate, or it would take as many epochs more.
  const straight = { ...own, hidden: [], learningRate: 10 * own.learningRate }
  const logistic = await fitNetwork(tensorflow, data, straight, fitHooks('logistic regression'))
  const fit = await fitNetwork(tensorflow, data, own, fitHooks('network'))
  hooks.say(`judging on ${judged.length} rows`)
  return { ...fit, scales, options: own, ...judge(history, features, scales, fit, logistic) }
}

type Judgement = Omit<Trained, keyof Fit | 'scales' | 'options'>

function judge(
  { table, split, judgedTable, judged }: History,
  features: readonly Feature[],
  scales: readonly InputScale[],
  { perceptron }: Fit,
  logistic: Fit,
): Judgement {
  const truth = truthOf(judgedTable, judged)
  const score = (from: Perceptron): Float64Array => scoreRowsOf(from, scales, judgedTable, judged)
  const columns = scales.map(({ column }) => column)
  const rule = bestRule(table, split.train, columns)
  const ruleName = `${features[rule.column]!.name} alone, ${rule.direction}`
  const scores = score(perceptron)
  const known = scoreRowsOf(perceptron, scales, table, split.validation)
  const thresholds = {
    review: rounded(thresholdAt(known, alertShares.review)),
    deny: rounded(thresholdAt(known, alertShares.deny)),
  }
  const levels = effectShares.map((share) => rounded(thresholdAt(known, share)))
  const fraudShare = truth.isFraud.reduce((sum, value) => sum + value, 0) / truth.count
  return {
    thresholds,
    model: scorecard('model', scores, truth),
    baselines: [
      scorecard(ruleName, ruleScores(judgedTable, judged, rule), truth),
      scorecard('logistic regression', score(logistic.perceptron), truth),
      scorecard('amount alone', amountScores(judgedTable, judged), truth),
    ],
    effects: [...new Set(levels)].map((threshold) => thresholdEffect(scores, truth, threshold)),
    bands: calibration(scores, truth.isFraud, bandEdges),
    brier: brierScore(scores, truth.isFraud),
    brierOfShare: brierScore(new Float64Array(truth.count).fill(fraudShare), truth.isFraud),
    truth,
  }
}

/** Baselines that rank as well as the model or better. */
export function unbeaten({ model, baselines }: Trained): Scorecard[] {
  return baselines.filter((one) => one.averagePrecision >= model.averagePrecision)
}

/** Probability of fraud of each row. */
export function scoreRowsOf(
  perceptron: Perceptron,
  scales: readonly InputScale[],
  table: RowTable,
  rows: Int32Array,
): Float64Array {
  const scaled = new Float32Array(scales.length)
  return Float64Array.from(rows, (row) => {
    writeScaled(scales, table.values(row), scaled, 0)
    return perceptronScore(perceptron, scaled, 0)
  })
}

function scorecard(name: string, scores: Float64Array, truth: Truth): Scorecard {
  const ranking = rank(scores, truth.isFraud)
  return {
    name,
    auc: areaUnderRoc(ranking),
    averagePrecision: averagePrecision(ranking),
    cardPrecision: cardPrecision(scores, truth, cardsPerDay),
  }
}

/** Each part needs fraud and honest rows; otherwise nothing can be learnt, stopped by, or judged. */
function checkHistory({ table, split, judgedTable, judged }: History): void {
  const parts = [
    ['train', 'to train on', table, split.train],
    ['validation', 'to stop by', table, split.validation],
    ['judged', 'to judge by', judgedTable, judged],
  ] as const
  const faults: string[] = []
  for (const [part, purpose, from, rows] of parts) {
    const [fraudMin, honestMin] = needed[part]
    let frauds = 0
    for (const row of rows) if (from.isFraud(row)) frauds++
    const honest = rows.length - frauds
    if (frauds >= fraudMin && honest >= honestMin) continue
    faults.push(
      `rows ${purpose}: expected at least ${fraudMin} labelled fraud and ${honestMin} legitimate, found ${frauds} and ${honest}`,
    )
  }
  if (faults.length === 0) return
  const { warmUp, unlabelled, gap, tooLate } = split.leftOut
  const days = (split.labelDelayMs / 86_400_000).toFixed(1)
  faults.push(
    `left out: ${warmUp} while windows filled, ${unlabelled} without a label, ${gap} in the gap of ${days} d that labels take, ${tooLate} labelled too late`,
  )
  throw new TrainingError(faults)
}

/** As scores are: six digits. */
function rounded(threshold: number): number {
  return Math.round(threshold * 1e6) / 1e6
}
