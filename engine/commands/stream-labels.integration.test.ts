// A topic of labels beside the transactions, on a real broker and a real Redis: what it says counts, once, from its arrival on.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { corpusReceivedMs } from '../../features/testing/corpus.ts'
import { createOrCheckTopics } from '../stream/topics.ts'
import { Deployment, documentOf, stopCleanly } from '../testing/deployment.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { test } from '../testing/limited.ts'
import { labelGroup } from './stream-labels.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-labels-'))
const mappingFile = join(folder, 'mapping.yaml')
writeFileSync(
  mappingFile,
  `id: id
time: { field: time, as: epoch_ms }
amount: { field: amount, decimals: 2 }
currency: { const: EUR }
primary: card
entities: { card: card, merchant: merchant }
label: { field: verdict, fraud: [fraud], legit: [legit], time: { field: at, as: epoch_ms } }
kind: { field: kind, reversal: [VOID], label: [CHARGEBACK], at: { field: at, as: epoch_ms } }
`,
)
const t0 = corpusReceivedMs

function json(id: string, time: number, change: object = {}): string {
  const transaction = { id, time, amount: '1.00', card: 'c', merchant: 'm', kind: 'SALE' }
  return JSON.stringify({ ...transaction, ...change })
}

function label(id: string, time: number, verdict: string, at: number): string {
  return json(id, time, { kind: 'CHARGEBACK', verdict, at })
}

test('labels and reversals of a topic of their own count once, what is none goes to the dead letters, and a restart repeats nothing', async (t) => {
  const made = await Deployment.make(t)
  const { topics } = made
  const labels = topics.transactions.replace('t-', 'l-')
  const wishes = { partitions: 1, replicas: 1, isCheckOnly: false }
  const config = JSON.parse(made.config) as { kafka: object; source: string }
  const text = JSON.stringify({
    ...config,
    source: mappingFile,
    kafka: { ...config.kafka, labels },
  })
  const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }
  const start = (): EngineProcess => EngineProcess.start(t, ['stream'], text, clean)

  const missing = await new EngineProcess(['stream'], text, clean).ended
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, new RegExp(`${labels}: expected a topic, found none`))
  await topics.admin((admin) =>
    createOrCheckTopics(
      admin,
      {
        transactions: topics.transactions,
        decisions: topics.decisions,
        deadLetters: topics.deadLetters,
        labels,
      },
      wishes,
    ),
  )

  const sent = { timestampMs: t0 + 60_000 }
  const tell = (...values: string[]): Promise<void> =>
    topics.produce(
      0,
      values.map((value) => ({ value, ...sent })),
      labels,
    )
  const taken = async (count: number): Promise<void> => {
    const group = labelGroup(topics.transactions)
    while ((await topics.committed(group, 0, labels)) < count) await sleep(50)
  }
  const decide = async (id: string, time: number, count: number): Promise<unknown[]> => {
    await topics.produce(0, [{ value: json(id, time, { card: `other ${id}` }), ...sent }])
    const { features } = documentOf((await made.outcomes(count)).at(-1)!)
    const of = (name: string): number | null | undefined => features?.[name]
    return [of('merchant_count_1d'), of('merchant_fraud_count_30d'), of('merchant_fraud_rate_30d')]
  }

  const engine = start()
  await topics.produce(
    0,
    ['a', 'b'].map((id, n) => ({ value: json(id, t0 + n), ...sent })),
  )
  await made.outcomes(2)
  // Of a known one and of one that never came; a reversal; a transaction, which has no business there.
  await tell(
    label('a', t0, 'fraud', t0 + 10),
    label('gone', t0 + 2, 'legit', t0 + 10),
    json('b', t0 + 1, { kind: 'VOID', at: t0 + 12 }),
    json('stray', t0 + 3),
  )
  await taken(4)
  assert.deepEqual(await decide('e1', t0 + 9, 3), [3, 0, null], 'before the labels arrive')
  assert.deepEqual(await decide('e2', t0 + 20, 4), [3, 1, 0.5], 'b was reversed, e1 counts')
  const headers = (await topics.waitFor(topics.deadLetters, 0, 1))[0]!.headers
  assert.equal(headers['weir-reason']?.toString(), 'not_a_label')
  assert.equal(headers['weir-source-topic']?.toString(), labels)
  await stopCleanly(engine)

  // The same label again, and another verdict later on: the last to arrive holds.
  await tell(label('a', t0, 'fraud', t0 + 10), label('a', t0, 'legit', t0 + 30))
  const again = start()
  await taken(6)
  assert.deepEqual(await decide('e3', t0 + 29, 5), [4, 1, 0.5])
  assert.deepEqual(await decide('e4', t0 + 30, 6), [5, 0, 0])
  await stopCleanly(again)
})
