// Calls against a real pipeline whose store is slow, away or broken when a test says so: who shares a batch, who is answered
// when, and that no answer ever changes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { StoreError } from '../../features/store/store.ts'
import { corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import { systemClock } from '../clock.ts'
import type { Answers, Outflow } from '../core/ports.ts'
import { KeptAnswers } from './kept-answers.ts'
import { documentOf, patientMs, SidecarWorld } from './testing/sidecar-world.ts'

const schemaFile = fileURLToPath(import.meta.resolve('#root/docs/decision.schema.json'))
const validate = new Ajv2020().compile(JSON.parse(readFileSync(schemaFile, 'utf8')) as object)

const away = new StoreError('observing: no connection', true)
/** Soon due: nothing that a test holds is let go before. */
const soonMs = 5

function assertStandIn(body: string, outcome: string): void {
  const document = documentOf({ body })
  assert.ok(validate(document), JSON.stringify(validate.errors))
  assert.equal(document.rung, 'stand-in')
  assert.equal(document.outcome, outcome)
  assert.deepEqual(document.degraded, ['features'])
}

/** Waits for a state: each turn lets timers and promises run. */
async function until(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 1))
}

const emptyAnswers: Answers = {
  keep: (answers) => Promise.resolve([...answers]),
  find: (addresses) => Promise.resolve(addresses.map(() => null)),
}

function sharedAnswers(): KeptAnswers {
  return new KeptAnswers({ horizonMs: 3_600_000, bytesMax: 1 << 24, clock: systemClock })
}

test('what is there when the pipeline becomes free is one batch, at most 64, and one is under way at a time', async () => {
  const { sidecar, store, ...world } = new SidecarWorld()
  const ask = (n: number) =>
    sidecar.answer({
      body: Buffer.from(transactionJson({ id: `t${n}`, card: `c${n}` })),
      arrivedMs: corpusReceivedMs,
      dueUs: systemClock.monotonicUs() + patientMs * 1000,
      traceparent: null,
    })
  store.hold()
  const replies = Array.from({ length: 131 }, (_, n) => ask(n))
  store.letGo()
  for (const [n, { status, body }] of (await Promise.all(replies)).entries()) {
    assert.equal(status, 200)
    assert.equal((JSON.parse(body) as { id: string }).id, `t${n}`, 'each its own')
  }
  assert.deepEqual(store.batches, [1, 64, 64, 2])
  assert.equal(store.inFlightMax, 1)
  assert.deepEqual(world.said, [])
})

test('N parallel calls on one card see 0 to N − 1 others before them', async () => {
  const world = new SidecarWorld()
  const replies = await Promise.all(
    Array.from({ length: 200 }, (_, n) => world.ask({ id: `t${n}` })),
  )
  const counts = replies.map((reply) => documentOf(reply).features!['card_count_1d']!)
  assert.deepEqual(
    counts.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, n) => n + 1),
  )
})

test('a due call gets the configured stand-in; that the pipeline decides later changes nothing', async () => {
  const shared = sharedAnswers()
  const world = new SidecarWorld({ standIn: 'deny', shared })
  world.store.hold()
  const { status, body, headers } = await world.ask({ id: 'due' }, soonMs)
  assert.equal(status, 200)
  assertStandIn(body, 'deny')
  world.store.letGo()
  const next = await world.ask({ id: 'next' })
  assert.equal(documentOf(next).rung, 'full')
  assert.equal(documentOf(next).features!['card_count_1d'], 2, 'the due one was counted')
  await world.sidecar.drain()
  assert.deepEqual(await world.ask({ id: 'due' }), {
    status,
    type: 'application/json',
    body,
    headers,
  })
  const replica = new SidecarWorld({ store: world.store, shared })
  assert.equal((await replica.ask({ id: 'due' })).body, body, 'from another replica too')
  assert.equal(world.sidecar.stats.standIns, 1)
})

test('while the store is away calls stand in; once it is back they are whole, and the stand-ins are counted', async () => {
  const world = new SidecarWorld()
  world.store.failure = away
  for (let n = 0; n < 3; n++)
    assertStandIn((await world.ask({ id: `a${n}` }, soonMs)).body, 'review')
  assert.deepEqual(world.said, ['decisions stand in'], 'said once')
  world.store.failure = null
  await world.sidecar.drain()
  const back = documentOf(await world.ask({ id: 'back' }))
  assert.equal(back.rung, 'full')
  assert.equal(back.features!['card_count_1d'], 4)
  assert.equal(world.said.at(-1), 'decisions are whole again')
  assert.equal(world.sidecar.stats.uncounted, 0)
})

test('calls before their deadline outlast a short failure', async () => {
  const world = new SidecarWorld()
  world.store.failure = away
  const asked = world.ask({ id: 'x' })
  await until(() => world.store.batches.length >= 3)
  world.store.failure = null
  assert.equal(documentOf(await asked).rung, 'full')
})

