// Stands between clients and a broker and does to requests what networks and brokers do: lose them, lose their replies, hold
// them back, or answer with an error. Clients that come through it are told its port as the broker's, and stay.
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * What happens to a request.
 * - pass: nothing
 * - lost: the connection breaks before the broker gets it
 * - unanswered: the broker executes it, then the connection breaks
 * - silent: the broker executes it, but its reply never comes
 * - held: the broker gets it when it is delivered
 * - a number: the broker executes it, and this error code stands in the reply (of a produce request)
 */
export type Fate = 'pass' | 'lost' | 'unanswered' | 'silent' | 'held' | number

export interface KafkaRequest {
  /** As the protocol numbers them. */
  readonly api: number
  /** Whether these bytes occur in it, e.g. the name of a topic. */
  has(text: string): boolean
}

export const Api = { produce: 0, fetch: 1, metadata: 3, offsetCommit: 8, findCoordinator: 10 }

const sizeBytes = 4
const host = Buffer.from('\u0000\u0009127.0.0.1', 'latin1')

export class KafkaProxy {
  #fate: (request: KafkaRequest) => Fate = () => 'pass'
  #held: (() => void)[] = []
  readonly #server: Server
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  /** Requests that did not just pass. */
  met = 0

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((socket) => {
      this.#serve(socket)
    })
  }

  /** In front of the one broker at `brokers`, `127.0.0.1:port`. */
  static async start(brokers: string): Promise<KafkaProxy> {
    const proxy = new KafkaProxy(Number(brokers.split(':')[1]))
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get brokers(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Decides the fate of each request from now on. */
  set(fate: (request: KafkaRequest) => Fate): void {
    this.#fate = fate
    this.met = 0
  }

  /** Gives the broker what was held back. */
  deliver(): void {
    const held = this.#held
    this.#held = []
    for (const send of held) send()
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get #port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy is stopped')
    return address.port
  }

  #serve(client: Socket): void {
    const broker = connect(this.#target, '127.0.0.1')
    const end = (): void => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    const sent = new Map<number, { readonly api: number; readonly fate: Fate }>()
    onFrames(client, (frame) => {
      const api = frame.readInt16BE(sizeBytes)
      const fate = this.#fate({ api, has: (text) => frame.includes(text) })
      if (fate !== 'pass') this.met++
      sent.set(frame.readInt32BE(sizeBytes + 4), { api, fate })
      if (fate === 'lost') end()
      else if (fate === 'held') this.#held.push(() => broker.write(frame))
      else broker.write(frame)
    })
    onFrames(broker, (frame) => {
      const id = frame.readInt32BE(sizeBytes)
      const { api, fate } = sent.get(id) ?? { api: -1, fate: 'pass' }
      sent.delete(id)
      if (fate === 'unanswered') end()
      else if (fate !== 'silent') client.write(this.#answer(frame, api, fate))
    })
  }

  #answer(frame: Buffer, api: number, fate: Fate): Buffer {
    if (typeof fate === 'number') {
      // Behind size and id: number of topics, name, number of partitions, partition, error code.
      const name = frame.readInt16BE(sizeBytes + 8)
      frame.writeInt16BE(fate, sizeBytes + 8 + 2 + name + 8)
    }
    if (api !== Api.metadata && api !== Api.findCoordinator) return frame
    for (let at = frame.indexOf(host); at !== -1; at = frame.indexOf(host, at + 1)) {
      const port = at + host.length
      if (frame.readInt32BE(port) === this.#target) frame.writeInt32BE(this.#port, port)
    }
    return frame
  }
}

/** Requests and replies are frames alike: a size, then as many bytes. */
function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    while (received.length >= sizeBytes) {
      const end = sizeBytes + received.readInt32BE(0)
      if (received.length < end) break
      take(Buffer.from(received.subarray(0, end)))
      received = received.subarray(end)
    }
  })
}
