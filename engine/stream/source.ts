// Messages of the partitions that the group gives us, from where the decision topic ends. Handed over at once, so that
// the next fetch is not held up; committed only when the driver says that their outcomes were acknowledged. It never
// hands over a message of an assignment that is no more, and never one after a gap.
import type { Clock, Log, Message } from '../core/ports.ts'
import { traceparentOf } from '../core/traceparent.ts'
import { EngineError } from '../errors.ts'
import { within } from './deadline.ts'
import {
  asEngineError,
  type Consumer,
  type ConsumerOptions,
  type EachBatchPayload,
  type KafkaClient,
  type KafkaMessage,
} from './kafka.ts'
import type { Batch } from './kafka-internals.ts'
import { answerHeader } from './outflow.ts'
import type { Positions } from './positions.ts'

/** What the source tells its driver. */
export interface SourceListener {
  /** These are ours now; resolves to the offset to go on from, by partition, null for where the group has committed. */
  assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number | null>>
  /** What was ours is about to be given to others, or to us again: resolves when what was begun of it has ended. */
  revoked(): Promise<void>
  /** Messages in offset order of one partition, and whether Kafka has more of it behind them. */
  received(messages: readonly Message[], hasMore: boolean): void
  /** Nothing of a partition yet; whether there is more of it to come, as its last fetch tells. */
  fetched(partition: number, hasMore: boolean): void
  /** The source cannot go on. */
  failed(error: unknown): void
}

/** The driver's hold on its source. */
export interface SourceControl {
  /** Fetches these no more; of one whose fetch is under way nothing comes. */
  pause(partitions: readonly number[]): void
  resume(partitions: readonly number[]): void
  /** Commits the offsets to go on from. False when it failed, which is not the caller's to mend. */
  commit(offsets: ReadonlyMap<number, number>): Promise<boolean>
}

/** One assignment: where each of its partitions goes on. */
interface Assignment {
  readonly positions: Promise<Map<number, number | null>>
  /** Whether there is more behind the last fetch. */
  readonly more: Map<number, boolean>
  isSettled: boolean
}

const rejoinMs = 500
const heartbeatMs = 200
/** A join that is under way at a stop: once joined, the group can be left, and others need not wait for our session. */
const joinMsMax = 2000
/** Beyond the wait for a first message. What was asked longer ago, as by a process that was frozen, tells nothing of now. */
const answerMsMax = 1000

