// A cluster whose slots move while batches run: the transactions of a bucket that is on its way wait, all others go on, and
// each is counted once.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import { answerOf } from '../../engine/api/answers.contract.ts'
import { Auditor } from '../testing/auditor.ts'
import { alone, buckets, ClusterEngines, cardIn, chainOf } from '../testing/cluster-engines.ts'
import { longPlans, observeUntilAnswered, refusedAs } from '../testing/engines.ts'
import type { TestRow } from '../testing/journal-rows.ts'
import { randomOf } from '../testing/random-rows.ts'
import { packCommand } from '../testing/redis-client.ts'
import type { ClusterNode } from '../testing/redis-cluster.ts'
import { slotOf } from './slots.ts'
import { column, observe, row } from './store.contract.ts'

let engines: ClusterEngines

before(async () => {
  engines = await ClusterEngines.start(true)
})

afterEach(async () => {
  await engines.reset()
})

after(async () => {
  await engines.stop()
})

const moving = 3
const staying = 4

describe('a bucket on its way', () => {
  it('waits, while all others are answered, and is answered once it has arrived', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const chain = chainOf(plans, moving)
    const [store, other] = [await engines.open(plans), await engines.open(plans)]
    const cards = [0, 1, 2, 3].map((n) => cardIn(moving, n))
    await observe(
      store,
      plans,
      cards.map((card, at) => alone(at, card)),
    )
    const to = await cluster.otherThan(chain)
    const from = await cluster.beginMove(chain, to)
    await cluster.moveKeys(chain, from, to, 2)
    let isAnswered = false
    const rows = cards.map((card, at) => alone(at + 4, card))
    const waiting = observe(store, plans, rows).finally(() => {
      isAnswered = true
    })
    for (let offset = 0; offset < 20; offset++) {
      const rest = [alone(offset, cardIn(staying), { partition: 1, id: `p1-${offset}` })]
      const batch = await observe(other, plans, rest)
      assert.equal(batch.ordinal[0], offset)
      other.release(batch)
    }
    assert.equal(isAnswered, false)
    while (await cluster.moveKeys(chain, from, to, 1));
    await cluster.endMove(chain, from, to)
    const batch = await waiting
    assert.deepEqual(column(batch, batch.ordinal), [1, 1, 1, 1])
    assert.deepEqual(engines.errors, [])
  })

  it('that takes too long is retriable, what others took stays, and the repeat counts once', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const chain = chainOf(plans, moving)
    const store = await engines.open(plans, { commandTimeoutMs: 150 })
    const [card, rest] = [cardIn(moving), cardIn(staying)]
    await observe(store, plans, [alone(0, card), alone(1, rest)])
    const to = await cluster.otherThan(chain)
    const from = await cluster.beginMove(chain, to)
    const rows = [alone(2, cardIn(moving, 1)), alone(3, rest), alone(4, rest)]
    await refusedAs(observe(store, plans, rows), true, /TRYAGAIN.*slot \d+, after \d+ attempts/)
    const key = chainOf(plans, staying)
    const taken = await cluster.at(key, 'HGET', key, 'p:transactions:0')
    assert.equal(String(taken), '4')
    await cluster.moveKeys(chain, from, to, 100)
    await cluster.endMove(chain, from, to)
    const batch = await observeUntilAnswered(store, plans, rows)
    assert.deepEqual(column(batch, batch.ordinal), [0, 1, 2])
    assert.deepEqual(engines.errors, [])
  })

  it('is asked for where its keys are, before the slot is', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const chain = chainOf(plans, moving)
    const store = await engines.open(plans)
    const card = cardIn(moving)
    store.release(await observe(store, plans, [alone(0, card)]))
    const to = await cluster.otherThan(chain)
    const from = await cluster.beginMove(chain, to)
    await cluster.moveKeys(chain, from, to, 100)
    for (let offset = 1; offset < 5; offset++) {
      const batch = await observe(store, plans, [alone(offset, card)])
      assert.equal(batch.ordinal[0], offset)
      store.release(batch)
    }
    const before = store.stats().roundTrips
    store.release(await observe(store, plans, [alone(5, card)]))
    assert.equal(store.stats().roundTrips - before, 1)
    // An engine that starts just now, too.
    const fresh = await engines.open(plans)
    const batch = await observe(fresh, plans, [alone(5, card), alone(6, card)])
    assert.deepEqual(column(batch, batch.ordinal), [5, 6])
    await cluster.endMove(chain, from, to)
    const last = await observe(store, plans, [alone(7, card)])
    assert.equal(last.ordinal[0], 7)
    assert.deepEqual(engines.errors, [])
  })

  it('whose move was given up and undone is found where it was', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const chain = chainOf(plans, moving)
    const store = await engines.open(plans)
    const card = cardIn(moving)
    store.release(await observe(store, plans, [alone(0, card)]))
    const to = await cluster.otherThan(chain)
    const from = await cluster.beginMove(chain, to)
    await cluster.moveKeys(chain, from, to, 100)
    store.release(await observe(store, plans, [alone(1, card)]))
    // As `redis-cli --cluster fix` does it.
    const keys = (await to.client.call('CLUSTER', 'GETKEYSINSLOT', slotOf(chain), 100)) as Buffer[]
    await from.client.call('CLUSTER', 'SETSLOT', slotOf(chain), 'STABLE')
    await to.client.call('MIGRATE', '127.0.0.1', from.server.port, '', 0, 5000, 'KEYS', ...keys)
    await to.client.call('CLUSTER', 'SETSLOT', slotOf(chain), 'STABLE')
    const batch = await observe(store, plans, [alone(2, card), alone(3, cardIn(moving, 9))])
    assert.deepEqual(column(batch, batch.ordinal), [2, 0])
    assert.deepEqual(engines.errors, [])
  })

  it('keeps and finds answers all the way', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const answers = (await engines.open(plans)).answers(60_000)
    const address = (n: number) => answerOf(moving, n)
    const keep = async (n: number): Promise<void> => {
      assert.deepEqual(await answers.keep([address(n)]), [address(n)])
    }
    const [kept] = await Promise.all([answers.find([address(0)]), keep(1)])
    assert.deepEqual(kept, [null])
    const chain = chainOf(plans, moving)
    const to = await cluster.otherThan(chain)
    const from = await cluster.beginMove(chain, to)
    await keep(2)
    await cluster.moveKeys(chain, from, to, 1)
    await keep(3)
    await cluster.moveKeys(chain, from, to, 100)
    await cluster.endMove(chain, from, to)
    await keep(4)
    const found = await answers.find([1, 2, 3, 4, 5].map(address))
    assert.deepEqual(
      found.map((answer) => answer?.body ?? null),
      ['{"id":1}', '{"id":2}', '{"id":3}', '{"id":4}', null],
    )
  })
})

