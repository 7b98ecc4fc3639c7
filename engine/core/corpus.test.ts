// Every bad input through the whole pipeline: alone, first, last and in the middle of a batch, among good ones. Each message has
// one outcome, in order, with its reason, and no good transaction is ever decided otherwise for it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskCardNumbers } from '../../features/cards.ts'
import { compileCatalog } from '../../features/catalog.ts'
import { compileMapping } from '../../features/mapping.ts'
import { Plan } from '../../features/plan.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import {
  corpus,
  corpusMapping,
  corpusReceivedMs,
  transactionJson,
} from '../../features/testing/corpus.ts'
import { makePipeline } from '../assemble.ts'
import { scorelessLineup } from './lineup.ts'
import type { Pipeline } from './pipeline.ts'
import { defaultPolicy } from './policy.ts'
import type { Message, Outcome } from './ports.ts'

const mapping = compileMapping({ file: 'mapping', value: corpusMapping, lineOf: () => 1 })
const count = { name: 'n', entity: 'card', aggregate: 'count', window: '1d' }
const catalog = compileCatalog({ file: 'catalog', value: { features: [count] }, lineOf: () => 1 })

function makeDeployment(): Pipeline {
  const plan = new Plan(catalog, mapping.schema)
  const lineup = scorelessLineup(defaultPolicy({ review: 0.5, deny: 0.9 }))
  return makePipeline(
    { mapping, catalog, plan, lineup, engineVersion: '0' },
    {
      store: new MemoryStore(plan, { bytesMax: 2 ** 26 }),
      parser: mapping.parser(),
      hashKey: new Uint8Array(16),
      mode: 'replay',
      source: 'file',
      clock: null,
    },
  )
}

const pipeline = makeDeployment()
let offset = 0
let good = 0

function message(value: Buffer | null): Message {
  const partition = 0
  const timestampMs = corpusReceivedMs
  return {
    partition,
    offset: offset++,
    key: null,
    value,
    timestampMs,
    traceparent: null,
    answer: null,
  }
}

/** Of a card that only good ones have: each counts all before it. */
function goodMessage(): Message {
  return message(Buffer.from(transactionJson({ id: `good-${good++}`, card: 'steady' })))
}

function documentOf({ value }: Outcome): {
  type: string
  reason?: string
  features?: { n: number }
} {
  return JSON.parse(value) as { type: string; reason?: string; features?: { n: number } }
}

for (const { name, bytes, reason } of corpus) {
  test(`${name}: ${reason ?? 'a transaction'}, wherever it stands in a batch`, async () => {
    const bad = (): Message => message(bytes)
    const batches = [
      [bad()],
      [bad(), goodMessage(), goodMessage()],
      [goodMessage(), bad(), goodMessage()],
      [goodMessage(), goodMessage(), bad()],
      [bad(), bad(), bad()],
    ]
    for (const batch of batches) {
      const outcomes = await pipeline.process(batch)
      assert.deepEqual(
        outcomes.map((outcome) => outcome.offset),
        batch.map((one) => one.offset),
      )
      for (const [at, outcome] of outcomes.entries()) {
        const { type, reason: found, features } = documentOf(outcome)
        if (batch[at]!.value !== bytes) {
          assert.equal(features?.n, expectedCount(batch[at]!))
          continue
        }
        assert.equal(found ?? null, reason)
        if (reason === null) continue
        assert.equal(type, 'rejected')
        assert.equal(outcome.source, batch[at], 'the dead letter has the message as it came')
        const text = Buffer.from(outcome.value)
        assert.ok(text.equals(maskCardNumbers(text)), 'no card number in the outcome')
      }
    }
  })
}

/** The n-th good one has n − 1 before it. */
function expectedCount({ value }: Message): number {
  return Number(/"id":"good-(\d+)"/.exec(value!.toString())![1]) + 1
}
