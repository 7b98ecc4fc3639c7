// Sums on their way to Redis and back: the bits that went come again, and nothing else is taken for sums.
import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { plansOf } from '../testing/journal-rows.ts'
import { randomOf } from '../testing/random-rows.ts'
import { StoreError } from './store.ts'
import { packSums, unpackSums } from './whole.ts'

function planOf(hopFloats: number) {
  return plansOf('x', [{ kind: 'shop', width: 48, cap: 8, hopFloats }]).journals[0]!
}

function refused(hopFloats: number, packed: Uint8Array, text: RegExp): void {
  assert.throws(
    () => unpackSums(planOf(hopFloats), packed),
    (error) => error instanceof StoreError && !error.retriable && text.test(error.message),
  )
}

describe('sums', () => {
  it('come back bit for bit, whatever numbers they are', async () => {
    const random = randomOf(7)
    for (const length of [0, 1, 2, 700, 11_000]) {
      const hops = Float64Array.from({ length }, (_, at) =>
        random(3) === 0 ? random(2 ** 31) * 2 ** 21 : [-1, -Infinity, Infinity, -0, 0][at % 5]!,
      )
      const back = unpackSums(planOf(length), await packSums(hops))
      assert.deepEqual(Buffer.from(back.buffer), Buffer.from(hops.buffer))
    }
  })

  it('of another length than the plan has, or broken, are refused with expected and found', async () => {
    const packed = await packSums(Float64Array.of(1, 2, 3))
    refused(4, packed, /kind shop: expected sums of 32 bytes, found 24 bytes: delete the journal/)
    refused(2, packed, /expected sums of 16 bytes, found /)
    refused(0, packed, /expected sums of 0 bytes, found /)
    refused(3, new Uint8Array(0), /expected sums of 24 bytes, found 0 bytes/)
    refused(3, packed.subarray(0, -2), /expected sums of 24 bytes, found /)
    refused(3, new Uint8Array(packed.length).fill(0xff), /expected sums of 24 bytes, found /)
  })

  it('that inflate to far more than they should are not', async () => {
    const bomb = await packSums(new Float64Array(1 << 20))
    refused(3, bomb, /expected sums of 24 bytes, found /)
  })
})
