// Messages of the partitions that the group gives us, from where the decision topic ends. Handed over at once, so that
// the next fetch is not held up; committed only when the driver says that their outcomes were acknowledged.
import type { Log, Message } from '../core/ports.ts'
import {
  asEngineError,
  type Consumer,
  type ConsumerOptions,
  type EachBatchPayload,
  type KafkaClient,
  type KafkaMessage,
} from './kafka.ts'

/** What the source tells its driver. */
export interface SourceListener {
  /** These are ours now; resolves to the offset to go on from, by partition. What was ours before is not any more. */
  assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number>>
  /** A rebalance is coming: resolves when what was handed over is acknowledged, or soon after. */
  drain(): Promise<void>
  /** Messages in offset order of one partition. */
  received(messages: readonly Message[]): void
  /** The consumer cannot go on. */
  failed(error: unknown): void
}

const rejoinMs = 500

export class KafkaSource {
  readonly #client: KafkaClient
  readonly #options: ConsumerOptions
  readonly #topic: string
  readonly #listener: SourceListener
  readonly #log: Log
  #consumer: Consumer
  #isStopped = false
  #isPaused = false
  /** Of the present assignment: resolves to where each partition goes on. */
  #resume: Promise<ReadonlyMap<number, number>> = Promise.resolve(new Map())
  /** The consumer has an assignment: kafkajs refuses to pause one that has none. */
  #isJoined = false
  /** A commit that failed: thrown into the consumer, which then finds its coordinator anew. */
  #commitError: unknown = null

  constructor(
    client: KafkaClient,
    options: ConsumerOptions,
    topic: string,
    listener: SourceListener,
    log: Log,
  ) {
    this.#client = client
    this.#options = options
    this.#topic = topic
    this.#listener = listener
    this.#log = log
    this.#consumer = client.consumer(options)
  }

  async start(): Promise<void> {
    const consumer = this.#consumer
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (consumer !== this.#consumer) return
      this.#join(payload.memberAssignment[this.#topic] ?? [])
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (payload.restart || this.#isStopped || consumer !== this.#consumer) return
      this.#log.warn({ error: payload.error }, 'consumer ended, joining again')
      void this.#rejoin()
    })
    await consumer.connect()
    await consumer.subscribe({ topic: this.#topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: (payload) => this.#eachBatch(payload),
    })
  }

  /** Stops fetching; what was fetched already still comes. */
  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    if (this.#isJoined) this.#consumer.pause([{ topic: this.#topic }])
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#isJoined) this.#consumer.resume([{ topic: this.#topic }])
  }

  /** Commits the offsets to go on from. A failure is not the caller's: the consumer joins again and repeats. */
  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    const list = [...offsets].map(([partition, offset]) => ({
      topic: this.#topic,
      partition,
      offset: String(offset),
    }))
    if (list.length === 0 || !this.#isJoined) return
    try {
      await this.#consumer.commitOffsets(list)
    } catch (error) {
      this.#log.info({ error: asEngineError('committing', error) }, 'a commit failed')
      this.#commitError = error
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#consumer.disconnect()
  }

  #join(partitions: readonly number[]): void {
    this.#isJoined = true
    this.#resume = this.#listener.assigned(partitions)
    this.#resume.catch((error: unknown) => {
      this.#listener.failed(error)
    })
    if (this.#isPaused) this.#consumer.pause([{ topic: this.#topic }])
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload
    const commitError = this.#commitError
    this.#commitError = null
    if (commitError !== null) throw commitError as Error
    const assignment = this.#resume
    const from = (await assignment).get(batch.partition) ?? 0
    if (assignment !== this.#resume || payload.isStale() || !payload.isRunning()) return
    const fresh = batch.messages.filter((message) => Number(message.offset) >= from)
    if (fresh.length > 0) {
      this.#listener.received(fresh.map((message) => toMessage(batch.partition, message)))
    } else if (Number(batch.lastOffset()) + 1 < from) {
      this.#consumer.seek({ topic: this.#topic, partition: batch.partition, offset: String(from) })
      return
    }
    payload.resolveOffset(batch.lastOffset())
    try {
      await payload.heartbeat()
    } catch (error) {
      // The group rebalances: what we were given is ours until we answer.
      await this.#listener.drain()
      throw error
    }
  }

  /** A stop that came while the consumer was joining found none to end. */
  async #endIfStopped(): Promise<void> {
    if (this.#isStopped) await this.#consumer.disconnect()
  }

  async #rejoin(): Promise<void> {
    this.#isJoined = false
    await this.#consumer.disconnect().catch(() => undefined)
    while (!this.#isStopped) {
      await new Promise((resolve) => setTimeout(resolve, rejoinMs))
      try {
        this.#consumer = this.#client.consumer(this.#options)
        await this.start()
        await this.#endIfStopped()
        return
      } catch (error) {
        this.#log.warn({ error: asEngineError('joining the group', error) }, 'joining failed')
      }
    }
  }
}

function toMessage(partition: number, message: KafkaMessage): Message {
  const traceparent = message.headers?.['traceparent']
  return {
    partition,
    offset: Number(message.offset),
    key: message.key,
    value: message.value,
    timestampMs: Number(message.timestamp),
    traceparent:
      Buffer.isBuffer(traceparent) && traceparent.length <= 256
        ? traceparent.toString('utf8')
        : null,
  }
}
