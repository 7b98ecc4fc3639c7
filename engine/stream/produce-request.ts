// Writes the body of a Produce request (versions 3 to 7) with record batches of magic 2, in one pass into one buffer: kafkajs
// copies each record seven times and takes five times as long. It writes what it is told, and neither sends nor retries.
// Source: https://kafka.apache.org/protocol#The_Messages_Produce and https://kafka.apache.org/documentation/#recordbatch
import { crc32c } from './crc32c.ts'

type Bytes = Buffer | string | null | undefined

export interface ProducedRecord {
  readonly key?: Bytes
  readonly value: Bytes
  readonly headers?: Readonly<Record<string, Bytes | readonly Bytes[]>>
  /** Create time, ms; absent: now. */
  readonly timestamp?: string | number
}

/** As kafkajs hands it over. */
export interface ProduceRequest {
  readonly transactionalId?: string | null
  readonly acks: number
  readonly timeout: number
  /** A number of 64 bits, by its text. */
  readonly producerId: { toString(): string }
  readonly producerEpoch: number
  readonly topicData: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly firstSequence: number
      readonly messages: readonly ProducedRecord[]
    }[]
  }[]
}

/** A body, with room before it for the request's own header. */
export interface ProduceBody {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** For what goes before the body: size, api, version, correlation, name of the client. */
const headroom = 512
/** Of a record beside its key, value and headers; of a batch; of a request beside its batches. */
const recordBytesMore = 32
const batchBytesMore = 80
const requestBytesMore = 1024
const magic = 2
const isTransactional = 16
/** In a batch, behind its first offset and length: leader epoch, magic, checksum. */
const checkedFrom = 9
/** A varint of one byte says up to 63. */
const shortMax = 63

/** `nowMs`: the time of records that have none of their own. */
export function encodeProduce(request: ProduceRequest, nowMs: number): ProduceBody {
  const writer = new Writer(headroom + requestBytesMore + sizeAbout(request))
  writer.at = headroom
  writer.text(request.transactionalId ?? null)
  writer.int16(request.acks)
  writer.int32(request.timeout)
  writer.int32(request.topicData.length)
  for (const { topic, partitions } of request.topicData) {
    writer.text(topic)
    writer.int32(partitions.length)
    for (const { partition, firstSequence, messages } of partitions) {
      writer.int32(partition)
      const sizeAt = writer.skip(4)
      writeBatch(writer, request, firstSequence, messages, nowMs)
      writer.sizeSince(sizeAt)
    }
  }
  return { bytes: writer.bytes, start: headroom, end: writer.at }
}

function writeBatch(
  writer: Writer,
  { transactionalId, producerId, producerEpoch }: ProduceRequest,
  firstSequence: number,
  records: readonly ProducedRecord[],
  nowMs: number,
): void {
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { timestamp } of records) {
    const ms = timestamp === undefined ? nowMs : Number(timestamp)
    firstMs = Math.min(firstMs, ms)
    lastMs = Math.max(lastMs, ms)
  }
  writer.int64(0n)
  const sizeAt = writer.skip(4)
  writer.int32(0)
  writer.int8(magic)
  const crcAt = writer.skip(4)
  writer.int16(typeof transactionalId === 'string' ? isTransactional : 0)
  writer.int32(records.length - 1)
  writer.int64(BigInt(firstMs))
  writer.int64(BigInt(lastMs))
  writer.int64(BigInt(producerId.toString()))
  writer.int16(producerEpoch)
  writer.int32(firstSequence)
  writer.int32(records.length)
  for (let index = 0; index < records.length; index++) {
    writeRecord(writer, records[index]!, index, firstMs, nowMs)
  }
  writer.sizeSince(sizeAt)
  const crc = crc32c(writer.bytes, sizeAt + 4 + checkedFrom, writer.at)
  writer.bytes.writeUInt32BE(crc, crcAt)
}

function writeRecord(
  writer: Writer,
  { key, value, headers, timestamp }: ProducedRecord,
  index: number,
  firstMs: number,
  nowMs: number,
): void {
  const sizeAt = writer.at
  // Its size comes first and is known last: where it takes another number of bytes than expected, the record is moved.
  const expected = varintBytes(recordBytesMore + (value?.length ?? 0))
  writer.skip(expected)
  writer.int8(0)
  writer.varint((timestamp === undefined ? nowMs : Number(timestamp)) - firstMs)
  writer.varint(index)
  writer.varBytes(key)
  writer.varBytes(value)
  writeHeaders(writer, headers)
  const size = writer.at - sizeAt - expected
  const more = varintBytes(size) - expected
  if (more !== 0) writer.move(sizeAt + expected, more)
  const end = writer.at
  writer.at = sizeAt
  writer.varint(size)
  writer.at = end
}

