// Where the transactions of a partition are read on: behind what the decision topic answers, and never over a message that
// has no answer. The decision topic is the truth; what the group committed only counts where retention has emptied it.
//
// Several engines may write to one partition for a while: one that was frozen goes on until it learns that it lost the
// partition. Whoever writes starts behind an outcome that is in the log and leaves none out, so at any moment the log
// holds every offset up to its greatest, and a subscriber who ignores what is not above the last it saw has each once.
// The last outcome may be a late one of the frozen engine, below the greatest: then what follows it is decided again,
// as redelivery with the same answers, and ignored. So nothing is lost, and nothing needs to be fenced.
import type { Log } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { sourceOffsetHeader } from './outbox.ts'
import type { PartitionReader } from './partition-reader.ts'

export class Positions {
  readonly #reader: PartitionReader
  readonly #transactions: string
  readonly #decisions: string
  readonly #log: Log
  readonly #onLost: (sinceMs: number | null) => Promise<void>

  /**
   * `onLost`: retention deleted transactions that nobody had read; the first one that is left is of `sinceMs`, null where
   * none is. What it rejects with, the asking method rejects with.
   */
  constructor(
    reader: PartitionReader,
    { transactions, decisions }: { readonly transactions: string; readonly decisions: string },
    log: Log,
    onLost: (sinceMs: number | null) => Promise<void> = () => Promise.resolve(),
  ) {
    this.#reader = reader
    this.#transactions = transactions
    this.#decisions = decisions
    this.#log = log
    this.#onLost = onLost
  }

  /** Offset to read on from; null: where the group has committed. Rejects with EngineError. */
  async resumeAt(partition: number): Promise<number | null> {
    const next = await this.unanswered(partition)
    return next === null ? null : this.check(partition, next)
  }

  /** Offset behind the last outcome; 0 where there was never one, null where all have been deleted. */
  async unanswered(partition: number): Promise<number | null> {
    const range = await this.#reader.range(this.#decisions, partition)
    const last = await this.#reader.last(this.#decisions, partition, range)
    if (last === null) return range.end === 0 ? 0 : null
    const header = last.headers[sourceOffsetHeader]
    const offset = Number(header?.toString())
    if (header !== undefined && Number.isSafeInteger(offset)) return offset + 1
    throw new EngineError(
      'topic_unfit',
      `${this.#decisions}/${partition}: expected a header ${sourceOffsetHeader} on its last record, ` +
        'found none: something else writes there',
    )
  }

  /** `next`, or the first offset that is still there. `topic_unfit` where the input ends before `next`. */
  async check(partition: number, next: number): Promise<number> {
    const { first, end } = await this.#reader.range(this.#transactions, partition)
    if (next > end) {
      throw new EngineError(
        'topic_unfit',
        `${this.#transactions}/${partition}: expected at least ${next} messages, as ${this.#decisions} answers, ` +
          `found ${end}: was the topic made anew? Then use a new decisions topic`,
      )
    }
    // A new stream begins where its input does.
    if (first > next && next > 0) {
      const lost = { partition, from: next, to: first }
      this.#log.error(
        lost,
        'retention has deleted transactions before they were read: history starts anew',
      )
      const { records } = await this.#reader.fetch(this.#transactions, partition, first, fetchBytes)
      await this.#onLost(records[0]?.timestampMs ?? null)
    }
    return Math.max(first, next)
  }

  /**
   * A fetch brought what begins at `found` where `next` was expected: control records and aborted ones may be skipped, and
   * what retention deleted must be. Resolves to where to read on: `found`, or less.
   */
  async skip(partition: number, next: number, found: number): Promise<number> {
    const from = await this.check(partition, next)
    if (from >= found) return found
    return this.#reader.firstBetween(this.#transactions, partition, from, found)
  }
}

const fetchBytes = 2 ** 16
