// A way of keeping windows in Redis together with the Redis that it has alone, and the account of what it cost and got wrong.
import type { RedisClient } from '../../features/testing/redis-client.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import type { StandardWork } from '../standard/standard.ts'
import type { StandardTransaction } from '../standard/transactions.ts'
import { processUsage } from '../usage.ts'
import { Counters } from './counters.ts'
import { Journals } from './journals.ts'
import { RedisPipe } from './redis-pipe.ts'
import { featureCount, type RedisWay, type Traffic } from './redis-way.ts'
import { SortedSets } from './sorted-sets.ts'

export const heldBytesMax = 2 ** 28
/** More than the busiest merchant has in a day: no window of the standard work reaches beyond the exact tail. */
export const exactCap = 8192
/** Whoever keeps packed totals in a hash keeps it in Redis' small form by it. */
export const countersSetting = ['--hash-max-listpack-value', '200']

/** How to open a way; `writer` tells those apart that write to one Redis at once. */
interface Kind {
  readonly settings: readonly string[]
  open(server: RedisServer, writer: number): Promise<RedisWay>
}

/** In the order of the results, ours first. */
export function kindsOf(work: StandardWork): Readonly<Record<string, Kind>> {
  const sortedSets = (isMulti: boolean): Kind => ({
    settings: [],
    open: async ({ port }) => new SortedSets(await RedisPipe.open(port), { isMulti }),
  })
  const journals = (cap: { readonly cap?: number }): Kind => ({
    settings: [],
    open: ({ url }, partition) =>
      Journals.open(work, { url, buckets: 1, heldBytesMax, partition, ...cap }),
  })
  return {
    journals: journals({}),
    journals_exact: journals({ cap: exactCap }),
    sorted_sets: sortedSets(false),
    sorted_sets_atomic: sortedSets(true),
    counters: {
      settings: countersSetting,
      open: async ({ port }) => Counters.open(await RedisPipe.open(port)),
    },
  }
}

export class Contender {
  readonly name: string
  readonly way: RedisWay
  readonly #kind: Kind
  readonly #server: RedisServer
  readonly #client: RedisClient
  readonly #emptyBytes: number
  readonly #out: Float64Array
  /** Of the last slice: its transactions and their rows. */
  #last: readonly StandardTransaction[] = []
  #rows: Float64Array = new Float64Array(0)
  #clientUs = 0
  #redisUs = 0
  #decided = 0
  #checked = 0
  #differing = 0
  #differingUnmarked = 0
  #before: readonly number[] = []

  private constructor(name: string, kind: Kind, own: Own, batchRows: number) {
    this.name = name
    this.way = own.way
    this.#kind = kind
    this.#server = own.server
    this.#client = own.client
    this.#emptyBytes = own.emptyBytes
    this.#out = new Float64Array(batchRows * featureCount)
  }

  static async open(name: string, kind: Kind, batchRows: number): Promise<Contender> {
    const server = await RedisServer.start(kind.settings)
    const client = await server.client()
    const way = await kind.open(server, 0)
    const emptyBytes = await datasetBytes(client)
    return new Contender(name, kind, { server, client, way, emptyBytes }, batchRows)
  }

