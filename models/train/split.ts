// Divides history in time: rows to train on, rows to stop early by, a gap as long as labels take, rows to judge by. No row
// to train on had a label that was not known when the rows to judge by began.
import type { RowTable } from './row-table.ts'

export interface SplitOptions {
  /** Rows of so long after the first are left out: their windows were still filling. */
  readonly warmUpMs: number
  /** How long labels take; null: what 99 of 100 took. */
  readonly labelDelayMs: number | null
  /** Share of the history's time that is judged, its end; 0 where it is judged on another history. */
  readonly judgedShare: number
  /** False: rows teach without a label, too, and up to the day that the model is trained; known frauds alone do not. */
  readonly needsLabels: boolean
}

/** Rows that are not used, by why. */
export interface LeftOut {
  readonly warmUp: number
  readonly unlabelled: number
  /** Between the rows to train on and those to judge by. */
  readonly gap: number
  /** The label came after the model would have been trained, or the history ends before it could come. */
  readonly tooLate: number
}

/** Indices of rows, in order of arrival. */
export interface Split {
  readonly train: Int32Array
  readonly validation: Int32Array
  readonly judged: Int32Array
  readonly labelDelayMs: number
  /** When the model would have been trained: labels that came later are not known. */
  readonly asOfMs: number
  readonly leftOut: LeftOut
  /** Rows that do not teach what is ordinary; 0 where labels are what teaches. */
  readonly knownFrauds: number
}

/** Of the rows to train on, the latest: they decide when to stop, and where the thresholds lie. */
const validationShare = 0.15
/** One label in a hundred may take longer than the delay; its row is left out. */
const delayQuantile = 0.99

/** Splits a history. Rows may be missing from any part: `checkParts` (training.ts) says what is needed. */
export function splitHistory(table: RowTable, options: SplitOptions): Split {
  const { firstMs, lastMs, newestLabelMs, delays } = measure(table)
  const { needsLabels } = options
  const labelDelayMs = options.labelDelayMs ?? quantile(delays, delayQuantile)
  const hasJudged = options.judgedShare > 0
  const asOfMs = hasJudged
    ? lastMs - options.judgedShare * (lastMs - firstMs)
    : lastMs + labelDelayMs
  const lastTrainMs = needsLabels ? asOfMs - labelDelayMs : asOfMs
  const trainEndMs = hasJudged ? lastTrainMs : Number.POSITIVE_INFINITY
  // Later rows have few labels yet, and those are mostly of fraud: they would flatter.
  const judgedEndMs = newestLabelMs - labelDelayMs
  const warmMs = firstMs + options.warmUpMs
  const known: number[] = []
  const judged: number[] = []
  const leftOut = { warmUp: 0, unlabelled: 0, gap: 0, tooLate: 0 }
  let knownFrauds = 0
  for (let row = 0; row < table.count; row++) {
    const timeMs = table.timeMs(row)
    if (timeMs < warmMs) leftOut.warmUp++
    else if (!needsLabels && timeMs < trainEndMs) {
      // Nobody knows yet of the others.
      if (table.isFraud(row) && table.labelMs(row) <= asOfMs) knownFrauds++
      else known.push(row)
    } else if (!table.isLabelled(row)) leftOut.unlabelled++
    else if (timeMs < trainEndMs) {
      if (table.labelMs(row) <= asOfMs) known.push(row)
      else leftOut.tooLate++
    } else if (timeMs < asOfMs) leftOut.gap++
    else if (timeMs <= judgedEndMs) judged.push(row)
    else leftOut.tooLate++
  }
  const cut = Math.floor(known.length * (1 - validationShare))
  return {
    train: Int32Array.from(known.slice(0, cut)),
    validation: Int32Array.from(known.slice(cut)),
    judged: Int32Array.from(judged),
    labelDelayMs,
    asOfMs,
    leftOut,
    knownFrauds,
  }
}

/** Rows of a history that is only judged: all with a label, after the warm-up. */
export function judgedRows(table: RowTable, warmUpMs: number): Int32Array {
  const warmMs = measure(table).firstMs + warmUpMs
  const rows: number[] = []
  for (let row = 0; row < table.count; row++) {
    if (table.timeMs(row) >= warmMs && table.isLabelled(row)) rows.push(row)
  }
  return Int32Array.from(rows)
}

/** As long as the longest window, but at most a share of the history: a short one is all there is. */
export function warmUpMsOf(table: RowTable, windowMsMax: number, shareMax: number): number {
  if (table.count === 0) return 0
  const { firstMs, lastMs } = measure(table)
  return Math.min(windowMsMax, Math.floor((lastMs - firstMs) * shareMax))
}

function measure(table: RowTable): {
  firstMs: number
  lastMs: number
  newestLabelMs: number
  delays: Float64Array
} {
  let firstMs = Number.POSITIVE_INFINITY
  let lastMs = Number.NEGATIVE_INFINITY
  let newestLabelMs = Number.NEGATIVE_INFINITY
  let labelled = 0
  const delays = new Float64Array(table.count)
  for (let row = 0; row < table.count; row++) {
    const timeMs = table.timeMs(row)
    firstMs = Math.min(firstMs, timeMs)
    lastMs = Math.max(lastMs, timeMs)
    if (!table.isLabelled(row)) continue
    const labelMs = table.labelMs(row)
    newestLabelMs = Math.max(newestLabelMs, labelMs)
    delays[labelled++] = labelMs - timeMs
  }
  return { firstMs, lastMs, newestLabelMs, delays: delays.subarray(0, labelled) }
}

/** The smallest value that a share of them does not exceed; 0 of none. */
function quantile(values: Float64Array, share: number): number {
  const sorted = values.toSorted()
  return Math.max(0, sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
}
