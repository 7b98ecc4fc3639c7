// The one path of a transaction: parse, encode, observe, fold, score, decide. Every driver calls it and nothing else
// decides anything. It does no I/O of its own and awaits per batch, never per transaction.
import assert from 'node:assert'
import type { Fold } from '../../features/fold.ts'
import { Observation, Seen } from '../../features/observation.ts'
import type { Plan } from '../../features/plan.ts'
import type { Encoder } from '../../features/record.ts'
import type { Store } from '../../features/store/store.ts'
import { Kind, type Parser, type Reject, Transaction } from '../../features/transaction.ts'
import type { Model } from '../../models/model.ts'
import { Evidence, roundScore } from './decide.ts'
import {
  type Deciders,
  DecisionWriter,
  type Latency,
  latencyText,
  type Rung,
  type StandIn,
  Verdict,
} from './decision.ts'
import { batchRowsMax } from './limits.ts'
import { type OutcomeName, outcomeOf } from './policy.ts'
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
  /** Called for each decided transaction with its row; for `--features-out` and for training. */
  readonly onRow?: ((transaction: Transaction, rows: Float64Array, at: number) => void) | null
  /** False leaves the documents of decisions empty, for a replay that writes none. */
  readonly writesDecisions?: boolean
}

/** What `record` did with a batch, in messages. */
export interface Recorded {
  readonly fresh: number
  readonly repeated: number
  readonly rejects: readonly { readonly offset: number; readonly reject: Reject }[]
}

const kindNames = ['transaction', 'reversal', 'decline', 'label'] as const
const noRow = -1

export class Pipeline {
  readonly #parts: PipelineParts
  readonly #writer: DecisionWriter
  readonly #evidence: Evidence
  /** Feature index of each model input. */
  readonly #inputAt: readonly number[]
  readonly #imputations: Float64Array

  // Buffers, one row per transaction of the batch, sized once and filled anew by every `process`.
  readonly #transactions: readonly Transaction[]
  readonly #batch: Observation
  readonly #rows: Float64Array
  readonly #approximate: Uint8Array
  readonly #lateMs = new Float64Array(batchRowsMax)
  readonly #scores: Float64Array
  readonly #scored: Int32Array
  readonly #chunkScores: Float64Array
  /** Per message: its row, or -1 where `#rejects` says why it has none. */
  readonly #rowOf = new Int32Array(batchRowsMax)
  readonly #rejects = new Array<Reject | null>(batchRowsMax).fill(null)
  readonly #verdict = new Verdict()
  readonly #latency: Latency = { parse: 0, encode: 0, observe: 0, fold: 0, score: 0, decide: 0 }
  #stageBeganUs = 0