function writeHeaders(writer: Writer, headers: ProducedRecord['headers']): void {
  let count = 0
  for (const name in headers) count += Array.isArray(headers[name]) ? headers[name].length : 1
  writer.varint(count)
  for (const name in headers) {
    const value = headers[name]
    if (Array.isArray(value)) {
      for (const one of value as readonly Bytes[]) {
        writer.varBytes(name)
        writer.varBytes(one)
      }
    } else {
      writer.varBytes(name)
      writer.varBytes(value as Bytes)
    }
  }
}

/** Exact where all is ASCII. */
function sizeAbout({ topicData }: ProduceRequest): number {
  let size = 0
  for (const { topic, partitions } of topicData) {
    size += topic.length
    for (const { messages } of partitions) {
      size += batchBytesMore
      for (const { key, value, headers } of messages) {
        size += recordBytesMore + (key?.length ?? 0) + (value?.length ?? 0)
        for (const name in headers) size += 2 + name.length + (headers[name]?.length ?? 0)
      }
    }
  }
  return size
}

/** Bytes of a number from 0 to 2^31 − 1 as a varint. */
function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value / 64; rest >= 1; rest /= 128) bytes++
  return bytes
}

/** A buffer that grows. Numbers are big-endian, varints zigzag, as Kafka has them. */
class Writer {
  bytes: Buffer
  at = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

  /** Leaves room to be written later; returns where it begins. */
  skip(count: number): number {
    this.#reserve(count)
    const from = this.at
    this.at += count
    return from
  }

  int8(value: number): void {
    this.#reserve(1)
    this.bytes[this.at++] = value
  }

  int16(value: number): void {
    this.#reserve(2)
    this.at = this.bytes.writeInt16BE(value, this.at)
  }

  int32(value: number): void {
    this.#reserve(4)
    this.at = this.bytes.writeInt32BE(value, this.at)
  }

  int64(value: bigint): void {
    this.#reserve(8)
    this.at = this.bytes.writeBigInt64BE(value, this.at)
  }

  /** How much follows the four bytes at `sizeAt`. */
  sizeSince(sizeAt: number): void {
    this.bytes.writeInt32BE(this.at - sizeAt - 4, sizeAt)
  }

  /** Of a whole number from −1 to 2^52. */
  varint(value: number): void {
    this.#reserve(10)
    let rest = value < 0 ? 1 : value * 2
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80))
      this.bytes[this.at++] = (rest % 0x80) | 0x80
    this.bytes[this.at++] = rest
  }

  /** With its length in two bytes; null has −1. */
  text(value: string | null): void {
    if (value === null) {
      this.int16(-1)
      return
    }
    const size = Buffer.byteLength(value)
    this.int16(size)
    this.#reserve(size)
    this.at += this.bytes.write(value, this.at)
  }

  /** With its length as a varint; null has −1. */
  varBytes(value: Bytes): void {
    if (value === null || value === undefined) this.varint(-1)
    else if (typeof value !== 'string') {
      this.varint(value.length)
      this.#reserve(value.length)
      this.at += value.copy(this.bytes, this.at)
    } else if (value.length > shortMax || !this.#short(value)) {
      const size = Buffer.byteLength(value)
      this.varint(size)
      this.#reserve(size)
      this.at += this.bytes.write(value, this.at, size === value.length ? 'latin1' : 'utf8')
    }
  }

  /** Moves what was written from `from` on. */
  move(from: number, by: number): void {
    this.#reserve(by)
    this.bytes.copyWithin(from + by, from, this.at)
    this.at += by
  }

  /** Copies short ASCII text without a native call. False, and nothing is written, where it is not ASCII. */
  #short(text: string): boolean {
    this.#reserve(text.length + 1)
    const { bytes } = this
    let at = this.at + 1
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      bytes[at++] = code
    }
    bytes[this.at] = text.length * 2
    this.at = at
    return true
  }

  #reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow((this.at + more) * 2)
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}
