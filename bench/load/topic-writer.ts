// Appends records to a topic of one broker without waiting for its answers, several requests under way on one connection:
// a broker takes those of a connection in order. It never sends again; what failed makes the run void.
import { connect, type Socket } from 'node:net'
import { RequestWriter, readAnswer } from './produce-request.ts'

export class TopicWriter {
  readonly #socket: Socket
  readonly #writer: RequestWriter
  #correlation = 0
  #answered = 0
  #received: Buffer = Buffer.alloc(0)
  #failure: Error | null = null
  #onChange: () => void = () => undefined

  private constructor(socket: Socket, topic: string) {
    this.#socket = socket
    this.#writer = new RequestWriter(topic)
    socket.on('data', (chunk) => {
      this.#receive(chunk)
    })
    socket.on('error', (error) => {
      this.#fail(error)
    })
    socket.on('close', () => {
      this.#fail(new Error('the broker closed the connection'))
    })
  }

  /** `broker`: host:port of the leader of all partitions. */
  static async open(broker: string, topic: string): Promise<TopicWriter> {
    const [host, port] = broker.split(':')
    const socket = connect({ host: host!, port: Number(port), noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new TopicWriter(socket, topic)
  }

  /** One request. Throws when one before has failed. */
  send(byPartition: ReadonlyMap<number, readonly Buffer[]>, nowMs: number): void {
    if (this.#failure !== null) throw this.#failure
    this.#socket.write(this.#writer.write(this.#correlation++, byPartition, nowMs))
  }

  /** Resolves when at most so many requests have no answer; rejects when one failed. */
  async settled(openMax = 0): Promise<void> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure
      if (this.#correlation - this.#answered <= openMax) return
      await new Promise<void>((resolve) => {
        this.#onChange = resolve
      })
    }
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0)
      if (this.#received.length < end) break
      this.#take(this.#received.subarray(4, end))
      this.#received = this.#received.subarray(end)
    }
    this.#onChange()
  }

  #take(answer: Buffer): void {
    const { correlation, errors } = readAnswer(answer)
    if (correlation !== this.#answered) {
      this.#fail(
        new Error(`expected the answer to request ${this.#answered}, found ${correlation}`),
      )
    }
    this.#answered++
    if (errors.length > 0) this.#fail(new Error(`the broker refused records: ${errors.join(', ')}`))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#onChange()
  }
}
