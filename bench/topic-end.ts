// How far a topic is, and waiting until it is so far. Each look is work of the broker that is measured meanwhile, so there are as
// few as can be: dozens in a run, not hundreds.
import { setTimeout as sleep } from 'node:timers/promises'
import type { PartitionReader } from '../engine/stream/partition-reader.ts'

const lookMs = { min: 5, unknown: 100, max: 500 }

export class TopicEnd {
  readonly #reader: PartitionReader
  readonly #topic: string
  readonly #partitions: number

  constructor(reader: PartitionReader, topic: string, partitions: number) {
    this.#reader = reader
    this.#topic = topic
    this.#partitions = partitions
  }

  /** Records of all partitions, marks of transactions among them. */
  async now(): Promise<number> {
    let end = 0
    for (let partition = 0; partition < this.#partitions; partition++) {
      end += (await this.#reader.range(this.#topic, partition)).end
    }
    return end
  }

  /** Resolves with how many records there are, as soon as there are so many. `mustRun` throws when whoever writes them has ended. */
  async reached(wanted: number, mustRun: () => void): Promise<number> {
    const began = { ms: performance.now(), end: await this.now() }
    for (let end = began.end; ; end = await this.now()) {
      mustRun()
      if (end >= wanted) return end
      const perMs = (end - began.end) / (performance.now() - began.ms)
      await sleep(pauseMs(wanted - end, perMs))
    }
  }
}

/** Half of what it may still take: the next look is nearer, and the last one comes in time. Exported for its test. */
export function pauseMs(left: number, perMs: number): number {
  if (!(perMs > 0)) return lookMs.unknown
  return Math.min(lookMs.max, Math.max(lookMs.min, left / perMs / 2))
}
