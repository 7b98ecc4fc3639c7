// Keys: the texts they should be, and no two of them the same.
import { strict as assert } from 'node:assert'
import { it } from 'node:test'
import fc from 'fast-check'
import { kinds, plansOf } from '../testing/journal-rows.ts'
import { Chains, Role } from './chain.ts'
import { bucketsMax, Keys } from './keys.ts'

const tenant = fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/)
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const hash = fc.tuple(word, word, word, word).map((words) => Uint32Array.from(words))
const entity = fc.integer({ min: 0, max: kinds.length - 1 })

it('a journal is named by bucket, tenant, kind and the hash as base64url', () => {
  const keys = new Keys(plansOf('ns'), 256)
  const words = fc.tuple(tenant, entity, hash)
  fc.assert(
    fc.property(words, ([name, kind, key]) => {
      const bytes = Buffer.alloc(16)
      for (const [at, value] of key.entries()) bytes.writeUInt32BE(value, at * 4)
      const bucket = (key[0]! % 256).toString(16).padStart(2, '0')
      const expected = `w:ns:{b${bucket}}:${name}:${kinds[kind]!.kind}:${bytes.toString('base64url')}`
      assert.equal(keys.journal(name, kind, key, 0), expected)
    }),
  )
})

it('no two journals share a key, and none is a chain or the deployment', () => {
  const one = fc.tuple(tenant, entity, hash)
  fc.assert(
    fc.property(one, one, fc.integer({ min: 1, max: bucketsMax }), (a, b, buckets) => {
      const keys = new Keys(plansOf('ns'), buckets)
      const [first, second] = [a, b].map(([name, kind, key]) => keys.journal(name, kind, key, 0))
      const isSame = a[0] === b[0] && a[1] === b[1] && Buffer.from(a[2]).equals(Buffer.from(b[2]))
      assert.equal(first === second, isSame)
      const bucket = keys.bucketOf(a[2][0]!)
      assert.notEqual(first, keys.chain(bucket))
      assert.notEqual(first, keys.deployment)
      assert(first!.startsWith(keys.chain(bucket).slice(0, -'chain'.length)))
    }),
  )
})

it('no two partitions of two streams share a field of a chain, and none is called since', () => {
  const stream = fc.stringMatching(/^[A-Za-z0-9._:-]{1,20}$/)
  const role = fc.constantFrom(Role.primaries, Role.others)
  const place = fc.tuple(stream, role, fc.integer({ min: 0, max: 65_534 }))
  fc.assert(
    fc.property(place, place, (a, b) => {
      const [first, second] = [a, b].map(([name, of, partition]) =>
        new Chains(name).field({ bucket: 0, role: of, partition }),
      )
      assert.equal(first === second, a.join() === b.join())
      assert.notEqual(first, 'since')
    }),
  )
})
