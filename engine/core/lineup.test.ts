// Claims about several models at once: who decides whom, what a challenger may and may not do to a decision, and swaps.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compileCatalog } from '../../features/catalog.ts'
import { compileMapping } from '../../features/mapping.ts'
import { Plan } from '../../features/plan.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { ModelError } from '../../models/model.ts'
import { LinearModel } from '../../models/testing/linear-model.ts'
import { makePipeline } from '../assemble.ts'
import { cohortCount, type Lineup, seatsByCohort } from './lineup.ts'
import type { Pipeline } from './pipeline.ts'
import { defaultPolicy } from './policy.ts'
import type { Clock, Log, Message, Outcome } from './ports.ts'

const mapping = compileMapping({
  file: 'mapping',
  lineOf: () => 1,
  value: {
    format: 'json',
    id: 'id',
    time: { field: 'at', as: 'epoch_ms' },
    amount: { field: 'amount', decimals: 2 },
    currency: { const: 'EUR' },
    primary: 'card',
    entities: { card: 'card', merchant: 'merchant' },
    tenant: { const: 'default' },
  },
})
const catalog = compileCatalog({
  file: 'catalog',
  lineOf: () => 1,
  value: {
    features: [
      { name: 'amount', value: 'amount' },
      { name: 'count', entity: 'card', aggregate: 'count', window: '1d' },
      { name: 'sold', entity: 'merchant', aggregate: 'count', window: '1d' },
    ],
  },
})
const plan = new Plan(catalog, mapping.schema)
const policy = defaultPolicy({ review: 0.6, deny: 0.9 })

function makeDeployment(lineup: Lineup, clock: Clock | null = null, log?: Log): Pipeline {
  return makePipeline(
    { mapping, catalog, plan, lineup, engineVersion: '0' },
    {
      store: new MemoryStore(plan, { bytesMax: 2 ** 26 }),
      parser: mapping.parser(),
      hashKey: new Uint8Array(16),
      mode: 'replay',
      source: 'file',
      clock,
      challengersMs: 5,
      ...(log && { log }),
    },
  )
}

interface Call {
  readonly card: string
  readonly merchant?: string | null
  readonly amount?: string
}

let offset = 0
function messageOf({ card, merchant = 'm', amount = '1.00' }: Call): Message {
  const at = 1_700_000_000_000 + offset
  const value = { id: `t${offset}`, at, amount, card, ...(merchant === null ? {} : { merchant }) }
  return {
    partition: 0,
    offset: offset++,
    key: null,
    value: Buffer.from(JSON.stringify(value)),
    timestampMs: Number.NaN,
    traceparent: null,
    answer: null,
  }
}

interface Decision {
  readonly score: number | null
  readonly scores?: readonly {
    readonly name: string
    readonly role: string
    readonly score: number | null
  }[]
  readonly rung: string
  readonly degraded: readonly string[]
  readonly outcome: string
  readonly model: { readonly name: string } | null
  readonly evidence: readonly { readonly code: string; readonly contribution: number }[]
}

const decisionOf = ({ value }: Outcome): Decision => JSON.parse(value) as Decision

async function decide(pipeline: Pipeline, calls: readonly Call[]): Promise<Decision[]> {
  return (await pipeline.process(calls.map(messageOf))).map(decisionOf)
}

/** Gives every row the same score. */
function constant(name: string, score: number, before?: () => void | Promise<void>): LinearModel {
  const bias = Math.log(score / (1 - score))
  return new LinearModel({ name, weights: { amount: 0 }, bias, ...(before && { before }) })
}

function lineupOf(models: readonly (readonly [LinearModel, number])[], by = plan.primary): Lineup {
  const seats = models.map(([model, share]) => ({ model, share, policy }))
  return { seats, cohortEntity: by }
}

const cards = Array.from({ length: 200 }, (_, n) => `card${n}`)

