// What kafkajs 2.2.4 keeps to itself: reached by path, repaired in place, once, when kafka.ts is loaded. The version is
// pinned, and kafka.integration.test.ts notices when anything here no longer holds.
import { createRequire } from 'node:module'
import type { IHeaders, ISocketFactory, Kafka } from 'kafkajs'
import { EngineError } from '../errors.ts'
import { encodeProduce, type ProduceBody, type ProduceRequest } from './produce-request.ts'

const require = createRequire(import.meta.url)

/** The version that all of this was read in. */
export const kafkajsVersion = '2.2.4'

export interface RawMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: IHeaders
  /** Neither handed over nor lost: it only moves the position on. */
  isControlRecord: boolean
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean }
}

export interface FetchedPartition {
  /** The end of the partition. */
  highWatermark?: string
  /** The end of what no open transaction is before; absent where brokers do not tell. */
  readonly lastStableOffset?: string
  abortedTransactions: { readonly producerId: string; readonly firstOffset: string }[] | null
  readonly messages: readonly RawMessage[]
}

interface FetchResponse {
  readonly responses: { readonly partitions: FetchedPartition[] }[]
}

/** A fetch's records of one partition, as kafkajs sorts them out. */
export interface Batch {
  readonly partition: number
  /** The offset that was asked for. */
  readonly fetchedOffset: string
  /** The end of what readers see. */
  readonly highWatermark: string
  /** All that came; some may lie before the offset that was asked for. */
  readonly rawMessages: readonly RawMessage[]
  readonly messages: readonly RawMessage[]
  /** With control records and aborted ones. */
  readonly messagesWithinOffset: readonly RawMessage[]
  /** Of all that came, control records too. */
  lastOffset(): string
}

export const RawBatch = require('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  offset: string,
  data: FetchedPartition,
) => Batch

/** Connections to the brokers and what they know of topics. */
export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: string[]): Promise<void>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[]
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>
  findBroker(node: { nodeId: string }): Promise<{ fetch(request: object): Promise<FetchResponse> }>
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ partitions: { offset: string }[] }[]>
}

/** How fetches name the isolation that sees committed transactions only. */
export const readCommitted = 1

export function makeCluster(kafka: Kafka, metadataMsMax: number): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )
  if (symbol === undefined)
    throw new EngineError('unexpected', `kafkajs: expected version ${kafkajsVersion}`)
  const make = Reflect.get(kafka, symbol) as (options: object) => Cluster
  return make({
    metadataMaxAge: metadataMsMax,
    allowAutoTopicCreation: false,
    isolationLevel: readCommitted,
  })
}

/** How kafkajs opens a connection when nobody says otherwise. */
export const openSocket: ISocketFactory = (
  require('kafkajs/src/network/socketFactory.js') as () => ISocketFactory
)()

/** What an assigner of partitions may carry, since kafkajs asks nobody. */
export interface GroupHook {
  /** Called, and waited for, before a consumer joins its group, first or anew: something may have to be finished first. */
  beforeJoin(): Promise<void>
  /** Called before each fetch from a broker; what it returns gets all that came, batches without messages too. */
  beforeFetch(): (batches: readonly Batch[]) => void
}

function callGroupHooks(): void {
  interface ConsumerGroup {
    readonly assigners: readonly Partial<GroupHook>[]
    joinAndSync(): Promise<void>
    fetch(nodeId: string): Promise<Batch[]>
  }
  const { prototype } = require('kafkajs/src/consumer/consumerGroup.js') as {
    prototype: ConsumerGroup
  }
  const joinAndSync: () => Promise<void> = Reflect.get(prototype, 'joinAndSync')
  prototype.joinAndSync = async function (this: ConsumerGroup): Promise<void> {
    for (const assigner of this.assigners) await assigner.beforeJoin?.()
    return joinAndSync.call(this)
  }
  const fetch: (nodeId: string) => Promise<Batch[]> = Reflect.get(prototype, 'fetch')
  prototype.fetch = async function (this: ConsumerGroup, nodeId: string): Promise<Batch[]> {
    const tellings = this.assigners.map((assigner) => assigner.beforeFetch?.())
    const batches = await fetch.call(this, nodeId)
    for (const tell of tellings) tell?.(batches)
    return batches
  }
}

