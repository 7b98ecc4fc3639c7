// How well scores put fraud above the rest: ranking measures over rows whose truth is known. Only the order of the scores
// counts, and equal scores are never told apart.

/** Scores of the two kinds, each highest first. */
export interface Ranking {
  readonly fraud: Float64Array
  readonly honest: Float64Array
}

/** `scores` are numbers; -Infinity stands for none. */
export function rank(scores: Float64Array, isFraud: Uint8Array): Ranking {
  const own = (of: number): Float64Array =>
    scores
      .filter((_, row) => isFraud[row] === of)
      .sort()
      .reverse()
  return { fraud: own(1), honest: own(0) }
}

/** Area under the ROC curve: how often a fraud ranks above an honest row, ties counted half (Hanley and McNeil 1982). */
export function areaUnderRoc(ranking: Ranking): number {
  let area = 0
  for (const { fraud, honest, honestAbove } of steps(ranking)) {
    area += fraud * (ranking.honest.length - honestAbove - honest / 2)
  }
  return area / (ranking.fraud.length * ranking.honest.length)
}

/** Precision at each score, weighted by the recall that it adds: the sum, not the interpolated area, of the curve. */
export function averagePrecision(ranking: Ranking): number {
  let sum = 0
  for (const { fraud, honest, fraudAbove, honestAbove } of steps(ranking)) {
    const reached = fraudAbove + fraud
    sum += fraud * (reached / (reached + honestAbove + honest))
  }
  return sum / ranking.fraud.length
}

/** Rows of one score, and how many rank above them. */
interface Step {
  readonly fraud: number
  readonly honest: number
  readonly fraudAbove: number
  readonly honestAbove: number
}

/** Highest score first. */
function* steps({ fraud, honest }: Ranking): Generator<Step> {
  let f = 0
  let h = 0
  while (f < fraud.length || h < honest.length) {
    const score = Math.max(
      fraud[f] ?? Number.NEGATIVE_INFINITY,
      honest[h] ?? Number.NEGATIVE_INFINITY,
    )
    const fraudAbove = f
    const honestAbove = h
    while (f < fraud.length && fraud[f] === score) f++
    while (h < honest.length && honest[h] === score) h++
    yield { fraud: f - fraudAbove, honest: h - honestAbove, fraudAbove, honestAbove }
  }
}