test('a failure that no repeat mends is answered at once, and the next call is tried anew', async () => {
  const world = new SidecarWorld()
  world.store.failure = new StoreError('observing: WRONGTYPE', false)
  assertStandIn((await world.ask({ id: 'x' })).body, 'review')
  assert.equal(world.sidecar.stats.uncounted, 1)
  world.store.failure = null
  assert.equal(documentOf(await world.ask({ id: 'y' })).rung, 'full')
})

test('a retry gets the same bytes, whoever decides by then; while the first is on its way too', async () => {
  const shared = sharedAnswers()
  const world = new SidecarWorld({ shared })
  world.store.hold()
  const twice = [world.ask({ id: 'r' }), world.ask({ id: 'r' })]
  world.store.letGo()
  const [first, second] = await Promise.all(twice)
  assert.deepEqual(second, first)
  const swapped = new SidecarWorld({ store: world.store, shared, fallback: 'approve' })
  assert.notEqual(
    documentOf(await swapped.ask({ id: 'other' })).outcome,
    documentOf(first!).outcome,
  )
  assert.deepEqual(await swapped.ask({ id: 'r' }), first)
  assert.deepEqual(await world.ask({ id: 'r' }), first)
  assert.equal(world.sidecar.stats.repeats, 1)
})

test('two replicas at the same moment give the same answer', async () => {
  const shared = sharedAnswers()
  const one = new SidecarWorld({ shared })
  const two = new SidecarWorld({ store: one.store, shared, fallback: 'approve' })
  for (let n = 0; n < 20; n++) {
    const [a, b] = await Promise.all([one.ask({ id: `s${n}` }), two.ask({ id: `s${n}` })])
    assert.deepEqual(a, b)
  }
})

test('the first reply does not wait until it is kept; another replica waits for it', async () => {
  const inner = sharedAnswers()
  const held: (() => void)[] = []
  const shared: Answers = {
    keep: async (answers) => {
      await new Promise<void>((resolve) => held.push(resolve))
      return inner.keep(answers)
    },
    find: (addresses) => inner.find(addresses),
  }
  const world = new SidecarWorld({ shared })
  const reply = await world.ask({ id: 'f' })
  await until(() => held.length === 1)
  const replica = new SidecarWorld({ store: world.store, shared, fallback: 'approve' })
  const asked = replica.ask({ id: 'f' })
  await until(() => replica.store.batches.length === 2)
  assert.equal(held.length, 1, 'the replica keeps nothing of its own')
  held[0]!()
  assert.deepEqual(await asked, reply)
})

test('where the first replica died before it kept its answer, the next one answers from the same view, in time', async () => {
  const shared = sharedAnswers()
  const world = new SidecarWorld({
    shared: { ...emptyAnswers, keep: () => new Promise(() => undefined) },
  })
  const reply = documentOf(await world.ask({ id: 'f' }))
  await world.ask({ id: 'later' })
  const replica = new SidecarWorld({ store: world.store, shared })
  const again = documentOf(await replica.ask({ id: 'f' }, 40))
  assert.equal(again.rung, 'full')
  assert.deepEqual(again.features, reply.features)
  assert.equal(shared.count, 1)
})

test('answers that cannot be kept for other replicas still go out, and are kept once that works', async () => {
  const inner = sharedAnswers()
  let isAway = true
  const shared: Answers = {
    keep: (answers) => (isAway ? Promise.reject(away) : inner.keep(answers)),
    find: (addresses) => inner.find(addresses),
  }
  const world = new SidecarWorld({ shared })
  const reply = await world.ask({ id: 'k' })
  assert.equal(documentOf(reply).rung, 'full')
  isAway = false
  await until(() => inner.count === 1)
  const replica = new SidecarWorld({ store: world.store, shared, fallback: 'approve' })
  assert.deepEqual(await replica.ask({ id: 'k' }), reply)
})

test('other content under an id is a conflict, for this replica and for another', async () => {
  const shared = sharedAnswers()
  const world = new SidecarWorld({ shared })
  await world.ask({ id: 'c' })
  const replica = new SidecarWorld({ store: world.store, shared })
  for (const one of [world, replica]) {
    const { status, body } = await one.ask({ id: 'c', amount: '99.00' })
    assert.equal(status, 409)
    assert.equal((JSON.parse(body) as { reason: string }).reason, 'id_conflict')
  }
})

test('what the stream brought first is decided from its own view, and counted once; unless a call was answered before', async () => {
  const shared = sharedAnswers()
  const world = new SidecarWorld({ shared })
  const message = (id: string, offset: number) => ({
    partition: 0,
    offset,
    key: null,
    value: Buffer.from(transactionJson({ id })),
    timestampMs: corpusReceivedMs,
    traceparent: null,
    answer: null,
  })
  const stream = world.pipeline()
  const [streamed] = await stream.process([message('streamed', 0)])
  await stream.process([message('later', 1)])
  const reply = await world.ask({ id: 'streamed' })
  assert.equal(reply.status, 200)
  const rests = ({ body }: { body: string }) => {
    const { features, ordinals } = JSON.parse(body) as Record<string, unknown>
    return { features, ordinals }
  }
  assert.deepEqual(rests(reply), rests({ body: streamed!.value }))
  assert.equal(documentOf(await world.ask({ id: 'next' })).features!['card_count_1d'], 3)

  // A stand-in that was kept and never counted: then the stream brings the transaction.
  const known = world.intake.read(message('kept', 2).value, corpusReceivedMs)
  assert.ok('address' in known)
  await shared.keep([{ ...known.address, fingerprint: known.fingerprint, body: '{"kept":1}' }])
  await stream.process([message('kept', 2)])
  assert.equal((await world.ask({ id: 'kept' })).body, '{"kept":1}')
})