/** Arms the check for pending requests only when something is pending: it costs 5 % of a core when idle. */
function quietTimers(): void {
  interface Queue {
    pending: unknown[]
    scheduleCheckPendingRequests(): void
  }
  const { prototype } = require('kafkajs/src/network/requestQueue/index.js') as {
    prototype: Queue
  }
  const original: () => void = Reflect.get(prototype, 'scheduleCheckPendingRequests')
  prototype.scheduleCheckPendingRequests = function (this: Queue): void {
    if (this.pending.length > 0) original.call(this)
  }
}

/**
 * kafkajs shows records of aborted transactions when several overlap (it expects the list of them in order of their
 * first offsets, and opens one per record) or when one of their keys looks like the marker of an abort. Here they become
 * what they are to a reader: records that only move the position on. And a partition ends where readers do.
 */
function hideAborted(): void {
  interface Broker {
    fetch(request: object): Promise<FetchResponse>
  }
  const { prototype } = require('kafkajs/src/broker/index.js') as { prototype: Broker }
  const original: (request: object) => Promise<FetchResponse> = Reflect.get(prototype, 'fetch')
  prototype.fetch = async function (this: Broker, request: object): Promise<FetchResponse> {
    const response = await original.call(this, request)
    for (const { partitions } of response.responses) {
      for (const one of partitions) {
        hideIn(one)
        // Behind it nothing is handed out before the transaction ends.
        if (Number(one.lastStableOffset ?? -1) >= 0) one.highWatermark = one.lastStableOffset!
      }
    }
    return response
  }
}

const abortMarker = Buffer.from([0, 0, 0, 0])

function hideIn(partition: FetchedPartition): void {
  const { abortedTransactions, messages } = partition
  if (abortedTransactions === null || abortedTransactions.length === 0) return
  const ahead = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, first: Number(firstOffset) }))
    .sort((a, b) => a.first - b.first)
  const aborting = new Set<string>()
  let begun = 0
  for (const message of messages) {
    for (; begun < ahead.length && ahead[begun]!.first <= Number(message.offset); begun++) {
      aborting.add(ahead[begun]!.producerId)
    }
    const { producerId, inTransaction } = message.batchContext
    if (!message.isControlRecord) {
      message.isControlRecord = inTransaction && aborting.has(producerId)
    } else if (message.key?.equals(abortMarker) === true) {
      aborting.delete(producerId)
    }
  }
  partition.abortedTransactions = []
}

/** kafkajs copies a message's headers once for each of them: 10,000 would block the loop for seconds. */
function gatherHeaders(): void {
  type Header = { readonly key: string; readonly value: Buffer }
  interface Decoder {
    readVarIntArray(read: unknown): Header[]
  }
  const { prototype } = require('kafkajs/src/protocol/decoder.js') as {
    prototype: { readVarIntArray(read: unknown): unknown }
  }
  const original = Reflect.get(prototype, 'readVarIntArray') as Decoder['readVarIntArray']
  // Only headers are read by this, and all that is done with them is one `reduce`.
  prototype.readVarIntArray = function (this: Decoder, read: unknown): unknown {
    const headers = original.call(this, read)
    return headers.length <= headersFew ? headers : { reduce: () => gather(headers) }
  }

  function gather(headers: readonly Header[]): IHeaders {
    const byKey = new Map<string, Buffer | Buffer[]>()
    for (const { key, value } of headers) {
      const before = byKey.get(key)
      if (before === undefined) byKey.set(key, value)
      else if (Array.isArray(before)) before.push(value)
      else byKey.set(key, [before, value])
    }
    return Object.fromEntries(byKey)
  }
}

const headersFew = 16

