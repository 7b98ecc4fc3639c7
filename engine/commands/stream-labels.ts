// The label topic of `weir stream`, where there is one: its labels, reversals and declines go into the journals, what is none to the
// dead letters, and its offsets are committed behind both. It has no mirror: nothing else is published.
import { MessagesOnly } from '../../features/messages-only.ts'
import type { RedisStore } from '../../features/store/redis.ts'
import { type Assembly, makePipeline } from '../assemble.ts'
import { batchRowsMax } from '../core/limits.ts'
import { scorelessLineup } from '../core/lineup.ts'
import type { Meter } from '../core/ports.ts'
import { codeOf, errorKinds } from '../errors.ts'
import { StreamDriver } from '../stream/driver.ts'
import type { KafkaClient } from '../stream/kafka.ts'
import type { PartitionReader } from '../stream/partition-reader.ts'
import { Positions } from '../stream/positions.ts'
import { KafkaSink } from '../stream/sink.ts'
import { KafkaSource } from '../stream/source.ts'
import type { Context } from './command.ts'
import { committedAt } from './kafka.ts'

export interface LabelParts {
  readonly client: KafkaClient
  readonly reader: PartitionReader
  /** A store of its own: offsets of this topic are another chain. */
  readonly store: RedisStore
  readonly assembly: Assembly
  readonly hashKey: Uint8Array
  readonly deadLetterPartitions: number
  readonly meter: Meter
  readonly drainMsMax: number
}

export class LabelStream {
  readonly #driver: StreamDriver
  readonly #source: KafkaSource
  readonly #sink: KafkaSink

  private constructor(driver: StreamDriver, source: KafkaSource, sink: KafkaSink) {
    this.#driver = driver
    this.#source = source
    this.#sink = sink
  }

  static async open(parts: LabelParts, { loaded, log, clock }: Context): Promise<LabelStream> {
    const { client, reader, store, assembly, hashKey, deadLetterPartitions, meter } = parts
    const { kafka, budget } = loaded.config
    const topics = { ...kafka, transactions: kafka.labels }
    const options = { ...kafka, group: labelGroup(kafka.group) }
    await reader.connect([kafka.labels])
    const sink = await KafkaSink.open({
      client,
      topics,
      // Nothing is published that could say which outcomes are there: all of them are sent again.
      positions: { unanswered: () => Promise.resolve(0) },
      deadLetterPartitions,
      log,
    })
    const processor = makePipeline(
      { ...assembly, lineup: scorelessLineup(assembly.lineup.seats[0]!.policy) },
      {
        store,
        parser: new MessagesOnly(assembly.mapping.parser()),
        hashKey,
        mode: 'stream',
        source: kafka.labels,
        clock,
        meter,
      },
    )
    const driver = new StreamDriver({
      processor,
      port: {
        sendDecisions: () => Promise.resolve(),
        sendDeadLetters: (outcomes) => sink.sendDeadLetters(outcomes),
        recover: (partition, error) => sink.recover(partition, error),
      },
      resumeAt: async (partition) =>
        (await committedAt(client, { ...topics, group: options.group }, partition)) ?? 0,
      prepare: () => Promise.resolve(),
      onAssigned: (assigned) => {
        log.info({ topic: kafka.labels, partitions: assigned }, 'partitions assigned')
      },
      isRetriable: (error) => errorKinds[codeOf(error)].isRetriable,
      batchMax: budget.batchMax,
      backlogBatchMax: batchRowsMax,
      outboxMax: kafka.outboxMax,
      orderWaitMs: kafka.orderWaitMs,
      sendBatchMax: kafka.sendBatchMax,
      commitIntervalMs: kafka.commitIntervalMs,
      drainMsMax: parts.drainMsMax,
      clock,
      log,
    })
    const positions = new Positions(reader, topics, log)
    const source = new KafkaSource(client, options, kafka.labels, positions, driver, log, clock)
    return new LabelStream(driver, source, sink)
  }

  /** Messages that were taken so far. */
  get taken(): number {
    return this.#driver.decided
  }

  /** Resolves when stopped; rejects when it cannot go on. */
  run(): Promise<void> {
    const running = this.#driver.run(this.#source)
    this.#source.start()
    return running
  }

  /** Takes no more, and commits what it has taken. */
  async stop(): Promise<void> {
    await this.#driver.stop()
    await this.#source.stop()
    await this.#sink.close()
  }
}

/** Members of one group read the same topics. */
export function labelGroup(group: string): string {
  return `${group}-labels`
}