export class KafkaSource implements SourceControl {
  readonly #client: KafkaClient
  readonly #options: ConsumerOptions
  readonly #topic: string
  readonly #positions: Positions
  readonly #listener: SourceListener
  readonly #log: Log
  readonly #clock: Clock
  #assignment: Assignment | null = null
  /** The consumer while it has joined: kafkajs refuses to pause or to commit otherwise. */
  #joined: Consumer | null = null
  #isStopped = false
  #stop: () => void = () => undefined
  readonly #stopping = new Promise<void>((resolve) => {
    this.#stop = resolve
  })
  #running: Promise<void> = Promise.resolve()
  /** A commit that failed: thrown into the consumer, which then finds its coordinator anew. */
  #commitError: unknown = null

  constructor(
    client: KafkaClient,
    options: ConsumerOptions,
    topic: string,
    positions: Positions,
    listener: SourceListener,
    log: Log,
    clock: Clock,
  ) {
    this.#client = client
    this.#options = options
    this.#topic = topic
    this.#positions = positions
    this.#listener = listener
    this.#log = log
    this.#clock = clock
  }

  /** Joins the group, and joins again whenever that ends, until it is stopped or refused. */
  start(): void {
    this.#running = this.#run()
  }

  /** Leaves the group. Within a few seconds, whatever the brokers do. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stop()
    await this.#running
  }

  pause(partitions: readonly number[]): void {
    this.#joined?.pause([{ topic: this.#topic, partitions: [...partitions] }])
  }

  resume(partitions: readonly number[]): void {
    this.#joined?.resume([{ topic: this.#topic, partitions: [...partitions] }])
  }

  async commit(offsets: ReadonlyMap<number, number>): Promise<boolean> {
    if (this.#joined === null) return false
    const list = [...offsets].map(([partition, offset]) => ({
      topic: this.#topic,
      partition,
      offset: String(offset),
    }))
    try {
      await this.#joined.commitOffsets(list)
      return true
    } catch (error) {
      this.#log.info({ error: asEngineError('committing', error) }, 'a commit failed')
      this.#commitError = error
      return false
    }
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const consumer = this.#client.consumer(this.#options, {
        beforeJoin: () => this.#leave(),
        beforeFetch: () => this.#tellOfFetch(),
      })
      try {
        await this.#consume(consumer)
      } catch (cause) {
        const error = asEngineError(`consuming ${this.#topic}`, cause)
        if (!error.isRetriable) {
          this.#listener.failed(error)
          await this.#stopping
        }
        this.#log.warn({ error }, 'the consumer ended, joining again')
      }
      this.#assignment = null
      this.#joined = null
      await consumer.disconnect()
      await within(rejoinMs, this.#stopping)
    }
  }

  /** Rejects when the consumer ends, resolves when the source is stopped. */
  async #consume(consumer: Consumer): Promise<void> {
    const crashed = new Promise<never>((_, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        reject(payload.error)
      })
    })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#join(consumer, payload.memberAssignment[this.#topic] ?? [])
    })
    const joining = (async () => {
      await consumer.connect()
      await consumer.subscribe({ topic: this.#topic, fromBeginning: true })
      if (this.#isStopped) return
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 64,
        eachBatch: (payload) => this.#eachBatch(payload),
      })
    })()
    await Promise.race([this.#stopping, crashed, joining.then(() => crashed)])
    await within(joinMsMax, joining)
  }

  #join(consumer: Consumer, partitions: readonly number[]): void {
    if (this.#isStopped) return
    this.#joined = consumer
    this.#commitError = null
    const assigned = this.#listener.assigned(partitions)
    const positions = assigned.then((found) => new Map(found))
    const assignment: Assignment = { positions, more: new Map(), isSettled: false }
    this.#assignment = assignment
    positions
      .catch((error: unknown) => {
        if (assignment === this.#assignment) this.#listener.failed(error)
      })
      .finally(() => {
        assignment.isSettled = true
      })
  }

  /** Called before every join: until it ends nobody else can be given what is ours. */
  async #leave(): Promise<void> {
    this.#assignment = null
    if (!this.#isStopped) await this.#listener.revoked()
  }

  /**
   * kafkajs hands on only what has messages. What a fetch tells of the others is told here, and before that which have some:
   * of several partitions none is then decided before the others are handed over.
   */
  #tellOfFetch(): (batches: readonly Batch[]) => void {
    const assignment = this.#assignment
    const trustedMs = this.#clock.monotonicUs() / 1000 + this.#options.fetchWaitMs + answerMsMax
    return (batches) => {
      if (assignment === null || assignment !== this.#assignment) return
      const isLate = this.#clock.monotonicUs() / 1000 > trustedMs
      for (const batch of batches) {
        const hasMore = isLate || nextOf(batch) < Number(batch.highWatermark)
        assignment.more.set(batch.partition, hasMore)
        this.#listener.fetched(batch.partition, hasMore || batch.messages.length > 0)
      }
    }
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    if (this.#commitError !== null) {
      const error = this.#commitError as Error
      this.#commitError = null
      throw error
    }
    const assignment = this.#assignment
    const positions = await this.#awaited(assignment, payload)
    const isCurrent = assignment === this.#assignment && payload.isRunning() && !payload.isStale()
    if (positions === undefined || !isCurrent) return
    try {
      const hasMore = assignment?.more.get(payload.batch.partition) ?? true
      await this.#hand(payload, positions, hasMore, () => assignment === this.#assignment)
    } catch (error) {
      // kafkajs would try again a few times before it says so.
      if (error instanceof EngineError && !error.isRetriable) this.#listener.failed(error)
      throw error
    }
    await payload.heartbeat()
  }

  /** Positions may take long to be known, while all before them is recorded: the group must not think that we died. */
  async #awaited(
    assignment: Assignment | null,
    payload: EachBatchPayload,
  ): Promise<Map<number, number | null> | undefined> {
    while (assignment?.isSettled === false && assignment === this.#assignment) {
      await within(heartbeatMs, assignment.positions)
      await payload.heartbeat()
    }
    return assignment?.positions
  }

  async #hand(
    payload: EachBatchPayload,
    positions: Map<number, number | null>,
    hasMore: boolean,
    isCurrent: () => boolean,
  ): Promise<void> {
    const { batch } = payload
    const { partition } = batch
    const fetched = Number((batch as unknown as Batch).fetchedOffset)
    const next = positions.get(partition)
    if (next === undefined) return
    const from = next ?? fetched
    if (fetched > from) {
      const at = await this.#positions.skip(partition, from, fetched)
      if (!isCurrent()) return
      if (at < fetched) {
        this.#seek(partition, at)
        return
      }
    }
    const fresh = batch.messages.filter(({ offset }) => Number(offset) >= from)
    const last = Number(batch.lastOffset())
    if (last < from) {
      // Where the group had committed less; or kafkajs began anew, since the topic ends before.
      await this.#positions.check(partition, from)
      if (isCurrent()) this.#seek(partition, from)
      return
    }
    positions.set(partition, last + 1)
    payload.resolveOffset(batch.lastOffset())
    const messages = fresh.map((message) => toMessage(partition, message))
    if (messages.length > 0) this.#listener.received(messages, hasMore)
    else this.#listener.fetched(partition, hasMore)
  }

  #seek(partition: number, offset: number): void {
    this.#joined?.seek({ topic: this.#topic, partition, offset: String(offset) })
  }
}

/** The offset that is fetched next. */
function nextOf(batch: Batch): number {
  const { fetchedOffset, rawMessages } = batch
  return rawMessages.length === 0 ? Number(fetchedOffset) : Number(batch.lastOffset()) + 1
}

function toMessage(partition: number, message: KafkaMessage): Message {
  const traceparent = message.headers?.['traceparent']
  const answer = message.headers?.[answerHeader]
  return {
    partition,
    offset: Number(message.offset),
    key: message.key,
    value: message.value,
    timestampMs: Number(message.timestamp),
    traceparent: Buffer.isBuffer(traceparent)
      ? traceparentOf(traceparent.toString('latin1'))
      : null,
    answer: Buffer.isBuffer(answer) ? answer : null,
  }
}