describe('who decides', () => {
  test('shares are cohorts: each has its number, and whoever had a challenger keeps it as its share grows', () => {
    const share = fc.integer({ min: 0, max: cohortCount })
    fc.assert(
      fc.property(share, share, share, (first, second, more) => {
        const shares = [0, first, Math.min(second, cohortCount - first)]
        const [champion] = lineupOf([[constant('a', 0.5), 0]]).seats
        const seats = shares.map((one) => ({ ...champion!, share: one }))
        const byCohort = seatsByCohort({ seats, cohortEntity: 0 })
        const counts = [0, 1, 2].map((seat) => byCohort.filter((one) => one === seat).length)
        assert.deepEqual(counts.slice(1), shares.slice(1))
        const grown = seatsByCohort({
          seats: [
            seats[0]!,
            { ...seats[1]!, share: Math.min(cohortCount, first + more) },
            seats[2]!,
          ],
          cohortEntity: 0,
        })
        for (const [cohort, seat] of byCohort.entries())
          if (seat === 1) assert.equal(grown[cohort], 1)
      }),
    )
  })

  test('a share of cards goes to the challenger, every time the same ones, whole decisions with its name', async () => {
    const lineup = lineupOf([
      [constant('champion', 0.25), 0],
      [constant('challenger', 0.75), 2500],
    ])
    const pipeline = makeDeployment(lineup)
    const deciders = async (): Promise<(string | undefined)[]> =>
      (
        await decide(
          pipeline,
          cards.map((card) => ({ card })),
        )
      ).map(({ model }) => model?.name)
    const first = await deciders()
    const challenged = first.filter((name) => name === 'challenger').length
    assert.ok(challenged > 30 && challenged < 70, `${challenged} of 200`)
    assert.deepEqual(await deciders(), first)
    const [decision] = await decide(pipeline, [{ card: cards[first.indexOf('challenger')]! }])
    assert.equal(decision!.score, 0.75)
    assert.equal(decision!.outcome, 'review')
    assert.deepEqual(
      decision!.scores?.map(({ name, role, score }) => [name, role, score]),
      [
        ['champion', 'champion', 0.25],
        ['challenger', 'challenger', 0.75],
      ],
    )
  })

  test('by another entity: all of one merchant have one model; a transaction without a merchant has the champion', async () => {
    const merchant = plan.journals.findIndex(({ kind }) => kind === 'merchant')
    const models = [constant('champion', 0.25), constant('challenger', 0.75)] as const
    const pipeline = makeDeployment(
      lineupOf(
        [
          [models[0], 0],
          [models[1], 5000],
        ],
        merchant,
      ),
    )
    const seen = new Map<string, Set<string>>()
    for (let round = 0; round < 3; round++) {
      const calls = cards.map((card, n) => ({ card: `${card}-${round}`, merchant: `m${n % 20}` }))
      for (const [at, { model }] of (await decide(pipeline, calls)).entries()) {
        const names = seen.get(calls[at]!.merchant) ?? new Set()
        seen.set(calls[at]!.merchant, names.add(model!.name))
      }
    }
    assert.ok([...seen.values()].every(({ size }) => size === 1))
    assert.equal(new Set([...seen.values()].flatMap((names) => [...names])).size, 2)
    const without = await decide(
      pipeline,
      cards.map((card) => ({ card, merchant: null })),
    )
    assert.ok(without.every(({ model }) => model?.name === 'champion'))
  })

  test('with one model there are no scores side by side', async () => {
    const [decision] = await decide(makeDeployment(lineupOf([[constant('a', 0.25), 0]])), [
      { card: 'c' },
    ])
    assert.equal(decision!.scores, undefined)
  })
})

