// Scores a batch with every model of a lineup, and says which one decides each row, what follows, and why. The champion must
// answer; a challenger that fails, or for which no time is left, is left out and named.
import assert from 'node:assert'
import type { Plan } from '../../features/plan.ts'
import { type Model, ModelError } from '../../models/model.ts'
import type { Knowledge } from './knowledge.ts'
import { batchRowsMax, reasonsMax } from './limits.ts'
import { cohortCount, type Lineup, type Seat, seatsByCohort } from './lineup.ts'
import { Pace } from './pace.ts'
import { type OutcomeName, outcomeOf, outcomes, roundScore } from './policy.ts'
import type { Clock } from './ports.ts'
import { Reasons } from './reasons.ts'

/** Why a challenger has no scores of a batch. */
export type Absence = 'budget' | 'failed'

/** What became of a model's scores since it took its seat. */
export interface SeatStats {
  readonly model: Model
  readonly role: 'champion' | 'challenger'
  /** Cohorts it decides for; of the champion, those that are left. */
  readonly share: number
  /** What it decided or, by its policy, would have. */
  readonly outcomes: Readonly<Record<OutcomeName, number>>
  readonly scored: number
  /** Rows for which it gave no number. */
  readonly unscored: number
  readonly scoreSum: number
  /** Rows it has no score of. */
  readonly absent: Readonly<Record<Absence, number>>
}

export interface ScoringOptions {
  /** Null: challengers are never left out for want of time. */
  readonly clock: Clock | null
  /** Since a batch was begun, µs: what is expected to end later is not begun, but for a try now and then. */
  readonly challengerUs: number
  /** Called where a challenger fails, and not again before it has scored a batch. */
  readonly onFailure: (model: Model, error: unknown) => void
}

export class Scoring {
  readonly lineup: Lineup
  readonly #known: Knowledge
  readonly #options: ScoringOptions
  readonly #scorers: readonly SeatScorer[]
  /** Null where the champion decides all. */
  readonly #byCohort: Uint8Array | null
  readonly #explained = new Int32Array(batchRowsMax)

  constructor(lineup: Lineup, plan: Plan, known: Knowledge, options: ScoringOptions) {
    this.lineup = lineup
    this.#known = known
    this.#options = options
    const names = new Map(plan.features.map(({ name }, index) => [name, index]))
    this.#scorers = lineup.seats.map((seat) => new SeatScorer(seat, names, known))
    const isRolledOut = lineup.seats.slice(1).some(({ share }) => share > 0)
    this.#byCohort = isRolledOut ? seatsByCohort(lineup) : null
  }

  /** Feature index of each input of a seat's model. */
  inputsAt(seat: number): readonly number[] {
    return this.#scorers[seat]!.inputAt
  }

  reasonsOf(seat: number): Reasons {
    return this.#scorers[seat]!.reasons
  }

  /** The score that a seat's model gave a row of this batch; NaN where it gave none. */
  scoreOf(seat: number, row: number): number {
    const { scores, absence } = this.#scorers[seat]!
    return absence === null ? scores[row]! : Number.NaN
  }

  /** Name and version of the challengers that have no scores of this batch. */
  get absent(): readonly string[] {
    const names: string[] = []
    for (const { absence, seat } of this.#scorers) {
      if (absence !== null) names.push(`${seat.model!.name} ${seat.model!.version}`)
    }
    return names
  }

  /** Scores the first `count` of `rows` and decides each. Rejects with ModelError where the champion fails. */
  async score(rows: Int32Array, count: number, beganUs: number): Promise<void> {
    const { seats } = this.lineup
    await this.#scorers[0]!.score(rows, count)
    for (let seat = 1; seat < seats.length; seat++) {
      await this.#challenge(this.#scorers[seat]!, rows, count, beganUs)
    }
    for (let at = 0; at < count; at++) this.#decide(rows[at]!)
  }

