// The sentences of docs/windows.md, each through the whole pipeline: a rule is quoted as it stands there, and holds.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileCatalog } from '../../features/catalog.ts'
import { compileMapping } from '../../features/mapping.ts'
import { Plan } from '../../features/plan.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { makePipeline } from '../assemble.ts'
import { scorelessLineup } from './lineup.ts'
import type { Pipeline } from './pipeline.ts'
import { defaultPolicy } from './policy.ts'
import type { Message } from './ports.ts'

const file = fileURLToPath(import.meta.resolve('#root/docs/windows.md'))
const page = readFileSync(file, 'utf8').replaceAll('`', '').replaceAll(/\s+/g, ' ')

/** A test whose title is a sentence of the contract, in its words. */
function rule(sentence: string, run: () => Promise<void>): void {
  test(sentence, async () => {
    assert.ok(page.includes(sentence), `docs/windows.md does not say: ${sentence}`)
    await run()
  })
}

type Json = Readonly<Record<string, unknown>>

interface Decided {
  readonly type: string
  readonly reason?: string
  readonly features: Readonly<Record<string, number | null>>
  readonly approximate: readonly string[]
  readonly late_ms: number
  readonly no_rate: boolean
  readonly history_since_ms: number
  readonly warming: readonly string[]
  readonly ordinals: Readonly<Record<string, number>>
  readonly first: { readonly offset: number }
}

const rates = { file: 'rates', value: { base: 'EUR', rates: { USD: '0.5' } }, lineOf: () => 1 }
const mapping = compileMapping(
  {
    file: 'mapping',
    lineOf: () => 1,
    value: {
      id: 'id',
      time: { field: 'time', as: 'epoch_ms', skew: '5m' },
      received: { field: 'received', as: 'epoch_ms' },
      amount: { field: 'amount', decimals: 2 },
      currency: { field: 'currency', rates: 'rates' },
      primary: 'card',
      entities: { card: 'card', merchant: 'merchant' },
      fields: { channel: 'channel' },
      label: {
        field: 'fraud',
        fraud: ['1'],
        legit: ['0'],
        time: { field: 'known', as: 'epoch_ms' },
      },
      kind: {
        field: 'kind',
        reversal: ['VOID', 'REFUND'],
        decline: ['DECLINED'],
        label: ['CHARGEBACK'],
        at: { field: 'at', as: 'epoch_ms' },
      },
    },
  },
  () => rates,
)

/** A deployment of its own, with few features and a journal that is summed early where `cap` says so. */
class Deployment {
  readonly #pipeline: Pipeline
  #offset = 0

