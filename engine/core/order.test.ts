// Order, repeats and batches: whatever arrives in whatever order, each transaction is decided from its own view, and live,
// redelivery and replay give the same answer, also on what is late and what comes too early.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByHand, type HandRecord } from '../../features/by-hand.ts'
import { compileCatalog } from '../../features/catalog.ts'
import { compileMapping } from '../../features/mapping.ts'
import { Plan } from '../../features/plan.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { Kind, Verdict } from '../../features/transaction.ts'
import { makePipeline } from '../assemble.ts'
import type { Deciders } from './decision.ts'
import { scorelessLineup } from './lineup.ts'
import type { Pipeline } from './pipeline.ts'
import { defaultPolicy } from './policy.ts'
import type { Message } from './ports.ts'

const mapping = compileMapping({
  file: 'mapping',
  lineOf: () => 1,
  value: {
    id: 'id',
    time: { field: 'time', as: 'epoch_ms', skew: '5s' },
    amount: { field: 'amount', decimals: 0 },
    currency: { const: 'EUR' },
    primary: 'card',
    entities: { card: 'card' },
  },
})
const features = [
  { name: 'n', entity: 'card', aggregate: 'count', window: '10ms' },
  { name: 'sum', entity: 'card', aggregate: 'sum', window: '20ms', current: 'excluded' },
  { name: 'last', entity: 'card', aggregate: 'last', window: '30ms' },
  { name: 'pause', entity: 'card', aggregate: 'since_last', window: '30ms' },
]
const catalog = compileCatalog({ file: 'catalog', value: { features }, lineOf: () => 1 })
const t0 = 1_700_000_000_000

interface Sent {
  readonly card: number
  readonly afterMs: number
  readonly amount: number
  readonly receivedMs: number
}

interface Decided {
  readonly type: string
  readonly reason?: string
  readonly late_ms: number
  readonly features: Readonly<Record<string, number | null>>
}

function makeDeployment(mode: Deciders['mode']): Pipeline {
  const plan = new Plan(catalog, mapping.schema)
  const lineup = scorelessLineup(defaultPolicy({ review: 0.5, deny: 0.9 }))
  return makePipeline(
    { mapping, catalog, plan, lineup, engineVersion: '0' },
    {
      store: new MemoryStore(plan, { bytesMax: 2 ** 24 }),
      parser: mapping.parser(),
      hashKey: new Uint8Array(16),
      mode,
      source: 'topic',
      clock: null,
    },
  )
}

function messageOf({ card, afterMs, amount, receivedMs }: Sent, offset: number): Message {
  const document = { id: `t${offset}`, time: t0 + afterMs, amount, card: `c${card}` }
  return {
    partition: 0,
    offset,
    key: null,
    value: Buffer.from(JSON.stringify(document)),
    timestampMs: t0 + receivedMs,
    traceparent: null,
    answer: null,
  }
}

/** What of an outcome does not depend on when and by whom it was made: all but mode and `history_since`. */
function coreOf(value: string): Decided {
  const circumstances = ['mode', 'history_since_ms', 'warming']
  return JSON.parse(value, (key, part: unknown) =>
    circumstances.includes(key) ? undefined : part,
  ) as Decided
}

const sent = fc.array(
  fc.record({
    card: fc.nat(1),
    afterMs: fc.nat(40),
    amount: fc.nat(9),
    // Some are received more than five seconds before they say that they happened.
    receivedMs: fc.constantFrom(0, 0, 0, -4970, -5010),
  }),
  { minLength: 1, maxLength: 24 },
)

test('in any order of arrival each transaction has the features of its own view, and how late it is', async () => {
  await fc.assert(
    fc.asyncProperty(sent, async (list) => {
      const pipeline = makeDeployment('stream')
      const journals: HandRecord[][] = [[], []]
      for (const [offset, one] of list.entries()) {
        const [outcome] = await pipeline.process([messageOf(one, offset)])
        const decided = coreOf(outcome!.value)
        if (one.afterMs - one.receivedMs > 5000) {
          assert.equal(decided.reason, 'time_in_future')
          continue
        }
        const journal = journals[one.card]!
        const record: HandRecord = {
          kind: Kind.transaction,
          id: String(offset),
          name: String(offset),
          timeMs: t0 + one.afterMs,
          atMs: t0 + one.afterMs,
          amount: one.amount,
          verdict: Verdict.none,
          labelMs: Number.NaN,
          latitude: Number.NaN,
          longitude: Number.NaN,
          values: {},
        }
        const hand = new ByHand(record, journal)
        for (const feature of catalog.features) {
          assert.equal(decided.features[feature.name], hand.value(feature).value, feature.name)
        }
        const newest = Math.max(...journal.map(({ timeMs }) => timeMs))
        assert.equal(decided.late_ms, Math.max(0, newest - record.timeMs))
        journal.push(record)
      }
    }),
    { numRuns: 300 },
  )
})

test('one by one, in batches, again and again, live or replayed: each offset has the same decision core', async () => {
  const cuts = fc.array(fc.record({ size: fc.integer({ min: 1, max: 8 }), again: fc.nat(2) }))
  await fc.assert(
    fc.asyncProperty(sent, cuts, async (list, batches) => {
      const messages = list.map(messageOf)
      const replay = makeDeployment('replay')
      const expected: Decided[] = []
      for (const message of messages) {
        const [outcome] = await replay.process([message])
        expected.push(coreOf(outcome!.value))
      }
      const live = makeDeployment('stream')
      let from = 0
      for (const { size, again } of [...batches, { size: messages.length, again: 1 }]) {
        const batch = messages.slice(from, from + size)
        if (batch.length === 0) continue
        // Sent again whole, as after a lost acknowledgement, and with what came before.
        for (let round = 0; round <= again; round++) {
          const first = round === 0 ? from : Math.max(0, from - round * 3)
          const outcomes = await live.process(messages.slice(first, from + size))
          for (const [at, { value }] of outcomes.entries()) {
            assert.deepEqual(coreOf(value), expected[first + at], `offset ${first + at}`)
          }
        }
        from += size
      }
    }),
    { numRuns: 300 },
  )
})
