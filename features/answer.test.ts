// Addresses of answers: the hash of a primary entity is the one of its journal's key, and ids are told apart.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { firstWord, hashText, IdHasher, primaryHashPattern } from './answer.ts'
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
  const one = new IdHasher(hex('00112233445566778899aabbccddeeff'))
  const other = new IdHasher(hex('ffeeddccbbaa99887766554433221100'))
  const ids = ['', 'a', 'a\0', 'ä', 'a\u0308', 'answer', '💳', 'x'.repeat(256), 'x'.repeat(255)]
  const hashes = ids.flatMap((id) => [one.hash(id), other.hash(id)])
  assert.equal(new Set(hashes).size, hashes.length)
  assert.deepEqual(
    hashes,
    ids.flatMap((id) => [one.hash(id), other.hash(id)]),
  )
})
