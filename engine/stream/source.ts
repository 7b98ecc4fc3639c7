// Messages of the partitions that the group gives us, from where the decision topic ends. Handed over at once, so that
// the next fetch is not held up; committed only when the driver says that their outcomes were acknowledged. It never
// hands over a message of an assignment that is no more, and never one after a gap.
import type { Log, Message } from '../core/ports.ts'
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
  /** Messages in offset order of one partition. */
  received(messages: readonly Message[]): void
  /** The source cannot go on. */
  failed(error: unknown): void
}

/** The driver's hold on its source. */
export interface SourceControl {
  pause(): void
  resume(): void
  /** Commits the offsets to go on from. False when it failed, which is not the caller's to mend. */
  commit(offsets: ReadonlyMap<number, number>): Promise<boolean>
}

/** One assignment: where each of its partitions goes on. */
interface Assignment {
  readonly positions: Promise<Map<number, number | null>>
  isSettled: boolean
}

const rejoinMs = 500
const heartbeatMs = 200
/** A join that is under way at a stop: once joined, the group can be left, and others need not wait for our session. */
const joinMsMax = 2000

export class KafkaSource implements SourceControl {
  readonly #client: KafkaClient
  readonly #options: ConsumerOptions
  readonly #topic: string
  readonly #positions: Positions
  readonly #listener: SourceListener
  readonly #log: Log
  #assignment: Assignment | null = null
  /** The consumer while it has joined: kafkajs refuses to pause or to commit otherwise. */
  #joined: Consumer | null = null
  #isPaused = false
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
  ) {
    this.#client = client
    this.#options = options
    this.#topic = topic
    this.#positions = positions
    this.#listener = listener
    this.#log = log
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

  /** Stops fetching; what was fetched already still comes. */
  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#joined?.pause([{ topic: this.#topic }])
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#joined?.resume([{ topic: this.#topic }])
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
      const consumer = this.#client.consumer(this.#options, () => this.#leave())
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
    if (this.#isPaused) consumer.pause([{ topic: this.#topic }])
    const assigned = this.#listener.assigned(partitions)
    const positions = assigned.then((found) => new Map(found))
    const assignment: Assignment = { positions, isSettled: false }
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
      await this.#hand(payload, positions, () => assignment === this.#assignment)
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
    if (fresh.length > 0) {
      this.#listener.received(fresh.map((message) => toMessage(partition, message)))
    }
  }

  #seek(partition: number, offset: number): void {
    this.#joined?.seek({ topic: this.#topic, partition, offset: String(offset) })
  }
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
