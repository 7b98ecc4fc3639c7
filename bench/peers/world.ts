// The box that all engines are compared in: one broker, topics, the standard work in them, and what every process of it has
// used. It knows no engine.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../engine/clock.ts'
import type { NewRecord } from '../../engine/stream/kafka.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { KafkaServer } from '../../engine/testing/kafka-server.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { type StandardWork, writeStandard } from '../standard/standard.ts'
import { standardTransactions } from '../standard/transactions.ts'
import { TopicEnd } from '../topic-end.ts'
import { processUsage } from '../usage.ts'
import type { DecisionCheck } from './check.ts'
import { brokerFlags } from './setups.ts'
import { writeTrees } from './trees.ts'

const fetchBytes = 2 ** 22
/** No outcome for so long: nothing is under way. */
const settleMs = 1500

/** Records by partition. */
export type Backlog = readonly (readonly NewRecord[])[]

export interface EnginePids {
  readonly pid: number
  readonly redisPid: number | null
}

/** Since each process was started. `outcomes`: with the marks of transactions. */
export interface Usage {
  readonly outcomes: number
  readonly atUs: number
  readonly engineCpuUs: number
  readonly brokerCpuUs: number
  /** 0 where there is no Redis. */
  readonly redisCpuUs: number
}

export class PeerWorld {
  readonly kafka: KafkaServer
  readonly topics: TestTopics
  readonly work: StandardWork
  readonly folder: string
  readonly partitions: number
  /** Where the decisions are read, as a subscriber does: what is committed. */
  readonly reader: PartitionReader
  readonly #decisions: TopicEnd
  readonly #closers: (() => unknown)[]
  readonly #transactions = standardTransactions()
  readonly #nextRead: number[]

  private constructor(
    parts: Pick<PeerWorld, 'kafka' | 'topics' | 'work' | 'folder' | 'partitions' | 'reader'>,
    closers: (() => unknown)[],
  ) {
    this.kafka = parts.kafka
    this.topics = parts.topics
    this.work = parts.work
    this.folder = parts.folder
    this.partitions = parts.partitions
    this.reader = parts.reader
    this.#decisions = new TopicEnd(parts.reader, parts.topics.decisions, parts.partitions)
    this.#closers = closers
    this.#nextRead = Array.from({ length: parts.partitions }, () => 0)
  }

  static async open(partitions: number): Promise<PeerWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'weir-peers-'))
    const work = await writeStandard(folder)
    writeTrees(work.model)
    const kafka = await KafkaServer.start([...brokerFlags])
    const closers: (() => unknown)[] = []
    const owner = { after: (close: () => unknown) => void closers.push(close) }
    const topics = await TestTopics.make(owner, partitions, kafka.brokers)
    const reader = new PartitionReader(topics.client)
    closers.push(() => reader.close())
    await reader.connect([topics.decisions])
    return new PeerWorld({ kafka, topics, work, folder, partitions, reader }, closers)
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close()
    await this.kafka.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /**
   * The next `count`, by partition, ready to be produced. Their create times are a ms apart in the order in which they were
   * made, as of a backlog that grew while nobody read: whoever reads several partitions may go by them.
   */
  make(count: number, check: DecisionCheck): Backlog {
    const beganMs = Date.now() - count
    const backlog: NewRecord[][] = Array.from({ length: this.partitions }, () => [])
    for (let made = 0; made < count; made++) {
      const transaction = this.#transactions.next().value
      check.produced(transaction)
      const [card] = transaction.entities
      const partition = Number(card!.slice(-6)) % this.partitions
      const key = Buffer.from(card!)
      const value = Buffer.from(transaction.json)
      backlog[partition]!.push({ key, value, headers: {}, timestampMs: beganMs + made })
    }
    return backlog
  }

  async produce(backlog: Backlog): Promise<void> {
    for (const [at, records] of backlog.entries()) await this.topics.produce(at, records)
  }

  /** Resolves when there are at least so many outcomes and no more are coming. `mustRun` throws when the engine has ended. */
  async settled(count: number, mustRun: () => void): Promise<number> {
    for (let before = -1; ; ) {
      mustRun()
      const outcomes = await this.#decisions.now()
      if (outcomes >= count && outcomes === before) return outcomes
      before = outcomes
      await sleep(settleMs)
    }
  }

  /** What all have used until there are so many outcomes. */
  async usedUntil(count: number, engine: EnginePids, mustRun: () => void): Promise<Usage> {
    return this.usage(await this.#decisions.reached(count, mustRun), engine)
  }

  usage(outcomes: number, { pid, redisPid }: EnginePids): Usage {
    return {
      outcomes,
      atUs: systemClock.monotonicUs(),
      engineCpuUs: processUsage(pid).cpuUs,
      brokerCpuUs: processUsage(this.kafka.pid).cpuUs,
      redisCpuUs: redisPid === null ? 0 : processUsage(redisPid).cpuUs,
    }
  }

  /** What has come since the last time, as read-committed readers see it, of one partition; waits a moment for the first. */
  async read(partition: number): Promise<readonly string[]> {
    const at = this.#nextRead[partition]!
    const { records, next } = await this.reader.fetch(
      this.topics.decisions,
      partition,
      at,
      fetchBytes,
    )
    this.#nextRead[partition] = next
    return records.map(({ value }) => value?.toString('latin1') ?? '')
  }
}
