// observe.lua by itself: what it does with calls that no engine of ours would send, and at the ends of its numbers.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import type { JournalPlans } from '../journal.ts'
import { Seen } from '../observation.ts'
import { Engines, keyOf, longPlans, observeUntilAnswered, refusedAs } from '../testing/engines.ts'
import { kinds, wordsOf } from '../testing/journal-rows.ts'
import { Keys } from './keys.ts'
import { column, freshPlans, observe, row } from './store.contract.ts'

let engines: Engines

before(async () => {
  engines = await Engines.start()
})

afterEach(async () => {
  await engines.reset()
})

after(async () => {
  await engines.stop()
})

const rows = [row(7, 'a'), row(8, 'b'), row(9, 'a', { entities: ['a', null, null, 'here'] })]
/** Places in the packed argument; the head of observe.lua has them. */
const at = {
  version: 0,
  renew: 1,
  partitions: 2,
  journals: 4,
  rows: 6,
  slots: 8,
  hints: 10,
  records: 12,
  ttl: 16,
  since: 20,
}
const headBytes = 36
const partitionBytes = 20
const journalBytes = 30

/** The call that an engine would send for `rows`, word by word: FCALL, name, number of keys, keys, prefix, packed. */
async function callOf(plans: JournalPlans): Promise<Buffer[]> {
  const store = await engines.open(plans)
  engines.proxy.set(() => 'held')
  await refusedAs(observe(store, plans, rows), true, /observing/)
  engines.proxy.set(() => 'pass')
  const [call] = engines.proxy.take()
  const words: Buffer[] = []
  for (let from = call!.indexOf('\r\n') + 2; from < call!.length; ) {
    const line = call!.indexOf('\r\n', from)
    const length = Number(call!.toString('latin1', from + 1, line))
    words.push(call!.subarray(line + 2, line + 2 + length))
    from = line + 4 + length
  }
  return words
}

function changed(call: readonly Buffer[], change: (packed: Buffer) => void): Buffer[] {
  const packed = Buffer.from(call.at(-1)!)
  change(packed)
  return [...call.slice(0, -1), packed]
}