describe('a challenger', () => {
  test('that fails is left out and named; the champion decides its cohorts, and it is back with its next score', async () => {
    let isBroken = true
    const challenger = constant('challenger', 0.75, () => {
      if (isBroken) throw new Error('broken')
    })
    const pipeline = makeDeployment(
      lineupOf([
        [constant('champion', 0.25), 0],
        [challenger, 10_000],
      ]),
    )
    const [without] = await decide(pipeline, [{ card: 'c' }])
    assert.equal(without!.model?.name, 'champion')
    assert.equal(without!.rung, 'no-challenger')
    assert.deepEqual(without!.degraded, ['challenger challenger 1'])
    assert.equal(without!.scores?.[1]?.score, null)
    isBroken = false
    const [whole] = await decide(pipeline, [{ card: 'c' }])
    assert.equal(whole!.model?.name, 'challenger')
    assert.equal(whole!.rung, 'full')
    const [, stats] = pipeline.seats()
    assert.deepEqual(stats!.absent, { budget: 0, failed: 1 })
    assert.deepEqual(stats!.outcomes, { approve: 0, review: 1, deny: 0 })
    assert.equal(stats!.scored, 1)
  })

  test('for which no time is left is not begun, and gets its chance again', async () => {
    let us = 0
    let takesUs = 0
    const clock = { nowMs: () => 0, monotonicUs: () => us }
    const slow = constant('slow', 0.75, () => {
      us += takesUs
    })
    const pipeline = makeDeployment(
      lineupOf([
        [constant('champion', 0.25), 0],
        [slow, 0],
      ]),
      clock,
    )
    const rungOfNext = async (): Promise<string> => {
      const [decision] = await decide(pipeline, [{ card: 'c' }])
      return decision!.rung
    }
    takesUs = 8000
    assert.equal(await rungOfNext(), 'full', 'nothing was known of it')
    takesUs = 100
    assert.equal(await rungOfNext(), 'no-challenger', 'it would have taken 8 ms of 5')
    assert.equal(slow.calls, 1)
    us += 16_000
    assert.equal(await rungOfNext(), 'full', 'once slow is not always slow')
    assert.equal(await rungOfNext(), 'full')
    assert.deepEqual(pipeline.seats()[1]!.absent, { budget: 1, failed: 0 })
  })

  test('that hangs whenever it is there again is waited for ever more rarely', async () => {
    let us = 0
    let backUs = 0
    let lostUs = 0
    const clock = { nowMs: () => 0, monotonicUs: () => us }
    const hanging = constant('hanging', 0.75, () => {
      if (us >= backUs) {
        us += 1_000_000
        lostUs += 1_000_000
        backUs = us + 5_000_000
      }
      throw new Error('gone')
    })
    const models = [[constant('champion', 0.25), 0] as const, [hanging, 0] as const]
    const pipeline = makeDeployment(lineupOf(models), clock)
    for (let batch = 0; batch < 20_000; batch++) {
      us += 100_000
      await decide(pipeline, [{ card: 'c' }])
    }
    assert.ok(lostUs < us / 50, `${lostUs} of ${us} µs`)
  })

  test('that cannot say why leaves its rows to the champion, reasons and all', async () => {
    const able = new LinearModel({ name: 'champion', weights: { count: 1 } })
    const beforeExplain = (): void => {
      throw new Error('no reasons')
    }
    const mute = new LinearModel({ name: 'challenger', weights: { amount: 1 }, beforeExplain })
    const models = [[able, 0] as const, [mute, 10_000] as const]
    const pipeline = makeDeployment(lineupOf(models))
    for (const { model, rung, degraded, evidence, score, scores } of await decide(pipeline, [
      { card: 'a' },
      { card: 'b' },
    ])) {
      assert.equal(model?.name, 'champion')
      assert.equal(score, 0.731059)
      assert.equal(rung, 'no-challenger')
      assert.deepEqual(degraded, ['challenger challenger 1'])
      assert.equal(scores?.[1]?.score, null)
      assert.deepEqual(
        evidence.map(({ code }) => code),
        ['count'],
      )
    }
    const [champion, challenger] = pipeline.seats()
    assert.deepEqual(challenger!.absent, { budget: 0, failed: 2 })
    assert.equal(challenger!.scored, 0)
    assert.equal(champion!.scored, 2)
  })

  test('that fails on and on is told of once, and again when it had recovered', async () => {
    const told: string[] = []
    let isBroken = true
    const failing = constant('challenger', 0.75, () => {
      if (isBroken) throw new Error('broken')
    })
    const models = [[constant('champion', 0.25), 0] as const, [failing, 0] as const]
    const log = { info: () => undefined, warn: (_: object, m: string) => told.push(m) }
    const pipeline = makeDeployment(lineupOf(models), null, { ...log, error: () => undefined })
    for (const state of [true, true, true, false, true, true]) {
      isBroken = state
      await decide(pipeline, [{ card: 'c' }])
    }
    assert.equal(told.length, 2)
  })

  test('that gives no number leaves its cohorts to the champion', async () => {
    const nan = new LinearModel({ name: 'nan', weights: { amount: Number.NaN } })
    const pipeline = makeDeployment(
      lineupOf([
        [constant('champion', 0.25), 0],
        [nan, 10_000],
      ]),
    )
    const [decision] = await decide(pipeline, [{ card: 'c' }])
    assert.equal(decision!.model?.name, 'champion')
    assert.equal(pipeline.seats()[1]!.unscored, 1)
  })

  test('never changes what the champion decides', async () => {
    const calls = cards.map((card, n) => ({ card, amount: `${n}.00` }))
    const champion = (): LinearModel =>
      new LinearModel({ name: 'c', weights: { amount: 1e-3, count: -1 } })
    const outcomesOf = async (lineup: Lineup): Promise<unknown[]> => {
      offset = 0
      const decisions = await decide(makeDeployment(lineup), calls)
      return decisions.map(({ score, outcome, evidence, model }) => ({
        score,
        outcome,
        evidence,
        model,
      }))
    }
    const alone = await outcomesOf(lineupOf([[champion(), 0]]))
    const failing = constant('b', 0.9, () => {
      throw new Error('no')
    })
    const beside = lineupOf([
      [champion(), 0],
      [constant('a', 0.99), 0],
      [failing, 0],
    ])
    assert.deepEqual(await outcomesOf(beside), alone)
  })
})

