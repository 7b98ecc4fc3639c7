// Reads a topic as its subscribers do, all partitions in one fetch that the broker holds back until there is something, and
// committed records only. It joins no group and commits nothing.
import type { KafkaClient } from '../../engine/stream/kafka.ts'
import {
  type Cluster,
  RawBatch,
  type RawMessage,
  readCommitted,
} from '../../engine/stream/kafka-internals.ts'
import { nowNs } from './pacing.ts'

/** Records of one partition in their order, and when they were in this process, decoded. */
export type OnRecords = (
  partition: number,
  records: readonly RawMessage[],
  arrivedNs: number,
) => void

const fetchWaitMs = 100
const fetchBytes = 2 ** 22

export class TopicFollower {
  readonly #cluster: Cluster
  readonly #topic: string
  readonly #positions: number[]
  readonly #onRecords: OnRecords
  #isClosed = false
  #running: Promise<void> = Promise.resolve()

  private constructor(cluster: Cluster, topic: string, partitions: number, onRecords: OnRecords) {
    this.#cluster = cluster
    this.#topic = topic
    this.#positions = new Array<number>(partitions).fill(0)
    this.#onRecords = onRecords
  }

  /** From the beginning. `onFailure` is told once, when it cannot go on. */
  static async start(
    client: KafkaClient,
    topic: string,
    partitions: number,
    onRecords: OnRecords,
    onFailure: (error: unknown) => void,
  ): Promise<TopicFollower> {
    const cluster = client.cluster()
    await cluster.connect()
    await cluster.addMultipleTargetTopics([topic])
    const follower = new TopicFollower(cluster, topic, partitions, onRecords)
    follower.#running = follower.#follow().catch(onFailure)
    return follower
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
    await this.#cluster.disconnect()
  }

  async #follow(): Promise<void> {
    const leaders = this.#cluster.findLeaderForPartitions(this.#topic, [...this.#positions.keys()])
    const [nodeId, ...others] = Object.keys(leaders)
    if (nodeId === undefined || others.length > 0) {
      throw new Error(`${this.#topic}: expected one broker that leads all partitions`)
    }
    const broker = await this.#cluster.findBroker({ nodeId })
    while (!this.#isClosed) {
      const response = await broker.fetch({
        maxWaitTime: fetchWaitMs,
        minBytes: 1,
        maxBytes: fetchBytes,
        isolationLevel: readCommitted,
        topics: [{ topic: this.#topic, partitions: this.#asked() }],
      })
      const arrivedNs = nowNs()
      for (const { partitions } of response.responses) {
        for (const fetched of partitions) this.#take(fetched, arrivedNs)
      }
    }
  }

  #asked(): object[] {
    return this.#positions.map((position, partition) => ({
      partition,
      fetchOffset: String(position),
      maxBytes: fetchBytes,
    }))
  }

  #take(fetched: object, arrivedNs: number): void {
    const { partition } = fetched as { partition: number }
    const position = this.#positions[partition]!
    const batch = new RawBatch(this.#topic, String(position), fetched as never)
    const last = batch.messagesWithinOffset.at(-1)
    if (last === undefined) return
    this.#positions[partition] = Number(last.offset) + 1
    this.#onRecords(partition, batch.messages, arrivedNs)
  }
}