  constructor(features: readonly Json[], cap = 512) {
    const named = features.map((feature, index) => ({ name: `f${index}`, ...feature }))
    const compiled = compileCatalog({
      file: 'catalog',
      value: { features: named },
      lineOf: () => 1,
    })
    const catalog = { ...compiled, exact: { card: cap, merchant: cap } }
    const plan = new Plan(catalog, mapping.schema)
    const lineup = scorelessLineup(defaultPolicy({ review: 0.5, deny: 0.9 }))
    this.#pipeline = makePipeline(
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

  /** Decides messages in one batch; changes to a good transaction at `t0`, from offset to offset. */
  async batch(changes: readonly Json[], offset = this.#offset): Promise<Decided[]> {
    this.#offset = Math.max(this.#offset, offset + changes.length)
    const messages = changes.map((change, index) => message(change, offset + index))
    const outcomes = await this.#pipeline.process(messages)
    return outcomes.map(({ value }) => JSON.parse(value) as Decided)
  }

  async decide(change: Json, offset = this.#offset): Promise<Decided> {
    return (await this.batch([change], offset))[0]!
  }

  /** The first feature of a transaction. */
  async first(change: Json): Promise<number | null | undefined> {
    return (await this.decide(change)).features['f0']
  }
}

const t0 = 1_700_000_000_000

function message(change: Json, offset: number): Message {
  const good = {
    id: `t${offset}`,
    time: t0,
    amount: '1.00',
    currency: 'EUR',
    card: 'c',
    merchant: 'm',
  }
  const value = Buffer.from(JSON.stringify({ ...good, ...change }))
  return {
    partition: 0,
    offset,
    key: null,
    value,
    timestampMs: Number.NaN,
    traceparent: null,
    answer: null,
  }
}

const count: Json = { entity: 'card', aggregate: 'count', window: '10s' }
const before: Json = { ...count, current: 'excluded' }
const sum: Json = { entity: 'card', aggregate: 'sum', window: '10s' }

rule('1. Time is what the transaction says.', async () => {
  for (const shiftMs of [0, 7 * 86_400_000, 20 * 365 * 86_400_000]) {
    const one = new Deployment([count])
    await one.decide({ time: t0 + shiftMs })
    assert.equal(await one.first({ time: t0 + shiftMs + 9999, received: t0 + shiftMs + 10_000 }), 2)
  }
})

rule(
  '2. A window reaches back W and is open at its far end: e.time − W < r.time ≤ e.time.',
  async () => {
    const one = new Deployment([count, before])
    await one.batch([{ time: t0 }, { time: t0 + 1 }, { time: t0 + 10_000 }])
    const { features } = await one.decide({ time: t0 + 10_000 })
    assert.deepEqual(features, { f0: 3, f1: 2 })
  },
)

rule('A record exactly W old is out, one a millisecond younger is in.', async () => {
  for (const [ageMs, expected] of [
    [10_000, 1],
    [9999, 2],
  ] as const) {
    const one = new Deployment([count])
    await one.decide({ time: t0 - ageMs })
    assert.equal(await one.first({ time: t0 }), expected)
  }
})

rule('3. What is newer than e does not count.', async () => {
  const one = new Deployment([count])
  await one.batch([{ time: t0 - 1 }, { time: t0 + 5000 }, { time: t0 + 1 }])
  assert.equal(await one.first({ time: t0 }), 2)
})

rule('4. Places in a journal are given one by one.', async () => {
  const one = new Deployment([before])
  const decided = await one.batch(Array.from({ length: 50 }, () => ({ time: t0 })))
  assert.deepEqual(
    decided.map(({ features, ordinals }) => [features['f0'], ordinals['card']]),
    decided.map((_, place) => [place, place]),
  )
})

rule('That message once more is decided from its old view, with the same answer.', async () => {
  const one = new Deployment([count, sum])
  const first = await one.decide({ id: 'a' }, 0)
  await one.batch([{ time: t0 + 1 }, { time: t0 + 2 }])
  assert.deepEqual(await one.decide({ id: 'a' }, 0), first)
  assert.equal(await one.first({ time: t0 + 3 }), 4)
})

rule(
  'Another message with the same id and content is a duplicate and names the first; with other content it is rejected, id_conflict.',
  async () => {
    const one = new Deployment([count])
    await one.batch([{ id: 'x' }, { id: 'a' }])
    const duplicate = await one.decide({ id: 'a' })
    assert.deepEqual([duplicate.type, duplicate.first.offset], ['duplicate', 1])
    assert.equal((await one.decide({ id: 'a', amount: '2.00' })).reason, 'id_conflict')
    assert.equal((await one.decide({ id: 'a', card: 'other' })).type, 'decision', 'of another card')
    assert.equal(await one.first({ id: 'b' }), 3)
  },
)

rule('A label and a time of arrival are no content.', async () => {
  const one = new Deployment([count])
  await one.decide({ id: 'a' })
  const again = await one.decide({ id: 'a', fraud: '1', known: t0 + 5, received: t0 + 9 })
  assert.equal(again.type, 'duplicate')
})

rule('6. A reversal takes its transaction out, from its own time on.', async () => {
  const reversal = { id: 'a', time: t0, kind: 'VOID', at: t0 + 3000 }
  for (const order of ['after', 'before', 'twice']) {
    const one = new Deployment([count, sum])
    if (order === 'before') await one.decide(reversal)
    await one.decide({ id: 'a', time: t0, amount: '5.00' })
    if (order !== 'before') await one.decide(reversal)
    if (order === 'twice') await one.decide({ ...reversal, at: t0 + 3001 })
    assert.equal(await one.first({ time: t0 + 2999 }), 2, order)
    const { features } = await one.decide({ time: t0 + 3001 })
    assert.deepEqual(features, { f0: 2, f1: 200 }, order)
  }
})

rule('So does a decline by the issuer, and a refund, which is mapped as a reversal.', async () => {
  const one = new Deployment([count])
  await one.batch([{ id: 'a' }, { id: 'b' }, { id: 'c' }])
  assert.equal((await one.decide({ id: 'a', kind: 'DECLINED', at: t0 + 1 })).type, 'recorded')
  assert.equal((await one.decide({ id: 'b', kind: 'REFUND', at: t0 + 2 })).type, 'recorded')
  assert.equal(await one.first({ time: t0 }), 4)
  assert.equal(await one.first({ time: t0 + 1 }), 4, 'of the two later ones, one is declined')
  assert.equal(await one.first({ time: t0 + 2 }), 4, 'and one refunded')
})

rule('A feature with basis: gross counts what was asked for, whatever became of it.', async () => {
  const one = new Deployment([{ ...count, basis: 'gross' }, count])
  await one.batch([{ id: 'a' }, { id: 'b' }])
  await one.batch([
    { id: 'a', kind: 'VOID', at: t0 + 1 },
    { id: 'b', kind: 'DECLINED', at: t0 + 1 },
  ])
  assert.deepEqual((await one.decide({ time: t0 + 1 })).features, { f0: 3, f1: 1 })
})

rule(
  'reversals counts the transactions of a window that were reversed; decline_rate is the declined ones by all, reversed and declined ones too.',
  async () => {
    const reversals: Json = { entity: 'card', aggregate: 'reversals', window: '10s' }
    const one = new Deployment([reversals, { ...reversals, aggregate: 'decline_rate' }])
    assert.deepEqual((await one.decide({ id: 'a' })).features, { f0: 0, f1: null })
    await one.batch([{ id: 'b' }, { id: 'c' }, { id: 'd', time: t0 + 5 }])
    await one.decide({ id: 'a', kind: 'VOID', at: t0 + 1 })
    await one.decide({ id: 'a', kind: 'VOID', at: t0 + 2 })
    await one.decide({ id: 'b', kind: 'DECLINED', at: t0 + 3 })
    assert.deepEqual((await one.decide({ time: t0 + 2 })).features, { f0: 1, f1: 0 })
    assert.deepEqual((await one.decide({ time: t0 + 5 })).features, { f0: 1, f1: 1 / 5 })
    // The three at t0 are exactly ten seconds old; d and the two of above are left.
    assert.deepEqual((await one.decide({ time: t0 + 10_000 })).features, { f0: 0, f1: 0 })
  },
)

const frauds: Json = { entity: 'merchant', aggregate: 'fraud_count', window: '10s', delay: '5s' }
const rate: Json = { ...frauds, aggregate: 'fraud_rate' }

rule(
  '7. A label counts from its arrival, for transactions of e.time − D − W < r.time ≤ e.time − D.',
  async () => {
    const one = new Deployment([frauds, rate])
    const fraud = (time: number, known: number): Json => ({ time, fraud: '1', known })
    await one.batch([
      fraud(t0, t0), // exactly D + W old
      fraud(t0 + 1, t0 + 15_000),
      fraud(t0 + 2, t0 + 15_001), // not there yet
      { time: t0 + 10_000, fraud: '0', known: t0 + 10_000 },
      fraud(t0 + 10_001, t0 + 10_001), // too recent
      { time: t0 + 3 },
    ])
    const { features } = await one.decide(fraud(t0 + 15_000, t0 + 15_000))
    assert.deepEqual(features, { f0: 1, f1: 0.5 })
  },
)

rule('Of several verdicts on a transaction the last to arrive holds.', async () => {
  const one = new Deployment([{ ...frauds, delay: '0s' }])
  const verdict = (fraud: string, at: number): Json => ({ id: 'a', kind: 'CHARGEBACK', fraud, at })
  await one.decide({ id: 'a' })
  await one.batch([verdict('1', t0 + 10), verdict('0', t0 + 30), verdict('1', t0 + 20)])
  const seen: unknown[] = []
  for (const ms of [9, 10, 29, 30]) seen.push(await one.first({ time: t0 + ms, card: `c${ms}` }))
  assert.deepEqual(seen, [0, 1, 1, 0])
})

rule(
  'Who has no label is unlabelled, which is not legitimate: a fraud_rate is frauds over labelled ones, and absent where there are none.',
  async () => {
    const one = new Deployment([{ ...rate, delay: '0s' }])
    await one.decide({})
    assert.equal(await one.first({ time: t0 + 1, fraud: '1', known: t0 + 1 }), null)
    assert.equal(await one.first({ time: t0 + 2 }), 1)
  },
)

rule('8. Sums are whole numbers of minor units of one currency.', async () => {
  const large = '90071992547409.91'
  for (const amounts of [
    [large, '0.01', '0.01', large, '0.03'],
    ['0.03', large, large, '0.01', '0.01'],
  ]) {
    const one = new Deployment([sum])
    const decided = await one.batch(amounts.map((amount) => ({ amount })))
    const exact = BigInt(Number.MAX_SAFE_INTEGER) * 2n + 5n
    assert.equal(decided.at(-1)!.features['f0'], Number(exact))
  }
  const dollars = new Deployment([sum])
  await dollars.decide({ amount: '3.00', currency: 'USD' })
  assert.equal(await dollars.first({ amount: '1.00' }), 250)
})

rule(
  'A record without an amount, for want of a rate, is passed over; where e has none itself, the amount features that include it are absent, and the decision says no_rate.',
  async () => {
    const one = new Deployment([sum, { ...sum, current: 'excluded' }, count])
    await one.decide({ amount: '2.00' })
    const none = await one.decide({ amount: '9.00', currency: 'GBP' })
    assert.deepEqual([none.features, none.no_rate], [{ f0: null, f1: 200, f2: 2 }, true])
    const { features, no_rate } = await one.decide({})
    assert.deepEqual([features, no_rate], [{ f0: 300, f1: 200, f2: 3 }, false])
  },
)

//  n = 11, cap 4: c(11) = 4          n = 12: c(12) = 8
//  ■■■■ ○○○○○○○ e                    ■■■■■■■■ ○○○○ e     ■ in sums
rule(
  'At ordinal n these are the first c(n) = max(0, ⌊n / cap⌋ − 1) · cap records, by slices of time, a 64th of the window each (cap is 512, or what the catalog says in exact); all later ones are kept one by one.',
  async () => {
    const value: Json = { entity: 'card', of: 'merchant', window: '1d' }
    const share: Json = { ...value, aggregate: 'share' }
    const one = new Deployment(
      [share, { ...count, window: '1d' }, { ...value, aggregate: 'distinct' }],
      4,
    )
    const inSums: number[] = []
    for (let n = 0; n < 16; n++) {
      const { features, approximate } = await one.decide({ time: t0 + n, merchant: `m${n}` })
      // No merchant comes twice: one of those that are kept one by one, and e.
      inSums.push(n + 1 - Math.round(1 / features['f0']!))
      assert.equal(features['f1'], n + 1, 'a window that holds all of a slice is exact')
      assert.deepEqual(approximate, n < 8 ? [] : ['f0', 'f2'])
    }
    assert.deepEqual(inSums, [0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8])
  },
)

rule(
  "More than skew ahead of its receipt (Kafka's timestamp, or the mapped received) it is rejected, time_in_future; a file without such a column has no receipt, and nothing to reject.",
  async () => {
    const one = new Deployment([count])
    assert.equal((await one.decide({ received: t0 - 300_000 })).type, 'decision')
    assert.equal((await one.decide({ received: t0 - 300_001 })).reason, 'time_in_future')
    assert.equal((await one.decide({ time: 4e12 })).type, 'decision')
  },
)

rule(
  "Late is a mark, never a rejection: late_ms is how much older e is than the newest transaction of its primary's view.",
  async () => {
    const one = new Deployment([count])
    await one.batch([{ time: t0 }, { time: t0 + 9_000_000, card: 'other' }])
    assert.equal((await one.decide({ time: t0 + 1 })).late_ms, 0)
    assert.equal((await one.decide({ time: t0 - 5_000_000 })).late_ms, 5_000_001)
  },
)

rule('11. A window may reach further back than the history.', async () => {
  const one = new Deployment([count, { ...count, window: '1h' }, { value: 'amount' }])
  const first = await one.decide({ time: t0 })
  assert.deepEqual([first.history_since_ms, first.warming], [t0, ['f1', 'f0']])
  assert.deepEqual((await one.decide({ time: t0 + 60_000 })).warming, ['f1'])
  assert.deepEqual((await one.decide({ time: t0 + 3_600_000 })).warming, [])
})

rule(
  'where: { channel: ecom } counts the records whose own field says so; an absent value is none of any.',
  async () => {
    const ecom: Json = { ...count, where: { channel: 'ecom' } }
    const either: Json = { ...count, where: { channel: ['ecom', 'moto'], merchant: 'm' } }
    const one = new Deployment([ecom, either])
    await one.batch([{ channel: 'ecom' }, { channel: 'pos' }, { channel: 'moto' }, {}])
    await one.decide({ channel: 'ecom', merchant: 'other' })
    assert.deepEqual((await one.decide({ channel: 'ecom' })).features, { f0: 3, f1: 3 })
  },
)

rule(
  'e itself counts if it meets the condition, and is compared with those that do in any case.',
  async () => {
    const where = { channel: 'ecom' }
    const one = new Deployment([
      { ...count, where },
      { entity: 'card', aggregate: 'ratio', window: '10s', where },
    ])
    await one.decide({ channel: 'ecom', amount: '2.00' })
    const { features } = await one.decide({ channel: 'pos', amount: '6.00' })
    assert.deepEqual(features, { f0: 1, f1: 3 })
  },
)

rule(
  'A window of several entities together, such as [card, merchant], is one of the pair: e has it if it has both.',
  async () => {
    const one = new Deployment([{ ...count, entity: ['merchant', 'card'] }])
    await one.batch([{}, { merchant: 'other' }, { card: 'other' }])
    const decided = await one.decide({})
    assert.deepEqual([decided.features['f0'], decided.ordinals['card+merchant']], [2, 1])
    assert.equal(await one.first({ merchant: null }), null)
  },
)
