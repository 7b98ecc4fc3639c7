// Holds the scorers of one model against each other: whether their scores are the same bits, and which is faster.
import type { Golden, Row } from './manifest.ts'
import { ModelError } from './model.ts'
import { type OnTrial, writeRow } from './trial.ts'

/** How far a score of the whole graph may be from ours: its own sigmoid is taken in float32. */
const wholeTolerance = 1e-6

/**
 * True if walker and runtime give the same bits for `rows`, and what the graph itself gives in float32. What does not even
 * run is not the same; the trial of the whole graph then says why.
 */
export async function isSame(
  walker: OnTrial,
  margin: OnTrial,
  whole: OnTrial,
  rows: readonly Row[],
): Promise<boolean> {
  const scores = [walker, margin, whole].map(() => new Float64Array(whole.rowMax))
  try {
    for (let begin = 0; begin < rows.length; begin += whole.rowMax) {
      const batch = rows.slice(begin, begin + whole.rowMax)
      for (const [at, model] of [walker, margin, whole].entries()) {
        for (const [place, row] of batch.entries()) writeRow(model, row, place)
        await model.score(batch.length, scores[at]!)
      }
      for (const place of batch.keys()) {
        const [walked, run, asIs] = scores.map((one) => one[place]!) as [number, number, number]
        const isNear = Object.is(walked, asIs) || Math.abs(walked - asIs) <= wholeTolerance
        if (!Object.is(walked, run) || !isNear) return false
      }
    }
  } catch (error) {
    if (error instanceof ModelError) return false
    throw error
  }
  return true
}

/** Microseconds a row took at best: alone, and in a batch. */
export interface Timing {
  readonly aloneUs: number
  readonly batchedUs: number
}

const timedRounds = 40
/** Rows of a decision batch. */
const timedBatch = 16

/** At best of many: the first calls of both scorers are far slower. */
export async function timingOf(
  model: OnTrial,
  { rows }: Golden,
  monotonicUs: () => number,
): Promise<Timing> {
  const batch = Math.min(timedBatch, model.rowMax)
  const out = new Float64Array(batch)
  for (let row = 0; row < batch; row++) writeRow(model, rows[row % rows.length]!, row)
  const fastest = async (count: number): Promise<number> => {
    let bestUs = Number.POSITIVE_INFINITY
    for (let round = 0; round < timedRounds; round++) {
      const beganUs = monotonicUs()
      await model.score(count, out)
      bestUs = Math.min(bestUs, (monotonicUs() - beganUs) / count)
    }
    return bestUs
  }
  // The batch first: it warms up what a row alone needs too.
  const batchedUs = await fastest(batch)
  return { batchedUs, aloneUs: await fastest(1) }
}
