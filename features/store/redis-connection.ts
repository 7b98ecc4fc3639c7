// A connection to one Redis that fails fast while it is away, and the names of its failures. The only importer of ioredis.
import { Socket } from 'node:net'
import { Command, Redis, ReplyError } from 'ioredis'
import { StoreError } from './store.ts'
import { newTraffic, type StoreLog, type Traffic } from './wire.ts'

export interface ConnectionOptions {
  readonly commandTimeoutMs: number
  readonly log: StoreLog
}

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
  'MOVED',
  'ASK',
  'NOREPLICAS',
  'MISCONF',
])

/** What a person can do about it, where Redis does not say. */
const advice: Readonly<Record<string, string>> = {
  OOM: ': Redis is full and nothing was written; raise its maxmemory, lower redis.ttl, or on a cluster add nodes',
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

export class Connection {
  /** Host and port, or the path of a socket. */
  readonly address: string
  readonly #redis: Redis
  readonly #traffic: Traffic
  readonly #timeoutMs: number
  #isAway = false
  #reason = 'no connection'

  constructor(url: string, options: ConnectionOptions, traffic: Traffic = newTraffic()) {
    this.address = addressOf(url)
    this.#traffic = traffic
    this.#timeoutMs = options.commandTimeoutMs
    this.#redis = new Redis(url, {
      lazyConnect: true,
      commandTimeout: options.commandTimeoutMs,
      connectTimeout: options.commandTimeoutMs,
      // A call must fail while Redis is away, not wait for it: the pipeline decides what happens then.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (times) => Math.min(10 * 2 ** Math.min(times, 10), reconnectMsMax),
    })
    const said = { address: this.address }
    this.#redis.on('error', (error: Error) => {
      this.#reason = error.message
      if (!this.#isAway)
        options.log.warn({ ...said, reason: error.message }, 'Redis is away, reconnecting')
      this.#isAway = true
    })
    this.#redis.on('ready', () => {
      if (this.#isAway) options.log.warn(said, 'Redis is back')
      this.#isAway = false
    })
  }

  /** What it is at present: another one may lead to another Redis. */
  get stream(): object {
    return this.#redis.status === 'wait' ? this : this.#redis.stream
  }

  get isReady(): boolean {
    return this.#redis.status === 'ready'
  }

  /** Resolves once Redis serves; rejects with StoreError where it is away, or `limitMs` are over. */
  async ready(limitMs = this.#timeoutMs): Promise<void> {
    const { status } = this.#redis
    if (status === 'ready') return
    if (status === 'wait') this.#redis.connect().catch(() => undefined)
    else if (status !== 'connecting' && status !== 'connect') throw this.#away()
    await new Promise<void>((resolve, reject) => {
      const settle = (act: () => void) => (): void => {
        clearTimeout(timer)
        this.#redis.off('ready', isReady)
        this.#redis.off('close', isAway)
        act()
      }
      const isReady = settle(resolve)
      const isAway = settle(() => {
        reject(this.#away())
      })
      const isLate = settle(() => {
        reject(this.#away(`no answer within ${limitMs} ms`))
      })
      const timer = setTimeout(isLate, Math.min(limitMs, 2 ** 31 - 1))
      this.#redis.on('ready', isReady)
      this.#redis.on('close', isAway)
    })
  }

  /** Sends `calls` packed calls in one write; each one's reply or failure in its place. */
  send(packed: Buffer, calls: number): Promise<(Buffer | StoreError)[]> {
    this.#traffic.bytesSent += packed.length
    return new Promise((resolve) => {
      const replies = new Array<Buffer | StoreError>(calls)
      let missing = calls
      const settle = (call: number, reply: Buffer | StoreError): void => {
        replies[call] = reply
        if (--missing > 0) return
        this.#noticeSilence(replies)
        resolve(replies)
      }
      for (let call = 0; call < calls; call++) {
        // The first command writes the bytes of all; the others only wait for their replies.
        const command = new PackedCommand(packed)
        if (call === 0) this.#redis.sendCommand(command)
        else this.#redis.sendCommand(command, nowhere)
        command.promise.then(
          (reply: Buffer) => {
            this.#traffic.bytesReceived += reply.length
            settle(call, reply)
          },
          (error: unknown) => {
            settle(call, toStoreError(`observing at ${this.address}`, error))
          },
        )
      }
    })
  }

  /** The same with one call for keys that are on their way to this node. */
  ask(packed: Buffer): Promise<(Buffer | StoreError)[]> {
    this.#redis.call('asking').catch(() => undefined)
    return this.send(packed, 1)
  }

  /** Plain commands in one pipeline; the text or failure of each. `isAsking`: their keys are on their way to this node. */
  run(
    doing: string,
    commands: readonly (readonly string[])[],
    isAsking = false,
  ): Promise<(string | null | StoreError)[]> {
    const stream = this.#redis.stream as Socket | undefined
    stream?.cork()
    const replies = commands.map(async ([name = '', ...args]) => {
      if (isAsking) this.#redis.call('asking').catch(() => undefined)
      try {
        return (await this.#redis.call(name, ...args)) as string | null
      } catch (error) {
        return toStoreError(`${doing} at ${this.address}`, error)
      }
    })
    stream?.uncork()
    return Promise.all(replies)
  }

  /** One command of the server's; rejects with what ioredis says. */
  command(name: string, ...args: readonly string[]): Promise<unknown> {
    return this.#redis.call(name, ...args)
  }

  /** Breaks the connection and makes another: the address may lead elsewhere by now. */
  reconnect(): void {
    this.#redis.disconnect(true)
  }

  close(): void {
    // Ends at once, also while reconnecting, where no event would tell.
    this.#redis.disconnect()
  }

  #away(reason = this.#reason): StoreError {
    return new StoreError(`connecting to ${this.address}: ${reason}`, true)
  }

  /** Without a reply, and yet connected: a peer that is gone without a word would never be noticed otherwise. */
  #noticeSilence(replies: readonly (Buffer | StoreError)[]): void {
    for (const reply of replies) {
      if (!(reply instanceof StoreError) || codeOf(reply.cause) !== null) continue
      if (this.isReady) this.#redis.stream.destroy()
    }
  }
}

function addressOf(url: string): string {
  if (url.startsWith('/')) return url
  const { hostname, port } = new URL(url)
  return `${hostname}:${port === '' ? '6379' : port}`
}

class Unserved extends Error {}

/** First word of an error reply; null for what did not come from Redis. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof ReplyError || error instanceof Unserved)) return null
  return (error as Error).message.split(' ', 1)[0]!
}

/** In place of the reply of a node that there is not, said as a node would. */
export function unserved(slot: number): StoreError {
  return toStoreError('asking the cluster', new Unserved(`CLUSTERDOWN no node serves slot ${slot}`))
}

export function toStoreError(doing: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = codeOf(error)
  const text = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
  const isRetriable = code === null || retriableCodes.has(code)
  return new StoreError(`${doing}: ${text}${advice[code ?? ''] ?? ''}`, isRetriable, error)
}
