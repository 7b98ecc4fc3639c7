// The table of held journals against plain arrays: what is found there is what was put there, whatever was forgotten, moved,
// compacted or replaced meanwhile, and its memory stays under its bound.
import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { hopBoundary } from '../journal.ts'
import { plansOf, wordsOf } from '../testing/journal-rows.ts'
import { randomOf } from '../testing/random-rows.ts'
import { View } from '../view.ts'
import { Directory } from './directory.ts'
import { Journals } from './journals.ts'
import { StoreError } from './store.ts'

const least = 1 << 20
const shape = [
  { kind: 'card', width: 48, cap: 8, hopFloats: 2 },
  { kind: 'merchant', width: 16, cap: 64, hopFloats: 40 },
]

/** A record whose identity is `id`. */
function record(id: number): Uint32Array {
  const words = new Uint32Array(12)
  words[2] = id
  words[3] = Math.imul(id, 0x9e3779b1)
  return words
}

function append(journals: Journals, journal: number, id: number): number {
  return journals.append(journal, record(id), 0)
}

describe('held journals', () => {
  for (const seed of [1, 2, 3]) {
    it(`show what was put there, or nothing (seed ${seed})`, () => {
      const random = randomOf(seed)
      const plans = plansOf('x', shape)
      const journals = new Journals(plans, least, 'forget')
      /** Identities by key, for as long as the journal is held. */
      const model = new Map<string, number[]>()
      const view = new View()
      let next = 1
      let forgotten = 0
      for (let round = 0; round < 200; round++) {
        const observation = journals.begin()
        const pinned: { journal: number; ids: number[]; ordinal: number; entity: number }[] = []
        for (let step = random(40); step >= 0; step--) {
          const entity = random(2)
          const name = `${entity}:${random(2) === 0 ? random(5000) : random(12)}`
          const tenant = journals.tenant(`t${random(3)}`)
          const key = `${tenant}/${name}`
          const journal = journals.open(tenant, entity, wordsOf(name), 0)
          let ids = model.get(key) ?? []
          if (journals.count(journal) === 0 && ids.length > 0) {
            forgotten++
            ids = []
          }
          model.set(key, ids)
          assert.equal(journals.count(journal), ids.length, key)
          for (let more = random(30); more > 0; more--) {
            assert.equal(append(journals, journal, next), ids.length)
            ids.push(next++)
          }
          const tail = hopBoundary(ids.length, shape[entity]!.cap)
          const some = ids[random(ids.length + 1)] ?? next
          const at = ids.indexOf(some)
          assert.equal(journals.locate(journal, record(some), 0), at >= tail ? at : -1)
          journals.pin(journal)
          pinned.push({ journal, ids: [...ids], ordinal: ids.length, entity })
          if (random(300) === 0) {
            journals.drop(journal)
            model.delete(key)
          }
        }
        if (random(200) === 0) {
          journals.clear()
          model.clear()
        }
        for (const { journal, ids, ordinal, entity } of pinned) {
          const { cap, width } = shape[entity]!
          journals.view(journal, ordinal, view)
          for (let at = hopBoundary(ordinal, cap); at < ordinal; at++) {
            const start = view.start + (at - view.base) * width
            assert.equal(view.data.getUint32(start + 8, true), ids[at])
          }
          assert.equal(view.hops?.[0] ?? 0, view.base)
        }
        for (const { journal } of pinned) journals.unpin(journal)
        journals.end(observation)
        assert(journals.bytes <= least, `${journals.bytes} bytes`)
      }
      assert(forgotten > 10, `forgotten ${forgotten}`)
    })
  }

  it('give back what a batch had pinned beyond the bound when it ends', () => {
    const journals = new Journals(plansOf('x', shape), least, 'forget')
    const observation = journals.begin()
    const pinned = Array.from({ length: 2000 }, (_, at) => {
      const journal = journals.open(journals.tenant('t'), 1, wordsOf(`${at}`), 0)
      journals.pin(journal)
      for (let id = 1; id <= 60; id++) append(journals, journal, id)
      return journal
    })
    assert(journals.bytes > least)
    for (const journal of pinned) journals.unpin(journal)
    journals.end(observation)
    assert(journals.bytes <= least, `${journals.bytes} bytes`)
  })

  it('are forgotten when their tenants are too many to number, and refuse more where nothing may be', () => {
    const tenants = 66_000
    const plans = plansOf('x', shape)
    const key = wordsOf('card')
    const cache = new Journals(plans, 32 << 20, 'forget')
    for (let at = 0; at < tenants; at += 200) {
      const observation = cache.begin()
      for (let tenant = at; tenant < at + 200; tenant++) {
        const journal = cache.open(cache.tenant(`t${tenant}`), 0, key, 0)
        assert.equal(append(cache, journal, tenant + 1), 0)
      }
      cache.end(observation)
    }
    assert(cache.live < 1000, `${cache.live} held`)
    const truth = new Journals(plans, 32 << 20, 'refuse')
    const numberAll = (): void => {
      for (let tenant = 0; tenant < tenants; tenant++) truth.tenant(`t${tenant}`)
    }
    assert.throws(numberAll, /expected at most 65536 tenants/)
  })

  it('refuse for good at their bound when they are the truth, and lose nothing', () => {
    const journals = new Journals(plansOf('x', shape), least, 'refuse')
    const counts: number[] = []
    const fill = (): void => {
      for (let at = 0; ; at++) {
        const journal = journals.open(journals.tenant('t'), 1, wordsOf(`${at % 5000}`), 0)
        append(journals, journal, at)
        counts[at % 5000] = (counts[at % 5000] ?? 0) + 1
      }
    }
    assert.throws(fill, (error) => error instanceof StoreError && !error.retriable)
    assert(journals.bytes <= least)
    for (const [at, count] of counts.entries()) {
      const journal = journals.open(journals.tenant('t'), 1, wordsOf(`${at}`), 0)
      assert.equal(journals.count(journal), count)
    }
  })
})

describe('directory', () => {
  it('finds every key, and only those, however their hashes collide', () => {
    const random = randomOf(5)
    const directory = new Directory()
    const live = new Map<string, number>()
    // Few hashes: long runs of slots, through which entries move when one is taken out.
    const key = (name: string): Uint32Array => {
      const [first, rest] = name.split('/').map(Number)
      return Uint32Array.from([0xfffffff0 + first!, rest! % 3, rest!, 7])
    }
    for (let step = 0; step < 30_000; step++) {
      const name = `${random(16)}/${random(400)}`
      const words = key(name)
      const found = directory.find(1, 0, words, 0)
      assert.equal(found, live.get(name) ?? -1)
      assert.equal(directory.find(2, 0, words, 0), -1)
      assert.equal(directory.find(1, 1, words, 0), -1)
      if (found === -1) {
        live.set(name, directory.insert(1, 0, words, 0))
      } else if (random(2) === 0) {
        directory.unlink(found)
        directory.vacate(found)
        live.delete(name)
      }
    }
    assert.equal(directory.live, live.size)
  })
})