  /**
   * Finds the reasons of the rows whose outcome gives any. A challenger that fails at it has no say: the champion decides its
   * rows. Rejects with ModelError where the champion fails. Behind it, the batch is counted.
   */
  async explain(rows: Int32Array, count: number): Promise<void> {
    const { seat: seatOf } = this.#known
    // The champion last: it explains what others have left to it.
    for (let seat = this.#scorers.length - 1; seat >= 0; seat--) {
      const scorer = this.#scorers[seat]!
      const some = this.#selectExplained(seat, rows, count)
      if (some === 0) continue
      try {
        await scorer.explain(this.#explained, some)
      } catch (error) {
        if (seat === 0) throw error
        this.#leaveOut(scorer, error)
        for (let at = 0; at < count; at++) {
          if (seatOf[rows[at]!] === seat) this.#decide(rows[at]!)
        }
      }
    }
    for (const scorer of this.#scorers) scorer.count(rows, count)
  }

  stats(): SeatStats[] {
    const { seats } = this.lineup
    const given = seats.slice(1).reduce((sum, { share }) => sum + share, 0)
    return this.#scorers.flatMap(({ seat: { model, share }, tally }, at) => {
      if (model === null) return []
      const role = at === 0 ? 'champion' : 'challenger'
      return [{ model, role, share: at === 0 ? cohortCount - given : share, ...tally }]
    })
  }

  async #challenge(
    scorer: SeatScorer,
    rows: Int32Array,
    count: number,
    beganUs: number,
  ): Promise<void> {
    const { clock, challengerUs } = this.#options
    const nowUs = clock === null ? 0 : clock.monotonicUs()
    const leftUs = beganUs + challengerUs - nowUs
    scorer.absence = null
    if (clock !== null && !scorer.pace.isFit(count, leftUs, nowUs)) {
      scorer.absence = 'budget'
      return
    }
    let hasFailed = false
    try {
      await scorer.score(rows, count)
    } catch (error) {
      hasFailed = true
      this.#leaveOut(scorer, error)
    }
    if (clock === null) return
    const endUs = clock.monotonicUs()
    const us = endUs - nowUs
    // A failure that came at once says nothing about the time that scores take.
    if (!hasFailed || us > leftUs) scorer.pace.took(count, us, leftUs, endUs)
  }

  /** Throws what is no failure of the model. */
  #leaveOut(scorer: SeatScorer, error: unknown): void {
    if (!(error instanceof ModelError)) throw error
    scorer.absence = 'failed'
    if (!scorer.isFailing) this.#options.onFailure(scorer.seat.model!, error)
    scorer.isFailing = true
  }

  /** Puts the rows that a seat decides and must explain into `#explained`, and says how many. All of its rows lose their reasons. */
  #selectExplained(seat: number, rows: Int32Array, count: number): number {
    const { outcome, seat: seatOf, found, scores } = this.#known
    const { explained } = this.lineup.seats[seat]!.policy
    let some = 0
    for (let at = 0; at < count; at++) {
      const row = rows[at]!
      if (seatOf[row] !== seat) continue
      const place = row * reasonsMax
      found.reason.fill(-1, place, place + reasonsMax)
      const isScored = !Number.isNaN(scores[row]!)
      if (isScored && explained.has(outcomes[outcome[row]!]!)) this.#explained[some++] = row
    }
    return some
  }

  #decide(row: number): void {
    const known = this.#known
    const seat = this.#seatOf(row)
    const score = this.#scorers[seat]!.scores[row]!
    known.seat[row] = seat
    known.scores[row] = score
    known.outcome[row] = outcomes.indexOf(outcomeOf(this.lineup.seats[seat]!.policy, score))
  }

  /** The cohort's challenger, if it gave this row a number; else the champion. */
  #seatOf(row: number): number {
    if (this.#byCohort === null) return 0
    const { key, present, entityCount } = this.#known.batch
    const slot = row * entityCount + this.lineup.cohortEntity
    if (present[slot] === 0) return 0
    const seat = this.#byCohort[key[slot * 4 + 3]! % this.#byCohort.length]!
    const { absence, scores } = this.#scorers[seat]!
    return absence === null && !Number.isNaN(scores[row]!) ? seat : 0
  }
}

