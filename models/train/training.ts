// A training run: split, fit, and judge beside baselines on rows that nothing was fitted on. It reads no files and no clock; what
// it returns depends on its arguments alone.
import type { Feature } from '../../features/catalog.ts'
import { amountScores, bestRule, distanceScores, ruleScores } from './baselines.ts'
import { type Fitted, type Learner, type LearningHooks, scoreRows } from './fitted.ts'
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
import { areaUnderRoc, averagePrecision, rank } from './ranking.ts'
import type { RowTable } from './row-table.ts'
import { fitScaling } from './scaling.ts'
import type { Split } from './split.ts'

/** Rows to learn from, and rows to judge by: often of one table. */
export interface History {
  readonly table: RowTable
  readonly split: Split
  readonly judgedTable: RowTable
  readonly judged: Int32Array
}

export interface TrainingHooks extends LearningHooks {
  say(text: string): void
}

export interface Scorecard {
  readonly name: string
  readonly auc: number
  readonly averagePrecision: number
  readonly cardPrecision: CardPrecision
}

export interface Judgement {
  readonly truth: Truth
  readonly model: Scorecard
  readonly baselines: readonly Scorecard[]
  readonly effects: readonly ThresholdEffect[]
  /** Null where scores are no probabilities. */
  readonly reliability: Reliability | null
}

export interface Reliability {
  readonly bands: readonly Band[]
  readonly brier: number
  /** Of a score that is always the share of fraud in the rows judged. */
  readonly brierOfShare: number
}

export interface Trained {
  readonly fitted: Fitted
  readonly thresholds: { readonly review: number; readonly deny: number }
  /** Of the rows to judge by; where they do not say enough, what is missing. */
  readonly judgement: Judgement | { readonly missing: string }
}

