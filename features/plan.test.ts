// What a catalog becomes under a mapping: which features can come, which journals are kept, and what a record holds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from './catalog.ts'
import { Plan } from './plan.ts'
import { Kind, messageKinds, type TransactionSchema } from './transaction.ts'

const schema: TransactionSchema = {
  entities: ['card', 'merchant', 'ip'],
  primary: 0,
  fields: ['mcc'],
  hasLocation: false,
  hasLabel: false,
  kinds: [],
}

type Declared = Readonly<Record<string, unknown>>

function planOf(
  features: readonly Declared[],
  change: Partial<TransactionSchema> = {},
  exact: Readonly<Record<string, number>> = {},
): Plan {
  const named = features.map((feature, index) => ({ name: `f${index}`, ...feature }))
  const document = { file: 'catalog', value: { features: named }, lineOf: () => 1 }
  return new Plan({ ...compileCatalog(document), exact }, { ...schema, ...change })
}

const count = (entity: string, window = '1h'): Declared => ({ entity, aggregate: 'count', window })
const sum: Declared = { entity: 'merchant', aggregate: 'sum', window: '1h' }
const mccs: Declared = { entity: 'merchant', aggregate: 'distinct', of: 'mcc', window: '1h' }
const cards: Declared = { ...mccs, of: 'card' }
const rate: Declared = { entity: 'merchant', aggregate: 'fraud_rate', window: '1h', delay: '1h' }

test('a feature is absent when the mapping lacks its entity, field, place or label', () => {
  const features = [
    count('device'),
    { value: 'channel' },
    { value: 'latitude' },
    { ...mccs, of: 'channel' },
    rate,
    count('ip'),
    { value: 'mcc' },
    { value: 'amount' },
    { calendar: 'hour' },
    cards,
  ]
  assert.deepEqual(planOf(features).absent, ['f0', 'f1', 'f2', 'f3', 'f4'])
  const whole = {
    entities: ['card', 'merchant', 'ip', 'device'],
    fields: ['mcc', 'channel'],
    hasLocation: true,
    hasLabel: true,
  }
  assert.deepEqual(planOf(features, whole).absent, [])
})

test('journals are kept for the primary and for entities that a feature reads', () => {
  const kindsOf = ({ journals }: Plan): string[] => journals.map(({ kind }) => kind)
  assert.deepEqual(kindsOf(planOf([{ value: 'amount' }])), ['card'])
  const plan = planOf([count('ip')], { primary: 1 })
  assert.deepEqual(kindsOf(plan), ['merchant', 'ip'])
  assert.equal(plan.primary, 0)
  assert.deepEqual(
    plan.journals.map(({ isPrimary }) => isPrimary),
    [true, false],
  )
})

test('a record holds what its own entity needs, each in eight bytes of its own', () => {
  const widthOf = (features: readonly Declared[], change?: Partial<TransactionSchema>): number =>
    planOf(features, { hasLabel: true, ...change }).journals[1]!.width
  const identity = 16
  assert.equal(widthOf([count('merchant')]), identity)
  assert.equal(widthOf([sum]), identity + 8)
  assert.equal(widthOf([sum, { ...sum, aggregate: 'avg' }]), identity + 8)
  assert.equal(widthOf([mccs, cards, { ...cards, window: '1d' }]), identity + 16)
  assert.equal(widthOf([rate]), identity + 8)
  assert.equal(widthOf([count('merchant')], { kinds: messageKinds }), identity + 16)
  const { journals, recordStride } = planOf([sum, mccs, cards, rate], { hasLabel: true })
  const { layout } = journals[1]!
  const places = [layout.amount, layout.label, ...layout.columns.map(({ at }) => at)]
  assert.deepEqual(
    [...places].sort((a, b) => a - b),
    [16, 24, 32, 40],
  )
  assert.equal(journals[0]!.width, identity + 16, 'fingerprint and source of the primary')
  assert.equal(recordStride, 48)
})

test('windows are kept once each, the shortest first, and label windows by window and delay', () => {
  const { journals } = planOf(
    [count('ip', '1d'), count('ip', '1h'), count('ip', '24h'), { ...rate, entity: 'ip' }],
    { hasLabel: true },
  )
  const { groups, labelWindows, hops } = journals[1]!
  assert.deepEqual(
    groups.map(({ windowsMs }) => windowsMs),
    [[3_600_000, 86_400_000]],
  )
  const window = { windowMs: 3_600_000, delayMs: 3_600_000, mask: 0, isGross: false }
  assert.deepEqual(labelWindows, [window])
  assert.equal(hops.series.length, 3)
})

test('no kind is taken for several together, however they are called', () => {
  const entities = ['card', 'merchant', 'card_x_merchant', 'merchant_x_card']
  const declared = [
    { name: 'pair', aggregate: 'count', entity: ['card', 'merchant'], window: '1h' },
    { name: 'one', aggregate: 'count', entity: 'card_x_merchant', window: '1h' },
    { name: 'left', aggregate: 'count', entity: ['card', 'merchant_x_card'], window: '1h' },
    { name: 'right', aggregate: 'count', entity: ['card_x_merchant', 'card'], window: '1h' },
  ]
  const { journals } = planOf(declared, { entities })
  assert.deepEqual(
    journals.map(({ schemaIndexes, features }) => [schemaIndexes, features.length]),
    [
      [[0], 0],
      [[2], 1],
      [[0, 2], 1],
      [[0, 1], 1],
      [[0, 3], 1],
    ],
  )
  assert.equal(new Set(journals.map(({ kind }) => kind)).size, journals.length)
})

test('the namespace changes with layouts, windows and caps, not with names or features of the row', () => {
  const of = (features: readonly Declared[], exact?: Readonly<Record<string, number>>): string =>
    planOf(features, {}, exact).namespace
  const one = of([count('merchant')])
  assert.match(one, /^[0-9a-f]{8}$/)
  assert.equal(of([{ value: 'amount' }, { ...count('merchant'), name: 'other' }]), one)
  assert.equal(of([count('merchant'), { ...count('merchant'), current: 'excluded' }]), one)
  const different = [
    one,
    of([count('ip')]),
    of([count('merchant', '2h')]),
    of([count('merchant'), count('card')]),
    of([sum]),
    of([mccs]),
    of([cards]),
    of([count('merchant')], { merchant: 256 }),
  ]
  assert.equal(new Set(different).size, different.length)
})

test('exact tails are by entity kind, 512 where none is named, whatever the kind is called', () => {
  const change = { entities: ['card', 'constructor'] }
  const capsOf = (exact: Readonly<Record<string, number>>): number[] =>
    planOf([count('constructor')], change, exact).journals.map(({ cap }) => cap)
  assert.deepEqual(capsOf({}), [512, 512])
  assert.deepEqual(capsOf({ card: 16 }), [16, 512])
})

test('a rate of declines needs declines in the mapping, not just any kind of message', () => {
  const window = { entity: 'card', window: '1h' }
  const features = [
    { ...window, aggregate: 'decline_rate' },
    { ...window, aggregate: 'reversals' },
  ]
  assert.deepEqual(planOf(features, { kinds: [Kind.reversal] }).absent, ['f0'])
  assert.deepEqual(planOf(features, { kinds: [Kind.decline, Kind.label] }).absent, ['f1'])
  assert.deepEqual(planOf(features, { kinds: messageKinds }).absent, [])
})
