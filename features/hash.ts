// SipHash-2-4 with 64 and 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
// Keyed, so that what is stored of an id tells nothing without the key. Allocates nothing per hash.

/** One key's hash function. The result stands in `w0…w3` (little-endian words) until the next call. */
export class SipHash {
  w0 = 0
  w1 = 0
  w2 = 0
  w3 = 0
  readonly #k: Int32Array
  // v0…v3 as low and high halves; fields, so that a round is one call without arguments.
  #a = 0
  #A = 0
  #b = 0
  #B = 0
  #c = 0
  #C = 0
  #d = 0
  #D = 0

  /** `key`: 16 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 16)
      throw new RangeError(`expected a hash key of 16 bytes, found ${key.length}`)
    const view = new DataView(key.buffer, key.byteOffset, 16)
    this.#k = Int32Array.of(...[0, 4, 8, 12].map((at) => view.getInt32(at, true)))
  }

  /** Of the first `length` bytes: 64 bits into w0, w1. */
  hash64(bytes: Uint8Array, length: number): void {
    this.#absorb(bytes, length, 0, 0xff)
    this.#finish()
  }

  /** Of the first `length` bytes: 128 bits into w0…w3. */
  hash128(bytes: Uint8Array, length: number): void {
    this.#absorb(bytes, length, 0xee, 0xee)
    this.#finish()
    const { w0, w1 } = this
    this.#b ^= 0xdd
    this.#finish()
    this.w2 = this.w0
    this.w3 = this.w1
    this.w0 = w0
    this.w1 = w1
  }

  #absorb(bytes: Uint8Array, length: number, tweak: number, finish: number): void {
    const [k0, k1, k2, k3] = this.#k as unknown as [number, number, number, number]
    this.#a = k0 ^ 0x70736575
    this.#A = k1 ^ 0x736f6d65
    this.#b = k2 ^ 0x6e646f6d ^ tweak
    this.#B = k3 ^ 0x646f7261
    this.#c = k0 ^ 0x6e657261
    this.#C = k1 ^ 0x6c796765
    this.#d = k2 ^ 0x79746573
    this.#D = k3 ^ 0x74656462
    const whole = length & ~7
    let at = 0
    for (; at < whole; at += 8) this.#block(word(bytes, at), word(bytes, at + 4))
    let low = 0
    let high = length << 24
    for (let i = 0; at + i < length; i++) {
      if (i < 4) low |= bytes[at + i]! << (8 * i)
      else high |= bytes[at + i]! << (8 * (i - 4))
    }
    this.#block(low, high)
    this.#c ^= finish
  }

  #block(low: number, high: number): void {
    this.#d ^= low
    this.#D ^= high
    this.#round()
    this.#round()
    this.#a ^= low
    this.#A ^= high
  }

  #finish(): void {
    for (let round = 0; round < 4; round++) this.#round()
    this.w0 = (this.#a ^ this.#b ^ this.#c ^ this.#d) >>> 0
    this.w1 = (this.#A ^ this.#B ^ this.#C ^ this.#D) >>> 0
  }

  #round(): void {
    let a = this.#a
    let A = this.#A
    let b = this.#b
    let B = this.#B
    let c = this.#c
    let C = this.#C
    let d = this.#d
    let D = this.#D
    let low = (a >>> 0) + (b >>> 0)
    A = (A + B + (low > 0xffffffff ? 1 : 0)) | 0
    a = low | 0
    let t = (b << 13) | (B >>> 19)
    B = ((B << 13) | (b >>> 19)) ^ A
    b = t ^ a
    t = a
    a = A
    A = t
    low = (c >>> 0) + (d >>> 0)
    C = (C + D + (low > 0xffffffff ? 1 : 0)) | 0
    c = low | 0
    t = (d << 16) | (D >>> 16)
    D = ((D << 16) | (d >>> 16)) ^ C
    d = t ^ c
    low = (a >>> 0) + (d >>> 0)
    A = (A + D + (low > 0xffffffff ? 1 : 0)) | 0
    a = low | 0
    t = (d << 21) | (D >>> 11)
    D = ((D << 21) | (d >>> 11)) ^ A
    d = t ^ a
    low = (c >>> 0) + (b >>> 0)
    C = (C + B + (low > 0xffffffff ? 1 : 0)) | 0
    c = low | 0
    t = (b << 17) | (B >>> 15)
    B = ((B << 17) | (b >>> 15)) ^ C
    b = t ^ c
    t = c
    c = C
    C = t
    this.#a = a
    this.#A = A
    this.#b = b
    this.#B = B
    this.#c = c
    this.#C = C
    this.#d = d
    this.#D = D
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
