// A cluster while things go wrong between it and an engine: calls that get lost at any step, nodes that cannot serve for a
// moment, one that is full or has lost its functions.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import { answerOf } from '../../engine/api/answers.contract.ts'
import { Auditor } from '../testing/auditor.ts'
import { alone, buckets, ClusterEngines, cardIn, chainOf } from '../testing/cluster-engines.ts'
import { longPlans, observeUntilAnswered, refusedAs, rowsOf } from '../testing/engines.ts'
import { NaiveStore } from '../testing/naive-store.ts'
import type { Fate } from '../testing/redis-proxy.ts'
import { checkAgainst, column, observe } from './store.contract.ts'

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

/** Decides on calls by how many came before, whatever node they went to. */
function setFates(fate: (call: number) => Fate): void {
  let calls = 0
  for (const { proxy } of engines.cluster.nodes) proxy!.set(() => fate(calls++))
}

describe('a crash between two buckets’ calls', () => {
  for (const fate of ['lost', 'unanswered'] as const) {
    it(`is mended at any step by the repeat of another engine (call ${fate})`, async () => {
      let steps = 0
      for (; ; steps++) {
        const plans = longPlans()
        const naive = new NaiveStore(plans)
        const auditor = new Auditor(plans, buckets)
        const first = await engines.open(plans, { commandTimeoutMs: 2000 })
        const rows = rowsOf(20)
        const before = await observe(first, plans, rows)
        checkAgainst(naive, first, before, plans, rows)
        auditor.note(first, before, rows)
        const next = rowsOf(40).slice(20)
        setFates((call) => (call < steps ? 'pass' : fate))
        const failed = await observe(first, plans, next).then(
          () => false,
          () => true,
        )
        setFates(() => 'pass')
        if (!failed) break
        const second = await engines.open(plans)
        const batch = await observe(second, plans, next)
        auditor.note(second, batch, next)
        const last = rowsOf(60).slice(40)
        const after = await observe(second, plans, last)
        auditor.note(second, after, last)
        await auditor.check(engines.read)
        assert(steps < 60)
      }
      assert.deepEqual(engines.errors, [])
      // Both phases were interrupted at each of their calls.
      assert(steps > 6, `${steps} steps`)
    })
  }
})

describe('a node that cannot serve for a moment', () => {
  for (const reply of [
    'LOADING Redis is loading the dataset in memory',
    'CLUSTERDOWN Hash slot not served',
    'READONLY You can’t write against a read only replica.',
    'MASTERDOWN Link with MASTER is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'MOVED 1 127.0.0.1:1',
  ]) {
    const [code] = reply.split(' ')
    it(`is asked again, and the batch does not fail (${code})`, async () => {
      for (let step = 0; step < 6; step++) {
        const plans = longPlans()
        const naive = new NaiveStore(plans)
        const store = await engines.open(plans)
        const rows = rowsOf(40)
        setFates((call) => (call >= step && call < step + 3 ? { reply } : 'pass'))
        const batch = await observe(store, plans, rows)
        const { ordinal } = batch
        const expected = rows.map((test) =>
          naive.observe(test).slots.map((slot) => slot?.ordinal ?? -1),
        )
        assert.deepEqual([...ordinal.slice(0, 160)], expected.flat(), `step ${step}`)
        store.release(batch)
      }
      assert.deepEqual(engines.errors, [])
    })
  }

  it('for longer than a call may take is retriable, and what it said is told', async () => {
    const plans = longPlans()
    const store = await engines.open(plans, { commandTimeoutMs: 100 })
    setFates(() => ({ reply: 'LOADING Redis is loading' }))
    await refusedAs(observe(store, plans, rowsOf(3)), true, /LOADING.*after \d+ attempts/)
    setFates(() => 'pass')
    const batch = await observe(store, plans, rowsOf(3))
    assert.deepEqual(column(batch, batch.ordinal, 1), [0, 1, 2])
  })

  it('because its functions are gone gets them again', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    store.release(await observe(store, plans, rowsOf(20)))
    for (const { client } of engines.cluster.nodes.slice(0, 3)) {
      await client.call('FUNCTION', 'FLUSH')
    }
    const batch = await observe(store, plans, rowsOf(40).slice(20))
    assert.deepEqual(
      column(batch, batch.ordinal, 1),
      Array.from({ length: 20 }, (_, at) => at + 20),
    )
  })
})

describe('a node that is full', () => {
  it('is retriable, says so and what to do; the same batch then counts once with exact views', async () => {
    const plans = longPlans()
    const { cluster } = engines
    const auditor = new Auditor(plans, buckets)
    const store = await engines.open(plans)
    const rows = rowsOf(20)
    const first = await observe(store, plans, rows)
    auditor.note(store, first, rows)
    store.release(first)
    const next = [...rowsOf(60).slice(20), alone(60, cardIn(3))]
    const { client } = await cluster.masterOf(chainOf(plans, 3))
    await client.call('CONFIG', 'SET', 'maxmemory', 1)
    const text =
      /at 127.0.0.1:\d+: OOM .*Redis is full and nothing was written; raise its maxmemory/
    for (let attempt = 0; attempt < 3; attempt++) {
      await refusedAs(observe(store, plans, next), true, text)
    }
    const answers = store.answers(60_000)
    const answer = answerOf(3, 1)
    await refusedAs(answers.keep([answer]), true, text)
    await client.call('CONFIG', 'SET', 'maxmemory', 0)
    const batch = await observeUntilAnswered(store, plans, next)
    auditor.note(store, batch, next)
    await auditor.check(engines.read)
    assert.deepEqual(await answers.keep([answer]), [answer])
    assert.deepEqual(engines.errors, [])
  })
  it('is told from one that has too few replicas to write, which is retriable as well', async () => {
    const plans = longPlans()
    const store = await engines.open(plans)
    const { client } = await engines.cluster.masterOf(chainOf(plans, 3))
    await client.call('CONFIG', 'SET', 'min-replicas-to-write', 2)
    await refusedAs(observe(store, plans, [alone(0, cardIn(3))]), true, /NOREPLICAS/)
    await client.call('CONFIG', 'SET', 'min-replicas-to-write', 0)
    const batch = await observe(store, plans, [alone(0, cardIn(3))])
    assert.equal(batch.ordinal[0], 0)
  })
})