describe('reasons', () => {
  test('a deny and a review say why, an approval does not', async () => {
    const model = new LinearModel({ name: 'm', weights: { amount: 0.01, count: 0.5, sold: -0.1 } })
    const pipeline = makeDeployment(lineupOf([[model, 0]]))
    const [high, middle, low] = await decide(pipeline, [
      { card: 'a', amount: '9.00', merchant: 'a' },
      { card: 'b', amount: '1.00', merchant: 'b' },
      { card: 'c', amount: '0.00', merchant: null },
    ])
    assert.deepEqual([high!.outcome, middle!.outcome, low!.outcome], ['deny', 'review', 'review'])
    assert.deepEqual(
      high!.evidence.map(({ code, contribution }) => [code, contribution]),
      [
        ['amount', 9],
        ['count', 0.5],
      ],
    )
    const quiet = new LinearModel({ name: 'q', weights: { amount: 0.01 }, bias: -9 })
    const [approved] = await decide(makeDeployment(lineupOf([[quiet, 0]])), [{ card: 'a' }])
    assert.deepEqual([approved!.outcome, approved!.evidence], ['approve', []])
  })

  test('are those of the model that decides', async () => {
    const champion = new LinearModel({ name: 'a', weights: { amount: 1 } })
    const challenger = new LinearModel({ name: 'b', weights: { count: 5 } })
    const pipeline = makeDeployment(
      lineupOf([
        [champion, 0],
        [challenger, 5000],
      ]),
    )
    for (const { model, evidence } of await decide(
      pipeline,
      cards.map((card) => ({ card })),
    )) {
      assert.deepEqual(
        evidence.map(({ code }) => code),
        model!.name === 'a' ? ['amount'] : ['count'],
      )
    }
  })
})

describe('a swap', () => {
  test('takes effect between batches; each decision names one model, and the old one is done when the swap says so', async () => {
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const before = constant('before', 0.25, () => gate)
    const pipeline = makeDeployment(lineupOf([[before, 0]]))
    const running = decide(
      pipeline,
      cards.map((card) => ({ card })),
    )
    const swapped = pipeline.swap(lineupOf([[constant('after', 0.75), 0]]))
    let isDone = false
    const closing = swapped.then(async () => {
      isDone = true
      await before.close()
    })
    await Promise.resolve()
    assert.ok(!isDone, 'its batch is still running')
    open()
    assert.deepEqual(new Set((await running).map(({ model }) => model?.name)), new Set(['before']))
    await closing
    const [next] = await decide(pipeline, [{ card: 'c' }])
    assert.equal(next!.model?.name, 'after')
    assert.equal(next!.score, 0.75)
  })

  test('asked for during a batch that fails takes effect all the same, and the batch is decided anew', async () => {
    let fail = (): void => undefined
    const failing = constant('before', 0.25, () => {
      return new Promise<void>((_, reject) => {
        fail = () => {
          reject(new Error('no'))
        }
      })
    })
    const pipeline = makeDeployment(lineupOf([[failing, 0]]))
    const message = messageOf({ card: 'c' })
    const running = pipeline.process([message])
    while (failing.calls === 0) await Promise.resolve()
    const swapped = pipeline.swap(lineupOf([[constant('after', 0.75), 0]]))
    fail()
    await assert.rejects(running, ModelError)
    await swapped
    const [outcome] = await pipeline.process([message])
    assert.equal(decisionOf(outcome!).model?.name, 'after')
  })

  test('into an idle pipeline is there at once, and stand-ins name the new model', async () => {
    const pipeline = makeDeployment(lineupOf([[constant('before', 0.25), 0]]))
    await pipeline.swap(lineupOf([[constant('after', 0.75), 0]]))
    const known = {
      id: 'x',
      tenant: 'default',
      timeMs: 1,
      hasNoRate: false,
      partition: 0,
      offset: 0,
    }
    const standIn = JSON.parse(pipeline.standIn({ ...known, outcome: 'review' })) as Decision
    assert.equal(standIn.model?.name, 'after')
  })

  test('of models with other inputs and another number of challengers scores by the new ones', async () => {
    const pipeline = makeDeployment(
      lineupOf([[new LinearModel({ name: 'a', weights: { amount: 1 } }), 0]]),
    )
    await decide(pipeline, [{ card: 'c' }])
    const wide = new LinearModel({ name: 'b', weights: { sold: 0, count: 0.5, amount: 0 } })
    await pipeline.swap(
      lineupOf([
        [wide, 0],
        [constant('c', 0.5), 0],
      ]),
    )
    const [decision] = await decide(pipeline, [{ card: 'c' }])
    // The card's second transaction.
    assert.equal(decision!.score, 0.731059)
    assert.equal(decision!.scores?.length, 2)
  })
})
