// Claims about metrics: what a real pipeline did is what the text says, labels stay closed, and a batch costs a fixed
// number of observations.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MemoryStore } from '../../features/store/memory.ts'
import { StoreError } from '../../features/store/store.ts'
import {
  corpus,
  corpusMapping,
  corpusReceivedMs,
  transactionJson,
} from '../../features/testing/corpus.ts'
import { LinearModel } from '../../models/testing/linear-model.ts'
import { type Assembly, assemble, makePipeline, shipped } from '../assemble.ts'
import type { Message, Outcome } from '../core/ports.ts'
import {
  decisionMetrics,
  type MetricDeclaration,
  modelMetrics,
  storeMetrics,
  streamMetrics,
} from './metric-table.ts'
import { Metrics } from './metrics.ts'

const mappingFile = join(mkdtempSync(join(tmpdir(), 'weir-metrics-')), 'mapping.yaml')
const kind = { field: 'type', reversal: ['VOID'], at: { field: 'at', as: 'iso' } }
const tenant = { field: 'tenant' }
writeFileSync(mappingFile, JSON.stringify({ ...corpusMapping, kind, tenant }))
const files = { mapping: mappingFile, catalog: shipped.catalog, models: [], policy: null }
const assembly = await assemble(files)
const scoring = await assemble({ ...files, models: [{ folder: shipped.model, share: 0 }] })

/** Each reading is 50 µs behind the one before. */
function steadyClock(): { nowMs: () => number; monotonicUs: () => number } {
  let us = 0
  return { nowMs: () => 0, monotonicUs: () => (us += 50) }
}

function makeEngine(parts: Assembly = assembly) {
  const metrics = new Metrics()
  const store = new MemoryStore(parts.plan, { bytesMax: 2 ** 28 })
  metrics.watchStore(() => store.stats())
  const pipeline = makePipeline(parts, {
    store,
    parser: parts.mapping.parser(),
    hashKey: new Uint8Array(16),
    mode: 'stream',
    source: 'transactions',
    clock: steadyClock(),
    meter: metrics,
  })
  return { metrics, pipeline, store }
}

let offset = 0
function message(value: string | Buffer | null): Message {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  const timestampMs = corpusReceivedMs
  return {
    partition: 0,
    offset: offset++,
    key: null,
    value: bytes,
    timestampMs,
    traceparent: null,
    answer: null,
  }
}

function transaction(change: Record<string, unknown>): Message {
  return message(transactionJson({ tenant: 'default', ...change }))
}

/** Samples by name and labels, as the text has them: `weir_x_total{a="b"}`. */
async function samples(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n')
  const pairs = lines.filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    pairs.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))] as const
    }),
  )
}

test('what a pipeline made of its messages is what the text says', async () => {
  const { metrics, pipeline } = makeEngine()
  const two = transaction({ id: 'two', card: 'b' })
  await pipeline.process([
    transaction({ id: 'one', card: 'a' }),
    two,
    transaction({ id: 'one', card: 'a' }),
    transaction({ id: 'one', card: 'a', amount: '99.00' }),
    transaction({ id: 'one', card: 'a', type: 'VOID', at: '2026-03-01T12:00:00Z' }),
  ])
  await pipeline.process([two, message(null), message('{'), message('[')])
  await pipeline.process([message(null)])
  const found = await samples(metrics)
  // The redelivered one is decided again; nothing distinguishes its decision.
  assert.equal(found.get('weir_decisions_total{outcome="review",rung="full"}'), 3)
  assert.equal(found.get('weir_decisions_total{outcome="deny",rung="full"}'), 0)
  assert.equal(found.get('weir_duplicates_total'), 1)
  assert.equal(found.get('weir_recorded_total'), 1)
  assert.equal(found.get('weir_rejects_total{reason="id_conflict"}'), 1)
  assert.equal(found.get('weir_rejects_total{reason="empty"}'), 2)
  assert.equal(found.get('weir_rejects_total{reason="not_json"}'), 2)
  assert.equal(found.get('weir_batch_messages_sum'), 10)
  assert.equal(found.get('weir_batch_messages_count'), 3)
  assert.equal(found.get('weir_batch_messages_bucket{le="4"}'), 2)
  assert.equal(found.get('weir_store_calls_total'), 2)
  assert.ok(found.get('weir_store_held_journals')! >= 3)
  assert.ok(found.get('weir_store_held_bytes')! > 0)
  assert.equal(found.get('weir_store_away'), 0)
})

