// From what is known of a row to the outcome of its message: a decision, a duplicate, a reject, or that it was recorded.
import { Seen } from '../../features/observation.ts'
import type { Plan } from '../../features/plan.ts'
import { Kind, type Reject, type Transaction } from '../../features/transaction.ts'
import { type Deciders, DecisionWriter, type StandIn, Verdict } from './decision.ts'
import type { Given } from './given-answers.ts'
import type { Knowledge } from './knowledge.ts'
import { type OutcomeName, outcomes } from './policy.ts'
import type { Message, Outcome } from './ports.ts'
import { type Rung } from './rung.ts'
import type { Scoring } from './scoring.ts'

const kindNames = ['transaction', 'reversal', 'decline', 'label'] as const

export interface OutcomeParts {
  readonly plan: Plan
  readonly scoring: Scoring
  readonly deciders: Deciders
  /** False leaves the documents of decisions empty. */
  readonly writesDecisions: boolean
}

export class Outcomes {
  readonly #parts: OutcomeParts
  readonly #known: Knowledge
  readonly #writer: DecisionWriter
  readonly #verdict = new Verdict()

  constructor(parts: OutcomeParts, known: Knowledge) {
    const { plan, scoring, deciders } = parts
    const kinds = plan.journals.map((journal) => journal.kind)
    this.#parts = parts
    this.#known = known
    this.#writer = new DecisionWriter(plan.features, kinds, scoring, deciders)
  }

  /** The outcome of a row's message. `given`: what its transaction was answered already. */
  of(
    message: Message,
    row: number,
    transaction: Transaction,
    given: Given | null,
    latency: string | null,
  ): Outcome {
    const { batch } = this.#known
    const { id, tenant, kind } = transaction
    const { partition, offset } = message
    const seen = batch.seen[row]! as Seen
    if (seen === Seen.conflict) return this.#conflict(message, row, id)
    if (seen === Seen.duplicate) {
      const first = batch.firstPartition[row]!
      const firstOffset = batch.firstOffset[row]!
      const body = given && given.body
      const value = this.#writer.duplicate(id, tenant, partition, offset, first, firstOffset, body)
      return makeOutcome('duplicate', null, null, message, id, value)
    }
    if (kind !== Kind.transaction) {
      const value = this.#writer.recorded(id, tenant, kindNames[kind], partition, offset)
      return makeOutcome('recorded', null, null, message, id, value)
    }
    if (given !== null) {
      return makeOutcome('decision', given.outcome, given.rung, message, id, given.body)
    }
    return this.#decision(message, row, transaction, latency)
  }

  /** Before the documents of a batch whose scores are there. */
  begin(): void {
    this.#writer.begin()
  }

  rejected(message: Message, reject: Reject, id: string | null): Outcome {
    const value = this.#writer.rejected(id, reject, message.partition, message.offset)
    const { partition, offset, traceparent } = message
    return {
      type: 'rejected',
      outcome: null,
      rung: null,
      earlier: 'nobody',
      partition,
      offset,
      key: id,
      value,
      traceparent,
      reject,
      source: message,
    }
  }

  /** The document of a transaction whose answer is due before it is decided. */
  standIn(known: StandIn): string {
    return this.#writer.standIn(known)
  }

  #decision(
    message: Message,
    row: number,
    { id, tenant, timeMs, hasNoRate }: Transaction,
    latency: string | null,
  ): Outcome {
    const { scoring, writesDecisions } = this.#parts
    const { batch, rows, approximate, found, lateMs, featureCount } = this.#known
    const verdict = this.#verdict
    const outcome = outcomes[this.#known.outcome[row]!]!
    const seat = this.#known.seat[row]!
    verdict.row = row
    verdict.seat = seat
    verdict.score = this.#known.scores[row]!
    verdict.outcome = outcome
    verdict.lacksScore = scoring.lineup.seats[seat]!.model !== null && Number.isNaN(verdict.score)
    const rung = this.#writer.rungOf(verdict)
    const earlier = this.#earlier(row)
    if (!writesDecisions) {
      return makeOutcome('decision', outcome, rung, message, id, '', earlier)
    }
    verdict.id = id
    verdict.tenant = tenant
    verdict.timeMs = timeMs
    verdict.lateMs = lateMs[row]!
    verdict.hasNoRate = hasNoRate
    verdict.historySinceMs = batch.historySinceMs[row]!
    verdict.partition = message.partition
    verdict.offset = message.offset
    const at = row * featureCount
    const { ordinal, entityCount } = batch
    const ordinalAt = row * entityCount
    const value = this.#writer.decision(
      verdict,
      found,
      rows,
      approximate,
      at,
      ordinal,
      ordinalAt,
      latency,
    )
    return makeOutcome('decision', outcome, rung, message, id, value, earlier)
  }

  #earlier(row: number): Outcome['earlier'] {
    const { seen, firstPartition } = this.#known.batch
    if (seen[row] === Seen.fresh) return 'nobody'
    return firstPartition[row]! >= 0 ? 'message' : 'call'
  }

  #conflict(message: Message, row: number, id: string): Outcome {
    const { firstPartition, firstOffset } = this.#known.batch
    const partition = firstPartition[row]!
    const first = partition < 0 ? 'an earlier call' : `${partition}/${firstOffset[row]!}`
    const reject: Reject = {
      reason: 'id_conflict',
      field: '$',
      expected: `the content that this id had at ${first}`,
      found: 'other content under the same id',
    }
    return this.rejected(message, reject, id)
  }
}

function makeOutcome(
  type: Outcome['type'],
  outcome: OutcomeName | null,
  rung: Rung | null,
  { partition, offset, traceparent }: Message,
  key: string,
  value: string,
  earlier: Outcome['earlier'] = 'nobody',
): Outcome {
  return {
    type,
    outcome,
    rung,
    earlier,
    partition,
    offset,
    key,
    value,
    traceparent,
    reject: null,
    source: null,
  }
}
