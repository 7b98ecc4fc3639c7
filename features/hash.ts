// SipHash-2-4 with 64 and 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
// Keyed, so that what is stored of an id tells nothing without the key. Allocates nothing per hash.
import { keyAt, messageAt, resultAt, sipHashCode } from './siphash-code.ts'

/** Of the language's own interface, what is used here: TypeScript has it for browsers only. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: Exports }
}

interface Exports {
  readonly hash: (length: number, isLong: number) => void
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
}

const pageBytes = 65_536

/** The module and its memory: one for all keys of a thread, since from writing a message to its hash nothing intervenes. */
const { hash, memory } = new WebAssembly.Instance(new WebAssembly.Module(sipHashCode())).exports
let words = new Uint32Array(memory.buffer)
let message = Buffer.from(memory.buffer, messageAt)

/**
 * At least `size` bytes in which a message is hashed without being copied: `hash64(messageRoom(n), length)`. What is there
 * holds until the next hash of whatever key, and stays when it grows; the buffer that was there before is then empty.
 */
export function messageRoom(size: number): Buffer {
  // The last word of a message is read whole, also where it begins behind the message.
  const lacking = size + 8 - message.length
  if (lacking > 0) {
    memory.grow(Math.ceil(lacking / pageBytes))
    words = new Uint32Array(memory.buffer)
    message = Buffer.from(memory.buffer, messageAt)
  }
  return message
}

/** One key's hash function. The result stands in `w0…w3` (little-endian words) until the next call. */
export class SipHash {
  w0 = 0
  w1 = 0
  w2 = 0
  w3 = 0
  readonly #key: Uint32Array

  /** `key`: 16 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 16)
      throw new RangeError(`expected a hash key of 16 bytes, found ${key.length}`)
    this.#key = new Uint32Array(Uint8Array.from(key).buffer)
  }

  /** Of the first `length` bytes: 64 bits into w0, w1. */
  hash64(bytes: Uint8Array, length: number): void {
    this.#hash(bytes, length, 0)
  }

  /** Of the first `length` bytes: 128 bits into w0…w3. */
  hash128(bytes: Uint8Array, length: number): void {
    this.#hash(bytes, length, 1)
    this.w2 = words[resultAt / 4 + 2]!
    this.w3 = words[resultAt / 4 + 3]!
  }

  #hash(bytes: Uint8Array, length: number, isLong: number): void {
    if (bytes !== message) messageRoom(length).set(bytes.subarray(0, length))
    const key = this.#key
    for (let word = 0; word < 4; word++) words[keyAt / 4 + word] = key[word]!
    hash(length, isLong)
    this.w0 = words[resultAt / 4]!
    this.w1 = words[resultAt / 4 + 1]!
  }
}
