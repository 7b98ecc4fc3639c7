// Addresses of answers: the hash of a primary entity is the one of its journal's key, and ids are told apart.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Addresser, AnswerSeal, firstWord, hashText, primaryHashPattern } from './answer.ts'
import { Keys } from './store/keys.ts'
import { plansOf } from './testing/journal-rows.ts'

const scratch = Buffer.alloc(16)
const hex = (text: string) => Buffer.from(text, 'hex')

test('a hash reads as in the key of its journal, and gives back the word that chooses the bucket', () => {
  const plans = plansOf('t0')
  const keys = new Keys(plans, 1)
  for (const words of [
    [0, 0, 0, 0],
    [0xffffffff, 1, 0x80000000, 0xfffffffe],
    [7, 1e9, 3e9, 4e9],
  ]) {
    const [w0, w1, w2, w3] = words as [number, number, number, number]
    const hash = hashText(scratch, w0, w1, w2, w3)
    assert.equal(keys.journal('default', 0, Uint32Array.from(words), 0).split(':').at(-1), hash)
    assert.match(hash, primaryHashPattern)
    assert.equal(firstWord(hash), w0)
  }
})

test('every id has a hash of its own under every key', () => {
  const one = new Addresser(hex('00112233445566778899aabbccddeeff'), 0)
  const other = new Addresser(hex('ffeeddccbbaa99887766554433221100'), 0)
  const ids = ['', 'a', 'a\0', 'ä', 'a\u0308', 'answer', '💳', 'x'.repeat(256), 'x'.repeat(255)]
  const all = () => ids.flatMap((id) => [one.address('p', id).id, other.address('p', id).id])
  const hashes = all()
  assert.equal(new Set(hashes).size, hashes.length)
  assert.deepEqual(hashes, all())
})

test('a sealed answer opens for its own transaction alone, unchanged, under the same key', () => {
  const seal = new AnswerSeal(hex('00112233445566778899aabbccddeeff'))
  const address = { primary: 'p'.repeat(22), id: 'i'.repeat(22) }
  const fingerprint = '0123456789abcdef'
  const answer = { ...address, fingerprint, body: '{"outcome":"approve","id":"ä💳"}' }
  const sealed = seal.seal(answer)
  assert.deepEqual(seal.open(sealed, address, fingerprint), answer)
  assert.equal(seal.open(sealed, { ...address, id: 'j'.repeat(22) }, fingerprint), null)
  assert.equal(seal.open(sealed, { ...address, primary: 'q'.repeat(22) }, fingerprint), null)
  assert.equal(seal.open(sealed, address, '0123456789abcdee'), null)
  const another = new AnswerSeal(hex('00112233445566778899aabbccddeefe'))
  assert.equal(another.open(sealed, address, fingerprint), null)
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at]! ^= 1
    assert.equal(seal.open(changed, address, fingerprint), null, `byte ${at}`)
  }
  for (const length of [0, 1, 31, 32, sealed.length - 1]) {
    assert.equal(seal.open(sealed.subarray(0, length), address, fingerprint), null)
  }
})
