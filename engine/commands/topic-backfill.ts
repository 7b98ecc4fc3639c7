// `weir backfill` from a topic: goes on behind the offsets that its namespace has, and refuses what would leave a hole or share
// the chain of offsets of a stream. Composition and asking; the recording itself is in engine/replay/backfill.ts.
import { hostname } from 'node:os'
import {
  type Coverage,
  type Covered,
  recorderMs,
  streamRecorder,
} from '../../features/store/coverage.ts'
import type { RedisStore } from '../../features/store/redis.ts'
import { batchRowsMax } from '../core/limits.ts'
import type { Message, Source } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { FollowedTopic } from '../stream/followed-topic.ts'
import type { PartitionReader } from '../stream/partition-reader.ts'
import { type OffsetRange, RangeSource } from '../stream/range-source.ts'
import type { Context } from './command.ts'
import { type AskedRange, openTopic, type TopicInput } from './kafka.ts'

/** A range of which nothing is recorded yet, and the history that it continues. */
interface Wanted extends OffsetRange {
  readonly covered: Covered
}

export class TopicBackfill {
  readonly source: Source
  /** Offsets of the range that were recorded before. */
  readonly skipped: number
  /** Aborted by the user, or when a stream takes the topic over. */
  readonly stop: AbortSignal
  readonly #coverage: Coverage
  readonly #name: string
  readonly #wanted: readonly Wanted[]
  readonly #from: ReadonlyMap<number, number>
  readonly #stopping: AbortController
  readonly #timer: NodeJS.Timeout

  /** Rejects with EngineError where the range cannot be recorded, and says why. `isFollowing`: does not end by itself. */
  static async open(
    input: TopicInput,
    isFollowing: boolean,
    store: RedisStore,
    context: Context,
  ): Promise<TopicBackfill> {
    const coverage = store.coverage()
    const { reader, ranges } = await openTopic(input, context.loaded.config, context.log)
    try {
      const covered = await coverage.read(ranges.map(({ partition }) => partition))
      const wanted = wantedOf(input, ranges, covered)
      const name = `backfill ${hostname()} ${process.pid}`
      requireFree(input.topic, await coverage.claim(name))
      await renewOverLost(input.topic, ranges, covered, reader, store, context)
      return new TopicBackfill(
        input,
        isFollowing,
        { reader, coverage, name, ranges, wanted },
        context,
      )
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  private constructor(
    { topic }: TopicInput,
    isFollowing: boolean,
    parts: {
      readonly reader: PartitionReader
      readonly coverage: Coverage
      readonly name: string
      readonly ranges: readonly AskedRange[]
      readonly wanted: readonly Wanted[]
    },
    { stop, stderr }: Context,
  ) {
    const { reader, coverage, name, ranges, wanted } = parts
    this.#coverage = coverage
    this.#name = name
    this.#wanted = wanted
    this.#from = new Map(wanted.map(({ partition, covered }) => [partition, covered.from]))
    const asked = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
    this.skipped = asked - wanted.reduce((sum, { from, to }) => sum + to - from, 0)
    this.#stopping = new AbortController()
    this.stop = AbortSignal.any([stop, this.#stopping.signal])
    this.#timer = setInterval(() => {
      void this.#keep(stderr)
    }, recorderMs / 3)
    this.source = isFollowing
      ? new FollowedTopic({
          reader,
          topic,
          ranges: wanted,
          batchMax: batchRowsMax,
          stop: this.stop,
          onCaughtUp: () => {
            stderr.write(
              `weir: has all of ${topic} as it was at the start, following until stopped\n`,
            )
          },
        })
      : new RangeSource(
          reader,
          topic,
          wanted.filter(({ from, to }) => from < to),
          batchRowsMax,
        )
  }

  /** To be called behind each batch that was recorded. */
  recorded(messages: readonly Message[]): Promise<void> {
    const covered = new Map<number, Covered>()
    for (const { partition, offset } of messages) {
      covered.set(partition, { from: this.#from.get(partition)!, next: offset + 1 })
    }
    return this.#coverage.write(covered)
  }

  /** Everything that was there at the start is recorded, also where the last offsets hold nothing that can be seen. */
  async finished(): Promise<void> {
    const whole = this.#wanted.filter(({ from, to }) => from < to)
    await this.#coverage.write(
      new Map(
        whole.map(({ partition, to, covered }) => [partition, { from: covered.from, next: to }]),
      ),
    )
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.source.close()
    await this.#coverage.release(this.#name)
  }

  async #keep(stderr: Context['stderr']): Promise<void> {
    // Where Redis is away, recording fails by itself.
    const isOurs = await this.#coverage.keep(this.#name).catch(() => true)
    if (isOurs || this.stop.aborted) return
    stderr.write('weir: a stream with this catalog has taken over, which records by itself\n')
    this.#stopping.abort()
  }
}

/** What is left to record. Throws EngineError `input_invalid` where that would leave a hole, or come before what is there. */
function wantedOf(
  { topic }: TopicInput,
  ranges: readonly AskedRange[],
  covered: ReadonlyMap<number, Covered>,
): Wanted[] {
  const faults: string[] = []
  const wanted = ranges.map(({ partition, first, end, from, to }): Wanted => {
    const known = covered.get(partition)
    // One that ends before what was recorded of it was made anew.
    if (known === undefined || known.next > end)
      return { partition, from, to, covered: { from, next: from } }
    if (from < known.from && from < to) {
      faults.push(
        `${topic}/${partition}: expected --from of at least ${known.from}, where the journals of this catalog begin, found ${from}: older offsets cannot be added behind later ones`,
      )
    }
    if (from > known.next && from > first) {
      faults.push(
        `${topic}/${partition}: expected --from of at most ${known.next}, up to where the journals of this catalog reach, found ${from}: the offsets between would be missing`,
      )
    }
    const isCutOff = first > known.next
    const start = Math.max(from, known.next)
    return {
      partition,
      from: start,
      to: Math.max(start, to),
      covered: isCutOff ? { from: first, next: first } : known,
    }
  })
  if (faults.length > 0) throw new EngineError('input_invalid', faults.join('; '))
  return wanted
}

function requireFree(topic: string, holder: string | null): void {
  if (holder === null) return
  const found =
    holder === streamRecorder ? 'a weir stream, which does so by itself' : 'another weir backfill'
  throw new EngineError(
    'already_recorded',
    `${topic}: expected nobody else to record it under this catalog, found ${found} (one that was killed counts for ${recorderMs / 1000} seconds)`,
  )
}

/** Where retention has deleted what was not recorded, no history reaches back over the hole. */
async function renewOverLost(
  topic: string,
  ranges: readonly AskedRange[],
  covered: ReadonlyMap<number, Covered>,
  reader: PartitionReader,
  store: RedisStore,
  { log, clock }: Context,
): Promise<void> {
  for (const { partition, first } of ranges) {
    const next = covered.get(partition)?.next ?? first
    if (first <= next) continue
    const lost = { partition, from: next, to: first }
    log.error(
      lost,
      'retention has deleted transactions before they were recorded: history starts anew',
    )
    const { records } = await reader.fetch(topic, partition, first, fetchBytes)
    await store.renewHistory(records[0]?.timestampMs ?? clock.nowMs())
  }
}

const fetchBytes = 2 ** 16
