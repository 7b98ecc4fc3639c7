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

const fetchBytes = 4 * 2 ** 20

/** One partition after the other, each in offset order. */
export class RangeSource implements Source {
  readonly total: { readonly unit: 'messages'; readonly size: number }
  readonly #reader: PartitionReader
  readonly #topic: string
  readonly #ranges: readonly OffsetRange[]
  readonly #batchMax: number
  #position = 0

  constructor(
    reader: PartitionReader,
    topic: string,
    ranges: readonly OffsetRange[],
    batchMax: number,
  ) {
    this.#reader = reader
    this.#topic = topic
    this.#ranges = ranges
    this.#batchMax = batchMax
    this.total = {
      unit: 'messages',
      size: ranges.reduce((sum, { from, to }) => sum + to - from, 0),
    }
  }

  position(): number {
    return this.#position
  }

  async *batches(): AsyncIterable<readonly Message[]> {
    for (const range of this.#ranges) yield* this.#partition(range)
  }

  async close(): Promise<void> {
    await this.#reader.close()
  }

  async *#partition({ partition, from, to }: OffsetRange): AsyncIterable<readonly Message[]> {
    let emptyFetches = 0
    for (let at = from; at < to; ) {
      const { records, next } = await this.#reader.fetch(this.#topic, partition, at, fetchBytes)
      emptyFetches = next === at ? emptyFetches + 1 : 0
      if (emptyFetches > emptyFetchesMax) {
        throw new EngineError(
          'kafka_unavailable',
          `reading ${this.#topic}/${partition}: nothing at ${at}, expected up to ${to}`,
        )
      }
      const inside = records.filter(({ offset }) => offset < to)
      for (let first = 0; first < inside.length; first += this.#batchMax) {
        yield inside.slice(first, first + this.#batchMax).map(
          ({ offset, key, value, timestampMs }): Message => ({
            partition,
            offset,
            key,
            value,
            timestampMs,
            traceparent: null,
          }),
        )
      }
      this.#position += Math.min(next, to) - at
      at = next
    }
  }
}

const emptyFetchesMax = 50
