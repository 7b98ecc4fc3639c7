// SipHash-2-4 with 64 and 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
// Keyed, so that what is stored of an id tells nothing without the key. Allocates nothing per hash.

/** One key's hash function. The result stands in `w0…w3` (little-endian words) until the next call. */
export class SipHash {
  w0 = 0
  w1 = 0
  w2 = 0
  w3 = 0
  readonly #k: Int32Array

  /** `key`: 16 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 16)
      throw new RangeError(`expected a hash key of 16 bytes, found ${key.length}`)
    const view = new DataView(key.buffer, key.byteOffset, 16)
    this.#k = Int32Array.of(...[0, 4, 8, 12].map((at) => view.getInt32(at, true)))
  }

  /** Of the first `length` bytes: 64 bits into w0, w1. */
  hash64(bytes: Uint8Array, length: number): void {
    this.#hash(bytes, length, false)
  }

  /** Of the first `length` bytes: 128 bits into w0…w3. */
  hash128(bytes: Uint8Array, length: number): void {
    this.#hash(bytes, length, true)
  }

  /**
   * v0…v3 as halves a A, b B, c C, d D. One loop, so that all of them stay in registers: a step for each word of the
   * message (two rounds), then one for each half of the result (four rounds).
   */
  #hash(bytes: Uint8Array, length: number, isLong: boolean): void {
    const key = this.#k
    let a = key[0]! ^ 0x70736575
    let A = key[1]! ^ 0x736f6d65
    let b = key[2]! ^ 0x6e646f6d ^ (isLong ? 0xee : 0)
    let B = key[3]! ^ 0x646f7261
    let c = key[0]! ^ 0x6e657261
    let C = key[1]! ^ 0x6c796765
    let d = key[2]! ^ 0x79746573
    let D = key[3]! ^ 0x74656462
    const words = (length >>> 3) + 1
    const steps = words + (isLong ? 2 : 1)
    for (let step = 0; step < steps; step++) {
      const at = step * 8
      let low = 0
      let high = 0
      if (step < words - 1) {
        low = word(bytes, at)
        high = word(bytes, at + 4)
      } else if (step === words - 1) {
        high = length << 24
        for (let i = 0; at + i < length; i++) {
          if (i < 4) low |= bytes[at + i]! << (8 * i)
          else high |= bytes[at + i]! << (8 * (i - 4))
        }
      } else if (step === words) c ^= isLong ? 0xee : 0xff
      else b ^= 0xdd
      d ^= low
      D ^= high
      for (let pairs = step < words ? 1 : 2; pairs > 0; pairs--) {
        // Two rounds. Where one turns a word by 32 bits, its halves change their names here: after the second they have them back.
        let t = 0
        a = (a + b) | 0
        A = (A + B + (a >>> 0 < b >>> 0 ? 1 : 0)) | 0
        t = (b << 13) | (B >>> 19)
        B = ((B << 13) | (b >>> 19)) ^ A
        b = t ^ a
        c = (c + d) | 0
        C = (C + D + (c >>> 0 < d >>> 0 ? 1 : 0)) | 0
        t = (d << 16) | (D >>> 16)
        D = ((D << 16) | (d >>> 16)) ^ C
        d = t ^ c
        A = (A + d) | 0
        a = (a + D + (A >>> 0 < d >>> 0 ? 1 : 0)) | 0
        t = (d << 21) | (D >>> 11)
        D = ((D << 21) | (d >>> 11)) ^ a
        d = t ^ A
        c = (c + b) | 0
        C = (C + B + (c >>> 0 < b >>> 0 ? 1 : 0)) | 0
        t = (b << 17) | (B >>> 15)
        B = ((B << 17) | (b >>> 15)) ^ C
        b = t ^ c
        A = (A + b) | 0
        a = (a + B + (A >>> 0 < b >>> 0 ? 1 : 0)) | 0
        t = (b << 13) | (B >>> 19)
        B = ((B << 13) | (b >>> 19)) ^ a
        b = t ^ A
        C = (C + d) | 0
        c = (c + D + (C >>> 0 < d >>> 0 ? 1 : 0)) | 0
        t = (d << 16) | (D >>> 16)
        D = ((D << 16) | (d >>> 16)) ^ c
        d = t ^ C
        a = (a + d) | 0
        A = (A + D + (a >>> 0 < d >>> 0 ? 1 : 0)) | 0
        t = (d << 21) | (D >>> 11)
        D = ((D << 21) | (d >>> 11)) ^ A
        d = t ^ a
        C = (C + b) | 0
        c = (c + B + (C >>> 0 < b >>> 0 ? 1 : 0)) | 0
        t = (b << 17) | (B >>> 15)
        B = ((B << 17) | (b >>> 15)) ^ c
        b = t ^ C
      }
      a ^= low
      A ^= high
      if (step === words) {
        this.w0 = (a ^ b ^ c ^ d) >>> 0
        this.w1 = (A ^ B ^ C ^ D) >>> 0
      }
    }
    if (!isLong) return
    this.w2 = (a ^ b ^ c ^ d) >>> 0
    this.w3 = (A ^ B ^ C ^ D) >>> 0
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
