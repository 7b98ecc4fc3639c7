// A connection that writes many commands at once and hands their replies to whoever reads them, as bytes, without a promise,
// a string or an array for each: the rivals of our store must not lose to the costs of a client. Never retries anything.
import { connect, type Socket } from 'node:net'

/** Told of each part of the replies, in order; `bytes` are valid until it returns. */
export interface ReplyReader {
  /** A bulk string in bytes [start, end), of the command so many commands from the first. */
  bulk(command: number, bytes: Buffer, start: number, end: number): void
}

interface Waiting {
  readonly reader: ReplyReader
  readonly commands: number
  /** In MULTI, one reply has those of all commands, behind as many that say QUEUED. */
  readonly isMulti: boolean
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const cr = 13
const error = 45
const simple = 43
const integer = 58
const bulk = 36
const list = 42

export class RedisPipe {
  readonly #socket: Socket
  #waiting: Waiting | null = null
  #rest: Buffer = Buffer.alloc(0)
  /** Of the reply at hand: the command, elements still to come of its list, replies to skip before the first. */
  #command = 0
  #elements = 0
  #skipped = 0
  roundTrips = 0
  bytesSent = 0
  bytesReceived = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk)
    })
    socket.on('error', (cause) => this.#waiting?.reject(cause))
  }

  static async open(port: number): Promise<RedisPipe> {
    const socket = connect(port, '127.0.0.1')
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RedisPipe(socket)
  }

  /** One round trip; one at a time. Rejects with the first error that Redis answers. */
  run(packed: Buffer, commands: number, reader: ReplyReader, isMulti = false): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { reader, commands, isMulti, resolve, reject }
      this.#command = 0
      this.#elements = 0
      this.#skipped = isMulti ? commands + 2 : 0
      this.roundTrips++
      this.bytesSent += packed.length
      this.#socket.write(packed)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.bytesReceived += chunk.length
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const waiting = this.#waiting
    if (waiting === null) return
    let at = 0
    while (this.#command < waiting.commands) {
      const next = this.#part(bytes, at, waiting)
      if (next === -1) break
      at = next
    }
    this.#rest = bytes.subarray(at)
    if (this.#command < waiting.commands) return
    this.#waiting = null
    waiting.resolve()
  }

  /** Where the next part begins; -1 where this one is not all there. */
  #part(bytes: Buffer, at: number, waiting: Waiting): number {
    const end = bytes.indexOf(cr, at)
    if (end === -1 || end + 1 >= bytes.length) return -1
    const type = bytes[at]!
    const size = type === simple || type === error ? 0 : numberAt(bytes, at + 1, end)
    if (type === error) {
      waiting.reject(new Error(bytes.toString('utf8', at + 1, end)))
      this.#command = waiting.commands
      return end + 2
    }
    if (type === bulk) {
      if (size === -1) return this.#ended(end + 2)
      const start = end + 2
      if (start + size + 2 > bytes.length) return -1
      waiting.reader.bulk(this.#command, bytes, start, start + size)
      return this.#ended(start + size + 2)
    }
    if (this.#skipped > 0) {
      // Replies in place of replies, and the list of all.
      this.#skipped--
      return end + 2
    }
    if (type === list && size > 0) {
      this.#elements = size
      return end + 2
    }
    if (type !== simple && type !== integer && type !== list) {
      throw new Error(`a reply begins with ${String.fromCharCode(type)}`)
    }
    return this.#ended(end + 2)
  }

  #ended(next: number): number {
    if (this.#elements > 1) this.#elements--
    else {
      this.#elements = 0
      this.#command++
    }
    return next
  }
}

function numberAt(bytes: Buffer, from: number, to: number): number {
  const isNegative = bytes[from] === error
  let value = 0
  for (let at = isNegative ? from + 1 : from; at < to; at++) value = value * 10 + bytes[at]! - 48
  return isNegative ? -value : value
}

/** Commands one behind another in a buffer that grows and is used again. */
export class Packer {
  #bytes = Buffer.allocUnsafe(1 << 16)
  #at = 0
  commands = 0

  begin(): void {
    this.#at = 0
    this.commands = 0
  }

  /** `parts` follow by `text` and `raw`. */
  command(parts: number): void {
    this.commands++
    this.#room(16)
    this.#at += this.#bytes.write(`*${parts}\r\n`, this.#at, 'latin1')
  }

  text(text: string): void {
    this.#room(text.length * 3 + 24)
    const length = Buffer.byteLength(text)
    this.#at += this.#bytes.write(`$${length}\r\n`, this.#at, 'latin1')
    this.#at += this.#bytes.write(text, this.#at)
    this.#end()
  }

  /** Bytes to be written by the caller before anything else is packed. */
  raw(length: number): { readonly bytes: Buffer; readonly at: number } {
    this.#room(length + 24)
    this.#at += this.#bytes.write(`$${length}\r\n`, this.#at, 'latin1')
    const at = this.#at
    this.#at += length
    this.#end()
    return { bytes: this.#bytes, at }
  }

  /** A copy: the socket may keep it longer than until the next batch. */
  packed(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at))
  }

  #end(): void {
    this.#bytes[this.#at++] = cr
    this.#bytes[this.#at++] = 10
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * this.#bytes.length + more)
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
