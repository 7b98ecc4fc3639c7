// CARD.md: what a model was trained on, how well it does on a period it has not seen, beside what, and at what price. Every
// figure comes from the run that wrote it.
import { type Comparison, comparisonTable } from './comparison.ts'
import { percent, whole } from './text.ts'
import type { Judgement, Reliability, Scorecard, Trained } from './training.ts'
import { alertShares, cardsPerDay, type History, unbeaten } from './training.ts'

export interface CardFacts {
  readonly name: string
  readonly version: number
  /** Where the history came from, in words. */
  readonly source: string
  readonly isGenerated: boolean
  /** Where what it is judged by came from, in words. */
  readonly judgedSource: string
  /** The command that makes the same folder again. */
  readonly command: string
  readonly backend: string
  readonly history: History
  readonly trained: Trained
  /** With other models on the rows judged; null where none was asked for. */
  readonly comparison: Comparison | null
}

/** The whole document. */
export function writeCard(facts: CardFacts): string {
  const { name, version, trained, comparison } = facts
  const { judgement } = trained
  return [
    `# ${name}, version ${version}`,
    '',
    `Written by \`${facts.command}\`; the same command on the same history and backend gives the same bytes.`,
    '',
    ...training(facts),
    ...('missing' in judgement
      ? unjudged(judgement.missing, trained)
      : [
          ...judged(facts, judgement),
          ...compared(comparison),
          ...thresholds(trained, judgement),
          ...reliability(judgement.reliability),
        ]),
    ...limits(facts),
  ].join('\n')
}

function training(facts: CardFacts): string[] {
  const { fitted } = facts.trained
  const rows = fitted.output.kind === 'probability' ? labelledRows(facts) : ordinaryRows(facts)
  return ['## Trained on', '', ...rows, '', ...fitted.description, '']
}

function labelledRows({ history, source }: CardFacts): string[] {
  const { split, table } = history
  const { warmUp, unlabelled, gap, tooLate } = split.leftOut
  return [
    `${source}: ${whole(split.train.length)} rows with a label (${whole(fraudsOf(split.train, table))} fraud), ${whole(split.validation.length)} later ones`,
    `(${whole(fraudsOf(split.validation, table))} fraud) to stop by and to set the thresholds. Features are the engine's own, as of each`,
    'transaction; a label counts as known from its arrival. Left out: ' +
      `${whole(unlabelled)} rows without a label, ${whole(warmUp)} while windows filled,`,
    `${whole(gap)} in the gap of ${(split.labelDelayMs / dayMs).toFixed(1)} days that labels take, ${whole(tooLate)} labelled too late.`,
  ]
}

function ordinaryRows({ history, source }: CardFacts): string[] {
  const { split } = history
  const { warmUp } = split.leftOut
  return [
    `${source}: ${whole(split.train.length)} rows, labelled or not, and ${whole(split.validation.length)} later ones to stop by and to set the thresholds. Left out:`,
    `${whole(split.knownFrauds)} known frauds, ${whole(warmUp)} rows while windows filled. Features are the engine's own, as of each transaction.`,
  ]
}

/** There is nothing to say how good it is by, and that is said. */
function unjudged(missing: string, { thresholds: { review, deny } }: Trained): string[] {
  return [
    '## Not judged',
    '',
    `How much fraud it finds is not known, nor whom it hurts, nor whether anything simpler does as well: ${missing}.`,
    `The thresholds that it suggests are the scores that ${percent(alertShares.review)} (review, ${review}) and ${percent(alertShares.deny)} (deny, ${deny}) of the`,
    'validation rows reach: they say how many alerts there will be, not how many are right.',
    '',
  ]
}

function compared(comparison: Comparison | null): string[] {
  return comparison === null
    ? []
    : ['## Beside other models', '', ...comparisonTable(comparison).markdown, '']
}

