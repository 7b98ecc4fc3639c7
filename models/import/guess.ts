// Finds out how the scores of a model are read from its outputs, by the golden scores that came with it: what agrees with
// them is right. Where nothing does, it takes what comes nearest, and the gate will say how far that is off.
import { probability } from '../model.ts'
import { type OutputKind, sigmoid } from '../reading.ts'

/** All that a model gave for the golden rows. */
export interface RawOutput {
  readonly name: string
  readonly isLabel: boolean
  readonly columns: number
  /** Row after row. */
  readonly values: Float64Array
}

export interface Reading {
  readonly name: string
  readonly column: number
  readonly kind: OutputKind
}

/** What was asked for by name; null: to be found. */
export interface Wishes {
  readonly output: string | null
  readonly column: number | null
  readonly kind: OutputKind | null
  readonly fraud: number
}

export interface Guess {
  readonly reading: Reading
  /** The largest difference from a golden score. */
  readonly difference: number
  /** True if nothing else agrees with the golden scores: then it is no guess. */
  readonly isOnly: boolean
}

/** False for margins, and for strangeness. */
export function areProbabilities(scores: readonly number[]): boolean {
  return scores.every((score) => score >= 0 && score <= 1)
}

/** `scores` as the library gave them. Null where no output can be read as was wished. */
export function guessReading(
  outputs: readonly RawOutput[],
  scores: readonly number[],
  wishes: Wishes,
  tolerance: number,
): Guess | null {
  const tried = outputs
    .filter(({ name }) => wishes.output === null || name === wishes.output)
    .flatMap((output) => readingsOf(output, wishes).map((reading) => ({ output, reading })))
    .map(({ output, reading }) => ({
      reading,
      difference: differenceOf(output, reading, scores, wishes.fraud),
      rank: rankOf(output, reading),
    }))
  const agreeing = tried.filter(({ difference }) => difference <= tolerance)
  const [best] =
    agreeing.length > 0
      ? agreeing.sort((a, b) => a.rank - b.rank)
      : tried.sort((a, b) => compare(a.difference, b.difference) || a.rank - b.rank)
  if (best === undefined) return null
  const { reading, difference } = best
  return { reading, difference, isOnly: agreeing.length === 1 }
}

/** Both may be infinite. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b
}

/** Columns of one output that are tried: more classes than these have no class of fraud. */
const columnsMax = 64

function readingsOf({ name, isLabel, columns }: RawOutput, wishes: Wishes): Reading[] {
  const usual: readonly OutputKind[] = isLabel ? ['label'] : ['probability', 'margin']
  const kinds = wishes.kind === null ? usual : [wishes.kind]
  if (isLabel && wishes.kind !== null && wishes.kind !== 'label') return []
  const readings: Reading[] = []
  for (let column = 0; column < Math.min(columns, columnsMax); column++) {
    if (wishes.column !== null && column !== wishes.column) continue
    for (const kind of kinds) readings.push({ name, column, kind })
  }
  return readings
}

function differenceOf(
  { columns, values }: RawOutput,
  { column, kind }: Reading,
  scores: readonly number[],
  fraud: number,
): number {
  const isProbability = areProbabilities(scores)
  if (kind === 'label' && !scores.every(Number.isInteger)) return Infinity
  let most = 0
  for (const [row, score] of scores.entries()) {
    const value = values[row * columns + column]!
    const found = kind === 'probability' ? probability(value) : scoreLike(kind, value, fraud)
    const expected =
      kind === 'probability' || (kind === 'margin' && isProbability)
        ? score
        : scoreLike(kind, score, fraud)
    const difference = Math.abs(found - expected)
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference
  }
  return most
}

/** An anomaly stands for itself here: its share of the training rows is not known yet. */
function scoreLike(kind: OutputKind, value: number, fraud: number): number {
  if (kind === 'margin') return sigmoid(value)
  return kind === 'label' ? Number(value === fraud) : value
}

/** Scores before labels, probabilities before margins, the second of two classes before the first. */
function rankOf({ isLabel, columns }: RawOutput, { column, kind }: Reading): number {
  const away = Math.abs(column - (columns === 2 ? 1 : 0))
  return (isLabel ? 10_000 : 0) + (kind === 'margin' ? 1000 : 0) + away
}
