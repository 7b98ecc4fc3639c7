// One pipeline in this process, over memory, a real Redis or a real cluster, as the commands put it together; for whatever is
// measured without Kafka. What it decided is held against the naive oracle, on a sample.
import {
  type Assembled,
  type AssemblyFiles,
  assemble,
  makePipeline,
} from '../../engine/assemble.ts'
import { closeLineup } from '../../engine/core/lineup.ts'
import type { Pipeline } from '../../engine/core/pipeline.ts'
import type { Message } from '../../engine/core/ports.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { RedisStore } from '../../features/store/redis.ts'
import type { Store, StoreStats } from '../../features/store/store.ts'
import { RedisCluster } from '../../features/testing/redis-cluster.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { processUsage } from '../usage.ts'
import { benchHashKey } from '../workload.ts'
import { Audit } from './audit.ts'
import { CpuAccount } from './cpu-account.ts'

export const places = ['memory', 'redis', 'cluster'] as const
export type Place = (typeof places)[number]

/** Buckets of a deployment on a cluster, as docs/operations.md has it; a single Redis needs one. */
const clusterBuckets = 256

export class BenchEngine {
  readonly account = new CpuAccount()
  readonly #assembly: Assembled
  readonly #pipeline: Pipeline
  readonly #store: Store
  readonly #redis: Redis | null
  readonly #audit: Audit

  private constructor(assembly: Assembled, store: Store, redis: Redis | null, checkEvery: number) {
    this.#assembly = assembly
    this.#store = store
    this.#redis = redis
    this.#audit = new Audit(assembly, checkEvery)
    this.#pipeline = makePipeline(assembly, {
      store,
      parser: assembly.mapping.parser(),
      hashKey: benchHashKey,
      mode: 'bench',
      source: 'bench',
      clock: this.account,
      meter: this.account,
    })
  }

  /** Of the decisions every `checkEvery`th is held against the oracle. */
  static async open(
    place: Place,
    files: AssemblyFiles,
    checkEvery: number,
    heldBytesMax: number = 2 ** 30,
  ): Promise<BenchEngine> {
    const assembly = await assemble(files)
    if (place === 'memory') {
      const store = new MemoryStore(assembly.plan, { bytesMax: 8 * 2 ** 30 })
      return new BenchEngine(assembly, store, null, checkEvery)
    }
    const redis = await startRedis(place)
    const store = await RedisStore.open({
      url: redis.url,
      plans: assembly.plan,
      buckets: place === 'redis' ? 1 : clusterBuckets,
      ttlMs: 86_400_000,
      heldBytesMax,
      commandTimeoutMs: 5000,
      chain: `bench-${process.pid}`,
      hashKeyId: 'bench',
      log: { warn: console.error, error: console.error },
    })
    return new BenchEngine(assembly, store, redis, checkEvery)
  }

  /** Returns the bytes of the outcomes. */
  async decide(messages: readonly Message[], batch: number): Promise<number> {
    let bytes = 0
    for (let first = 0; first < messages.length; first += batch) {
      const outcomes = await this.#pipeline.process(messages.slice(first, first + batch))
      this.#audit.keep(outcomes)
      for (const { value } of outcomes) bytes += value.length
    }
    return bytes
  }

  /** Of all Redis processes so far, replicas included; 0 in memory. */
  redisCpuUs(): number {
    return (this.#redis?.pids ?? []).reduce((sum, pid) => sum + processUsage(pid).cpuUs, 0)
  }

  stats(): StoreStats {
    return this.#store.stats()
  }

  /** What was wrong in the decisions about `messages`, which are all that were ever decided here, in order. */
  faults(messages: readonly Message[]): string[] {
    return this.#audit.faults(messages)
  }

  async close(): Promise<void> {
    await this.#store.close()
    await this.#redis?.stop()
    await closeLineup(this.#assembly.lineup)
  }
}

interface Redis {
  readonly url: string
  readonly pids: readonly number[]
  stop(): Promise<void>
}

async function startRedis(place: 'redis' | 'cluster'): Promise<Redis> {
  if (place === 'redis') {
    const server = await RedisServer.start()
    return { url: server.url, pids: [server.pid], stop: () => server.stop() }
  }
  const cluster = await RedisCluster.start()
  const pids = cluster.nodes.map(({ server }) => server.pid)
  return { url: cluster.url, pids, stop: () => cluster.stop() }
}
