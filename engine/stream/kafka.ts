// Kafka through kafkajs 2.2.4, whose defects are worked around here and nowhere else. The only importer of kafkajs.
//
//   one partition per send, idempotent, one send in flight per partition: a send that spans partitions loses acknowledged
//     records when a leader fails over, concurrent idempotent sends lose records  (outbox.ts keeps it so; `send` checks)
//   at most 1,000 messages a send: its grouping is quadratic                      (outbox.ts)
//   connections re-arm a 1 ms timer for ever                                      (`quietTimers`)
//   commits are ours, metadata-free, behind acknowledgements                      (source.ts)
import { createRequire } from 'node:module'
import { decompress as zstdDecompress } from 'fzstd'
import kafkajs, {
  type Admin,
  type Consumer,
  type ICustomPartitioner,
  type IHeaders,
  type Kafka,
  type KafkaConfig,
  type Producer,
} from 'kafkajs'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import type { Log } from '../core/ports.ts'
import { EngineError } from '../errors.ts'

const {
  CompressionCodecs,
  CompressionTypes,
  KafkaJSNonRetriableError,
  KafkaJSProtocolError,
  logLevel,
} = kafkajs

export type {
  Admin,
  Consumer,
  EachBatchPayload,
  ITopicConfig,
  KafkaMessage,
  Producer,
  SASLOptions,
} from 'kafkajs'

export interface KafkaOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly requestTimeoutMs: number
  readonly ssl: KafkaConfig['ssl'] | null
  readonly sasl: KafkaConfig['sasl'] | null
  readonly log: Log
}

export interface ConsumerOptions {
  readonly group: string
  readonly sessionTimeoutMs: number
  readonly fetchBytesMax: number
  readonly fetchWaitMs: number
}

/** A record as the log has it. */
export interface LogRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: IHeaders
}

/** A record to be written. */
export interface NewRecord {
  readonly key: Buffer | string | null
  readonly value: Buffer | string | null
  readonly headers: IHeaders
  /** Create time; absent: now, by the producer. */
  readonly timestampMs?: number
}

/** First offset that is there, and the one behind the last. */
export interface Range {
  readonly first: number
  readonly end: number
}

export class KafkaClient {
  readonly #kafka: Kafka

  constructor({ brokers, clientId, requestTimeoutMs, ssl, sasl, log }: KafkaOptions) {
    this.#kafka = new kafkajs.Kafka({
      brokers: [...brokers],
      clientId,
      requestTimeout: requestTimeoutMs,
      connectionTimeout: 3000,
      ...(ssl === null || ssl === undefined ? {} : { ssl }),
      ...(sasl === null || sasl === undefined ? {} : { sasl }),
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1000 },
      logLevel: logLevel.ERROR,
      logCreator: () => (entry) => {
        const { message, ...more } = entry.log
        const fields = { client: entry.namespace, error: more['error'] as unknown }
        // It complains of answers for which it then asks again: what fails in the end is told by who asked.
        log.info(fields, `kafka: ${message}`)
      },
    })
  }

  admin(): Admin {
    return this.#kafka.admin()
  }

  consumer(options: ConsumerOptions): Consumer {
    return this.#kafka.consumer({
      groupId: options.group,
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: Math.floor(options.sessionTimeoutMs / 3),
      rebalanceTimeout: Math.max(options.sessionTimeoutMs, 10_000),
      maxBytes: options.fetchBytesMax,
      maxBytesPerPartition: Math.min(options.fetchBytesMax, 4 * 2 ** 20),
      maxWaitTimeInMs: options.fetchWaitMs,
      readUncommitted: false,
      allowAutoTopicCreation: false,
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1000 },
    })
  }

  /** Idempotent, acknowledged by all replicas in sync. */
  producer(): Producer {
    return this.#kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: explicitPartitioner,
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
    })
  }

  /** Reads partitions directly, without a group. */
  reader(): PartitionReader {
    return new PartitionReader(makeCluster(this.#kafka))
  }
}

/** Sends to one partition and checks that the broker says so. Rejects with EngineError. */
export async function send(
  producer: Producer,
  topic: string,
  partition: number,
  records: readonly NewRecord[],
): Promise<void> {
  const messages = records.map(({ key, value, headers, timestampMs }) => ({
    key,
    value,
    headers,
    partition,
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
  }))
  try {
    const results = await producer.send({ topic, messages, acks: -1 })
    if (results.length === 1 && results[0]!.partition === partition) return
    const found = results.map((result) => result.partition).join(', ') || 'none'
    throw new EngineError(
      'kafka_unavailable',
      `sending: expected partition ${partition} acknowledged, found ${found}`,
    )
  } catch (cause) {
    throw asEngineError(`sending to ${topic}/${partition}`, cause)
  }
}

/** What a client's error means: retried, or a person must act. Told by class and protocol type, never by text. */
export function asEngineError(doing: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause
  const refused = new Set([
    'TOPIC_AUTHORIZATION_FAILED',
    'GROUP_AUTHORIZATION_FAILED',
    'CLUSTER_AUTHORIZATION_FAILED',
    'SASL_AUTHENTICATION_FAILED',
    'MESSAGE_TOO_LARGE',
    'INVALID_CONFIG',
    'POLICY_VIOLATION',
  ])
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof KafkaJSProtocolError && refused.has(error.type)) {
      return new EngineError('kafka_refused', doing, { cause })
    }
    if (error.name === 'KafkaJSSASLAuthenticationError') {
      return new EngineError('kafka_refused', doing, { cause })
    }
  }
  return new EngineError('kafka_unavailable', doing, { cause })
}

