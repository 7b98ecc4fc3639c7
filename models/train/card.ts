// CARD.md: what a model was trained on, how well it does on a period it has not seen, beside what, and at what price. Every
// figure comes from the run that wrote it.
import type { Scorecard, Trained } from './training.ts'
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
}

/** The whole document. */
export function writeCard(facts: CardFacts): string {
  const { name, version, trained } = facts
  return [
    `# ${name}, version ${version}`,
    '',
    `Written by \`${facts.command}\`; the same command on the same history and backend gives the same bytes.`,
    '',
    ...training(facts),
    ...judged(facts),
    ...thresholds(trained),
    ...reliability(trained),
    ...limits(facts),
  ].join('\n')
}

function training({ history, trained, source, backend }: CardFacts): string[] {
  const { split, table } = history
  const { warmUp, unlabelled, gap, tooLate } = split.leftOut
  const { hidden, batchRows, learningRate, fraudWeight, seed } = trained.options
  const shape = [trained.scales.length, ...hidden, 1].join('-')
  return [
    '## Trained on',
    '',
    `${source}: ${whole(split.train.length)} rows with a label (${whole(fraudsOf(split.train, table))} fraud), ${whole(split.validation.length)} later ones`,
    `(${whole(fraudsOf(split.validation, table))} fraud) to stop by and to set the thresholds. Features are the engine's own, as of each`,
    'transaction; a label counts as known from its arrival. Left out: ' +
      `${whole(unlabelled)} rows without a label, ${whole(warmUp)} while windows filled,`,
    `${whole(gap)} in the gap of ${(split.labelDelayMs / dayMs).toFixed(1)} days that labels take, ${whole(tooLate)} labelled too late.`,
    '',
    `A network ${shape} (${whole(parameters(trained))} weights), batches of ${batchRows}, Adam at ${learningRate}, a fraud weighing ${fraudWeight}, seed ${seed}, TensorFlow.js on`,
    `${backend}; the best of ${trained.epochs} epochs was ${trained.best.number}, with a validation average precision of ${trained.best.averagePrecision.toFixed(3)}.`,
    '',
  ]
}

function judged({ trained, judgedSource }: CardFacts): string[] {
  const { truth, model, baselines } = trained
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
    `again; the mean of ${days} days. Scores that are always right would reach ${percent(best)}. Feature and direction of the rule were chosen`,
    'on the training rows.',
    ...(rivals.length === 0 ? [] : ['', `**It does not beat: ${rivals.join(', ')}.**`]),
    '',
  ]
}

function thresholds({ effects, thresholds: at, truth }: Trained): string[] {
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

function reliability({ bands, brier, brierOfShare }: Trained): string[] {
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

function limits({ isGenerated }: CardFacts): string[] {
  return [
    '## What it is not',
    '',
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

function parameters({ perceptron }: Trained): number {
  return perceptron.layers.reduce((sum, { kernel, bias }) => sum + kernel.length + bias.length, 0)
}

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

/** 1234567 → 1,234,567. */
function whole(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** 0.01234 → 1.2 %. */
function percent(value: number): string {
  return `${(value * 100).toFixed(value !== 0 && value < 0.01 ? 2 : 1)} %`
}
