// The store in Redis: an observer over the way to one node or to a cluster, whichever is found when it is opened.
import type { Observation } from '../observation.ts'
import type { View } from '../view.ts'
import { Coverage } from './coverage.ts'
import { Keys } from './keys.ts'
import { Observer, type ObserverOptions } from './observer.ts'
import { RedisAnswers } from './redis-answers.ts'
import { ClusterWire } from './redis-cluster.ts'
import { Connection, toStoreError } from './redis-connection.ts'
import { checkServer } from './redis-fitness.ts'
import { SingleWire } from './redis-single.ts'
import { type Store, StoreError, type StoreStats } from './store.ts'
import { newTraffic, type RedisWire, type Traffic } from './wire.ts'

export interface RedisOptions extends ObserverOptions {
  /** Of a single Redis, or of any nodes of a cluster, separated by commas. */
  readonly url: string
  readonly commandTimeoutMs: number
  /** Tells the key that ids are hashed with, without giving it away: under another one, no journal would be found. */
  readonly hashKeyId: string
}

export class RedisStore implements Store {
  readonly #wire: RedisWire
  readonly #observer: Observer
  readonly #chain: string
  #calls = 0

  private constructor(wire: RedisWire, observer: Observer, chain: string) {
    this.#wire = wire
    this.#observer = observer
    this.#chain = chain
  }

  /** Connects and checks everything that would fail later. Rejects with StoreError. */
  static async open(options: RedisOptions): Promise<RedisStore> {
    const wire = await openWire(options)
    try {
      return new RedisStore(wire, new Observer(options, wire), options.chain)
    } catch (error) {
      wire.close()
      throw error
    }
  }

  observe(batch: Observation): Promise<void> {
    this.#calls++
    return this.#observer.observe(batch)
  }

  release(batch: Observation): void {
    this.#observer.release(batch)
  }

  view(handle: number, ordinal: number, out: View): void {
    this.#observer.view(handle, ordinal, out)
  }

  /** The answers of calls, beside the journals; each is kept for `horizonMs`. */
  answers(horizonMs: number): RedisAnswers {
    const run = this.#wire.run.bind(this.#wire)
    return new RedisAnswers(this.#observer.keys, run, horizonMs)
  }

  /** Which offsets of the topic that its chain belongs to the journals hold, and who records them. */
  coverage(): Coverage {
    const run = this.#wire.run.bind(this.#wire)
    return new Coverage(this.#observer.keys, run, this.#chain)
  }

  /** Something before `sinceMs` (event time) is missing for good: no history reaches further back. Rejects with StoreError. */
  renewHistory(sinceMs: number): Promise<void> {
    return this.#observer.history.renew(sinceMs)
  }

  stats(): StoreStats {
    return {
      calls: this.#calls,
      ...this.#wire.traffic,
      journalReads: this.#observer.journalReads,
      heldReads: this.#observer.heldReads,
      heldJournals: this.#observer.journals.live,
      heldBytes: this.#observer.journals.bytes,
      losses: this.#observer.losses,
      compactions: this.#observer.compactor.done,
      failedCompactions: this.#observer.compactor.failed,
      isAway: this.#wire.isAway,
    }
  }

  async close(): Promise<void> {
    this.#wire.close()
    await this.#observer.compactor.close()
  }
}

/** Between two URLs: a comma may be part of a password. */
const separator = /,(?=rediss?:\/\/)/

/** Connects to the first node of `options.url` that answers, and goes on as what it is. */
async function openWire(options: RedisOptions): Promise<RedisWire> {
  const seeds = options.url.split(separator)
  const keys = new Keys(options.plans, options.buckets)
  const text = `buckets=${options.buckets} hash_key=${options.hashKeyId}`
  const deployment = { key: keys.deployment, text, buckets: options.buckets }
  const traffic = newTraffic()
  const seed = await connect(seeds, options, traffic)
  try {
    const { isCluster } = await checkServer(seed)
    if (isCluster) {
      requireNoDatabase(seeds)
      const wire = await ClusterWire.open({ ...options, seeds, keys, deployment }, seed)
      seed.close()
      return wire
    }
    if (seeds.length > 1) {
      throw new StoreError(
        `opening Redis: expected nodes of a cluster, found a single Redis at ${seed.address}: name one address`,
        false,
      )
    }
    const wire = new SingleWire(seed, deployment, traffic)
    await wire.check()
    return wire
  } catch (error) {
    seed.close()
    throw toStoreError('opening Redis', error)
  }
}

async function connect(
  seeds: readonly string[],
  options: RedisOptions,
  traffic: Traffic,
): Promise<Connection> {
  const reasons: string[] = []
  for (const url of seeds) {
    const seed = new Connection(url, options, traffic)
    try {
      // A single Redis that loads its data is waited for; of several nodes, another one may be there.
      await seed.ready(seeds.length === 1 ? Number.POSITIVE_INFINITY : options.commandTimeoutMs)
      return seed
    } catch (error) {
      seed.close()
      reasons.push(toStoreError('connecting', error).message)
    }
  }
  throw new StoreError(`opening Redis: ${reasons.join('; ')}`, true)
}

function requireNoDatabase(seeds: readonly string[]): void {
  for (const seed of seeds) {
    if (!URL.canParse(seed) || /^\/?0*$/.test(new URL(seed).pathname)) continue
    const { pathname } = new URL(seed)
    throw new StoreError(
      `opening Redis: expected no number of a database in redis.url, found ${pathname}: a cluster has only one`,
      false,
    )
  }
}
