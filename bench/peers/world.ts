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
import { type StandardTransaction, standardTransactions } from '../standard/transactions.ts'
import { processUsage } from '../usage.ts'
import type { DecisionCheck } from './check.ts'
import { brokerFlags } from './setups.ts'
import { writeTrees } from './trees.ts'

const chunk = 10_000
const fetchBytes = 2 ** 22
const sampleMs = 50

export interface Sample {
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

  /** The next transaction of the work, and the partition that its card has. */
  next(): { readonly transaction: StandardTransaction; readonly partition: number } {
    const transaction = this.#transactions.next().value
    const rank = Number(transaction.entities[0]!.slice(-6))
    return { transaction, partition: rank % this.partitions }
  }

  /** Produces the next `count`. */
  async fill(count: number, check: DecisionCheck): Promise<void> {
    let waiting: Partial<NewRecord>[][] = this.#each(() => [])
    for (let produced = 1; produced <= count; produced++) {
      const { transaction, partition } = this.next()
      check.produced(transaction)
      waiting[partition]!.push({
        key: Buffer.from(transaction.entities[0]!),
        value: Buffer.from(transaction.json),
      })
      if (produced % chunk !== 0 && produced !== count) continue
      for (const [at, values] of waiting.entries()) await this.topics.produce(at, values)
      waiting = this.#each(() => [])
    }
  }

  /** Samples until so many outcomes are in the decision topic. `mustRun` throws when the engine has ended. */
  async watch(
    count: number,
    pid: number,
    redisPid: number | null,
    mustRun: () => void,
  ): Promise<Sample[]> {
    const samples: Sample[] = []
    for (;;) {
      try {
        samples.push(await this.#sample(pid, redisPid))
      } catch (cause) {
        mustRun()
        throw cause
      }
      if (samples.at(-1)!.outcomes >= count) return samples
      await sleep(sampleMs)
    }
  }

  async #sample(pid: number, redisPid: number | null): Promise<Sample> {
    let outcomes = 0
    for (let partition = 0; partition < this.partitions; partition++) {
      outcomes += (await this.reader.range(this.topics.decisions, partition)).end
    }
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

  #each<T>(make: () => T): T[] {
    return Array.from({ length: this.partitions }, make)
  }
}
