// The protobuf wire format (protobuf.dev/programming-guides/encoding), as much of it as an ONNX file needs. Reading is
// bounded by the bytes at hand and never trusts a length.

const two32 = 2 ** 32

/** Thrown for bytes that are no protobuf message. */
export class WireError extends Error {}

/** One field as it stands: a number for varints and fixed widths, bytes for everything with a length. */
export interface WireField {
  readonly number: number
  readonly value: number
  readonly bytes: Buffer | null
  /** Where it stands in its message, from its tag on to before the next. */
  readonly start: number
  readonly end: number
}

/** The fields of a message, in order. Throws WireError where the bytes break off or make no sense. */
export function* wireFields(message: Buffer): Iterable<WireField> {
  const at = { place: 0 }
  while (at.place < message.length) {
    const start = at.place
    const tag = varint(message, at)
    const number = Math.floor(tag / 8)
    let value = 0
    let bytes: Buffer | null = null
    switch (tag % 8) {
      case 0:
        value = varint(message, at)
        break
      case 1:
        value = message.readDoubleLE(pass(message, at, 8))
        break
      case 2: {
        const length = varint(message, at)
        bytes = fixed(message, at, length)
        break
      }
      case 5:
        value = message.readFloatLE(pass(message, at, 4))
        break
      default:
        throw new WireError(`wire type ${tag % 8} at byte ${at.place}`)
    }
    yield { number, value, bytes, start, end: at.place }
  }
}

/** The numbers of a repeated field that came in one piece. Throws WireError where the bytes break off. */
export function packedVarints(bytes: Buffer): number[] {
  const at = { place: 0 }
  const numbers: number[] = []
  while (at.place < bytes.length) numbers.push(varint(bytes, at))
  return numbers
}

export function packedFloats(bytes: Buffer): number[] {
  return packed(bytes, 4).map((at) => bytes.readFloatLE(at))
}

export function packedDoubles(bytes: Buffer): number[] {
  return packed(bytes, 8).map((at) => bytes.readDoubleLE(at))
}

/** Where numbers of `width` bytes begin. */
function packed(bytes: Buffer, width: number): number[] {
  const count = bytes.length / width
  if (!Number.isInteger(count)) throw new WireError(`${bytes.length} bytes of numbers of ${width}`)
  return Array.from({ length: count }, (_, index) => index * width)
}

function fixed(message: Buffer, at: { place: number }, length: number): Buffer {
  const start = pass(message, at, length)
  return message.subarray(start, start + length)
}

/** Goes on behind so many bytes; where they begin. */
function pass(message: Buffer, at: { place: number }, length: number): number {
  // A negative length would go back, and round and round.
  if (length < 0 || length > message.length - at.place) {
    throw new WireError(`a field of ${length} bytes where ${message.length - at.place} are left`)
  }
  at.place += length
  return at.place - length
}

/** Signed 64-bit varint as a number, exact within ±2^53: no field that we read has more. */
function varint(message: Buffer, at: { place: number }): number {
  const first = message[at.place]
  // Nearly all of them.
  if (first !== undefined && first < 0x80) {
    at.place++
    return first
  }
  let low = 0
  let high = 0
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = message[at.place++]
    if (byte === undefined) throw new WireError('the bytes break off')
    const bits = byte & 0x7f
    if (shift < 28) low += bits * 2 ** shift
    else high += bits * 2 ** (shift - 28)
    // 64 bits in all, so 36 above the low 28; the sign is taken off before the sum could round.
    if (byte < 0x80) return low + signed36(high) * 2 ** 28
  }
  throw new WireError('a number of more than ten bytes')
}

function signed36(high: number): number {
  const bits = high % 2 ** 36
  return bits >= 2 ** 35 ? bits - 2 ** 36 : bits
}

/** Builds a message field by field. */
export class WireWriter {
  #bytes = Buffer.alloc(64)
  #length = 0

  int(number: number, value: number): this {
    this.#varint(number * 8)
    this.#varint(value)
    return this
  }

  float(number: number, value: number): this {
    this.#varint(number * 8 + 5)
    this.#reserve(4)
    this.#length = this.#bytes.writeFloatLE(value, this.#length)
    return this
  }

  bytes(number: number, value: Uint8Array): this {
    this.#varint(number * 8 + 2)
    this.#varint(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  text(number: number, value: string): this {
    return this.bytes(number, Buffer.from(value))
  }

  message(number: number, value: WireWriter): this {
    return this.bytes(number, value.finish())
  }

  /** What was written, as it stands: not to be written to any more. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** A list of millions of numbers is written one at a time: room is made for twice what there is. */
  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const wider = Buffer.alloc(2 * (this.#length + bytes))
    wider.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = wider
  }

  #varint(value: number): void {
    this.#reserve(10)
    if (value >= 0 && value < 0x80) {
      this.#bytes[this.#length++] = value
      return
    }
    let low = ((value % two32) + two32) % two32
    let high = Math.floor(value / two32)
    if (high < 0) high += two32
    while (high > 0 || low > 0x7f) {
      this.#bytes[this.#length++] = (low & 0x7f) | 0x80
      low = Math.floor(low / 128) + (high % 128) * 2 ** 25
      high = Math.floor(high / 128)
    }
    this.#bytes[this.#length++] = low
  }
}
