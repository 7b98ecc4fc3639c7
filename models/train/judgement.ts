// What scores are worth to those who act on them: cards that investigators would open, fraud caught and honest customers hurt
// at a threshold, and whether a score of 0.2 means one in five. Over rows whose truth is known.
import type { RowTable } from './row-table.ts'

const dayMs = 86_400_000

/** Rows to judge by, as columns. */
export interface Truth {
  readonly count: number
  readonly isFraud: Uint8Array
  readonly timeMs: Float64Array
  /** Equal for rows of the same customer. */
  readonly customer: Float64Array
  /** 0 where absent. */
  readonly amountMinor: Float64Array
}

export function truthOf(table: RowTable, rows: Int32Array): Truth {
  return {
    count: rows.length,
    isFraud: Uint8Array.from(rows, (row) => (table.isFraud(row) ? 1 : 0)),
    timeMs: Float64Array.from(rows, (row) => table.timeMs(row)),
    customer: Float64Array.from(rows, (row) => table.customer(row)),
    amountMinor: Float64Array.from(rows, (row) => table.amountMinor(row) || 0),
  }
}

export interface CardPrecision {
  /** Mean over the days of: cards with fraud among the `cards` of the highest scores, divided by `cards`. */
  readonly mean: number
  /** The same of scores that are always right: there are not more frauds. */
  readonly best: number
  readonly days: number
}

/**
 * Card precision@k per day (Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning for Credit Card Fraud
 * Detection – Practical Handbook", 2022, chapter 4): a card ranks by its highest score of the day (UTC) and counts as
 * fraudulent by any fraud of the day; a card once found is blocked and does not come again.
 */
export function cardPrecision(scores: Float64Array, truth: Truth, cards: number): CardPrecision {
  const found = precisions(scores, truth, cards)
  const ideal = precisions(Float64Array.from(truth.isFraud), truth, cards)
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length
  return { mean: mean(found), best: mean(ideal), days: found.length }
}

interface Card {
  readonly customer: number
  score: number
  isFraud: boolean
}

function precisions(scores: Float64Array, truth: Truth, cards: number): number[] {
  const days = new Map<number, Map<number, Card>>()
  for (let row = 0; row < truth.count; row++) {
    const day = Math.floor(truth.timeMs[row]! / dayMs)
    let ofDay = days.get(day)
    if (ofDay === undefined) days.set(day, (ofDay = new Map<number, Card>()))
    const customer = truth.customer[row]!
    const score = scores[row]!
    const isFraud = truth.isFraud[row] === 1
    const card = ofDay.get(customer)
    if (card === undefined) ofDay.set(customer, { customer, score, isFraud })
    else {
      card.score = Math.max(card.score, score)
      card.isFraud ||= isFraud
    }
  }
  const blocked = new Set<number>()
  return [...days.keys()]
    .sort((a, b) => a - b)
    .map((day) => {
      const open = [...days.get(day)!.values()].filter(({ customer }) => !blocked.has(customer))
      open.sort((a, b) => b.score - a.score || a.customer - b.customer)
      const right = open.slice(0, cards).filter(({ isFraud }) => isFraud)
      for (const { customer } of right) blocked.add(customer)
      return right.length / cards
    })
}

/** What acting on every score from `threshold` on would have done. */
export interface ThresholdEffect {
  readonly threshold: number
  readonly alerts: number
  /** Of fraudulent rows. */
  readonly fraudCaught: number
  /** Of the amount of fraudulent rows. */
  readonly moneyCaught: number
  readonly moneyCaughtMinor: number
  /** Of alerts. */
  readonly precision: number
  /** Honest rows among the alerts, and the customers without any fraud who made them. */
  readonly honestAlerts: number
  readonly honestCustomers: number
}

export function thresholdEffect(
  scores: Float64Array,
  truth: Truth,
  threshold: number,
): ThresholdEffect {
  const defrauded = new Set<number>()
  for (let row = 0; row < truth.count; row++) {
    if (truth.isFraud[row] === 1) defrauded.add(truth.customer[row]!)
  }
  const hurt = new Set<number>()
  const sums = { alerts: 0, caught: 0, frauds: 0, moneyCaught: 0, money: 0 }
  for (let row = 0; row < truth.count; row++) {
    const isFraud = truth.isFraud[row] === 1
    const amount = truth.amountMinor[row]!
    const isAlert = scores[row]! >= threshold
    if (isFraud) {
      sums.frauds++
      sums.money += amount
    }
    if (!isAlert) continue
    sums.alerts++
    if (isFraud) {
      sums.caught++
      sums.moneyCaught += amount
    } else if (!defrauded.has(truth.customer[row]!)) hurt.add(truth.customer[row]!)
  }
  return {
    threshold,
    alerts: sums.alerts,
    fraudCaught: share(sums.caught, sums.frauds),
    moneyCaught: share(sums.moneyCaught, sums.money),
    moneyCaughtMinor: sums.moneyCaught,
    precision: share(sums.caught, sums.alerts),
    honestAlerts: sums.alerts - sums.caught,
    honestCustomers: hurt.size,
  }
}

/** The score that about a share of the rows reaches. */
export function thresholdAt(scores: Float64Array, alertShare: number): number {
  const sorted = scores.toSorted()
  const alerts = Math.max(1, Math.round(sorted.length * alertShare))
  return sorted[sorted.length - alerts] ?? 1
}

/** Rows whose score lies in `[from, to)`. */
export interface Band {
  readonly from: number
  readonly to: number
  readonly rows: number
  readonly meanScore: number
  readonly fraudShare: number
}

/** Reliability by bands of the score: where scores are probabilities, mean score and share of fraud agree. */
export function calibration(
  scores: Float64Array,
  isFraud: Uint8Array,
  edges: readonly number[],
): Band[] {
  return edges.slice(0, -1).map((from, index) => {
    const to = edges[index + 1]!
    const isLast = index + 2 === edges.length
    let rows = 0
    let sum = 0
    let frauds = 0
    for (let row = 0; row < scores.length; row++) {
      const score = scores[row]!
      if (score < from || (isLast ? score > to : score >= to)) continue
      rows++
      sum += score
      frauds += isFraud[row]!
    }
    return { from, to, rows, meanScore: share(sum, rows), fraudShare: share(frauds, rows) }
  })
}

/** Mean squared difference of score and truth (Brier 1950). */
export function brierScore(scores: Float64Array, isFraud: Uint8Array): number {
  let sum = 0
  for (let row = 0; row < scores.length; row++) sum += (scores[row]! - isFraud[row]!) ** 2
  return sum / scores.length
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
