// SipHash against its published vectors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SipHash } from './hash.ts'

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
