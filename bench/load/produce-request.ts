// Kafka's produce request, version 3, as bytes: record batches of format 2, without compression and without a producer id, so
// that several may be under way on one connection. A benchmark's generator must cost less than what it measures; kafkajs takes
// about ten times as long for a request. Source: kafka.apache.org/protocol, "Record Batch".

/** Header that carries when a transaction was due: ns of the machine's monotonic clock, 8 bytes, big-endian. */
export const intendedHeader = 'intended-ns'

const timeBytes = 8

/** A record as far as it is known before it is sent: all behind its offset in the batch. The due time is its end but one. */
export function encodeBody(key: string, value: Uint8Array): Buffer {
  const keyBytes = Buffer.from(key)
  const name = Buffer.from(intendedHeader)
  return Buffer.concat([
    varint(keyBytes.length),
    keyBytes,
    varint(value.length),
    value,
    varint(1),
    varint(name.length),
    name,
    varint(timeBytes),
    Buffer.alloc(timeBytes),
  ])
}

/** Sets when the record was due. */
export function stampBody(body: Buffer, intendedNs: number): void {
  const at = body.length - timeBytes
  body.writeUInt32BE(Math.floor(intendedNs / 2 ** 32), at)
  body.writeUInt32BE(intendedNs % 2 ** 32, at + 4)
}

/** What `stampBody` wrote, as a reader finds it in the header. */
export function readIntended(header: Uint8Array): number {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4)
}

/** Everything around the batches; reused for one topic. */
export class RequestWriter {
  readonly #topic: Buffer
  #bytes = Buffer.alloc(2 ** 20)
  #at = 0

  constructor(topic: string) {
    this.#topic = text(topic)
  }

  /** Bodies by partition, none empty. The bytes are the caller's. */
  write(
    correlation: number,
    byPartition: ReadonlyMap<number, readonly Buffer[]>,
    nowMs: number,
  ): Buffer {
    this.#at = 4
    this.#int16(0)
    this.#int16(3)
    this.#int32(correlation)
    this.#raw(clientId)
    this.#int16(-1)
    this.#int16(-1)
    this.#int32(answerMsMax)
    this.#int32(1)
    this.#raw(this.#topic)
    this.#int32(byPartition.size)
    for (const [partition, bodies] of byPartition) {
      this.#int32(partition)
      const sizeAt = this.#at
      this.#int32(0)
      this.#batch(bodies, nowMs)
      this.#bytes.writeInt32BE(this.#at - sizeAt - 4, sizeAt)
    }
    this.#bytes.writeInt32BE(this.#at - 4, 0)
    return Buffer.from(this.#bytes.subarray(0, this.#at))
  }

  #batch(bodies: readonly Buffer[], nowMs: number): void {
    const start = this.#at
    this.#int64(0)
    this.#int32(0)
    this.#int32(-1)
    this.#int8(2)
    this.#int32(0)
    const checked = this.#at
    this.#int16(0)
    this.#int32(bodies.length - 1)
    this.#int64(nowMs)
    this.#int64(nowMs)
    this.#int64(-1)
    this.#int16(-1)
    this.#int32(-1)
    this.#int32(bodies.length)
    for (const [offset, body] of bodies.entries()) this.#record(body, offset)
    this.#bytes.writeInt32BE(this.#at - start - 12, start + 8)
    const crc = crc32c(this.#bytes.subarray(checked, this.#at))
    this.#bytes.writeUInt32BE(crc, checked - 4)
  }

  #record(body: Buffer, offset: number): void {
    const offsetText = smallVarints[offset] ?? varint(offset)
    // Attributes and the time's distance to the batch's, both zero.
    this.#raw(varint(2 + offsetText.length + body.length))
    this.#int16(0)
    this.#raw(offsetText)
    this.#raw(body)
  }

  #int8(value: number): void {
    this.#room(1)
    this.#at = this.#bytes.writeInt8(value, this.#at)
  }

  #int16(value: number): void {
    this.#room(2)
    this.#at = this.#bytes.writeInt16BE(value, this.#at)
  }

  #int32(value: number): void {
    this.#room(4)
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
  }

  #int64(value: number): void {
    this.#room(8)
    this.#at = this.#bytes.writeBigInt64BE(BigInt(value), this.#at)
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const larger = Buffer.alloc(2 * this.#bytes.length + more)
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** The answer to one request, without its size: its number, and the error codes of Kafka in it that are not 0. */
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
      at += 22
    }
  }
  return { correlation: bytes.readInt32BE(0), errors }
}

const answerMsMax = 30_000
const clientId = text('bench-generator')

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  const size = Buffer.alloc(2)
  size.writeInt16BE(bytes.length)
  return Buffer.concat([size, bytes])
}

/** Zigzag, seven bits a byte, the lowest first. Not negative. */
export function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value * 2
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  bytes.push(left)
  return Buffer.from(bytes)
}

const smallVarints = Array.from({ length: 1024 }, (_, value) => varint(value))

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** Castagnoli's. */
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}