/** What fits the model, and the logistic regression beside it. */
export interface Learners {
  readonly model: Learner
  readonly logistic: Learner
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
const needed = { train: [20, 100], validation: [5, 20], judged: [5, 20] } as const

/** Trains on `columns` of the tables. Rejects with TrainingError, or the reason of `hooks.stop`. */
export async function train(
  { model, logistic }: Learners,
  history: History,
  features: readonly Feature[],
  columns: readonly number[],
  hooks: TrainingHooks,
): Promise<Trained> {
  const missing = checkHistory(history, model.needsLabels)
  const { table, split, judgedTable, judged } = history
  // Learners leave out columns without a value; one of them must be left.
  const seen = fitScaling(table, split.train, columns).map(({ column }) => column)
  if (seen.length === 0) throw new TrainingError(['expected features with values, found none'])
  const { train, validation } = split
  const rows = { table, columns: seen, train, validation }
  const straight = model.needsLabels ? await logistic.fit(rows, hooks) : null
  const fitted = await model.fit(rows, hooks)
  const known = scoreRows(fitted, table, validation)
  const thresholds = {
    review: thresholdOf(known, alertShares.review),
    deny: thresholdOf(known, alertShares.deny),
  }
  if (missing !== null) return { fitted, thresholds, judgement: { missing } }
  hooks.say(`judging on ${judged.length} rows`)
  const truth = truthOf(judgedTable, judged)
  const scores = scoreRows(fitted, judgedTable, judged)
  const levels = new Set(effectShares.map((share) => thresholdOf(known, share)))
  return {
    fitted,
    thresholds,
    judgement: {
      truth,
      model: scorecard('model', scores, truth),
      baselines:
        straight === null
          ? unlearntBaselines(history, seen, truth)
          : learntBaselines(history, seen, features, straight, truth),
      effects: [...levels].map((threshold) => thresholdEffect(scores, truth, threshold)),
      reliability:
        fitted.output.kind === 'probability' ? reliabilityOf(scores, truth.isFraud) : null,
    },
  }
}

function learntBaselines(
  { table, split, judgedTable, judged }: History,
  columns: readonly number[],
  features: readonly Feature[],
  straight: Fitted,
  truth: Truth,
): Scorecard[] {
  const rule = bestRule(table, split.train, columns)
  const ruleName = `${features[rule.column]!.name} alone, ${rule.direction}`
  return [
    scorecard(ruleName, ruleScores(judgedTable, judged, rule), truth),
    scorecard('logistic regression', scoreRows(straight, judgedTable, judged), truth),
    scorecard('amount alone', amountScores(judgedTable, judged), truth),
  ]
}

/** What needs no labels either. */
function unlearntBaselines(
  { table, split, judgedTable, judged }: History,
  columns: readonly number[],
  truth: Truth,
): Scorecard[] {
  const scales = fitScaling(table, split.train, columns)
  return [
    scorecard('distance from the mean', distanceScores(judgedTable, judged, scales), truth),
    scorecard('amount alone', amountScores(judgedTable, judged), truth),
  ]
}

function reliabilityOf(scores: Float64Array, isFraud: Uint8Array): Reliability {
  const fraudShare = isFraud.reduce((sum, value) => sum + value, 0) / isFraud.length
  return {
    bands: calibration(scores, isFraud, bandEdges),
    brier: brierScore(scores, isFraud),
    brierOfShare: brierScore(new Float64Array(isFraud.length).fill(fraudShare), isFraud),
  }
}

/** Baselines that rank as well as the model or better. */
export function unbeaten({ judgement }: Trained): Scorecard[] {
  if ('missing' in judgement) return []
  const { model, baselines } = judgement
  return baselines.filter((one) => one.averagePrecision >= model.averagePrecision)
}

export function scorecard(name: string, scores: Float64Array, truth: Truth): Scorecard {
  const ranking = rank(scores, truth.isFraud)
  return {
    name,
    auc: areaUnderRoc(ranking),
    averagePrecision: averagePrecision(ranking),
    cardPrecision: cardPrecision(scores, truth, cardsPerDay),
  }
}

/** Where too few rows say how good a model is, what is missing; else null. */
export function checkJudged({
  judgedTable,
  judged,
}: Pick<History, 'judgedTable' | 'judged'>): string | null {
  return checkPart('judged', 'to judge by', judgedTable, judged)
}

/** Fraud and honest rows: otherwise nothing can be learnt, stopped by, or judged. */
function checkPart(
  part: keyof typeof needed,
  purpose: string,
  table: RowTable,
  rows: Int32Array,
): string | null {
  const [fraudMin, honestMin] = needed[part]
  const frauds = rows.reduce((sum, row) => sum + (table.isFraud(row) ? 1 : 0), 0)
  const honest = rows.length - frauds
  if (frauds >= fraudMin && honest >= honestMin) return null
  return `rows ${purpose}: expected at least ${fraudMin} labelled fraud and ${honestMin} legitimate, found ${frauds} and ${honest}`
}

/** What learns without labels needs rows, whatever they are. */
function checkCount(
  part: keyof typeof needed,
  purpose: string,
  { length }: Int32Array,
): string | null {
  const rowsMin = needed[part][1]
  return length >= rowsMin ? null : `rows ${purpose}: expected at least ${rowsMin}, found ${length}`
}

/** Throws where nothing can be learnt. Returns why nothing can be judged, which is no reason not to learn without labels. */
function checkHistory(history: History, needsLabels: boolean): string | null {
  const { table, split } = history
  const missing = checkJudged(history)
  const faults = needsLabels
    ? [
        checkPart('train', 'to train on', table, split.train),
        checkPart('validation', 'to stop by', table, split.validation),
        missing,
      ]
    : [
        checkCount('train', 'to train on', split.train),
        checkCount('validation', 'to stop by', split.validation),
      ]
  const found = faults.filter((fault) => fault !== null)
  if (found.length === 0) return missing
  const { warmUp, unlabelled, gap, tooLate } = split.leftOut
  const days = (split.labelDelayMs / 86_400_000).toFixed(1)
  throw new TrainingError([
    ...found,
    `left out: ${warmUp} while windows filled, ${unlabelled} without a label, ${gap} in the gap of ${days} d that labels take, ${tooLate} labelled too late`,
  ])
}

/** As scores are: six digits. */
function thresholdOf(scores: Float64Array, alertShare: number): number {
  return Math.round(thresholdAt(scores, alertShare) * 1e6) / 1e6
}
