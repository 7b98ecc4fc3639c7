// The one path of a transaction: parse, encode, observe, fold, score, decide. Every driver calls it and nothing else
// decides anything. It does no I/O of its own and awaits per batch, never per transaction.
import assert from 'node:assert'
import type { Fold } from '../../features/fold.ts'
import { type Observation, Seen } from '../../features/observation.ts'
import type { Plan } from '../../features/plan.ts'
import type { Encoder } from '../../features/record.ts'
import type { Store } from '../../features/store/store.ts'
import { Kind, type Parser, type Reject, Transaction } from '../../features/transaction.ts'
import type { Model } from '../../models/model.ts'
import { roundScore } from './decide.ts'
import { type Deciders, type Latency, latencyText, type StandIn } from './decision.ts'
import type { GivenAnswers } from './given-answers.ts'
import { batchRowsMax } from './limits.ts'
import { Knowledge, Outcomes } from './outcomes.ts'
import type { Clock, Message, Meter, Outcome } from './ports.ts'

/** All that a pipeline is made of; chosen and checked at start-up. */
export interface PipelineParts {
  readonly parser: Parser
  readonly plan: Plan
  readonly encoder: Encoder
  readonly fold: Fold
  readonly store: Store
  /** Null decides by the policy's default alone. */
  readonly model: Model | null
  readonly deciders: Deciders
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

const noRow = -1

export class Pipeline {
  readonly #parts: PipelineParts
  readonly #outcomes: Outcomes
  /** Feature index of each model input. */
  readonly #inputAt: readonly number[]
  readonly #imputations: Float64Array

  // Buffers, one row per transaction of the batch, sized once and filled anew by every `process`.
  readonly #transactions: readonly Transaction[]
  readonly #known: Knowledge
  readonly #batch: Observation
  readonly #scored = new Int32Array(batchRowsMax)
  readonly #chunkScores: Float64Array
  /** Per message: its row, or -1 where `#rejects` says why it has none. */
  readonly #rowOf = new Int32Array(batchRowsMax)
  readonly #rejects = new Array<Reject | null>(batchRowsMax).fill(null)
  readonly #latency: Latency = { parse: 0, encode: 0, observe: 0, fold: 0, score: 0, decide: 0 }
  #stageBeganUs = 0