test('engine time is the sum of the stages, and a batch of rejects asks neither store nor model', async () => {
  const { metrics, pipeline } = makeEngine(scoring)
  await pipeline.process([transaction({ id: 'timed', card: 'a' })])
  await pipeline.process([message(null)])
  const found = await samples(metrics)
  const sum = (stage: string): number => found.get(`weir_stage_seconds_sum{stage="${stage}"}`)!
  assert.ok(Math.abs(sum('observe') - 50e-6) < 1e-9, 'the second batch did not observe')
  assert.ok(Math.abs(sum('score') - 50e-6) < 1e-9, 'the second batch did not score')
  assert.ok(Math.abs(sum('parse') - 100e-6) < 1e-9)
  // Seven stages of 50 µs, then parse, encode and decide.
  assert.ok(Math.abs(found.get('weir_engine_seconds_sum')! - 500e-6) < 1e-9)
  assert.equal(found.get('weir_engine_seconds_bucket{le="0.0002"}'), 1)
  assert.equal(found.get('weir_engine_seconds_bucket{le="0.0004"}'), 2)
})

test('a bucket ends at the budget of a millisecond', () => {
  assert.ok(decisionMetrics.engine.buckets.includes(0.001))
  assert.ok(decisionMetrics.stage.buckets.includes(0.001))
})

test('a batch of 16 costs nine observations, however its outcomes differ', async () => {
  const { metrics, pipeline } = makeEngine()
  const good = Array.from({ length: 8 }, (_, n) => transaction({ id: `n${n}`, card: `n${n}` }))
  const bad = corpus.filter(({ reason }) => reason !== null).slice(0, 8)
  await pipeline.process([...good, ...bad.map(({ bytes }) => message(bytes))])
  const found = [...(await samples(metrics))]
  const observed = found.filter(([name]) => /_count(\{|$)/.test(name))
  assert.equal(
    observed.reduce((all, [, count]) => all + count, 0),
    9,
  )
})

test('a store that failed is counted by its code, and nothing is counted as decided', async () => {
  const { metrics, pipeline, store } = makeEngine()
  store.observe = () => Promise.reject(new StoreError('connecting', true))
  await assert.rejects(pipeline.process([transaction({ id: 'lost', card: 'lost' })]))
  const found = await samples(metrics)
  assert.equal(found.get('weir_failures_total{code="store_unavailable"}'), 1)
  assert.equal(found.get('weir_batch_messages_count'), 0)
})

test('a decision without a number of its model is of the rung rules', async () => {
  const { metrics } = makeEngine()
  const outcome = { type: 'decision', outcome: 'deny', rung: 'rules', reject: null } as Outcome
  metrics.decided([outcome], null)
  const found = await samples(metrics)
  assert.equal(found.get('weir_decisions_total{outcome="deny",rung="rules"}'), 1)
  assert.equal(found.get('weir_decisions_total{outcome="deny",rung="full"}'), 0)
  assert.equal(found.get('weir_engine_seconds_count'), 0, 'no clock, no time')
})

test('whatever comes in, no series is added, and each label has a declared value', async () => {
  const { metrics, pipeline } = makeEngine()
  metrics.watchStream({
    backlog: () => ({ waiting: 3, outboxes: new Map([[7, 11]]), givenUp: 0 }),
    lag: () => Promise.resolve(new Map([[7, 12]])),
  })
  const before = [...(await samples(metrics)).keys()]
  for (const { bytes } of corpus) await pipeline.process([message(bytes)])
  for (const wild of ['5500000000000004', '{"', '\n# HELP x', 'ß']) {
    const change = { id: wild, card: wild, merchant: wild, note: wild }
    await pipeline.process([transaction(change), transaction({ ...change, tenant: wild })])
  }
  metrics.decided(
    [{ type: 'rejected', reject: { reason: 'toString', field: '$' } } as Outcome],
    null,
  )
  const found = await samples(metrics)
  assert.deepEqual([...found.keys()], before)
  assert.equal(found.get('weir_rejects_total{reason="other"}'), 1)
  const declared: MetricDeclaration[] = [decisionMetrics, storeMetrics, streamMetrics].flatMap(
    (group) => Object.values<MetricDeclaration>(group),
  )
  for (const sample of found.keys()) {
    const [name = '', labels = ''] = sample.replace(/\}$/, '').split('{')
    const declaration = declared.find(
      ({ name: own }) => own === name.replace(/_(bucket|sum|count)$/, '') || own === name,
    )
    assert.ok(declaration, `${sample} is declared`)
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      if (label === 'le') continue
      const values = declaration.labels[label]
      assert.ok(
        values === 'partitions of the transactions topic' || values?.includes(value),
        sample,
      )
    }
  }
})