test('labels and reversals are recorded; where that takes too long the caller is told to send them again', async () => {
  const world = new SidecarWorld()
  const at = { at: '2026-03-01T11:59:00Z', time: '2026-03-01T11:00:00Z' }
  const label = { id: 'l', type: 'label', verdict: '1', ...at }
  const recorded = await world.ask(label)
  assert.equal(recorded.status, 200)
  assert.equal(documentOf(recorded).type, 'recorded')
  assert.deepEqual(await world.ask(label), recorded)
  assert.equal(documentOf(await world.ask({ id: 'l', type: 'reversal', ...at })).type, 'recorded')
  world.store.failure = away
  const late = await world.ask({ id: 'm', type: 'label', verdict: '1', ...at }, soonMs)
  assert.equal(late.status, 429)
  assert.equal((JSON.parse(late.body) as { reason: string }).reason, 'not_recorded')
  await world.sidecar.drain()
})

test('at most so many calls wait: the next is refused until one has its answer', () => {
  const { sidecar } = new SidecarWorld({ waitingMax: 2 })
  assert.equal(sidecar.enter(), null)
  assert.equal(sidecar.enter(), null)
  const refused = sidecar.enter()
  assert.equal(refused?.status, 429)
  assert.deepEqual(refused.headers, { 'retry-after': '1' })
  assert.equal(sidecar.stats.shed, 1)
  sidecar.leave()
  assert.equal(sidecar.enter(), null)
})

test('stand-ins that wait to be counted are bounded; those beyond are told in the stats', async () => {
  const world = new SidecarWorld({ waitingMax: 3 })
  world.store.failure = away
  const replies = await Promise.all(
    Array.from({ length: 5 }, (_, n) => world.ask({ id: `b${n}` }, soonMs)),
  )
  assert.equal(replies.length, 5)
  world.store.failure = null
  await world.sidecar.drain()
  const { features } = documentOf(await world.ask({ id: 'after' }))
  assert.equal(features!['card_count_1d']! + world.sidecar.stats.uncounted, 6)
  assert.ok(world.sidecar.stats.uncounted >= 1)
})

test('draining answers every call, and does not wait for a store that is away', async () => {
  const world = new SidecarWorld()
  world.store.hold()
  const asked = [world.ask({ id: 'd1' }), world.ask({ id: 'd2' })]
  const drained = world.sidecar.drain()
  world.store.letGo()
  await drained
  for (const reply of asked) assert.equal(documentOf(await reply).rung, 'full')
  world.store.failure = away
  const last = world.ask({ id: 'd3' })
  await world.sidecar.drain()
  assertStandIn((await last).body, 'review')
  assert.equal(world.sidecar.stats.uncounted, 1)
})

test('an answered call flows out once, with its answer, and so does a label; a repeat, a conflict and a reject do not', async () => {
  const taken: [string, string, string | null][] = []
  const outflow: Outflow = {
    hasRoom: true,
    take: ({ key, value }, answer) => {
      taken.push([String(key), String(value), answer && answer.body])
    },
  }
  const world = new SidecarWorld({ outflow })
  const { body } = await world.ask({ id: 'o', card: 'plastic' })
  await world.ask({ id: 'o', card: 'plastic' })
  await world.ask({ id: 'o', card: 'plastic', amount: '1.00' })
  await world.ask({ id: 'bad', amount: 'free' })
  const at = { at: '2026-03-01T11:59:00Z', time: '2026-03-01T11:00:00Z' }
  const label = { id: 'l', card: 'plastic', type: 'label', verdict: '1', ...at }
  await world.ask(label)
  await world.sidecar.drain()
  assert.deepEqual(taken, [
    ['plastic', transactionJson({ id: 'o', card: 'plastic' }), body],
    ['plastic', transactionJson(label), null],
  ])
})

test('without room for what flows out, calls are refused until there is some', () => {
  const outflow = { hasRoom: false, take: () => undefined }
  const { sidecar } = new SidecarWorld({ outflow })
  const refused = sidecar.enter()
  assert.equal(refused?.status, 429)
  assert.equal((JSON.parse(refused.body) as { reason: string }).reason, 'backlog_full')
  assert.equal(sidecar.stats.shed, 1)
  outflow.hasRoom = true
  assert.equal(sidecar.enter(), null)
})
