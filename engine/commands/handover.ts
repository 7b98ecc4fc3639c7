// What `weir stream` does so that it may take a partition over from engines of another catalog: it records what lies between
// the covered offsets of its own namespace and the first one it decides, and keeps note of how far it came. Decides nothing.
import {
  type Coverage,
  type Covered,
  recorderMs,
  streamRecorder,
} from '../../features/store/coverage.ts'
import { batchRowsMax } from '../core/limits.ts'
import type { Pipeline } from '../core/pipeline.ts'
import type { Log, Message } from '../core/ports.ts'
import { backfill } from '../replay/backfill.ts'
import type { PartitionReader } from '../stream/partition-reader.ts'
import type { Positions } from '../stream/positions.ts'
import { type OffsetRange, RangeSource } from '../stream/range-source.ts'

export interface HandoverParts {
  readonly topic: string
  readonly coverage: Coverage
  /** How often it was noticed that the store had lost records. */
  losses(): number
  readonly positions: Pick<Positions, 'check'>
  readonly reader: PartitionReader
  readonly pipeline: Pick<Pipeline, 'record'>
  readonly log: Log
}

const announceMs = recorderMs / 3
const tellEveryMessages = 100_000

export class Handover {
  readonly #parts: HandoverParts
  /** Where the covered offsets of each partition begin. */
  readonly #from = new Map<number, number>()
  readonly #timer: NodeJS.Timeout
  #losses = 0
  #isTold = true

  constructor(parts: HandoverParts) {
    this.#parts = parts
    this.#announce()
    this.#timer = setInterval(() => {
      this.#announce()
    }, announceMs)
    this.#timer.unref()
  }

  /** Records all between the covered offsets and `positions`, until done or no longer `isOpen`. Safe to repeat. */
  async prepare(
    positions: ReadonlyMap<number, number | null>,
    isOpen: () => boolean,
  ): Promise<void> {
    const ranges = await this.#gaps(positions)
    if (ranges.length === 0) return
    const { topic, coverage, reader, pipeline, log } = this.#parts
    log.info({ ranges }, 'recording what was decided before, without deciding')
    const source = new RangeSource(reader, topic, ranges, batchRowsMax)
    let told = 0
    const done = await backfill({
      source,
      pipeline,
      onRecorded: (messages) => coverage.write(this.#reached(messages)),
      progress: {
        update: (messages) => {
          if (messages - told < tellEveryMessages) return
          told = messages
          log.info({ messages, of: source.total.size }, 'recording what was decided before')
        },
        end: () => undefined,
      },
      messagesMax: Number.POSITIVE_INFINITY,
      stop: {
        get aborted() {
          return !isOpen()
        },
      },
    })
    const { messages, fresh, repeated } = done
    if (!isOpen()) {
      log.info({ messages }, 'recording ended early')
      return
    }
    await this.acknowledged(new Map(ranges.map(({ partition, to }) => [partition, to])))
    log.info({ ranges, messages, fresh, repeated }, 'recorded what was decided before')
  }

  /** Outcomes before these offsets are in the log, so their transactions are in the journals. Never rejects. */
  async acknowledged(offsets: ReadonlyMap<number, number>): Promise<void> {
    const covered = new Map<number, Covered>()
    const losses = this.#parts.losses()
    // What was lost is not covered any more: it begins anew here.
    if (losses > this.#losses) this.#from.clear()
    this.#losses = losses
    for (const [partition, next] of offsets) {
      const from = this.#from.get(partition) ?? next
      this.#from.set(partition, from)
      covered.set(partition, { from, next })
    }
    try {
      await this.#parts.coverage.write(covered)
      this.#isTold = true
    } catch (error) {
      // What is covered is only understated: the next owner records a little twice.
      if (this.#isTold) this.#parts.log.warn({ error }, 'noting what is covered failed')
      this.#isTold = false
    }
  }

  /** Lets a backfill have the topic. Never rejects: it has it anyway in a few seconds. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#parts.coverage.release(streamRecorder).catch(() => undefined)
  }

  /** What lies between the covered offsets and where deciding goes on. A namespace that knows nothing begins there. */
  async #gaps(positions: ReadonlyMap<number, number | null>): Promise<OffsetRange[]> {
    const covered = await this.#parts.coverage.read([...positions.keys()])
    const gaps: OffsetRange[] = []
    this.#from.clear()
    for (const [partition, to] of positions) {
      const known = covered.get(partition)
      if (to === null) continue
      if (known === undefined || known.next >= to) {
        this.#from.set(partition, known?.from ?? to)
        continue
      }
      const from = await this.#parts.positions.check(partition, known.next)
      this.#from.set(partition, from > known.next ? from : known.from)
      if (from < to) gaps.push({ partition, from, to })
    }
    return gaps
  }

  #reached(messages: readonly Message[]): Map<number, Covered> {
    const covered = new Map<number, Covered>()
    for (const { partition, offset } of messages) {
      covered.set(partition, { from: this.#from.get(partition) ?? offset, next: offset + 1 })
    }
    return covered
  }

  #announce(): void {
    this.#parts.coverage.announceStream().catch((error: unknown) => {
      this.#parts.log.info({ error }, 'announcing the stream failed')
    })
  }
}
