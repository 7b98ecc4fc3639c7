// Stands between a store and Redis and does to function calls what networks and servers do: lose them, lose their replies,
// hold them back, or answer with an error.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { endOf, packCommand, RedisClient } from './redis-client.ts'

/**
 * What happens to a call.
 * - pass: nothing
 * - lost: the connection breaks before Redis gets it
 * - unanswered: Redis executes it, then the connection breaks
 * - silent: Redis executes it, but no reply comes any more on this connection
 * - held: as lost, but `deliver` sends it later
 * - refused: Redis answers OOM instead of executing it
 * - late: as refused, but `deliver` sends it later, or the next call that is `overtaken`
 * - overtaken: what was held back or late comes just before it, unanswered
 * - wiped, unloaded: Redis loses all keys, or all functions, just before it executes the call
 * - packed commands: Redis executes them just before
 * - a reply: Redis answers with this error instead of executing it
 */
export type Fate =
  | 'pass'
  | 'lost'
  | 'unanswered'
  | 'silent'
  | 'held'
  | 'refused'
  | 'late'
  | 'overtaken'
  | 'wiped'
  | 'unloaded'
  | readonly Buffer[]
  | { readonly reply: string }

const oom = "OOM command not allowed when used memory > 'maxmemory'."
// What follows it has no reply.
const skip = '*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n'
const wipe = `${skip}*1\r\n$8\r\nFLUSHALL\r\n`
const unload = `${skip}*2\r\n$8\r\nFUNCTION\r\n$5\r\nFLUSH\r\n`
const marker = 'all-before-this-was-executed'
const echo = `*2\r\n$4\r\nECHO\r\n$${marker.length}\r\n${marker}\r\n`

export class RedisProxy {
  /** Asked for each observing call, with how many came before it since this was last set. */
  #fate: (call: number) => Fate = () => 'pass'
  /** Asked for each compaction. */
  compactions: () => Fate = () => 'pass'
  #calls = 0
  #accepts = true
  /** Changes replies on their way; as many bytes must come back. */
  rewrite: (reply: Buffer) => Buffer = (reply) => reply
  readonly #held: Buffer[] = []
  readonly #server: Server
  readonly #target: number
  readonly #sockets = new Set<Socket>()

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((socket) => {
      if (this.#accepts) this.#serve(socket)
      else socket.destroy()
    })
  }

  static async start(target: number): Promise<RedisProxy> {
    const proxy = new RedisProxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy is stopped')
    return `redis://127.0.0.1:${address.port}`
  }

  /** Observing calls since the fates were last set. */
  get calls(): number {
    return this.#calls
  }

  set(fate: (call: number) => Fate): void {
    this.#fate = fate
    this.#calls = 0
  }

  /** Breaks all connections and refuses new ones, or takes them again. */
  away(isAway: boolean): void {
    this.#accepts = !isAway
    if (isAway) for (const socket of this.#sockets) socket.destroy()
  }

  /** What was held back, to be sent by someone else. */
  take(): Buffer[] {
    return this.#held.splice(0)
  }

  /** Sends Redis what was held back, over a connection of its own, and waits for the replies. */
  async deliver(): Promise<void> {
    const client = await RedisClient.connect(this.#target)
    for (const call of this.take()) await client.send(call)
    client.close()
  }

  async stop(): Promise<void> {
    this.away(true)
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(client: Socket): void {
    const redis = connect(this.#target, '127.0.0.1')
    const end = (): void => {
      client.destroy()
      redis.destroy()
    }
    for (const socket of [client, redis]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    let state: 'open' | 'silent' | 'ending' = 'open'
    let replies = ''
    redis.on('data', (chunk: Buffer) => {
      if (state === 'open') client.write(this.rewrite(chunk))
      if (state !== 'ending') return
      replies = (replies + chunk.toString('latin1')).slice(-2 * chunk.length - marker.length)
      if (replies.includes(marker)) end()
    })
    let received = Buffer.alloc(0)
    client.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let at = endOf(received, 0); at !== -1; at = endOf(received, 0)) {
        const request = received.subarray(0, at)
        received = received.subarray(at)
        if (state === 'ending') continue
        state = this.#pass(request, redis, state, end)
      }
    })
  }

  #fateOf(request: Buffer): Fate {
    const head = request.toString('latin1', 0, 48)
    if (head.includes('\r\ncompact_v2\r\n')) return this.compactions()
    return head.includes('\r\nobserve_v2\r\n') ? this.#fate(this.#calls++) : 'pass'
  }

  #pass(
    request: Buffer,
    redis: Socket,
    state: 'open' | 'silent',
    end: () => void,
  ): 'open' | 'silent' | 'ending' {
    const fate = this.#fateOf(request)
    if (typeof fate === 'object' && 'reply' in fate) {
      redis.write(refusal(fate.reply))
      return state
    }
    if (typeof fate !== 'string') {
      for (const command of fate) {
        redis.write(skip)
        redis.write(command)
      }
      redis.write(request)
      return state
    }
    switch (fate) {
      case 'pass':
        redis.write(request)
        return state
      case 'silent':
        redis.write(request)
        return 'silent'
      case 'wiped':
      case 'unloaded':
        redis.write(fate === 'wiped' ? wipe : unload)
        redis.write(request)
        return state
      case 'overtaken':
        for (const held of this.take()) redis.write(Buffer.concat([Buffer.from(skip), held]))
        redis.write(request)
        return state
      case 'late':
        this.#held.push(Buffer.from(request))
        redis.write(refusal(oom))
        return state
      case 'refused':
        redis.write(refusal(oom))
        return state
      case 'unanswered':
        redis.write(request)
        redis.write(echo)
        return 'ending'
      case 'held':
        this.#held.push(Buffer.from(request))
        end()
        return 'ending'
      case 'lost':
        end()
        return 'ending'
    }
  }
}

function refusal(reply: string): Buffer {
  return packCommand('EVAL', 'return redis.error_reply(ARGV[1])', 0, reply)
}