test('a partition that is no longer ours has no series any more', async () => {
  const metrics = new Metrics()
  let outboxes = new Map([
    [0, 5],
    [1, 6],
  ])
  const lag = (): Promise<Map<number, number>> => Promise.resolve(outboxes)
  metrics.watchStream({ backlog: () => ({ waiting: 2, outboxes, givenUp: 3 }), lag })
  let found = await samples(metrics)
  assert.equal(found.get('weir_outbox_outcomes{partition="1"}'), 6)
  assert.equal(found.get('weir_lag_messages{partition="1"}'), 6)
  assert.equal(found.get('weir_waiting_messages'), 2)
  assert.equal(found.get('weir_order_waits_given_up_total'), 3)
  outboxes = new Map([[1, 4]])
  found = await samples(metrics)
  assert.equal(found.get('weir_outbox_outcomes{partition="0"}'), undefined)
  assert.equal(found.get('weir_lag_messages{partition="0"}'), undefined)
  assert.equal(found.get('weir_outbox_outcomes{partition="1"}'), 4)
})

test('a model has one series, and another one when it is scored elsewhere', async () => {
  const { metrics } = makeEngine()
  const model = new LinearModel({
    name: 'cards',
    version: 3,
    weights: { amount: 1 },
    scorer: 'cuda',
  })
  const tally = {
    outcomes: { approve: 7, review: 2, deny: 1 },
    scored: 10,
    unscored: 0,
    scoreSum: 2.5,
    absent: { budget: 3, failed: 0 },
  }
  const seat = { model, role: 'champion' as const, share: 10_000, ...tally }
  metrics.watchModels({ seats: () => [seat], stats: { swaps: 4, refusals: 1 } })
  const infos = async (): Promise<[string, number][]> =>
    [...(await samples(metrics))].filter(([name]) => name.startsWith('weir_model_info'))
  const series = (scorer: string): string =>
    `weir_model_info{model="cards",version="3",role="champion",scorer="${scorer}"}`
  assert.deepEqual(await infos(), [[series('cuda'), 1]])
  model.scorer = 'cpu'
  assert.deepEqual(await infos(), [[series('cpu'), 1]])
  assert.deepEqual(Object.keys(modelMetrics.info.labels), ['model', 'version', 'scorer', 'role'])
  const all = await samples(metrics)
  const of = 'model="cards",version="3",role="champion"'
  assert.equal(all.get(`weir_model_outcomes_total{${of},outcome="review"}`), 2)
  assert.equal(all.get(`weir_model_score_total{${of}}`), 2.5)
  assert.equal(all.get(`weir_challenger_absent_total{${of},reason="budget"}`), 3)
  assert.equal(all.get('weir_model_swaps_total'), 4)
  assert.equal(all.get('weir_model_refusals_total'), 1)
})

test('two engines in one process count apart', async () => {
  const one = makeEngine()
  const other = makeEngine()
  one.metrics.watchProcess()
  other.metrics.watchProcess()
  await one.pipeline.process([transaction({ id: 'mine', card: 'mine' })])
  assert.equal((await samples(other.metrics)).get('weir_batch_messages_count'), 0)
  assert.ok((await samples(other.metrics)).has('nodejs_eventloop_lag_seconds'))
})
