// The decision record against its JSON Schema, and what its core is.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Feature } from '../../features/catalog.ts'
import type { Plan } from '../../features/plan.ts'
import { LinearModel } from '../../models/testing/linear-model.ts'
import { DecisionWriter, decisionCore, nonCoreFields, Verdict } from './decision.ts'
import { Knowledge } from './knowledge.ts'
import { latencyText } from './latency.ts'
import type { Seat } from './lineup.ts'
import { defaultPolicy } from './policy.ts'
import { Found } from './reasons.ts'
import { Scoring } from './scoring.ts'

const schemaFile = fileURLToPath(import.meta.resolve('#root/docs/decision.schema.json'))
const validate = new Ajv2020().compile(JSON.parse(readFileSync(schemaFile, 'utf8')) as object)

const dayMs = 86_400_000
const feature = (name: string, windowMs: number): Feature =>
  ({ name, definition: '', entity: null, windowMs, delayMs: 0 }) as Feature
const features = [feature('amount', 0), feature('count_1d', dayMs), feature('count_7d', 7 * dayMs)]
// All of a plan that writing a decision reads.
const schema = { entities: ['card', 'ip'], fields: [] }
const plan = { features, schema, journals: [], recordStride: 0 } as unknown as Plan
const scored: Seat = {
  model: new LinearModel({ name: 'm', weights: { amount: 0.1 } }),
  policy: defaultPolicy({ review: 0.5, deny: 0.9 }),
  share: 0,
}

function makeWriter(mode: 'stream' | 'replay', seat = scored): DecisionWriter {
  const options = { clock: null, challengerUs: 0, onFailure: () => undefined }
  const lineup = { seats: [seat], cohortEntity: 0 }
  const scoring = new Scoring(lineup, plan, new Knowledge(plan), options)
  const writer = new DecisionWriter(features, ['card', 'ip'], scoring, {
    catalogHash: '0123456789abcdef',
    mappingHash: '0123456789abcdef',
    engineVersion: '0.1.0',
    mode,
    source: 'transactions',
  })
  writer.begin()
  return writer
}

function write(mode: 'stream' | 'replay', change: Partial<Verdict> = {}): string {
  return writeWith(makeWriter(mode), mode, change)
}

function writeWith(
  writer: DecisionWriter,
  mode: 'stream' | 'replay',
  change: Partial<Verdict> = {},
): string {
  const verdict = Object.assign(new Verdict(), { id: 't1', tenant: 'default', score: 0.5 }, change)
  const found = new Found(1)
  found.reason[0] = 0
  found.contribution[0] = 2.00004
  const rows = Float64Array.of(20, 3, Number.NaN)
  const latency =
    mode === 'replay'
      ? null
      : latencyText({ parse: 1, encode: 1, observe: 250, fold: 5, score: 15, explain: 0 })
  const ordinals = Float64Array.of(7, -1)
  const approximate = Uint8Array.of(0, 1, 0)
  writer.begin()
  return writer.decision(verdict, found, rows, approximate, 0, ordinals, 0, latency)
}

function assertValid(text: string): Record<string, unknown> {
  const document = JSON.parse(text) as Record<string, unknown>
  assert.ok(validate(document), JSON.stringify(validate.errors))
  return document
}

test('every outcome document is one of docs/decision.schema.json', () => {
  const decision = assertValid(write('stream'))
  assert.deepEqual(decision['features'], { amount: 20, count_1d: 3, count_7d: null })
  assert.deepEqual(decision['ordinals'], { card: 7 })
  assert.deepEqual(decision['approximate'], ['count_1d'])
  assert.deepEqual(decision['evidence'], [
    {
      code: 'amount',
      text: null,
      outward: null,
      feature: 'amount',
      value: 20,
      mean: 0,
      contribution: 2,
    },
  ])
  const writer = makeWriter('stream')
  assertValid(writer.duplicate('t1', 'default', 0, 9, 0, 4, write('stream')))
  assertValid(writer.duplicate('t1', 'default', 0, 9, -1, -1, null))
  assertValid(writer.recorded('t1', 'default', 'label', 0, 9))
  const reject = { reason: 'bad_amount', field: 'TX "A"', expected: 'a decimal', found: '1\n2' }
  assertValid(writer.rejected(null, reject, 0, 9))
})