describe('observe.lua', () => {
  it('refuses an argument that is cut off or goes on anywhere, and writes nothing', async () => {
    const plans = longPlans()
    const call = await callOf(plans)
    const packed = call.at(-1)!
    for (let length = 0; length <= packed.length + 1; length++) {
      if (length === packed.length) continue
      const wrong = Buffer.alloc(length)
      packed.copy(wrong)
      await assert.rejects(
        engines.client.call(...call.slice(0, -1), wrong),
        /^Error: WEIRARGS/,
        `${length} bytes`,
      )
    }
    assert.equal((await engines.dump(plans)).size, 0)
    await engines.client.call(...call)
    assert.equal((await engines.dump(plans)).size, 6)
  })

  const firstJournal = headBytes + partitionBytes
  // Journals: cards a and b, merchant, device, address; nothing is held of any.
  const firstRow = firstJournal + 5 * journalBytes
  const firstSlot = firstRow + 3 * 12
  const wrong: Record<string, (packed: Buffer) => void> = {
    'another version': (packed) => packed.writeUInt8(1, at.version),
    'a partition more': (packed) => packed.writeUInt16LE(2, at.partitions),
    'a journal less than keys': (packed) => packed.writeUInt16LE(4, at.journals),
    'more rows than it takes': (packed) => packed.writeUInt16LE(65, at.rows),
    'more slots than it takes': (packed) => packed.writeUInt16LE(1025, at.slots),
    'a hint more': (packed) => packed.writeUInt16LE(1, at.hints),
    'more bytes of records': (packed) => packed.writeUInt32LE(1000, at.records),
    'no time to live': (packed) => packed.writeUInt32LE(0, at.ttl),
    'a width without room for an identity': (packed) => packed.writeUInt16LE(8, firstJournal),
    'a width less than its records have': (packed) => packed.writeUInt16LE(40, firstJournal),
    'a width more than its records have': (packed) => packed.writeUInt16LE(56, firstJournal),
    'a cap of nothing': (packed) => packed.writeUInt32LE(0, firstJournal + 2),
    'a journal held to before its begin': (packed) => packed.writeDoubleLE(-1, firstJournal + 6),
    'a row of no partition': (packed) => packed.writeUInt16LE(2, firstRow),
    'a row with other slots': (packed) => packed.writeUInt8(4, firstRow + 10),
    'a record for no journal': (packed) => packed.writeUInt16LE(0, firstSlot),
    'a record for a journal that is not there': (packed) => packed.writeUInt16LE(6, firstSlot),
  }
  for (const [name, change] of Object.entries(wrong)) {
    it(`refuses ${name}, and writes nothing`, async () => {
      const plans = longPlans()
      const call = await callOf(plans)
      await assert.rejects(engines.client.call(...changed(call, change)), /^Error: WEIRARGS/)
      assert.equal((await engines.dump(plans)).size, 0)
    })
  }

  it('moves the begin of history forward only', async () => {
    const plans = longPlans()
    const call = await callOf(plans)
    const chain = new Keys(plans, 1).chain(0)
    await engines.client.call(...call)
    for (const [sinceMs, expected] of [
      [2e12, '2000000000000'],
      [1.5e12, '2000000000000'],
      [2e12 + 1, '2000000000001'],
    ] as const) {
      const renewing = changed(call, (packed) => {
        packed.writeUInt8(1, at.renew)
        packed.writeDoubleLE(sinceMs, at.since)
      })
      await engines.client.call(...renewing)
      assert.equal(await engines.client.text('HGET', chain, 'since'), expected)
    }
  })

  it('keeps offsets and times to the last digit', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    // The greatest that a record's 48 bits hold beside `none`.
    const last = 2 ** 48 - 2
    const two = [last - 1, last].map((offset) => row(offset, 'a', { timeMs: 1_712_345_678_901 }))
    const chain = new Keys(plans, 1).chain(0)
    for (const [index, test] of two.entries()) {
      const batch = await observe(store, plans, [test])
      assert.deepEqual([batch.seen[0], batch.ordinal[0]], [Seen.fresh, index])
      assert.equal(batch.historySinceMs[0], 1_712_345_678_901)
      const stored = await engines.client.text('HGET', chain, 'p:transactions:0')
      assert.equal(stored, String(test.offset))
    }
    const other = await engines.open(plans)
    const again = await observe(other, plans, two)
    assert.deepEqual([...again.seen.slice(0, 2)], [Seen.redelivery, Seen.redelivery])
  })

  it('takes sixteen rows of as many kinds of entities as there may be, and no more kinds', async () => {
    const many = Array.from({ length: 65 }, (_, at) => ({ ...kinds[2]!, kind: `kind${at}` }))
    await refusedAs(engines.open(freshPlans(many)), false, /at most 64 kinds of entities, found 65/)
    const plans = freshPlans(many.slice(0, 64))
    const store = await engines.open(plans)
    const all = Array.from({ length: 20 }, (_, offset) =>
      row(offset, '', { entities: plans.journals.map(({ kind }) => `${kind} ${offset}`) }),
    )
    const batch = await observe(store, plans, all)
    await engines.check(store, batch, plans, all, 1)
  })

  it('what fails after the first write is mended by the repeat', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    // A merchant's journal that is nearly as long as Redis lets a string be; its card's is written before it.
    await observe(store, plans, [row(0, 'a')])
    const key = new Keys(plans, 1).journal('default', 1, wordsOf('merchant:shop'), 0)
    await engines.client.call('CONFIG', 'SET', 'proto-max-bulk-len', 1 << 20)
    const bytes = 1 << 20
    await engines.client.call('SETRANGE', key, bytes - 32, 'x'.repeat(32))
    const next = [row(1, 'a')]
    await refusedAs(observe(store, plans, next), false, /string exceeds maximum/)
    assert.equal(await engines.client.call('STRLEN', keyOf(plans, 'a')), 32 + 2 * 48)
    await engines.client.call('CONFIG', 'SET', 'proto-max-bulk-len', 512 << 20)
    const batch = await observeUntilAnswered(store, plans, next)
    assert.deepEqual(column(batch, batch.ordinal), [1])
    assert.equal(batch.ordinal[1], bytes / 32 - 1)
    assert.equal(await engines.client.call('STRLEN', keyOf(plans, 'a')), 32 + 2 * 48)
  })
})
