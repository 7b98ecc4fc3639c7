// Claims about what `weir features` prints: every feature, what is absent, and sizes that can be checked by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalogs } from '../../features/catalogs.ts'
import { Plan } from '../../features/plan.ts'
import type { TransactionSchema } from '../../features/transaction.ts'
import { parseDocument } from '../document.ts'
import { type CatalogReport, catalogJson, catalogText, definitionText } from './catalog-report.ts'

const catalog = compileCatalogs([
  parseDocument(
    'catalog.yaml',
    [
      'features:',
      '  - { name: amount, value: amount }',
      '  - { name: is_night, calendar: hour, between: [0, 6], tz: Europe/Berlin }',
      '  - { name: card_count_1d, entity: card, aggregate: count, window: 1d, current: excluded }',
      '  - { name: card_merchants_1h, entity: card, aggregate: distinct, of: merchant, window: 1h }',
      '  - { name: merchant_risk_7d, entity: merchant, aggregate: fraud_rate, window: 7d, delay: 3d }',
      '  - { name: ip_count_1h, entity: ip, aggregate: count, window: 1h }',
    ].join('\n'),
  ),
])

const schema: TransactionSchema = {
  entities: ['card', 'merchant'],
  primary: 0,
  fields: [],
  hasLocation: false,
  hasLabel: true,
  kinds: [],
}

const report: CatalogReport = {
  mappingFile: 'mapping.yaml',
  catalog,
  plan: new Plan(catalog, schema),
  transactionsPerSecond: 1000,
  days: null,
  entities: new Map(),
}

test('a definition reads as a sentence', () => {
  assert.deepEqual(catalog.features.map(definitionText), [
    'amount of the transaction',
    'hour in [0, 6), Europe/Berlin',
    'count per card over 1d, without itself',
    'distinct merchant per card over 1h',
    'fraud_rate per merchant over 7d, 3d late',
    'count per ip over 1h',
  ])
})

test('every feature is listed, and those the mapping cannot deliver are named', () => {
  const text = catalogText(report)
  for (const { name } of catalog.features) assert.ok(text.includes(name), name)
  assert.match(text, /^ip_count_1h +count per ip over 1h +absent$/m)
  assert.match(text, /lacks their entity, field or label: ip_count_1h$/m)
  assert.doesNotMatch(text, /^ip +\d/m, 'no journal is kept for an entity that does not come')
})

test('of several catalogs it says which declares what', () => {
  const features = ['features:', '  - { name: amount, value: amount }']
  const other = parseDocument('other.yaml', features.join('\n'))
  const shared = parseDocument(
    'catalog.yaml',
    [...features, '  - { name: hour, calendar: hour }'].join('\n'),
  )
  const union = compileCatalogs([shared, other])
  const both = { ...report, catalog: union, plan: new Plan(union, schema) }
  const text = catalogText(both)
  assert.match(text, /^catalog 1 catalog\.yaml, hash [0-9a-f]{16}\ncatalog 2 other\.yaml, hash/)
  assert.ok(text.includes(`all of them, hash ${union.hash}`))
  assert.match(text, /^amount .* 1, 2$/m)
  assert.match(text, /^hour .* 1$/m)
  const { catalog: found } = JSON.parse(catalogJson(both)) as { catalog: { files: object[] } }
  assert.deepEqual(
    found.files.map((file) => (file as { features: string[] }).features),
    [['amount', 'hour'], ['amount']],
  )
})

test('sizes are the records of all journals, kept as long as the longest window needs', () => {
  const bytes = report.plan.journals.reduce((sum, { width }) => sum + width, 0)
  const json = JSON.parse(catalogJson(report)) as Record<string, unknown>
  assert.equal(json['bytes_per_transaction'], bytes)
  assert.equal(json['kept_days'], 10, '7 days of window, 3 of delay')
  assert.equal(json['record_bytes_kept'], 1000 * 10 * 86_400 * bytes)
  assert.match(catalogText({ ...report, days: 1 }), /1000 transactions\/s kept for 1 days/)
})

test('with the number of entities it says what Redis takes, and how long journals stay bounded', () => {
  const entities = new Map([
    ['card', 8_640_000],
    ['merchant', 1000],
  ])
  const known = { ...report, entities }
  const json = JSON.parse(catalogJson(known)) as {
    redis: { kind: string; records: number; journal_bytes: number; bytes: number }[]
    redis_bytes_per_transaction: Record<string, number>
  }
  const [card, merchant] = json.redis
  // 1,000 a second for ten days are a hundred each; of a merchant's 864,000 four caps are kept, and sums.
  assert.deepEqual([card?.kind, card?.records, merchant?.records], ['card', 100, 2048])
  assert.equal(card?.bytes, 8_640_000 * card!.journal_bytes)
  assert.ok(card.journal_bytes > 100 * 40 && card.journal_bytes < 100 * 40 * 2.2)
  const perTransaction = json.redis_bytes_per_transaction
  assert.ok(perTransaction['1']! > perTransaction['64']!)
  const text = catalogText(known)
  assert.match(text, /^card +8,640,000 +100 +[\d,]+ +[\d.]+$/m)
  assert.match(text, /^merchant +1,000 +summed beyond 2,048 +[\d,]+ +[\d.]+$/m)
  assert.match(catalogText(report), /With --entities card=1000000/)
})
