// Appends records to a topic of one broker without waiting for its answers, several requests under way on one connection:
// a broker takes those of a connection in order. It never sends again; what failed makes the run void. kafkajs would wait,
// retry, and take twice as long: 121 CPU-µs for a request of one record against 58.
import { connect, type Socket } from 'node:net'
import { encodeProduce, type ProducedRecord } from '../../engine/stream/produce-request.ts'

const clientId = 'bench-generator'
const requestHeadBytes = 14 + clientId.length
const produce = { api: 0, version: 3 }
/** Neither idempotent nor transactional: a producer id would allow five requests under way. */
const sender = { acks: -1, timeout: 30_000, producerId: '-1', producerEpoch: -1 } as const

export class TopicWriter {
  readonly #socket: Socket
  readonly #topic: string
  #correlation = 0
  #answered = 0
  #received: Buffer = Buffer.alloc(0)
  #failure: Error | null = null
  #onChange: () => void = () => undefined

  private constructor(socket: Socket, topic: string) {
    this.#socket = socket
    this.#topic = topic
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
  send(byPartition: ReadonlyMap<number, readonly ProducedRecord[]>, nowMs: number): void {
    if (this.#failure !== null) throw this.#failure
    const partitions = Array.from(byPartition, ([partition, messages]) => {
      return { partition, firstSequence: -1, messages }
    })
    const topicData = [{ topic: this.#topic, partitions }]
    const { bytes, start, end } = encodeProduce({ ...sender, topicData }, nowMs)
    const from = start - requestHeadBytes
    let at = bytes.writeInt32BE(end - from - 4, from)
    at = bytes.writeInt16BE(produce.api, at)
    at = bytes.writeInt16BE(produce.version, at)
    at = bytes.writeInt32BE(this.#correlation++, at)
    at = bytes.writeInt16BE(clientId.length, at)
    bytes.write(clientId, at, 'latin1')
    this.#socket.write(bytes.subarray(from, end))
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

/** What version 3 answers, without its size: the request's number, and Kafka's error codes in it that are not 0. */
export function readAnswer(bytes: Buffer): { correlation: number; errors: number[] } {
  const errors: number[] = []
  let at = 8
  for (let topics = bytes.readInt32BE(4); topics > 0; topics--) {
    at += 2 + bytes.readInt16BE(at)
    const partitions = bytes.readInt32BE(at)
    at += 4
    for (let left = partitions; left > 0; left--) {
      const error = bytes.readInt16BE(at + 4)
      if (error !== 0) errors.push(error)
      // Partition, error, first offset, time.
      at += 22
    }
  }
  return { correlation: bytes.readInt32BE(0), errors }
}
