// What a test needs to look behind the store's back, and to break things there: one command at a time, bytes both ways.
import { connect, type Socket } from 'node:net'

export type Reply = Buffer | number | null | Reply[]

export class RedisClient {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#answer()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('connection closed'))
    })
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RedisClient> {
    const socket = connect(port, host)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RedisClient(socket)
  }

  /** Rejects with an error reply's text. */
  call(...args: readonly (string | Buffer | number)[]): Promise<Reply> {
    return this.send(packCommand(...args))
  }

  /** Sends one packed command. */
  send(command: Buffer): Promise<Reply> {
    if (this.#isClosed) return Promise.reject(new Error('connection closed'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(command)
    })
  }

  async text(...args: readonly (string | Buffer | number)[]): Promise<string | null> {
    const reply = await this.call(...args)
    return reply === null ? null : String(reply)
  }

  close(): void {
    this.#socket.destroy()
  }

  #answer(): void {
    for (let end = endOf(this.#received, 0); end !== -1; end = endOf(this.#received, 0)) {
      const reply = this.#received.subarray(0, end)
      this.#received = this.#received.subarray(end)
      const { resolve, reject } = this.#waiting.shift()!
      if (reply[0] === 45) reject(new Error(reply.toString('utf8', 1, reply.length - 2)))
      else resolve(parse(reply, 0)[0])
    }
  }
}

export function packCommand(...args: readonly (string | Buffer | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** Byte after the RESP 2 value at `at`; -1 when it is not all there. Also frames requests. */
export function endOf(bytes: Buffer, at: number): number {
  const line = bytes.indexOf('\r\n', at)
  if (line === -1) return -1
  const count = Number(bytes.toString('latin1', at + 1, line))
  if (bytes[at] === 36) {
    const end = line + 2 + (count < 0 ? 0 : count + 2)
    return end <= bytes.length ? end : -1
  }
  let end = line + 2
  if (bytes[at] === 42) {
    for (let item = 0; item < count && end !== -1; item++) end = endOf(bytes, end)
  }
  return end
}

function parse(bytes: Buffer, at: number): [Reply, number] {
  const line = bytes.indexOf('\r\n', at)
  const head = bytes.subarray(at + 1, line)
  const count = Number(head.toString('latin1'))
  switch (bytes[at]) {
    case 36:
      if (count < 0) return [null, line + 2]
      return [bytes.subarray(line + 2, line + 2 + count), line + 4 + count]
    case 58:
      return [count, line + 2]
    case 42: {
      const items: Reply[] = []
      let end = line + 2
      for (let item = 0; item < count; item++) {
        const [value, next] = parse(bytes, end)
        items.push(value)
        end = next
      }
      return [items, end]
    }
    default:
      return [head, line + 2]
  }
}