/** True for errors after which a producer's sequence can no longer be trusted. */
export function breaksProducer(error: unknown): boolean {
  for (let link = error; link instanceof Error; link = link.cause) {
    if (link instanceof KafkaJSNonRetriableError) return true
    if (link instanceof KafkaJSProtocolError) {
      const types = [
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        'UNKNOWN_PRODUCER_ID',
        'INVALID_PRODUCER_EPOCH',
      ]
      if (types.includes(link.type)) return true
    }
  }
  return false
}

/** Fetches from partitions by offset; sees committed transactions only, and never control records. */
export class PartitionReader {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async connect(topics: readonly string[]): Promise<void> {
    await this.#cluster.connect()
    await this.#cluster.addMultipleTargetTopics([...topics])
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect()
  }

  /** First offset that is there, and the one behind the last, at this moment. */
  async range(topic: string, partition: number): Promise<{ first: number; end: number }> {
    const read = async (fromBeginning: boolean): Promise<number> => {
      const asked = { topic, partitions: [{ partition }], fromBeginning }
      const [answer] = await this.#cluster.fetchTopicsOffset([asked])
      return Number(answer?.partitions[0]?.offset ?? Number.NaN)
    }
    await this.#cluster.refreshMetadataIfNecessary()
    return { first: await read(true), end: await read(false) }
  }

  /** Records from `offset` on, as many as a fetch brings; `next` is where to go on. Empty at the end. */
  async fetch(
    topic: string,
    partition: number,
    offset: number,
    bytesMax: number,
  ): Promise<{ records: LogRecord[]; next: number }> {
    const leaders = this.#cluster.findLeaderForPartitions(topic, [partition])
    const nodeId = Object.keys(leaders)[0] ?? ''
    const broker = await this.#cluster.findBroker({ nodeId })
    const response = await broker.fetch({
      maxWaitTime: 100,
      minBytes: 1,
      maxBytes: bytesMax,
      isolationLevel: readCommitted,
      topics: [
        { topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: bytesMax }] },
      ],
    })
    const data = response.responses[0]?.partitions[0]
    if (data === undefined) return { records: [], next: offset }
    const batch = new Batch(topic, String(offset), data)
    const records = batch.messages.map((message) => ({
      offset: Number(message.offset),
      timestampMs: Number(message.timestamp),
      key: message.key,
      value: message.value,
      headers: message.headers,
    }))
    const last = batch.messagesWithinOffset.at(-1)
    return { records, next: last === undefined ? offset : Number(last.offset) + 1 }
  }

  /** The last record of a partition that a reader of committed records sees; null where there is none. */
  async last(topic: string, partition: number): Promise<LogRecord | null> {
    const { first, end } = await this.range(topic, partition)
    // Behind the last record there may be control records or aborted ones: step back further until one is seen.
    for (let back = 1; ; back *= 8) {
      const from = Math.max(first, end - back)
      let found: LogRecord | null = null
      for (let at = from; at < end; ) {
        const { records, next } = await this.fetch(topic, partition, at, 2 ** 20)
        found = records.at(-1) ?? found
        if (next === at) break
        at = next
      }
      if (found !== null || from === first) return found
    }
  }
}

const readCommitted = 1

// What kafkajs keeps to itself. Its version is pinned; kafka.integration.test.ts notices when this no longer holds.
const require = createRequire(import.meta.url)

interface RawMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: IHeaders
}

const Batch = require('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  offset: string,
  data: unknown,
) => {
  readonly messages: readonly RawMessage[]
  readonly messagesWithinOffset: readonly RawMessage[]
}

interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: string[]): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>
  findBroker(node: { nodeId: string }): Promise<{
    fetch(request: object): Promise<{ responses: { partitions: unknown[] }[] }>
  }>
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ partitions: { offset: string }[] }[]>
}

function makeCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )
  if (symbol === undefined)
    throw new EngineError('unexpected', 'kafkajs is not the version this was made for')
  const make = Reflect.get(kafka, symbol) as (options: object) => Cluster
  return make({
    metadataMaxAge: 30_000,
    allowAutoTopicCreation: false,
    isolationLevel: readCommitted,
  })
}

/** Arms the check for pending requests only when something is pending or throttled: it costs 5 % of a core when idle. */
function quietTimers(): void {
  interface Queue {
    pending: unknown[]
    throttledUntil: number
    scheduleCheckPendingRequests(): void
  }
  const module = require('kafkajs/src/network/requestQueue/index.js') as { prototype: Queue }
  const original: () => void = Reflect.get(module.prototype, 'scheduleCheckPendingRequests')
  module.prototype.scheduleCheckPendingRequests = function (this: Queue): void {
    if (this.pending.length > 0 || this.throttledUntil > 0) original.call(this)
  }
}

function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy') as () => unknown
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: (encoder: { buffer: Buffer }) => Promise.resolve(compressFrameSync(encoder.buffer)),
    decompress: (bytes: Buffer) => Promise.resolve(decompressFrameSync(bytes)),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: () =>
      Promise.reject(new EngineError('unexpected', 'zstd is only read, never written')),
    decompress: (bytes: Buffer) => Promise.resolve(Buffer.from(zstdDecompress(bytes))),
  })
}

/** Every message names its partition; kafkajs asks all the same. */
const explicitPartitioner: ICustomPartitioner =
  () =>
  ({ message }) =>
    message.partition ?? 0

registerCodecs()
quietTimers()
