// The store in Redis, and the connection to it: checked when opened (version, eviction policy, function), failing fast while
// Redis is away. The only importer of ioredis.
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { Command, Redis, ReplyError } from 'ioredis'
import type { Observation } from '../observation.ts'
import type { View } from '../view.ts'
import { Coverage } from './coverage.ts'
import { Keys } from './keys.ts'
import { Observer, type ObserverOptions, type StoreLog, type Wire } from './observer.ts'
import { functionName, libraryName } from './packer.ts'
import { RedisAnswers } from './redis-answers.ts'
import { type Store, StoreError, type StoreStats } from './store.ts'

export interface RedisOptions extends ObserverOptions {
  readonly url: string
  readonly commandTimeoutMs: number
  /** Tells the key that ids are hashed with, without giving it away: under another one, no journal would be found. */
  readonly hashKeyId: string
}

const versionLeast = 7
const reconnectMsMax = 1000

/** First words of error replies after which the same call may succeed: Redis is full, starting, or another one leads. */
const retriableCodes = new Set([
  'OOM',
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'BUSY',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'NOREPLICAS',
  'MISCONF',
])

export class RedisStore implements Store {
  readonly #connection: Connection
  readonly #observer: Observer
  readonly #chain: string
  #calls = 0

  private constructor(connection: Connection, observer: Observer, chain: string) {
    this.#connection = connection
    this.#observer = observer
    this.#chain = chain
  }

