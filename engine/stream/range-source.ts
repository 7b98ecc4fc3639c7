// A range of offsets of a topic as a source that ends: what replay and backfill read. Joins no group, commits nothing.
import type { Message, Source } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import type { PartitionReader } from './partition-reader.ts'

/** First offset, and the one to stop before. */
export interface OffsetRange {
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** Fetched at once, over all partitions and of one. */
const fetchBytesMax = 64 * 2 ** 20
const partitionBytesMax = 4 * 2 ** 20
const partitionBytesMin = 2 ** 18
const emptyFetchesMax = 50

/**
 * Partitions merged by the time of transport: always the earliest of the messages that are next in their partitions. So an
 * entity of several partitions, such as a merchant, has its records about as they came, and the same range is always in
 * the same order.
 */
export class RangeSource implements Source {
  readonly total: { readonly unit: 'messages'; readonly size: number }
  readonly #reader: PartitionReader
  readonly #topic: string
  readonly #cursors: readonly Cursor[]
  readonly #batchMax: number
  readonly #fetchBytes: number

  constructor(
    reader: PartitionReader,
    topic: string,
    ranges: readonly OffsetRange[],
    batchMax: number,
  ) {
    this.#reader = reader
    this.#topic = topic
    this.#cursors = ranges.map((range) => new Cursor(range))
    this.#batchMax = batchMax
    const share = Math.floor(fetchBytesMax / Math.max(1, ranges.length))
    this.#fetchBytes = Math.min(partitionBytesMax, Math.max(partitionBytesMin, share))
    this.total = {
      unit: 'messages',
      size: ranges.reduce((sum, { from, to }) => sum + to - from, 0),
    }
  }

  position(): number {
    return this.#cursors.reduce((sum, { passed }) => sum + passed, 0)
  }

  async *batches(): AsyncIterable<readonly Message[]> {
    let batch: Message[] = []
    for (;;) {
      for (const cursor of this.#cursors) if (cursor.isHungry) await this.#fetch(cursor)
      const next = earliest(this.#cursors)
      if (next !== null) batch.push(next.take())
      if (batch.length === this.#batchMax || (next === null && batch.length > 0)) {
        yield batch
        batch = []
      }
      if (next === null) return
    }
  }

  async close(): Promise<void> {
    await this.#reader.close()
  }

  /** Fetches until the cursor has a message or its range is over. */
  async #fetch(cursor: Cursor): Promise<void> {
    for (let emptyFetches = 0; cursor.isHungry; ) {
      const { partition, at, to } = cursor
      const { records, next } = await this.#reader.fetch(
        this.#topic,
        partition,
        at,
        this.#fetchBytes,
      )
      emptyFetches = next === at ? emptyFetches + 1 : 0
      if (emptyFetches > emptyFetchesMax) {
        throw new EngineError(
          'kafka_unavailable',
          `reading ${this.#topic}/${partition}: nothing at ${at}, expected up to ${to}`,
        )
      }
      const messages = records
        .filter(({ offset }) => offset < to)
        .map(({ offset, key, value, timestampMs }): Message => {
          return { partition, offset, key, value, timestampMs, traceparent: null, answer: null }
        })
      cursor.give(messages, Math.min(next, to))
    }
  }
}

/** How far one partition was read, and what of it was fetched. */
class Cursor {
  readonly partition: number
  readonly to: number
  /** The offset to fetch next. */
  at: number
  readonly #from: number
  #messages: readonly Message[] = []
  #taken = 0

  constructor({ partition, from, to }: OffsetRange) {
    this.partition = partition
    this.to = to
    this.at = from
    this.#from = from
  }

  get isHungry(): boolean {
    return this.#taken === this.#messages.length && this.at < this.to
  }

  /** Time of the message at hand; Infinity when there is none left. */
  get timeMs(): number {
    return this.#messages[this.#taken]?.timestampMs ?? Infinity
  }

  /** Offsets behind us, gaps in the log included. */
  get passed(): number {
    return (this.#messages[this.#taken]?.offset ?? this.at) - this.#from
  }

  take(): Message {
    return this.#messages[this.#taken++]!
  }

  give(messages: readonly Message[], next: number): void {
    this.#messages = messages
    this.#taken = 0
    this.at = next
  }
}

/** The cursor whose message is the earliest; of two at the same ms the one of the lower partition. */
function earliest(cursors: readonly Cursor[]): Cursor | null {
  let best: Cursor | null = null
  for (const cursor of cursors) {
    if (cursor.timeMs < (best?.timeMs ?? Infinity)) best = cursor
  }
  return best
}
