// Kafka as the stream driver needs it, through either client: kafkajs as Weir uses it, and @platformatic/kafka behind the same port.
// Equal settings: idempotent, acknowledged by all in sync, one partition a send, offsets committed by whoever reads.
import { Consumer, type Message as PlatformaticMessage, Producer } from '@platformatic/kafka'
import { systemClock } from '../../engine/clock.ts'
import type { Message } from '../../engine/core/ports.ts'
import { type KafkaClient, type NewRecord } from '../../engine/stream/kafka.ts'
import type { OutboxPort } from '../../engine/stream/outbox.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { Positions } from '../../engine/stream/positions.ts'
import { RenewedProducer } from '../../engine/stream/renewed-producer.ts'
import { KafkaSource, type SourceListener } from '../../engine/stream/source.ts'

type Received = (messages: readonly Message[]) => void

export interface Sender {
  send: (topic: string, ...rest: Parameters<OutboxPort['sendDecisions']>) => Promise<void>
  close(): Promise<void>
}

/** What a client has to do. */
export interface LogClient {
  /** Joins a group of its own and hands over a topic from its beginning. Resolves to what leaves the group. */
  consume(topic: string, group: string, received: Received): Promise<() => Promise<void>>
  openSender(): Promise<Sender>
}

const sessionTimeoutMs = 10_000
const fetchBytesMax = 2 * 2 ** 20
const fetchWaitMs = 50

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** As `weir stream` uses it: engine/stream's own source and producer. */
export class KafkajsLog implements LogClient {
  readonly #client: KafkaClient

  constructor(client: KafkaClient) {
    this.#client = client
  }

  async consume(topic: string, group: string, received: Received): Promise<() => Promise<void>> {
    const reader = new PartitionReader(this.#client)
    await reader.connect([topic])
    const positions = new Positions(reader, { transactions: topic, decisions: topic }, silent)
    const listener: SourceListener = {
      assigned: (partitions) => Promise.resolve(new Map(partitions.map((one) => [one, 0]))),
      revoked: () => Promise.resolve(),
      received,
      fetched: () => undefined,
      failed: (error) => {
        throw error
      },
    }
    const options = { group, sessionTimeoutMs, fetchBytesMax, fetchWaitMs }
    const source = new KafkaSource(
      this.#client,
      options,
      topic,
      positions,
      listener,
      silent,
      systemClock,
    )
    source.start()
    return async () => {
      await source.stop()
      await reader.close()
    }
  }

  async openSender(): Promise<Sender> {
    const producer = await RenewedProducer.open(this.#client)
    return {
      send: (topic, partition, records) => producer.send(topic, partition, records),
      close: () => producer.close(),
    }
  }
}

/** Its stream of messages gathered into batches as they come, without values being copied. */
export class PlatformaticLog implements LogClient {
  readonly #brokers: readonly string[]

  constructor(brokers: readonly string[]) {
    this.#brokers = brokers
  }

  async consume(topic: string, group: string, received: Received): Promise<() => Promise<void>> {
    const consumer = new Consumer({
      ...{ clientId: 'bench', bootstrapBrokers: [...this.#brokers], groupId: group },
      ...{ sessionTimeout: sessionTimeoutMs, maxBytes: fetchBytesMax, maxWaitTime: fetchWaitMs },
    })
    const stream = await consumer.consume({
      ...{ topics: [topic], mode: 'earliest', autocommit: false },
      highWaterMark: streamMessagesMax,
    })
    let gathered: Message[] = []
    stream.on('data', (message) => {
      if (gathered.push(toMessage(message)) > 1) return
      queueMicrotask(() => {
        const batch = gathered
        gathered = []
        received(batch)
      })
    })
    return async () => {
      await stream.close()
      await consumer.close()
    }
  }

  openSender(): Promise<Sender> {
    const producer = new Producer({
      ...{ clientId: 'bench', bootstrapBrokers: [...this.#brokers] },
      ...{ idempotent: true, acks: -1, autocreateTopics: false },
    })
    return Promise.resolve({
      send: async (topic, partition, records) => {
        await producer.send({
          messages: records.map((record) => fromRecord(topic, partition, record)),
        })
      },
      close: () => producer.close(),
    })
  }
}

/** Messages in its stream before it fetches no more. */
const streamMessagesMax = 8192

function toMessage({ partition, offset, key, value, timestamp }: PlatformaticMessage): Message {
  return {
    partition,
    offset: Number(offset),
    key,
    value,
    timestampMs: Number(timestamp),
    traceparent: null,
    answer: null,
  }
}

function fromRecord(topic: string, partition: number, { key, value, headers }: NewRecord) {
  return {
    ...{ topic, partition, key: Buffer.from(key ?? ''), value: Buffer.from(value ?? '') },
    headers: new Map(
      Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(String(text))]),
    ),
  }
}