describe('a slot that has moved', () => {
  it('is followed in the middle of a pipeline, and from node to node until one takes it', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const chain = chainOf(plans, moving)
    const store = await engines.open(plans)
    const cards = [0, 1, 2].map((n) => cardIn(moving, n))
    const rowsFrom = (from: number, count: number): TestRow[] =>
      Array.from({ length: count }, (_, at) => alone(from + at, cards[at % 3]!))
    const auditor = new Auditor(plans, buckets)
    const first = await observe(store, plans, rowsFrom(0, 3))
    auditor.note(store, first, rowsFrom(0, 3))
    store.release(first)
    const to = await cluster.otherThan(chain)
    const from = await cluster.beginMove(chain, to)
    const slot = slotOf(chain)
    const keys = (await from.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as Buffer[]
    const move = [
      packCommand('MIGRATE', '127.0.0.1', to.server.port, '', 0, 5000, 'KEYS', ...keys),
      packCommand('CLUSTER', 'SETSLOT', slot, 'NODE', to.id),
    ]
    from.proxy!.set((call) => (call === 1 ? move : 'pass'))
    const rows = rowsFrom(3, 60)
    const moved = async (): Promise<number> => (await engines.errorCounts())['MOVED'] ?? 0
    const before = await moved()
    let answered = 0
    const observing = observe(store, plans, rows).finally(() => {
      answered++
    })
    // The new owner does not know yet: it sends everyone back.
    while (answered === 0 && (await moved()) < before + 12);
    assert.equal(answered, 0)
    await cluster.endMove(chain, to, to)
    const batch = await observing
    auditor.note(store, batch, rows)
    await auditor.check(engines.read)
    assert.deepEqual(engines.errors, [])
  })

  it('is where each engine finds it, whatever the other believes', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const chain = chainOf(plans, moving)
    const auditor = new Auditor(plans, buckets)
    const stores = [await engines.open(plans), await engines.open(plans)]
    for (let round = 0; round < 6; round++) {
      // One engine hears of it by its own calls only every other time.
      const rows = Array.from({ length: 5 }, (_, at) =>
        alone(round * 5 + at, cardIn(moving, at % 2)),
      )
      const store = stores[Math.floor(round / 2) % 2]!
      const batch = await observe(store, plans, rows)
      auditor.note(store, batch, rows)
      store.release(batch)
      await cluster.move(chain, await cluster.otherThan(chain))
    }
    await auditor.check(engines.read)
    assert.deepEqual(engines.errors, [])
  })
})

describe('resharding under load', () => {
  for (const seed of [1, 2]) {
    it(`counts every transaction once, with the view it was answered from (seed ${seed})`, async () => {
      const plans = longPlans()
      const { cluster } = engines
      const auditor = new Auditor(plans, buckets)
      const before = await engines.errorCounts()
      let isDone = false
      let batches = 0
      const run = async (partition: number): Promise<void> => {
        const random = randomOf(seed * 100 + partition)
        const store = await engines.open(plans)
        for (let offset = 0; !isDone; ) {
          const size = 1 + random(30)
          const rows = Array.from({ length: size }, (_, at) =>
            row(offset + at, `p${partition}-${random(30)}`, {
              partition,
              id: `${partition}-${offset + at}`,
              entities: [
                `p${partition}-${random(30)}`,
                `shop${random(5)}`,
                `phone${random(300)}`,
                null,
              ],
            }),
          )
          offset += size
          const batch = await observeUntilAnswered(store, plans, rows)
          auditor.note(store, batch, rows)
          store.release(batch)
          batches++
        }
      }
      const reshard = async (): Promise<void> => {
        const random = randomOf(seed)
        const seen = async (count: number): Promise<void> => {
          const until = batches + count
          while (batches < until) await new Promise((resolve) => setImmediate(resolve))
        }
        await seen(20)
        for (let move = 0; move < 12; move++) {
          const chain = chainOf(plans, random(buckets))
          const to: ClusterNode = await cluster.otherThan(chain)
          const from = await cluster.beginMove(chain, to)
          while (await cluster.moveKeys(chain, from, to, 1 + random(6)));
          await cluster.endMove(chain, from, to)
          await seen(2)
        }
        isDone = true
      }
      await Promise.all([run(0), run(1), run(2), reshard()])
      await auditor.check(engines.read)
      assert.deepEqual(engines.errors, [])
      const counts = await engines.errorCounts()
      for (const code of ['MOVED', 'TRYAGAIN']) {
        assert((counts[code] ?? 0) > (before[code] ?? 0), `${code} never came`)
      }
    })
  }
})
