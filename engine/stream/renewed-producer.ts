// An idempotent producer that is replaced when a send of it fails: nobody knows what that one has written, and the broker would
// take the next records of the same number for a repeat. Whether to send again is the caller's to say.
import {
  asEngineError,
  isTooLarge,
  type KafkaClient,
  type NewRecord,
  type Producer,
  send,
} from './kafka.ts'
import { sendBytesMax, sendMessagesMax } from './outbox.ts'

export class RenewedProducer {
  readonly #client: KafkaClient
  /** Null when there is none yet, or the last one failed. */
  #producer: Producer | null
  #opening: Promise<Producer> | null = null
  #isClosed = false

  private constructor(client: KafkaClient, producer: Producer | null) {
    this.#client = client
    this.#producer = producer
  }

  /** Connected. Rejects with EngineError. */
  static async open(client: KafkaClient): Promise<RenewedProducer> {
    return new RenewedProducer(client, await connected(client))
  }

  /** Connects when it is told to, or with its first send. */
  static later(client: KafkaClient): RenewedProducer {
    return new RenewedProducer(client, null)
  }

  /** Rejects with EngineError. */
  async connect(): Promise<void> {
    if (this.#producer === null) await this.#open()
  }

  /** One at a time per partition. Rejects with EngineError; then it is not known what was written. */
  async send(topic: string, partition: number, records: readonly NewRecord[]): Promise<void> {
    const producer = this.#producer ?? (await this.#open())
    try {
      await send(producer, topic, partition, records)
    } catch (error) {
      // That one is certain: nothing was written.
      if (!isTooLarge(error)) this.#drop(producer)
      throw error
    }
  }

  /** Ends at once: what is in flight is rejected. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#producer?.disconnect()
  }

  #drop(producer: Producer): void {
    if (producer === this.#producer) this.#producer = null
    void producer.disconnect()
  }

  /** One new producer, for all who find none. */
  #open(): Promise<Producer> {
    this.#opening ??= (async () => {
      try {
        const producer = await connected(this.#client)
        if (this.#isClosed) await producer.disconnect()
        this.#producer = producer
        return producer
      } finally {
        this.#opening = null
      }
    })()
    return this.#opening
  }
}

async function connected(client: KafkaClient): Promise<Producer> {
  const producer = client.producer()
  try {
    await producer.connect()
    return producer
  } catch (cause) {
    await producer.disconnect()
    throw asEngineError('connecting a producer', cause)
  }
}

/** As many as one send may carry; a large one goes alone. */
export function* chunksOf(records: readonly NewRecord[]): Generator<NewRecord[]> {
  let chunk: NewRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = bytesOf(record)
    if (chunk.length > 0 && (bytes + size > sendBytesMax || chunk.length === sendMessagesMax)) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(record)
    bytes += size
  }
  if (chunk.length > 0) yield chunk
}

/** What a record takes of a send, about. */
export function bytesOf({ key, value, headers }: NewRecord): number {
  let bytes = recordBytes + (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, header] of Object.entries(headers)) bytes += name.length + (header?.length ?? 0)
  return bytes
}

const recordBytes = 64
