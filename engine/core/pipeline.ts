// The one path of a transaction: parse, encode, observe, fold, score, decide. Every driver calls it and nothing else
// decides anything. It does no I/O of its own and awaits per batch, never per transaction.
import assert from 'node:assert'
import type { Fold } from '../../features/fold.ts'
import { type Observation, Seen } from '../../features/observation.ts'
import type { Plan } from '../../features/plan.ts'
import type { Store } from '../../features/store/store.ts'
import { Kind, type Reject, type Transaction } from '../../features/transaction.ts'
import { type Deciders, type StandIn } from './decision.ts'
import type { GivenAnswers } from './given-answers.ts'
import { type Intake, noRow, type Taken } from './intake.ts'
import { Knowledge } from './knowledge.ts'
import { type Latency, latencyText } from './latency.ts'
import { batchRowsMax } from './limits.ts'
import type { Lineup } from './lineup.ts'
import { Outcomes } from './outcomes.ts'
import type { Clock, Message, Meter, Outcome } from './ports.ts'
import { Scoring, type SeatStats } from './scoring.ts'

/** All that a pipeline is made of; chosen and checked at start-up. */
export interface PipelineParts {
  readonly intake: Intake
  readonly plan: Plan
  readonly fold: Fold
  readonly store: Store
  /** Until the first swap. */
  readonly lineup: Lineup
  readonly deciders: Deciders
  /** Since a batch was begun, µs: challengers that would end later are left out of it. */
  readonly challengerUs: number
  /** A challenger failed on a batch, which goes on without it. */
  readonly onChallengerFailure: (name: string, error: unknown) => void
  /** Null leaves latencies out, as a replay must. */
  readonly clock: Clock | null
  readonly meter: Meter
  /** Null where no calls were answered. */
  readonly given: GivenAnswers | null
  /** Called for each transaction decided here with its row; for `--features-out` and for training. */
  readonly onRow: ((transaction: Transaction, rows: Float64Array, at: number) => void) | null
  /** False leaves the documents of decisions empty, for a replay that writes none. */
  readonly writesDecisions: boolean
}

/** What `record` did with a batch, in messages. */
export interface Recorded {
  readonly fresh: number
  readonly repeated: number
  readonly rejects: readonly { readonly offset: number; readonly reject: Reject }[]
}

export class Pipeline {
  readonly #parts: PipelineParts
  /** Of the lineup that decides now. */
  #scoring: Scoring
  #outcomes: Outcomes
  #isBusy = false
  /** Takes its seats when the batch at hand is done. */
  #next: (() => void) | null = null