  constructor(parts: PipelineParts) {
    const { plan, model, parser } = parts
    this.#parts = parts
    const names = new Map(plan.features.map((feature, index) => [feature.name, index]))
    const inputs = model?.inputs ?? []
    this.#inputAt = inputs.map((input) => {
      const at = names.get(input.feature)
      assert(at !== undefined, `the gate let in a model with unknown feature ${input.feature}`)
      return at
    })
    this.#imputations = Float64Array.from(inputs, (input) => input.imputation)
    this.#evidence = new Evidence(inputs, this.#inputAt)
    const kinds = plan.journals.map((journal) => journal.kind)
    this.#writer = new DecisionWriter(plan.features, inputs, this.#inputAt, kinds, parts.deciders)
    const { entities, fields } = parser.schema
    this.#transactions = Array.from(
      { length: batchRowsMax },
      () => new Transaction(entities.length, fields.length),
    )
    this.#batch = new Observation(batchRowsMax, plan.journals.length, plan.recordStride)
    this.#rows = new Float64Array(batchRowsMax * plan.features.length)
    this.#approximate = new Uint8Array(batchRowsMax * plan.features.length)
    this.#scores = new Float64Array(batchRowsMax)
    this.#scored = new Int32Array(batchRowsMax)
    this.#chunkScores = new Float64Array(model?.rowMax ?? 0)
  }

  /**
   * Decides `messages` in their order and returns one outcome for each, in the same order.
   * Rejects with StoreError or ModelError when a dependency failed: then nothing was decided, and the same messages
   * are to be sent again. One call at a time.
   */
  async process(messages: readonly Message[]): Promise<Outcome[]> {
    assert(messages.length > 0 && messages.length <= batchRowsMax)
    const { clock, meter } = this.#parts
    this.#parse(messages)
    this.#encode()
    try {
      await this.#know()
      const outcomes = this.#decide(messages)
      this.#latency.decide = this.#stageUs()
      meter.decided(outcomes, clock && this.#latency)
      return outcomes
    } catch (error) {
      meter.failed(error)
      throw error
    } finally {
      this.#parts.store.release(this.#batch)
    }
  }

  /** The decision of a transaction whose answer is due before `process` gave one. At any time, also during `process`. */
  standIn(known: StandIn): string {
    return this.#writer.standIn(known)
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
      batch.timeMs[row] = transaction.timeMs
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
  async #know(): Promise<void> {
    this.#latency.observe = this.#latency.fold = this.#latency.score = 0
    if (this.#batch.count === 0) return
    await this.#parts.store.observe(this.#batch)
    this.#latency.observe = this.#stageUs()
    this.#fold()
    await this.#score()
  }

  #fold(): void {
    const batch = this.#batch
    const { fold, store, plan } = this.#parts
    const width = plan.features.length
    for (let row = 0; row < batch.count; row++) {
      if (!this.#isDecided(row)) continue
      const at = row * width
      this.#lateMs[row] = fold.fill(
        this.#transactions[row]!,
        row,
        batch,
        store,
        this.#rows,
        at,
        this.#approximate,
        at,
      )
    }
    this.#latency.fold = this.#stageUs()
  }

  /** Scores what is to be decided, in chunks that the model takes. */
  async #score(): Promise<void> {
    const { model } = this.#parts
    let count = 0
    for (let row = 0; row < this.#batch.count; row++) {
      if (this.#isDecided(row)) this.#scored[count++] = row
    }
    if (model === null) {
      this.#scores.fill(Number.NaN)
      return
    }
    for (let first = 0; first < count; first += model.rowMax) {
      const chunk = Math.min(model.rowMax, count - first)
      for (let r = 0; r < chunk; r++) this.#writeInputs(model, this.#scored[first + r]!, r)
      await model.score(chunk, this.#chunkScores)
      for (let r = 0; r < chunk; r++) {
        this.#scores[this.#scored[first + r]!] = roundScore(this.#chunkScores[r]!)
      }
    }
    this.#latency.score = this.#stageUs()
  }

  #writeInputs(model: Model, row: number, r: number): void {
    const at = row * this.#parts.plan.features.length
    const width = this.#inputAt.length
    for (let input = 0; input < width; input++) {
      const value = this.#rows[at + this.#inputAt[input]!]!
      model.rows[r * width + input] = Number.isNaN(value) ? this.#imputations[input]! : value
    }
  }

  #decide(messages: readonly Message[]): Outcome[] {
    const latency = this.#parts.clock === null ? null : latencyText(this.#latency)
    const outcomes = new Array<Outcome>(messages.length)
    for (let m = 0; m < messages.length; m++) {
      const message = messages[m]!
      const row = this.#rowOf[m]!
      outcomes[m] = row === noRow ? this.#reject(message, m) : this.#outcome(message, row, latency)
    }
    return outcomes
  }

  #outcome(message: Message, row: number, latency: string | null): Outcome {
    const batch = this.#batch
    const transaction = this.#transactions[row]!
    const { id, tenant, kind } = transaction
    const { partition, offset } = message
    const seen = batch.seen[row]! as Seen
    if (seen === Seen.conflict) return this.#conflict(message, row)
    if (seen === Seen.duplicate) {
      const first = batch.firstPartition[row]!
      const firstOffset = batch.firstOffset[row]!
      const value = this.#writer.duplicate(id, tenant, partition, offset, first, firstOffset)
      return makeOutcome('duplicate', null, null, message, id, value)
    }
    if (kind !== Kind.transaction) {
      const value = this.#writer.recorded(id, tenant, kindNames[kind], partition, offset)
      return makeOutcome('recorded', null, null, message, id, value)
    }
    return this.#decision(message, row, latency)
  }

  #decision(message: Message, row: number, latency: string | null): Outcome {
    const { plan, model, deciders, onRow, writesDecisions } = this.#parts
    const transaction = this.#transactions[row]!
    const at = row * plan.features.length
    onRow?.(transaction, this.#rows, at)
    const verdict = this.#verdict
    verdict.score = this.#scores[row]!
    verdict.outcome = outcomeOf(deciders.policy, verdict.score)
    verdict.lacksScore = model !== null && Number.isNaN(verdict.score)
    const rung = verdict.lacksScore ? 'rules' : 'full'
    if (writesDecisions === false) {
      return makeOutcome('decision', verdict.outcome, rung, message, transaction.id, '')
    }
    verdict.id = transaction.id
    verdict.tenant = transaction.tenant
    verdict.timeMs = transaction.timeMs
    verdict.lateMs = this.#lateMs[row]!
    verdict.hasNoRate = transaction.hasNoRate
    verdict.historySinceMs = this.#batch.historySinceMs[row]!
    verdict.partition = message.partition
    verdict.offset = message.offset
    this.#evidence.find(this.#rows, at, verdict.evidence)
    const value = this.#writer.decision(
      verdict,
      this.#rows,
      this.#approximate,
      at,
      this.#batch.ordinal,
      row * plan.journals.length,
      latency,
    )
    return makeOutcome('decision', verdict.outcome, rung, message, transaction.id, value)
  }

  #conflict(message: Message, row: number): Outcome {
    const partition = this.#batch.firstPartition[row]!
    const first =
      partition < 0 ? 'an earlier call' : `${partition}/${this.#batch.firstOffset[row]!}`
    const reject: Reject = {
      reason: 'id_conflict',
      field: '$',
      expected: `the content that this id had at ${first}`,
      found: 'other content under the same id',
    }
    return this.#rejected(message, reject, this.#transactions[row]!.id)
  }

  #reject(message: Message, m: number): Outcome {
    return this.#rejected(message, this.#rejects[m]!, null)
  }

  #rejected(message: Message, reject: Reject, id: string | null): Outcome {
    const value = this.#writer.rejected(id, reject, message.partition, message.offset)
    const { partition, offset, traceparent } = message
    return {
      type: 'rejected',
      outcome: null,
      rung: null,
      partition,
      offset,
      key: id,
      value,
      traceparent,
      reject,
      source: message,
    }
  }

  /** Transactions get a decision when they are new, or when their own message comes again. */
  #isDecided(row: number): boolean {
    const seen = this.#batch.seen[row]!
    const isOwn = seen === Seen.fresh || seen === Seen.redelivery
    return isOwn && this.#transactions[row]!.kind === Kind.transaction
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

function makeOutcome(
  type: Outcome['type'],
  outcome: OutcomeName | null,
  rung: Rung | null,
  { partition, offset, traceparent }: Message,
  key: string,
  value: string,
): Outcome {
  return {
    type,
    outcome,
    rung,
    partition,
    offset,
    key,
    value,
    traceparent,
    reject: null,
    source: null,
  }
}
