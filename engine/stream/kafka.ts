// Kafka through kafkajs 2.2.4: clients set up so that nothing is lost, sends that are checked, errors that say who must act.
// Whoever else needs Kafka goes through here; only kafka-internals.ts knows the insides of kafkajs, and repairs them.
//
//   one partition per send, idempotent, one send in flight per partition: a send that spans partitions loses acknowledged
//     records when a leader fails over, concurrent idempotent sends lose records  (outbox.ts keeps it so; `send` checks)
//   at most 1,000 messages a send: its grouping is quadratic                      (outbox.ts)
//   a producer whose send failed is not used again: the broker would take the next records of the same number for a
//     repeat of the failed ones, if those were written, and drop them             (sink.ts)
//   a consumer that ended is not used again: it is not let restart itself         (`consumer`; source.ts makes a new one)
//   connections that kafkajs has forgotten, or opens after its end                (`Sockets`)
//   commits are ours, behind acknowledgements, and their failures are not hidden  (source.ts)
//   records copied seven times on their way into a request                        (kafka-internals.ts, produce-request.ts)
//   1 ms timers, joins and fetches that tell nobody, aborted records shown, quadratic headers, large batches refused
//                                                                                 (kafka-internals.ts)
import type { Socket } from 'node:net'
import kafkajs, {
  type Admin,
  type Consumer,
  type ICustomPartitioner,
  type IHeaders,
  type ISocketFactory,
  type Kafka,
  type KafkaConfig,
  type Producer,
} from 'kafkajs'
import type { Log } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { lz4, snappy, zstd } from './codecs.ts'
import { within } from './deadline.ts'
import {
  asGroup,
  type Cluster,
  type GroupHook,
  makeCluster,
  openSocket,
  repairKafkajs,
} from './kafka-internals.ts'

const {
  CompressionCodecs,
  CompressionTypes,
  KafkaJSAggregateError,
  KafkaJSNonRetriableError,
  KafkaJSProtocolError,
  logLevel,
  PartitionAssigners,
  Partitioners,
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

/** So that a fetch of a backlog brings some of every partition, which are decided by their times. */
const partitionBytesMax = 256 * 1024
/** How soon new partitions and moved leaders are noticed where no error tells of them. */
const metadataMsMax = 5000
/** A member's silence is noticed after the session timeout, a rebalance by its next heartbeat. */
const heartbeatMsMax = 1000
/** How long the end of a client waits for the brokers. */
const endMsMax = 1500

/** What each client is given, and how it ends: within a moment, with all its connections, whatever the brokers do. */
export class KafkaClient {
  readonly #options: KafkaOptions

  constructor(options: KafkaOptions) {
    this.#options = options
  }

  admin(): Admin {
    const sockets = new Sockets()
    return ending(this.#kafka(sockets).admin(), sockets)
  }

  /** The hook's `beforeJoin` is waited for before the consumer joins its group, first or anew: what was its own is not any more. */
  consumer(options: ConsumerOptions, hook: GroupHook): Consumer {
    const sockets = new Sockets()
    const consumer = this.#kafka(sockets).consumer({
      groupId: options.group,
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: Math.min(heartbeatMsMax, Math.floor(options.sessionTimeoutMs / 3)),
      rebalanceTimeout: Math.max(options.sessionTimeoutMs, 10_000),
      metadataMaxAge: metadataMsMax,
      maxBytes: options.fetchBytesMax,
      maxBytesPerPartition: Math.min(options.fetchBytesMax, partitionBytesMax),
      maxWaitTimeInMs: options.fetchWaitMs,
      partitionAssigners: [(of) => Object.assign(PartitionAssigners.roundRobin(of), hook)],
      readUncommitted: false,
      allowAutoTopicCreation: false,
      retry: {
        retries: 5,
        initialRetryTime: 100,
        maxRetryTime: 1000,
        restartOnFailure: () => Promise.resolve(false),
      },
    })
    return ending(consumer, sockets)
  }

  /** Idempotent, acknowledged by all replicas in sync. */
  producer(): Producer {
    const sockets = new Sockets()
    const producer = this.#kafka(sockets).producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: explicitPartitioner,
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
    })
    return ending(producer, sockets)
  }

  /** For PartitionReader: partitions without a group. */
  cluster(): Cluster {
    const sockets = new Sockets()
    const cluster = makeCluster(this.#kafka(sockets), metadataMsMax)
    const disconnect = cluster.disconnect.bind(cluster)
    cluster.disconnect = () => end(disconnect, sockets)
    return cluster
  }

  #kafka(sockets: Sockets): Kafka {
    const { brokers, clientId, requestTimeoutMs, ssl, sasl, log } = this.#options
    return new kafkajs.Kafka({
      brokers: [...brokers],
      clientId,
      requestTimeout: requestTimeoutMs,
      connectionTimeout: 3000,
      ...(ssl === null || ssl === undefined ? {} : { ssl }),
      ...(sasl === null || sasl === undefined ? {} : { sasl }),
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1000 },
      socketFactory: sockets.open,
      logLevel: logLevel.ERROR,
      logCreator: () => (entry) => {
        // What a client says after its end is of no use to anybody.
        if (sockets.isClosed) return
        const { message, ...more } = entry.log
        const fields = { client: entry.namespace, error: more['error'] as unknown }
        // It complains of answers for which it then asks again: what fails in the end is told by who asked.
        log.info(fields, `kafka: ${message}`)
      },
    })
  }
}