  // Buffers, one row per transaction of the batch, sized once and filled anew by every `process`.
  readonly #taken: Taken
  readonly #known: Knowledge
  readonly #batch: Observation
  readonly #scored = new Int32Array(batchRowsMax)
  #scoredCount = 0
  readonly #latency: Latency = {
    parse: 0,
    encode: 0,
    observe: 0,
    fold: 0,
    score: 0,
    explain: 0,
    decide: 0,
  }
  #stageBeganUs = 0

  constructor(parts: PipelineParts) {
    this.#parts = parts
    this.#known = new Knowledge(parts.plan)
    this.#taken = this.#known.taken
    this.#batch = this.#known.batch
    this.#scoring = this.#scoringOf(parts.lineup)
    this.#outcomes = this.#outcomesOf(this.#scoring)
  }

  /** How the models of the lineup that decides now have scored. */
  seats(): SeatStats[] {
    return this.#scoring.stats()
  }

  /** Another lineup decides from the next batch on. Resolves once no batch uses the one before, which the caller then closes. */
  swap(lineup: Lineup): Promise<void> {
    assert(this.#next === null, 'one swap at a time')
    const scoring = this.#scoringOf(lineup)
    const outcomes = this.#outcomesOf(scoring)
    return new Promise((resolve) => {
      this.#next = () => {
        this.#scoring = scoring
        this.#outcomes = outcomes
        resolve()
      }
      if (!this.#isBusy) this.#flip()
    })
  }

  /**
   * Decides `messages` in their order and returns one outcome for each, in the same order.
   * Rejects with StoreError or ModelError when a dependency failed: then nothing was decided, and the same messages
   * are to be sent again. One call at a time.
   */
  async process(messages: readonly Message[]): Promise<Outcome[]> {
    assert(messages.length > 0 && messages.length <= batchRowsMax)
    const { clock, meter, store } = this.#parts
    const beganUs = clock === null ? 0 : clock.monotonicUs()
    this.#take(messages)
    this.#isBusy = true
    try {
      await this.#know(messages, beganUs)
      const outcomes = this.#decide(messages)
      this.#latency.decide = this.#stageUs()
      meter.decided(outcomes, clock && this.#latency)
      return outcomes
    } catch (error) {
      meter.failed(error)
      throw error
    } finally {
      store.release(this.#batch)
      this.#isBusy = false
      this.#flip()
    }
  }

  /** The decision of a transaction whose answer is due before `process` gave one. At any time, also during `process`. */
  standIn(known: StandIn): string {
    return this.#outcomes.standIn(known)
  }

  /**
   * Only appends the messages' records, without deciding: `weir backfill`. Same failures as `process`.
   * Returns how many of them were new.
   */
  async record(messages: readonly Message[]): Promise<Recorded> {
    assert(messages.length > 0 && messages.length <= batchRowsMax)
    this.#take(messages)
    const batch = this.#batch
    const rejects = messages.flatMap(({ offset }, m) => {
      const reject = this.#taken.rejects[m] ?? null
      return reject === null ? [] : [{ offset, reject }]
    })
    if (batch.count === 0) return { fresh: 0, repeated: 0, rejects }
    try {
      await this.#parts.store.observe(batch)
      let fresh = 0
      for (let row = 0; row < batch.count; row++) if (batch.seen[row] === Seen.fresh) fresh++
      return { fresh, repeated: batch.count - fresh, rejects }
    } finally {
      this.#parts.store.release(batch)
    }
  }

  #take(messages: readonly Message[]): void {
    const { intake } = this.#parts
    this.#stageUs()
    intake.parse(messages, this.#taken)
    this.#latency.parse = this.#stageUs()
    intake.encode(this.#taken)
    this.#latency.encode = this.#stageUs()
  }

  /** All that a decision rests on: views, rows and scores. Nothing is asked for a batch of rejects. */
  async #know(messages: readonly Message[], beganUs: number): Promise<void> {
    const latency = this.#latency
    latency.observe = latency.fold = latency.score = latency.explain = 0
    this.#scoredCount = 0
    if (this.#batch.count === 0) return
    const { store, given } = this.#parts
    const { rowOf, transactions } = this.#taken
    await store.observe(this.#batch)
    if (given !== null) await given.find(messages, rowOf, transactions, this.#batch)
    this.#latency.observe = this.#stageUs()
    this.#fold()
    if (this.#scoredCount === 0) return
    await this.#scoring.score(this.#scored, this.#scoredCount, beganUs)
    latency.score = this.#stageUs()
    await this.#scoring.explain(this.#scored, this.#scoredCount)
    latency.explain = this.#stageUs()
  }

  #fold(): void {
    const batch = this.#batch
    const { fold, store } = this.#parts
    const { rows, approximate, lateMs, featureCount } = this.#known
    for (let row = 0; row < batch.count; row++) {
      if (!this.#isDecided(row)) continue
      this.#scored[this.#scoredCount++] = row
      const transaction = this.#taken.transactions[row]!
      const at = row * featureCount
      lateMs[row] = fold.fill(transaction, row, batch, store, rows, at, approximate, at)
    }
    this.#latency.fold = this.#stageUs()
  }

  #decide(messages: readonly Message[]): Outcome[] {
    const { clock, given, onRow } = this.#parts
    const { rows, featureCount } = this.#known
    const { rowOf, rejects, transactions } = this.#taken
    const latency = clock && latencyText(this.#latency)
    const outcomes = new Array<Outcome>(messages.length)
    this.#outcomes.begin()
    for (let m = 0; m < messages.length; m++) {
      const message = messages[m]!
      const row = rowOf[m]!
      if (row === noRow) {
        outcomes[m] = this.#outcomes.rejected(message, rejects[m]!, null)
        continue
      }
      const answer = given === null ? null : given.at(row)
      const transaction = transactions[row]!
      if (onRow !== null && this.#isDecided(row)) onRow(transaction, rows, row * featureCount)
      outcomes[m] = this.#outcomes.of(message, row, transaction, answer, latency)
    }
    return outcomes
  }

  /** Transactions get a decision when they are new, or come again themselves; unless a call was answered before. */
  #isDecided(row: number): boolean {
    const seen = this.#batch.seen[row]!
    if (seen === Seen.duplicate || seen === Seen.conflict) return false
    const { given } = this.#parts
    const isAnswered = given !== null && given.at(row) !== null
    return !isAnswered && this.#taken.transactions[row]!.kind === Kind.transaction
  }

  #scoringOf(lineup: Lineup): Scoring {
    const { plan, clock, challengerUs, onChallengerFailure } = this.#parts
    return new Scoring(lineup, plan, this.#known, {
      clock,
      challengerUs,
      onFailure: ({ name }, error) => {
        onChallengerFailure(name, error)
      },
    })
  }

  #outcomesOf(scoring: Scoring): Outcomes {
    const { plan, deciders, writesDecisions } = this.#parts
    return new Outcomes({ plan, scoring, deciders, writesDecisions }, this.#known)
  }

  #flip(): void {
    const next = this.#next
    this.#next = null
    next?.()
  }

  /** µs since the last call, 0 without a clock. */
  #stageUs(): number {
    const { clock } = this.#parts
    if (clock === null) return 0
    const nowUs = clock.monotonicUs()
    const us = nowUs - this.#stageBeganUs
    this.#stageBeganUs = nowUs
    return us
  }
}
