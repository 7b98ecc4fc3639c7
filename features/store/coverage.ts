// Which offsets of a topic the journals of a namespace hold, by source partition, and who is recording them. It never says
// more than is true: it is written behind what Redis acknowledged, so whoever goes on there repeats a little and loses nothing.
import type { Keys } from './keys.ts'
import type { RunCommands } from './redis-answers.ts'

/** Every offset from `from` on and before `next` was recorded, where it is visible and holds a transaction. */
export interface Covered {
  readonly from: number
  readonly next: number
}

/** Who records: the engines of the stream, or a backfill by a name of its own. */
export const streamRecorder = 'stream'
/** A recorder that says nothing for so long is taken for gone. */
export const recorderMs = 10_000

export class Coverage {
  readonly #keys: Keys
  readonly #run: RunCommands
  readonly #topic: string

  constructor(keys: Keys, run: RunCommands, topic: string) {
    this.#keys = keys
    this.#run = run
    this.#topic = topic
  }

  /** Of those partitions of which anything is known. Rejects with StoreError, as all methods do. */
  async read(partitions: readonly number[]): Promise<Map<number, Covered>> {
    if (partitions.length === 0) return new Map()
    const replies = await this.#run(
      'reading what is covered',
      partitions.map((partition) => ['hget', this.#keys.covered, this.#field(partition)]),
    )
    const covered = new Map<number, Covered>()
    for (const [at, partition] of partitions.entries()) {
      const [from, next] = replies[at]?.split(' ').map(Number) ?? []
      if (from !== undefined && next !== undefined) covered.set(partition, { from, next })
    }
    return covered
  }

  async write(covered: ReadonlyMap<number, Covered>): Promise<void> {
    if (covered.size === 0) return
    const fields = [...covered].flatMap(([partition, { from, next }]) => [
      this.#field(partition),
      `${from} ${next}`,
    ])
    await this.#run('writing what is covered', [['hset', this.#keys.covered, ...fields]])
  }

  /** Says that the stream records: a backfill gives way to it. To be said again within `recorderMs`. */
  async announceStream(): Promise<void> {
    await this.#run('announcing the stream', [
      ['set', this.#recorder, streamRecorder, 'PX', String(recorderMs)],
    ])
  }

  /** Becomes the one backfill of the topic; resolves to who records already, null when nobody does. */
  async claim(name: string): Promise<string | null> {
    const [holder] = await this.#run('claiming the topic', [
      ['set', this.#recorder, name, 'NX', 'GET', 'PX', String(recorderMs)],
    ])
    return holder ?? null
  }

  /** Says again that `name` records; false when another one does by now. */
  async keep(name: string): Promise<boolean> {
    const [holder] = await this.#run('keeping the topic', [['get', this.#recorder]])
    if (holder !== name && (holder ?? null) !== null) return false
    await this.#run('keeping the topic', [['set', this.#recorder, name, 'PX', String(recorderMs)]])
    return true
  }

  /** Records no more. Other engines of the stream say soon that they still do. */
  async release(name: string): Promise<void> {
    const [holder] = await this.#run('leaving the topic', [['get', this.#recorder]])
    if (holder === name) await this.#run('leaving the topic', [['del', this.#recorder]])
  }

  get #recorder(): string {
    return this.#keys.recorder(this.#topic)
  }

  #field(partition: number): string {
    return `${this.#topic}:${partition}`
  }
}