test('the engine says what scored, and another thing once that has changed', () => {
  const model = new LinearModel({ name: 'm', weights: { amount: 1 }, scorer: 'cuda' })
  const writer = makeWriter('stream', { ...scored, model })
  const engine = (text: string): unknown => assertValid(text)['engine']
  assert.deepEqual(engine(writeWith(writer, 'stream')), { version: '0.1.0', scorer: 'cuda' })
  const before = writeWith(writer, 'stream')
  model.scorer = 'cpu'
  const after = writeWith(writer, 'stream')
  assert.deepEqual(engine(after), { version: '0.1.0', scorer: 'cpu' })
  assert.equal(decisionCore(after), decisionCore(before), 'what scores is not the decision core')
  assert.deepEqual((JSON.parse(after) as { model: object }).model, {
    name: 'm',
    version: 1,
    hash: 'm-1',
  })
})

test('without a model nothing scores', () => {
  const known = {
    id: 't1',
    tenant: 'default',
    timeMs: 0,
    hasNoRate: false,
    partition: 0,
    offset: 1,
  }
  const text = makeWriter('stream', { ...scored, model: null }).standIn({
    ...known,
    outcome: 'deny',
  })
  assert.deepEqual(assertValid(text)['engine'], { version: '0.1.0', scorer: null })
})

test('an id of any text stays itself', () => {
  for (const id of ['a"b', '\\', 'naïve', '💳', '', '{}:*', '\u2028']) {
    assert.equal((JSON.parse(write('stream', { id })) as { id: string }).id, id)
  }
})

test('without a score it is null, not NaN; where the model should have given one, that is told', () => {
  const scoreless = assertValid(write('stream', { score: Number.NaN }))
  assert.equal(scoreless['score'], null)
  assert.equal(scoreless['rung'], 'full')
  const degraded = assertValid(write('stream', { score: Number.NaN, lacksScore: true }))
  assert.equal(degraded['rung'], 'rules')
  assert.deepEqual(degraded['degraded'], ['score'])
})

test('a stand-in is a decision that says what it lacks; every window is warming', () => {
  const known = {
    id: 'a"b',
    tenant: 'default',
    timeMs: 5,
    hasNoRate: true,
    partition: -1,
    offset: -1,
  }
  const standIn = assertValid(makeWriter('stream').standIn({ ...known, outcome: 'deny' }))
  assert.equal(standIn['id'], 'a"b')
  assert.equal(standIn['outcome'], 'deny')
  assert.equal(standIn['score'], null)
  assert.equal(standIn['no_rate'], true)
  assert.equal(standIn['rung'], 'stand-in')
  assert.deepEqual(standIn['degraded'], ['features', 'score'])
  assert.deepEqual(standIn['warming'], ['count_7d', 'count_1d'])
})

test('features whose window begins before the history are warming', () => {
  const sinceMs = 1_700_000_000_000
  const warming = (timeMs: number): unknown =>
    assertValid(write('stream', { timeMs, historySinceMs: sinceMs }))['warming']
  assert.deepEqual(warming(sinceMs), ['count_7d', 'count_1d'])
  assert.deepEqual(warming(sinceMs + dayMs), ['count_7d'])
  assert.deepEqual(warming(sinceMs + 7 * dayMs), [])
})

test('the core is the same live and in replay, whatever the offset, the latency and the history', () => {
  const live = write('stream', { offset: 4, historySinceMs: 5 })
  const replayed = write('replay', { offset: 9 })
  assert.notEqual(live, replayed)
  assert.equal(decisionCore(live), decisionCore(replayed))
  for (const field of nonCoreFields) assert.ok(!decisionCore(live).includes(`"${field}"`), field)
  assert.notEqual(decisionCore(live), decisionCore(write('stream', { score: 0.6 })))
})