  /** Connects and checks everything that would fail later. Rejects with StoreError. */
  static async open(options: RedisOptions): Promise<RedisStore> {
    const connection = await Connection.open(options)
    try {
      return new RedisStore(connection, new Observer(options, connection), options.chain)
    } catch (error) {
      await connection.close()
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
    const run = this.#connection.run.bind(this.#connection)
    return new RedisAnswers(this.#observer.keys, run, horizonMs)
  }

  /** Which offsets of the topic that its chain belongs to the journals hold, and who records them. */
  coverage(): Coverage {
    const run = this.#connection.run.bind(this.#connection)
    return new Coverage(this.#observer.keys, run, this.#chain)
  }

  /** Something before `sinceMs` (event time) is missing for good: no history reaches further back. Rejects with StoreError. */
  renewHistory(sinceMs: number): Promise<void> {
    return this.#observer.history.renew(sinceMs)
  }

  stats(): StoreStats {
    return {
      calls: this.#calls,
      roundTrips: this.#connection.roundTrips,
      bytesSent: this.#connection.bytesSent,
      bytesReceived: this.#connection.bytesReceived,
      heldJournals: this.#observer.journals.live,
      heldBytes: this.#observer.journals.bytes,
      losses: this.#observer.losses,
      isAway: this.#connection.isAway,
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** A command whose bytes are packed already: ioredis would join its arguments one by one. */
class PackedCommand extends Command {
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    super('fcall', [], { replyEncoding: null })
    this.#bytes = bytes
  }

  override toWritable(): Buffer {
    return this.#bytes
  }
}

/** Where a command writes whose bytes went out with another's. */
const nowhere = {
  isPipeline: true as const,
  write: () => true,
  destination: { redis: { stream: new Socket() } },
}

class Connection implements Wire {
  roundTrips = 0
  bytesSent = 0
  bytesReceived = 0
  readonly #redis: Redis
  readonly #log: StoreLog
  readonly #deploymentKey: string
  readonly #deployment: string
  #isAway = false

  private constructor(options: RedisOptions) {
    this.#log = options.log
    this.#deploymentKey = new Keys(options.plans, options.buckets).deployment
    this.#deployment = `buckets=${options.buckets} hash_key=${options.hashKeyId}`
    this.#redis = new Redis(options.url, {
      lazyConnect: true,
      commandTimeout: options.commandTimeoutMs,
      connectTimeout: options.commandTimeoutMs,
      // A call must fail while Redis is away, not wait for it: the pipeline decides what happens then.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (times) => Math.min(10 * 2 ** Math.min(times, 10), reconnectMsMax),
      // A replica that was a master: the address may lead to the new one.
      reconnectOnError: (error) => codeOf(error) === 'READONLY',
    })
    this.#redis.on('error', (error: Error) => {
      if (!this.#isAway) this.#log.warn({ reason: error.message }, 'Redis is away, reconnecting')
      this.#isAway = true
    })
    this.#redis.on('ready', () => {
      if (this.#isAway) this.#log.warn({}, 'Redis is back')
      this.#isAway = false
    })
  }

  static async open(options: RedisOptions): Promise<Connection> {
    const connection = new Connection(options)
    try {
      await connection.#redis.connect()
      await connection.check()
      return connection
    } catch (error) {
      await connection.close()
      throw toStoreError('opening Redis', error)
    }
  }

  get connection(): object {
    return this.#redis.stream
  }

  async check(): Promise<void> {
    try {
      await this.#checkServer()
      await this.#load()
      await this.#agree()
    } catch (error) {
      throw toStoreError('opening Redis', error)
    }
  }

  get isAway(): boolean {
    return this.#redis.status !== 'ready'
  }

  async send(packed: Buffer, calls: number): Promise<(Buffer | StoreError)[]> {
    this.roundTrips++
    this.bytesSent += packed.length
    const replies: Promise<Buffer | StoreError>[] = []
    for (let call = 0; call < calls; call++) {
      // The first command writes the bytes of all; the others only wait for their replies.
      const command = new PackedCommand(packed)
      if (call === 0) this.#redis.sendCommand(command)
      else this.#redis.sendCommand(command, nowhere)
      replies.push(
        command.promise.then(
          (reply: Buffer) => {
            this.bytesReceived += reply.length
            return reply
          },
          (error: unknown) => toStoreError('observing', error),
        ),
      )
    }
    const settled = await Promise.all(replies)
    // Without a reply, and yet connected: a peer that is gone without a word would never be noticed otherwise.
    if (settled.some((reply) => reply instanceof StoreError && codeOf(reply.cause) === null)) {
      if (this.#redis.status === 'ready') this.#redis.stream.destroy()
    }
    return settled
  }

  async readFields(
    wanted: readonly { readonly key: string; readonly field: string }[],
  ): Promise<(string | null)[]> {
    this.roundTrips++
    const pipeline = this.#redis.pipeline()
    for (const { key, field } of wanted) pipeline.hget(key, field)
    const replies = (await pipeline.exec()) ?? []
    return replies.map(([error, value]) => {
      if (error !== null) throw toStoreError('reading offsets', error)
      return value as string | null
    })
  }

  /** Plain commands in one pipeline; the text that each replies. */
  async run(doing: string, commands: readonly (readonly string[])[]): Promise<(string | null)[]> {
    this.roundTrips++
    try {
      const [only] = commands
      // Without the cost of a pipeline, which is that of the command.
      if (commands.length === 1) {
        const [name = '', ...args] = only!
        return [(await this.#redis.call(name, ...args)) as string | null]
      }
      const replies = await this.#redis.pipeline(commands.map((command) => [...command])).exec()
      return (replies ?? []).map(([error, value]) => {
        if (error !== null) throw error
        return value as string | null
      })
    } catch (error) {
      throw toStoreError(doing, error)
    }
  }

  async restore(failure: StoreError): Promise<boolean> {
    if (codeOf(failure.cause) !== 'ERR') return false
    try {
      return await this.#load()
    } catch (error) {
      throw toStoreError('loading the function', error)
    }
  }

  close(): Promise<void> {
    // Ends at once, also while reconnecting, where no event would tell.
    this.#redis.disconnect()
    return Promise.resolve()
  }

  async #checkServer(): Promise<void> {
    const info = await this.#redis.info()
    const field = (name: string): string =>
      new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? 'unknown'
    if (!(Number.parseInt(field('redis_version')) >= versionLeast)) {
      throw new StoreError(
        `opening Redis: expected version ${versionLeast} or later, found ${field('redis_version')}`,
        false,
      )
    }
    if (field('redis_mode') === 'cluster') {
      throw new StoreError('opening Redis: expected one node, found a cluster', false)
    }
    if (field('maxmemory_policy') !== 'noeviction') {
      throw new StoreError(
        `opening Redis: expected maxmemory-policy noeviction, found ${field('maxmemory_policy')}: ` +
          'an evicted journal would be a wrong window; run CONFIG SET maxmemory-policy noeviction',
        false,
      )
    }
  }

  /** Writes what all engines of a deployment must have in common, or checks it. */
  async #agree(): Promise<void> {
    const found = await this.#redis.set(this.#deploymentKey, this.#deployment, 'NX', 'GET')
    if (found === null || found === this.#deployment) return
    throw new StoreError(
      `opening Redis: expected ${this.#deployment}, found ${found}: ${this.#deploymentKey}`,
      false,
    )
  }

  /** Loads the function where it is missing; true when it was. A running one is never replaced. */
  async #load(): Promise<boolean> {
    const code = await readFile(
      new URL(import.meta.resolve('#root/features/store/observe.lua')),
      'utf8',
    )
    let found = await this.#loaded()
    if (found === null) {
      try {
        await this.#redis.function('LOAD', code)
        return true
      } catch (error) {
        // Another engine may have been faster.
        found = await this.#loaded()
        if (found === null) throw error
      }
    }
    if (found === code) return false
    throw new StoreError(
      `opening Redis: expected this version's ${functionName}, found another text under that name: ` +
        `run FUNCTION DELETE ${libraryName} once no engine uses it`,
      false,
    )
  }

  /** Text of the library in Redis; null when there is none. */
  async #loaded(): Promise<string | null> {
    const list = await this.#redis.function('LIST', 'LIBRARYNAME', libraryName, 'WITHCODE')
    return textAfter(list, 'library_code')
  }
}

/** The text that follows `name` in a reply, whether maps come as lists of pairs or flat. */
function textAfter(reply: unknown, name: string): string | null {
  if (!Array.isArray(reply)) {
    if (typeof reply !== 'object' || reply === null) return null
    return textAfter(Object.entries(reply).flat(), name)
  }
  const at = reply.indexOf(name)
  if (at !== -1) return String(reply[at + 1])
  for (const part of reply) {
    const found = textAfter(part, name)
    if (found !== null) return found
  }
  return null
}

/** First word of an error reply; null for what did not come from Redis. */
function codeOf(error: unknown): string | null {
  return error instanceof ReplyError ? (error as Error).message.split(' ', 1)[0]! : null
}

function toStoreError(doing: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = codeOf(error)
  const text = error instanceof Error ? error.message : String(error)
  return new StoreError(`${doing}: ${text}`, code === null || retriableCodes.has(code), error)
}
