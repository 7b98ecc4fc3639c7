// A topic as a source that does not end: ranges one after another, each up to where the topic ends by then. Joins no group,
// commits nothing.
import type { Message, Source } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { within } from './deadline.ts'
import type { PartitionReader } from './partition-reader.ts'
import { type OffsetRange, RangeSource } from './range-source.ts'

const pollMs = 100

export interface FollowedParts {
  readonly reader: PartitionReader
  readonly topic: string
  /** Of every partition, up to where it ended at the start. */
  readonly ranges: readonly OffsetRange[]
  readonly batchMax: number
  /** Ends when it is aborted. */
  readonly stop: AbortSignal
  /** Called once, when all that was there at the start has been handed over and asked for more. */
  onCaughtUp(): void
}

export class FollowedTopic implements Source {
  readonly total = null
  readonly #parts: FollowedParts
  #passed = 0

  constructor(parts: FollowedParts) {
    this.#parts = parts
  }

  position(): number {
    return this.#passed
  }

  async *batches(): AsyncIterable<readonly Message[]> {
    const { reader, topic, batchMax, stop } = this.#parts
    const stopped = new Promise<void>((resolve) => {
      stop.addEventListener('abort', () => {
        resolve()
      })
    })
    let { ranges } = this.#parts
    for (let isFirst = true; !stop.aborted; isFirst = false) {
      for await (const batch of new RangeSource(reader, topic, ranges, batchMax).batches()) {
        this.#passed += batch.length
        yield batch
      }
      if (isFirst) this.#parts.onCaughtUp()
      if (ranges.every(({ from, to }) => from === to)) await within(pollMs, stopped)
      ranges = await this.#next(ranges)
    }
  }

  async close(): Promise<void> {
    await this.#parts.reader.close()
  }

  #next(ranges: readonly OffsetRange[]): Promise<OffsetRange[]> {
    const { reader, topic } = this.#parts
    return Promise.all(
      ranges.map(async ({ partition, to: from }) => {
        const { end } = await reader.range(topic, partition)
        if (end >= from) return { partition, from, to: end }
        throw new EngineError(
          'topic_unfit',
          `${topic}/${partition}: expected an end of at least ${from}, found ${end}: the topic was made anew; record it from its beginning`,
        )
      }),
    )
  }
}