/** kafkajs hands a batch's records on as arguments of one call, which fails where they are more than some 125,000. */
function takeLargeBatches(): void {
  interface Decoder {
    readonly buffer: Buffer
    readonly offset: number
    readInt32(): number
    canReadBytes(count: number): boolean
    readBytes(count: number): Buffer
  }
  type Decode<T> = (decoder: Decoder) => Promise<T>
  const path = 'kafkajs/src/protocol'
  const file = require.resolve(`${path}/requests/fetch/v4/decodeMessages.js`)
  const original = require(file) as Decode<RawMessage[]>
  const NewDecoder = require(`${path}/decoder.js`) as new (bytes: Buffer) => Decoder
  const decodeBatch = require(`${path}/recordBatch/v0/decoder.js`) as Decode<{
    readonly records: readonly RawMessage[]
  }>

  async function decode(decoder: Decoder): Promise<RawMessage[]> {
    const { buffer, offset } = decoder
    const isOfBatches = buffer[offset + magicAt] === batchMagic
    if (!isOfBatches) return original(decoder)
    const size = decoder.readInt32()
    if (!decoder.canReadBytes(size)) return []
    const batches = new NewDecoder(decoder.readBytes(size))
    const messages: RawMessage[] = []
    while (batches.canReadBytes(batchBytesMin)) {
      try {
        const { records } = await decodeBatch(batches)
        for (const record of records) messages.push(record)
      } catch (error) {
        // A fetch may end within a batch, which the next one brings whole.
        if ((error as Error).name === 'KafkaJSPartialMessageError') break
        throw error
      }
    }
    return messages
  }
  // The protocol's versions are loaded when they are first used.
  require.cache[file]!.exports = decode
}

/** Behind the size of the records: of the first batch. */
const magicAt = 4 + 16
const batchMagic = 2
const batchBytesMin = 49

/**
 * kafkajs copies each record seven times on its way into a request, into memory that it fills with zeros before: 34 µs for a
 * decision of 2.1 kB. Here a request is written once, and what kafkajs puts before it is written into the room before it.
 */
function writeSendsOnce(): void {
  interface Encoder {
    buf: Buffer
    offset: number
    writeEncoder(value: object): this
  }
  type MakeRequest = (options: ProduceRequest & { readonly compression?: number }) => object
  const path = 'kafkajs/src/protocol'
  const file = require.resolve(`${path}/requests/produce/v3/request.js`)
  const makeOriginal = require(file) as MakeRequest
  const { prototype } = require(`${path}/encoder.js`) as { prototype: Encoder }
  const original: (value: object) => Encoder = Reflect.get(prototype, 'writeEncoder')
  // Records without a time get the one that kafkajs would give them.
  const Stamp = require('kafkajs/src/instrumentation/event.js') as new () => { timestamp: number }
  /** What an encoder ends in. */
  const bodies = new WeakMap<object, ProduceBody>()

  prototype.writeEncoder = function (this: Encoder, value: object): Encoder {
    const body = bodies.get(value)
    if (body === undefined || this.offset > body.start) return original.call(this, value)
    const { bytes, end } = body
    const start = body.start - this.offset
    this.buf.copy(bytes, start, 0, this.offset)
    this.buf = bytes.subarray(start, end)
    this.offset = end - start
    bodies.set(this, { bytes, start, end })
    return this
  }

  const make: MakeRequest = (options) => {
    const request = makeOriginal(options)
    if ((options.compression ?? 0) !== 0) return request
    const encode = (): Promise<object> => {
      const body = encodeProduce(options, new Stamp().timestamp)
      const { bytes, start, end } = body
      const written = { buf: bytes, buffer: bytes.subarray(start, end) }
      bodies.set(written, body)
      return Promise.resolve(written)
    }
    return { ...request, encode }
  }
  require.cache[file]!.exports = make
}

/** kafkajs groups the messages of a send by partition in quadratic time. Of one partition they are a group already. */
export function asGroup<T extends { readonly partition: number }>(messages: T[]): T[] {
  const group = { [messages[0]!.partition]: messages }
  return Object.defineProperty(messages, 'reduce', { value: () => group })
}

export function repairKafkajs(): void {
  writeSendsOnce()
  takeLargeBatches()
  callGroupHooks()
  quietTimers()
  hideAborted()
  gatherHeaders()
}