function judged(
  { trained, judgedSource }: CardFacts,
  { truth, model, baselines }: Judgement,
): string[] {
  const frauds = truth.isFraud.reduce((sum, value) => sum + value, 0)
  const { days, best } = model.cardPrecision
  const first = day(Math.min(...extremes(truth.timeMs)))
  const last = day(Math.max(...extremes(truth.timeMs)))
  const row = (one: Scorecard, label: string): string =>
    `| ${label} | ${one.auc.toFixed(3)} | ${one.averagePrecision.toFixed(3)} | ${percent(one.cardPrecision.mean)} |`
  const rivals = unbeaten(trained).map((one) => one.name)
  return [
    '## Judged by',
    '',
    judgedSource,
    `${whole(truth.count)} transactions from ${first} to ${last}, ${whole(frauds)} of them fraud.`,
    '',
    `| | AUC | average precision | card precision@${cardsPerDay} |`,
    '|---|---:|---:|---:|',
    row(model, '**this model**'),
    ...baselines.map((one) => row(one, one.name)),
    '',
    `Card precision@${cardsPerDay}: of the ${cardsPerDay} cards with the highest scores of a day, those with fraud, a card once found not coming`,
    ...(trained.fitted.output.kind === 'probability'
      ? [
          `again; the mean of ${days} days. Scores that are always right would reach ${percent(best)}. Feature and direction of the rule were chosen`,
          'on the training rows.',
        ]
      : [
          `again; the mean of ${days} days. Scores that are always right would reach ${percent(best)}. Distance from the mean: the mean square of the`,
          'scaled inputs. Neither it nor the model has learnt from labels.',
        ]),
    ...(rivals.length === 0 ? [] : ['', `**It does not beat: ${rivals.join(', ')}.**`]),
    '',
  ]
}

function thresholds({ thresholds: at }: Trained, { effects, truth }: Judgement): string[] {
  const customers = new Set(truth.customer).size
  return [
    '## Thresholds',
    '',
    `What acting on every score from the threshold on would have done in the judged period. Customers hurt had no fraud at all, of ${whole(customers)}.`,
    `The model suggests *review* and *deny*: the scores that ${percent(alertShares.review)} and ${percent(alertShares.deny)} of the validation rows reach. A policy may say otherwise.`,
    '',
    '| threshold | alerts | fraud caught | money saved, minor units | of the money | alerts that are fraud | honest alerts | customers hurt |',
    '|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...effects.map((effect) => {
      const { threshold } = effect
      const mark = threshold === at.deny ? ' deny' : threshold === at.review ? ' review' : ''
      return `| ${threshold}${mark} | ${whole(effect.alerts)} | ${percent(effect.fraudCaught)} | ${whole(effect.moneyCaughtMinor)} | ${percent(effect.moneyCaught)} | ${percent(effect.precision)} | ${whole(effect.honestAlerts)} | ${whole(effect.honestCustomers)} |`
    }),
    '',
  ]
}

function reliability(found: Reliability | null): string[] {
  if (found === null) {
    return [
      '## Calibration',
      '',
      'None: its score is the share of training rows that are less strange, not a probability of fraud.',
      '',
    ]
  }
  const { bands, brier, brierOfShare } = found
  return [
    '## Calibration',
    '',
    'Where a score is a probability, the two right columns agree.',
    '',
    '| score | rows | mean score | fraud |',
    '|---|---:|---:|---:|',
    ...bands.map(
      ({ from, to, rows, meanScore, fraudShare }) =>
        `| ${from} to ${to} | ${whole(rows)} | ${percent(meanScore)} | ${percent(fraudShare)} |`,
    ),
    '',
    `Brier score ${brier.toPrecision(3)}; a score that is always the share of fraud has ${brierOfShare.toPrecision(3)}.`,
    '',
  ]
}

function limits({ isGenerated, trained }: CardFacts): string[] {
  return [
    '## What it is not',
    '',
    ...(trained.fitted.output.kind === 'anomaly'
      ? [
          'It knows what is usual, not what is fraud: what is rare and honest scores high, fraud that looks ordinary does not.',
        ]
      : []),
    ...(isGenerated
      ? [
          'It learned from generated transactions. It shows the path and gives a first score; it is not a model to decide real',
          'transactions with: train your own on your history.',
        ]
      : [
          'It knows the fraud of its history and no other. Train again when fraud or business changes, and compare on a later period.',
        ]),
    '',
  ]
}

const dayMs = 86_400_000

function fraudsOf(rows: Int32Array, table: History['table']): number {
  return rows.reduce((sum, row) => sum + (table.isFraud(row) ? 1 : 0), 0)
}

/** Lowest and highest. */
function extremes(values: Float64Array): [number, number] {
  const sorted = values.toSorted()
  return [sorted[0] ?? 0, sorted.at(-1) ?? 0]
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