/**
 * The connections of one client. kafkajs forgets some (of a broker that it drops, or when two requests connect at once)
 * and opens others after `disconnect` (a request that is retried, a join that was under way): they would keep the
 * process alive, and a member in its group.
 */
class Sockets {
  readonly #open = new Set<Socket>()
  isClosed = false

  readonly open: ISocketFactory = (asked) => {
    if (this.isClosed) throw new Error('this client has ended')
    const socket = openSocket(asked)
    // A small request would otherwise wait for the answer to the one before it: sends of several partitions share a socket.
    socket.setNoDelay(true)
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    return socket
  }

  close(): void {
    this.isClosed = true
    // With an error, so that requests in flight are rejected.
    for (const socket of this.#open) socket.destroy(new Error('this client has ended'))
  }
}

function ending<T extends { disconnect(): Promise<void> }>(client: T, sockets: Sockets): T {
  return { ...client, disconnect: () => end(() => client.disconnect(), sockets) }
}

async function end(disconnect: () => Promise<void>, sockets: Sockets): Promise<void> {
  await within(endMsMax, disconnect())
  sockets.close()
}

/** Where keys belong among so many partitions, as the producers of the Java client and of kafkajs have it. */
export function partitionerOf(count: number): (key: Buffer | string) => number {
  const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 0,
    replicas: [],
    isr: [],
  }))
  return (key) => partitioner({ topic: '', partitionMetadata, message: { key, value: null } })
}

const partitioner = Partitioners.DefaultPartitioner()

/** Sends to one partition and checks that the broker says so. Rejects with EngineError. */
export async function send(
  producer: Producer,
  topic: string,
  partition: number,
  records: readonly NewRecord[],
): Promise<void> {
  const messages = asGroup(
    records.map(({ key, value, headers, timestampMs }) => ({
      key,
      value,
      headers,
      partition,
      ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
    })),
  )
  try {
    const results = await producer.send({ topic, messages, acks: -1 })
    if (results.length === 1 && results[0]!.partition === partition) return
    const found = results.map((result) => result.partition).join(', ') || 'none'
    throw new KafkaJSNonRetriableError(
      `expected partition ${partition} acknowledged, found ${found}`,
    )
  } catch (cause) {
    throw asEngineError(`sending to ${topic}/${partition}`, cause)
  }
}

/** What a client's error means: retried, or a person must act. Told by class and protocol type, never by text. */
export function asEngineError(doing: string, cause: unknown): EngineError {
  for (const error of chain(cause)) {
    // kafkajs wraps what its callbacks threw.
    if (error instanceof EngineError) return error
    const isRefused =
      (error instanceof KafkaJSProtocolError && refusals.has(error.type)) ||
      error.name === 'KafkaJSSASLAuthenticationError'
    if (isRefused) return new EngineError('kafka_refused', doing, { cause: error })
  }
  return new EngineError('kafka_unavailable', doing, { cause })
}

/** True where the topic does not take records so large. */
export function isTooLarge(error: unknown): boolean {
  for (const link of chain(error)) {
    if (link instanceof KafkaJSProtocolError && tooLarge.has(link.type)) return true
  }
  return false
}

/** The error and its causes; of several that came together, the first. */
function* chain(error: unknown): Generator<Error> {
  for (let link = error; link instanceof Error; link = causeOf(link)) yield link
}

function causeOf(error: Error): unknown {
  return error instanceof KafkaJSAggregateError ? error.errors[0] : error.cause
}

const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const refusals = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_PARTITIONS',
  ...tooLarge,
])

/** Every message names its partition; kafkajs asks all the same. */
const explicitPartitioner: ICustomPartitioner =
  () =>
  ({ message }) =>
    message.partition ?? 0

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = lz4
CompressionCodecs[CompressionTypes.ZSTD] = zstd
repairKafkajs()