  constructor(parts: PipelineParts) {
    const { plan, model, parser, deciders, writesDecisions } = parts
    this.#parts = parts
    const names = new Map(plan.features.map((feature, index) => [feature.name, index]))
    const inputs = model?.inputs ?? []
    this.#inputAt = inputs.map((input) => {
      const at = names.get(input.feature)
      assert(at !== undefined, `the gate let in a model with unknown feature ${input.feature}`)
      return at
    })
    this.#imputations = Float64Array.from(inputs, (input) => input.imputation)
    const { entities, fields } = parser.schema
    this.#transactions = Array.from(
      { length: batchRowsMax },
      () => new Transaction(entities.length, fields.length),
    )
    this.#known = new Knowledge(plan)
    this.#batch = this.#known.batch
    this.#chunkScores = new Float64Array(model?.rowMax ?? 0)
    const inputAt = this.#inputAt
    this.#outcomes = new Outcomes({ plan, model, inputAt, deciders, writesDecisions }, this.#known)
  }

  /**
   * Decides `messages` in their order and returns one outcome for each, in the same order.
   * Rejects with StoreError or ModelError when a dependency failed: then nothing was decided, and the same messages
   * are to be sent again. One call at a time.
   */
  async process(messages: readonly Message[]): Promise<Outcome[]> {
    assert(messages.length > 0 && messages.length <= batchRowsMax)
    const { clock, meter, store } = this.#parts
    this.#parse(messages)
    this.#encode()
    try {
      await this.#know(messages)
      const outcomes = this.#decide(messages)
      this.#latency.decide = this.#stageUs()
      meter.decided(outcomes, clock && this.#latency)
      return outcomes
    } catch (error) {
      meter.failed(error)
      throw error
    } finally {
      store.release(this.#batch)
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
    this.#parse(messages)
    this.#encode()
    const batch = this.#batch
    const rejects = messages.flatMap(({ offset }, m) => {
      const reject = this.#rejects[m] ?? null
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

  #parse(messages: readonly Message[]): void {
    const batch = this.#batch
    const { parser } = this.#parts
    this.#stageUs()
    batch.count = 0
    for (let m = 0; m < messages.length; m++) {
      const message = messages[m]!
      const row = batch.count
      const transaction = this.#transactions[row]!
      const reject = parser.parse(message.value ?? noBytes, message.timestampMs, transaction)
      this.#rejects[m] = reject
      this.#rowOf[m] = reject === null ? row : noRow
      if (reject !== null) continue
      batch.tenant[row] = transaction.tenant
      batch.partition[row] = message.partition
      batch.offset[row] = message.offset
      // Of a message about an earlier transaction its own time: history does not begin with what it speaks of.
      batch.timeMs[row] = transaction.atMs
      batch.count++
    }
    this.#latency.parse = this.#stageUs()
  }

  #encode(): void {
    for (let row = 0; row < this.#batch.count; row++) {
      this.#parts.encoder.encode(this.#transactions[row]!, row, this.#batch)
    }
    this.#latency.encode = this.#stageUs()
  }

  /** All that a decision rests on: views, rows and scores. Nothing is asked for a batch of rejects. */
  async #know(messages: readonly Message[]): Promise<void> {
    this.#latency.observe = this.#latency.fold = this.#latency.score = 0
    if (this.#batch.count === 0) return
    const { store, given } = this.#parts
    await store.observe(this.#batch)
    await given?.find(messages, this.#rowOf, this.#transactions, this.#batch)
    this.#latency.observe = this.#stageUs()
    this.#fold()
    await this.#score()
  }

  #fold(): void {
    const batch = this.#batch
    const { fold, store } = this.#parts
    const { rows, approximate, lateMs, featureCount } = this.#known
    for (let row = 0; row < batch.count; row++) {
      if (!this.#isDecided(row)) continue
      const transaction = this.#transactions[row]!
      const at = row * featureCount
      lateMs[row] = fold.fill(transaction, row, batch, store, rows, at, approximate, at)
    }
    this.#latency.fold = this.#stageUs()
  }

  /** Scores what is to be decided, in chunks that the model takes. */
  async #score(): Promise<void> {
    const { model } = this.#parts
    const { scores } = this.#known
    let count = 0
    for (let row = 0; row < this.#batch.count; row++) {
      if (this.#isDecided(row)) this.#scored[count++] = row
    }
    if (model === null) {
      scores.fill(Number.NaN)
      return
    }
    for (let first = 0; first < count; first += model.rowMax) {
      const chunk = Math.min(model.rowMax, count - first)
      for (let r = 0; r < chunk; r++) this.#writeInputs(model, this.#scored[first + r]!, r)
      await model.score(chunk, this.#chunkScores)
      for (let r = 0; r < chunk; r++) {
        scores[this.#scored[first + r]!] = roundScore(this.#chunkScores[r]!)
      }
    }
    this.#latency.score = this.#stageUs()
  }

  #writeInputs(model: Model, row: number, r: number): void {
    const { rows, featureCount } = this.#known
    const at = row * featureCount
    const width = this.#inputAt.length
    for (let input = 0; input < width; input++) {
      const value = rows[at + this.#inputAt[input]!]!
      model.rows[r * width + input] = Number.isNaN(value) ? this.#imputations[input]! : value
    }
  }

  #decide(messages: readonly Message[]): Outcome[] {
    const { clock, given, onRow } = this.#parts
    const { rows, featureCount } = this.#known
    const latency = clock && latencyText(this.#latency)
    const outcomes = new Array<Outcome>(messages.length)
    for (let m = 0; m < messages.length; m++) {
      const message = messages[m]!
      const row = this.#rowOf[m]!
      if (row === noRow) {
        outcomes[m] = this.#outcomes.rejected(message, this.#rejects[m]!, null)
        continue
      }
      const answer = given === null ? null : given.at(row)
      const transaction = this.#transactions[row]!
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
    return !isAnswered && this.#transactions[row]!.kind === Kind.transaction
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

const noBytes = new Uint8Array(0)