/** One seat at work: the model's inputs out of a row of features, and its scores of the batch. */
class SeatScorer {
  readonly seat: Seat
  readonly inputAt: readonly number[]
  readonly reasons: Reasons
  /** By row of the batch, rounded; NaN where the model gave no number. */
  readonly scores = new Float64Array(batchRowsMax).fill(Number.NaN)
  absence: Absence | null = null
  /** Since its last batch. */
  isFailing = false
  readonly pace = new Pace()
  readonly tally = {
    outcomes: { approve: 0, review: 0, deny: 0 },
    scored: 0,
    unscored: 0,
    scoreSum: 0,
    absent: { budget: 0, failed: 0 },
  }
  readonly #known: Knowledge
  readonly #imputations: Float64Array
  readonly #chunkScores: Float64Array
  readonly #explainedRows: Float32Array
  readonly #contributions: Float64Array

  constructor(seat: Seat, featureAt: ReadonlyMap<string, number>, known: Knowledge) {
    const { model, policy } = seat
    const inputs = model?.inputs ?? []
    this.seat = seat
    this.#known = known
    this.inputAt = inputs.map(({ feature }) => {
      const at = featureAt.get(feature)
      assert(at !== undefined, `the gate let in a model with unknown feature ${feature}`)
      return at
    })
    this.reasons = new Reasons(inputs, policy.vocabulary)
    this.#imputations = Float64Array.from(inputs, ({ imputation }) => imputation)
    const rowMax = model?.rowMax ?? 0
    this.#chunkScores = new Float64Array(rowMax)
    this.#explainedRows = new Float32Array(rowMax * inputs.length)
    this.#contributions = new Float64Array(rowMax * inputs.length)
  }

  /** In chunks that the model takes. */
  async score(rows: Int32Array, count: number): Promise<void> {
    const { model } = this.seat
    if (model === null) return
    for (let first = 0; first < count; first += model.rowMax) {
      const chunk = Math.min(model.rowMax, count - first)
      for (let r = 0; r < chunk; r++) this.#writeInputs(model.rows, rows[first + r]!, r)
      await model.score(chunk, this.#chunkScores)
      for (let r = 0; r < chunk; r++) {
        this.scores[rows[first + r]!] = roundScore(this.#chunkScores[r]!)
      }
    }
  }

  async explain(rows: Int32Array, count: number): Promise<void> {
    const model = this.seat.model!
    const width = this.inputAt.length
    for (let first = 0; first < count; first += model.rowMax) {
      const chunk = Math.min(model.rowMax, count - first)
      for (let r = 0; r < chunk; r++) this.#writeInputs(this.#explainedRows, rows[first + r]!, r)
      await model.explain(this.#explainedRows, chunk, this.#contributions)
      for (let r = 0; r < chunk; r++) {
        const row = rows[first + r]!
        this.reasons.find(this.#contributions, r * width, this.#known.found, row * reasonsMax)
      }
    }
  }

  count(rows: Int32Array, count: number): void {
    const { tally, absence } = this
    if (absence !== null) {
      tally.absent[absence] += count
      return
    }
    this.isFailing = false
    for (let at = 0; at < count; at++) {
      const score = this.scores[rows[at]!]!
      tally.outcomes[outcomeOf(this.seat.policy, score)]++
      if (Number.isNaN(score)) tally.unscored++
      else {
        tally.scored++
        tally.scoreSum += score
      }
    }
  }

  #writeInputs(out: Float32Array, row: number, r: number): void {
    const { rows, featureCount } = this.#known
    const at = row * featureCount
    const width = this.inputAt.length
    for (let input = 0; input < width; input++) {
      const value = rows[at + this.inputAt[input]!]!
      out[r * width + input] = Number.isNaN(value) ? this.#imputations[input]! : value
    }
  }
}
