// SipHash against its published vectors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageRoom, SipHash } from './hash.ts'

const sequence = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index)
const hex = (words: number[]): string =>
  words.map((w) => Buffer.from(Uint32Array.of(w).buffer).toString('hex')).join('')

test('64 bits equal the vectors of the paper and its reference implementation', () => {
  const sip = new SipHash(sequence(16))
  const vectors = new Map([
    [0, '310e0edd47db6f72'],
    [1, 'fd67dc93c539f874'],
    [7, '37d1018bf50002ab'],
    [8, '6224939a79f5f593'],
    [15, 'e545be4961ca29a1'],
  ])
  for (const [length, expected] of vectors) {
    sip.hash64(sequence(length), length)
    assert.equal(hex([sip.w0, sip.w1]), expected, `${length} bytes`)
  }
})

test('128 bits equal the vectors of the reference implementation', () => {
  const sip = new SipHash(sequence(16))
  const vectors = new Map([
    [0, 'a3817f04ba25a8e66df67214c7550293'],
    [1, 'da87c1d86b99af44347659119b22fc45'],
  ])
  for (const [length, expected] of vectors) {
    sip.hash128(sequence(length), length)
    assert.equal(hex([sip.w0, sip.w1, sip.w2, sip.w3]), expected, `${length} bytes`)
  }
})

test('a key that is not 16 bytes is refused', () => {
  assert.throws(() => new SipHash(new Uint8Array(15)), /expected a hash key of 16 bytes, found 15/)
})

test('messages of any length and place have the hash that the paper describes', () => {
  const key = sequence(16).map((byte) => byte * 37 + 5)
  const sip = new SipHash(key)
  const lengths = [...Array.from({ length: 70 }, (_, length) => length), 4096, 65_536, 200_003]
  for (const length of lengths) {
    const text = sequence(length).map((byte) => byte * 101 + length)
    const expected = byHand(key, text)
    sip.hash128(text, length)
    assert.equal(hex([sip.w0, sip.w1, sip.w2, sip.w3]), expected.long, `${length} bytes`)
    const room = messageRoom(length)
    room.set(text)
    // What lies behind a message is none of its business.
    room.fill(0xff, length, length + 8)
    sip.hash64(room, length)
    assert.equal(hex([sip.w0, sip.w1]), expected.short, `${length} bytes in place`)
  }
})

test('two keys hash in turn, and growing keeps what was written', () => {
  const [one, other] = [new SipHash(sequence(16)), new SipHash(new Uint8Array(16))]
  const before = messageRoom(16)
  before.write('a message')
  const room = messageRoom(before.length + 1)
  assert.equal(room.toString('latin1', 0, 9), 'a message')
  one.hash64(room, 9)
  const first = hex([one.w0, one.w1])
  other.hash64(sequence(3), 3)
  one.hash64(Buffer.from('a message'), 9)
  assert.equal(hex([one.w0, one.w1]), first)
})

/** The paper's definition, word by word. */
function byHand(
  key: Uint8Array,
  text: Uint8Array,
): { readonly short: string; readonly long: string } {
  const mask = 2n ** 64n - 1n
  const rotate = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (64n - by))) & mask
  const bytes = Buffer.concat([
    text,
    new Uint8Array(7 - (text.length % 8)),
    Buffer.of(text.length & 0xff),
  ])
  const [k0, k1] = [0, 8].map((at) => Buffer.from(key).readBigUInt64LE(at)) as [bigint, bigint]
  const hashed = (isLong: boolean): string => {
    let [v0, v1] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn]
    let [v2, v3] = [k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n]
    const rounds = (count: number): void => {
      for (; count > 0; count--) {
        v0 = (v0 + v1) & mask
        v2 = (v2 + v3) & mask
        v1 = rotate(v1, 13n) ^ v0
        v3 = rotate(v3, 16n) ^ v2
        v0 = rotate(v0, 32n)
        v2 = (v2 + v1) & mask
        v0 = (v0 + v3) & mask
        v1 = rotate(v1, 17n) ^ v2
        v3 = rotate(v3, 21n) ^ v0
        v2 = rotate(v2, 32n)
      }
    }
    if (isLong) v1 ^= 0xeen
    for (let at = 0; at < bytes.length; at += 8) {
      const word = bytes.readBigUInt64LE(at)
      v3 ^= word
      rounds(2)
      v0 ^= word
    }
    v2 ^= isLong ? 0xeen : 0xffn
    const out = Buffer.alloc(isLong ? 16 : 8)
    for (let at = 0; at < out.length; at += 8) {
      if (at > 0) v1 ^= 0xddn
      rounds(4)
      out.writeBigUInt64LE(v0 ^ v1 ^ v2 ^ v3, at)
    }
    return out.toString('hex')
  }
  return { short: hashed(false), long: hashed(true) }
}