  /** CPU-µs of client and Redis a decision. */
  get cpuUs(): number {
    return (this.#clientUs + this.#redisUs) / this.#decided
  }

  /** From now on traffic counts. */
  begin(): void {
    this.#before = trafficOf(this.way.traffic)
  }

  /** `expected`: features by hand, null where nobody looks. */
  async decide(
    transactions: readonly StandardTransaction[],
    expected: readonly (readonly number[] | null)[],
  ): Promise<void> {
    const redisBefore = processUsage(this.#server.pid).cpuUs
    this.#rows = new Float64Array(transactions.length * featureCount)
    this.#last = transactions
    await this.#observeAll(transactions, (row, at) => {
      rowOf(this.#rows, at).set(rowOf(this.#out, row))
      this.#check(row, expected[at]!)
    })
    this.#redisUs += processUsage(this.#server.pid).cpuUs - redisBefore
    this.#decided += transactions.length
  }

  /** `all`: transactions that its Redis has taken since it was empty. */
  async measures(all: number): Promise<Record<string, number>> {
    const traffic = trafficOf(this.way.traffic).map((value, at) => value - this.#before[at]!)
    const [roundTrips, bytesSent, bytesReceived] = traffic.map((value) => value / this.#decided)
    return {
      client_cpu_us_per_decision: this.#clientUs / this.#decided,
      redis_cpu_us_per_decision: this.#redisUs / this.#decided,
      round_trips_per_decision: roundTrips!,
      bytes_to_redis_per_decision: bytesSent!,
      bytes_from_redis_per_decision: bytesReceived!,
      redis_memory_bytes_per_transaction:
        ((await datasetBytes(this.#client)) - this.#emptyBytes) / all,
      differing_share: this.#differing / this.#checked,
      differing_unmarked_share: this.#differingUnmarked / this.#checked,
    }
  }

  /** Sends the last slice once more, as behind a restart: the share of its rows that then differ. */
  async differingAgain(): Promise<number> {
    const last = this.#last
    this.way.rewind(last.length)
    let differing = 0
    await this.#observeAll(last, (row, at) => {
      if (!isEqual(rowOf(this.#out, row), rowOf(this.#rows, at))) differing++
    })
    return differing / last.length
  }

  /**
   * Several write transactions of one time on the same entities at once, `each` of them `writers` times. Each must see another
   * number of earlier ones, 0 to N − 1: the share of these numbers that nobody saw.
   */
  async unseenAtOnce(writers: number, each: number, timeMs: number): Promise<number> {
    const seen = new Set<number>()
    const write = async (writer: number): Promise<void> => {
      const way = await this.#kind.open(this.#server, 1 + writer)
      const out = new Float64Array(this.#out.length)
      const batchRows = out.length / featureCount
      for (let first = 0; first < each; first += batchRows) {
        const batch = Array.from({ length: batchRows }, (_, at) =>
          hotTransaction(writer * each + first + at, timeMs),
        )
        await way.observe(batch, out)
        // Of the first entity in the first window.
        for (let row = 0; row < batchRows; row++) seen.add(rowOf(out, row)[0]!)
      }
      await way.close()
    }
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
    const all = writers * each
    const unseen = Array.from({ length: all }, (_, n) => n + 1).filter((count) => !seen.has(count))
    return unseen.length / all
  }

  async version(): Promise<string> {
    const info = String(await this.#client.call('INFO', 'server'))
    return `Redis ${/^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown'}`
  }

  async close(): Promise<void> {
    await this.way.close()
    this.#client.close()
    await this.#server.stop()
  }

  /** In batches; CPU counts around each, `look` does not. */
  async #observeAll(
    transactions: readonly StandardTransaction[],
    look: (row: number, at: number) => void,
  ): Promise<void> {
    const batchRows = this.#out.length / featureCount
    for (let first = 0; first < transactions.length; first += batchRows) {
      const batch = transactions.slice(first, first + batchRows)
      const began = process.cpuUsage()
      await this.way.observe(batch, this.#out)
      const used = process.cpuUsage(began)
      this.#clientUs += used.user + used.system
      for (let row = 0; row < batch.length; row++) look(row, first + row)
    }
  }

  #check(row: number, expected: readonly number[] | null): void {
    if (expected === null) return
    this.#checked++
    if (isEqual(rowOf(this.#out, row), expected)) return
    this.#differing++
    if (!this.way.isMarked(row)) this.#differingUnmarked++
  }
}

interface Own {
  readonly server: RedisServer
  readonly client: RedisClient
  readonly way: RedisWay
  readonly emptyBytes: number
}

function trafficOf({ roundTrips, bytesSent, bytesReceived }: Traffic): number[] {
  return [roundTrips, bytesSent, bytesReceived]
}

function rowOf(out: Float64Array, row: number): Float64Array {
  return out.subarray(row * featureCount, (row + 1) * featureCount)
}

function isEqual(found: Float64Array, expected: ArrayLike<number>): boolean {
  return found.every((value, at) => value === expected[at])
}

function hotTransaction(number: number, timeMs: number): StandardTransaction {
  const id = `t-${String(900_000_000 + number)}`
  return { id, timeMs, amountMinor: 100, entities: ['hot', 'hot', 'hot', 'hot'], json: '' }
}

async function datasetBytes(client: RedisClient): Promise<number> {
  const info = String(await client.call('INFO', 'memory'))
  return Number(/^used_memory_dataset:(\d+)/m.exec(info)?.[1])
}
