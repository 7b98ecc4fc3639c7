// Every key of a catalog: what a feature is read as, and what is said where it is wrong, all faults together.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDocument } from '../engine/document.ts'
import { type Catalog, compileCatalog, type Feature } from './catalog.ts'
import { DocumentError, parseDurationMs } from './document.ts'

function catalogOf(...features: readonly string[]): Catalog {
  const lines = ['features:', ...features.map((feature) => `  - { ${feature} }`)]
  return compileCatalog(parseDocument('catalog.yaml', lines.join('\n')))
}

function feature(text: string): Feature {
  return catalogOf(text).features[0]!
}

function faultsOf(compile: () => unknown): string[] {
  try {
    compile()
  } catch (error) {
    assert.ok(error instanceof DocumentError, String(error))
    return error.message.split('\n')
  }
  return []
}

const hourMs = 3_600_000
const count = 'entity: card, aggregate: count, window: 1h'

describe('what a catalog says', () => {
  test('a value, a calendar and an aggregate are read with their defaults', () => {
    const nothing = { value: null, calendar: null, between: null, tz: 'UTC', aggregate: null }
    const none = {
      entity: null,
      entityParts: [],
      of: null,
      windowMs: 0,
      delayMs: 0,
      shortMs: 0,
      isCurrentIncluded: true,
      basis: 'net',
      where: null,
      smoothing: null,
    }
    const read = (text: string): Partial<Feature> => {
      const { name, definition, ...rest } = feature(`name: f, ${text}`)
      assert.equal(name, 'f')
      assert.match(definition, /^[0-9a-f]{16}$/)
      return rest
    }
    assert.deepEqual(read('value: amount'), { ...nothing, ...none, value: 'amount' })
    assert.deepEqual(read('calendar: hour, between: [22, 6], tz: Europe/Berlin'), {
      ...nothing,
      ...none,
      calendar: 'hour',
      between: [22, 6],
      tz: 'Europe/Berlin',
    })
    const aggregate = {
      ...nothing,
      ...none,
      entity: 'card',
      entityParts: ['card'],
      windowMs: hourMs,
    }
    assert.deepEqual(read(count), { ...aggregate, aggregate: 'count' })
    assert.deepEqual(read('entity: card, aggregate: sum, window: 1h'), {
      ...aggregate,
      aggregate: 'sum',
      of: 'amount',
    })
    assert.deepEqual(read('entity: card, aggregate: distinct, of: mcc, window: 60m'), {
      ...aggregate,
      aggregate: 'distinct',
      of: 'mcc',
    })
    assert.deepEqual(read(`${count}, current: excluded`), {
      ...aggregate,
      aggregate: 'count',
      isCurrentIncluded: false,
    })
  })

  test('since_last and labels never speak of the transaction itself', () => {
    for (const aggregate of ['since_last', 'fraud_count', 'fraud_rate']) {
      const read = feature(`name: f, entity: card, aggregate: ${aggregate}, window: 1h`)
      assert.equal(read.isCurrentIncluded, false)
    }
    const rate = feature('name: f, entity: m, aggregate: fraud_rate, window: 7d, delay: 0d')
    assert.deepEqual([rate.windowMs, rate.delayMs], [168 * hourMs, 0])
  })

  test('durations: whole numbers of ms, s, m, h, d, w up to a hundred years, and nothing else', () => {
    const good = { '250ms': 250, '30s': 30_000, '5m': 300_000, '1h': hourMs, '2w': 336 * hourMs }
    for (const [text, ms] of Object.entries(good)) assert.equal(parseDurationMs(text), ms)
    assert.equal(parseDurationMs('36525d'), 36_525 * 24 * hourMs)
    const bad = ['36526d', '1.5h', '-1d', '1', '1y', 'd', '', ' 1d', '1 d', '1D', '9999999999s', 60]
    for (const value of bad) assert.equal(parseDurationMs(value), null, String(value))
  })

  test('equal definitions have equal hashes, whatever their name and spelling; others never', () => {
    const of = (text: string): string => feature(text).definition
    assert.equal(
      of(`name: a, ${count}`),
      of('window: 60m, aggregate: count, entity: card, name: b'),
    )
    const sum = 'name: a, entity: card, aggregate: sum, window: 1h'
    assert.equal(of(sum), of(`${sum}, of: amount, current: included`))
    const different = [
      'name: a, value: amount',
      'name: a, value: mcc',
      'name: a, calendar: hour',
      'name: a, calendar: hour, tz: Europe/Paris',
      'name: a, calendar: hour, between: [0, 6]',
      'name: a, calendar: hour, between: [6, 0]',
      `name: a, ${count}`,
      `name: a, ${count}, current: excluded`,
      'name: a, entity: card, aggregate: count, window: 2h',
      'name: a, entity: merchant, aggregate: count, window: 1h',
      'name: a, entity: card, aggregate: distinct, of: mcc, window: 1h',
      'name: a, entity: card, aggregate: fraud_rate, window: 1h',
      'name: a, entity: card, aggregate: fraud_rate, window: 1h, delay: 1h',
    ]
    assert.equal(new Set(different.map(of)).size, different.length)
  })

  test('the hash of a catalog is over names and definitions in their order', () => {
    const one = catalogOf('name: a, value: amount', `name: b, ${count}`).hash
    assert.equal(catalogOf('value: amount, name: a', `name: b, ${count}`).hash, one)
    assert.notEqual(catalogOf(`name: b, ${count}`, 'name: a, value: amount').hash, one)
    assert.notEqual(catalogOf('name: c, value: amount', `name: b, ${count}`).hash, one)
  })

  test('the shipped catalog has 51 features', () => {
    const file = fileURLToPath(import.meta.resolve('#root/features/default-catalog.yaml'))
    assert.equal(compileCatalog(parseDocument(file, readFileSync(file))).features.length, 51)
  })
})

/** The one feature of a catalog, and all that is said of it. */
const faults: readonly (readonly [string, ...string[]])[] = [
  ['value: amount', 'features[0].name: expected a text, found nothing'],
  [
    'name: card-count, value: amount',
    'features[0].name: expected a name of letters, digits and _, at most 64, found "card-count"',
  ],
  [
    'name: transaction_id, value: amount',
    'features[0].name: expected another name than transaction_id, the first column of rows, found "transaction_id"',
  ],
  ['name: a', 'features[0]: expected exactly one of value, calendar, aggregate, found nothing'],
  [
    'name: a, value: amount, calendar: hour',
    'features[0]: expected exactly one of value, calendar, aggregate, found "value, calendar"',
  ],
  ['name: a, value: 5', 'features[0].value: expected a text, found 5'],
  [
    'name: a, value: amount, window: 1d',
    'features[0].window: expected window only beside aggregate, found "1d"',
  ],
  [
    'name: a, value: amount, tz: UTC',
    'features[0].tz: expected tz only beside calendar, found "UTC"',
  ],
  [
    'name: a, calendar: weekdays',
    'features[0].calendar: expected one of hour, weekday, weekend, day, found "weekdays" (did you mean weekday?)',
  ],
  [
    'name: a, calendar: hour, tz: Mars/Base',
    'features[0].tz: expected a time zone such as Europe/Berlin or +02:00, found "Mars/Base"',
  ],
  [
    'name: a, calendar: hour, between: [6, 6]',
    'features[0].between: expected two different numbers [from, to), found [6,6]',
  ],
  [
    'name: a, calendar: hour, between: 6',
    'features[0].between: expected two different numbers [from, to), found 6',
  ],
  [
    'name: a, calendar: hour, between: [0, 25]',
    'features[0].between[1]: expected a whole number from 0 to 24, found 25',
  ],
  [
    'name: a, calendar: weekday, between: [0.5, 8]',
    'features[0].between[0]: expected a whole number from 0 to 7, found 0.5',
    'features[0].between[1]: expected a whole number from 0 to 7, found 8',
  ],
  [
    'name: a, entity: card, aggregate: cuont, window: 1d',
    'features[0].aggregate: expected one of count, sum, avg, min, max, stddev, ratio, zscore, distinct, share, new_value, first, last, since_first, since_last, speed, acceleration, fraud_count, fraud_rate, reversals, decline_rate, found "cuont" (did you mean count?)',
  ],
  [
    'name: a, entity: card, aggregate: count, window: 0d',
    'features[0].window: expected a duration above zero such as 30s, 5m, 1h or 7d, found "0d"',
  ],
  [
    'name: a, entity: card, aggregate: count, window: -1d',
    'features[0].window: expected a duration above zero such as 30s, 5m, 1h or 7d, found "-1d"',
  ],
  [
    'name: a, entity: card, aggregate: count, window: 1y',
    'features[0].window: expected a duration above zero such as 30s, 5m, 1h or 7d, found "1y"',
  ],
  [
    'name: a, entity: card, aggregate: count, window: 7 days',
    'features[0].window: expected a duration above zero such as 30s, 5m, 1h or 7d, found "7 days" (did you mean 7d?)',
  ],
  [
    'name: a, entity: card, aggregate: count, window: 3600',
    'features[0].window: expected a duration above zero such as 30s, 5m, 1h or 7d, found 3600',
  ],
  [
    'name: a, entity: card, aggregate: count',
    'features[0].window: expected a duration above zero such as 30s, 5m, 1h or 7d, found nothing',
  ],
  ['name: a, aggregate: count, window: 1d', 'features[0].entity: expected a text, found nothing'],
  [
    `name: a, ${count}, curent: excluded`,
    'features[0].curent: expected one of name, value, calendar, between, tz, aggregate, entity, of, window, delay, current, basis, where, short, smoothing, found "curent" (did you mean current?)',
  ],
  [
    `name: a, ${count}, current: false`,
    'features[0].current: expected one of included, excluded, found false',
  ],
  [`name: a, ${count}, of: amount`, 'features[0].of: expected no `of` with count, found "amount"'],
  [
    `name: a, ${count}, delay: 1d, current: included`,
    'features[0].current: expected excluded or nothing: with a delay the transaction lies outside of its window, found "included"',
  ],
  [
    'name: a, entity: card, aggregate: last, window: 1d, current: included',
    'features[0].current: expected excluded or nothing: last speaks of earlier transactions alone, found "included"',
  ],
  [`name: a, ${count}, short: 1m`, 'features[0].short: expected no short with count, found "1m"'],
  [
    'name: a, entity: card, aggregate: acceleration, window: 1h, short: 1h',
    'features[0].short: expected a duration shorter than the window, found "1h"',
  ],
  [
    'name: a, entity: card, aggregate: acceleration, window: 1h',
    'features[0].short: expected a duration above zero such as 30s, 5m, 1h or 7d, found nothing',
  ],
  [
    `name: a, ${count}, smoothing: 1`,
    'features[0].smoothing: expected no smoothing with count, found 1',
  ],
  [
    'name: a, entity: card, aggregate: fraud_rate, window: 1h, smoothing: { weight: 0, prior: 2 }',
    'features[0].smoothing.weight: expected a number from 0.000001 to 1000000000, found 0',
    'features[0].smoothing.prior: expected a number from 0 to 1, found 2',
  ],
  [
    'name: a, entity: card, aggregate: reversals, window: 1h, basis: gross',
    'features[0].basis: expected no basis with reversals, found "gross"',
  ],
  [
    `name: a, ${count}, basis: groß`,
    'features[0].basis: expected one of net, gross, found "groß" (did you mean gross?)',
  ],
  [
    `name: a, ${count}, where: ecom`,
    'features[0].where: expected an object of names, found "ecom"',
  ],
  [
    `name: a, ${count}, where: {}`,
    'features[0].where: expected a field with its value, such as { channel: ecom }, found {}',
  ],
  [
    `name: a, ${count}, where: { channel: [], mcc: [{}] }`,
    'features[0].where.channel: expected one to 64 values, found []',
    'features[0].where.mcc[0]: expected a text or number, found {}',
  ],
  [
    'name: a, entity: [card], aggregate: count, window: 1h',
    'features[0].entity: expected one entity, or two to 3 different ones, found ["card"]',
  ],
  [
    'name: a, entity: [card, card], aggregate: count, window: 1h',
    'features[0].entity: expected one entity, or two to 3 different ones, found ["card","card"]',
  ],
  [
    'name: a, entity: card, aggregate: sum, of: amuont, window: 1d',
    'features[0].of: expected one of amount, found "amuont" (did you mean amount?)',
  ],
  [
    'name: a, entity: card, aggregate: distinct, window: 1d',
    'features[0].of: expected a text, found nothing',
  ],
]

test('an entity has bits for twelve different conditions', () => {
  const of = (n: number): string => `name: f${n}, ${count}, where: { mcc: "${n % 13}" }`
  const twelve = Array.from({ length: 12 }, (_, n) => of(n))
  assert.equal(catalogOf(...twelve, of(0).replace('f0', 'again')).features.length, 13)
  assert.deepEqual(
    faultsOf(() => catalogOf(...twelve, of(12))),
    [
      'catalog.yaml:14: features[12].where: expected at most 12 different conditions for an entity, found {"mcc":"12"}',
    ],
  )
})

describe('what is wrong with a catalog', () => {
  for (const [text, ...expected] of faults) {
    test(`says: ${expected.join('; ')}`, () => {
      const found = faultsOf(() => catalogOf(text))
      assert.deepEqual(
        found,
        expected.map((line) => `catalog.yaml:2: ${line}`),
      )
    })
  }

  test('all faults come at once, in the order of their lines', () => {
    const compile = (): Catalog =>
      catalogOf(
        'name: a, value: amount', // 2
        'name: b, calendar: hours', // 3
        'name: a, value: mcc', // 4
        'name: c, entity: card, aggregate: count, window: 0s, off: 1', // 5
        `name: a, ${count}`, // 6
      )
    assert.deepEqual(
      faultsOf(compile).map((line) => line.split(': expected')[0]),
      [
        'catalog.yaml:3: features[1].calendar',
        'catalog.yaml:4: features[2].name',
        'catalog.yaml:5: features[3].off',
        'catalog.yaml:5: features[3].window',
        'catalog.yaml:6: features[4].name',
      ],
    )
    assert.match(faultsOf(compile)[1]!, /expected a name used once, found "a"/)
  })

  test('a catalog that is none is one fault', () => {
    const said = (text: string): string[] =>
      faultsOf(() => compileCatalog(parseDocument('catalog.yaml', text)))
    assert.deepEqual(said(''), [
      'catalog.yaml:1: (document): expected an object with features, exact, found null',
    ])
    assert.deepEqual(said('features: { a: 1 }'), [
      'catalog.yaml:1: features: expected a list, found {"a":1}',
    ])
    assert.deepEqual(said('features: []'), [
      'catalog.yaml:1: features: expected at least one feature, found []',
    ])
    assert.deepEqual(said('features: [5]'), [
      'catalog.yaml:1: features[0]: expected an object with name, value, calendar, between, tz, aggregate, entity, of, window, delay, current, basis, where, short, smoothing, found 5',
    ])
  })
})

describe('exact tails', () => {
  const of = (exact: string, ...features: readonly string[]): Catalog =>
    compileCatalog(
      parseDocument(
        'catalog.yaml',
        ['features:', ...[`name: f, ${count}`, ...features].map((f) => `  - { ${f} }`), exact].join(
          '\n',
        ),
      ),
    )

  test('are read by kind, several together in any order; what is the default is as if it were not said', () => {
    assert.deepEqual(of('exact: { merchant: 4096, merchant+card: 64, ip: 512 }').exact, {
      'card+merchant': 64,
      merchant: 4096,
    })
    assert.deepEqual(of('').exact, {})
  })

  test('belong to the hash, whatever their order; a catalog without them has the hash that it always had', () => {
    const plain = of('').hash
    assert.equal(plain, 'f234f7ea07bfc317')
    assert.equal(of('exact: { card: 512 }').hash, plain)
    const hash = of('exact: { card: 64, merchant: 4096 }').hash
    assert.notEqual(hash, plain)
    assert.equal(of('exact: { merchant: 4096, card: 64 }').hash, hash)
    assert.notEqual(of('exact: { merchant: 4096, card: 65 }').hash, hash)
  })

  test('that are none are told with their lines, what was expected and what was found', () => {
    const faults = faultsOf(() =>
      of('exact:\n  card: 63\n  merchant: 8193\n  ip: "64"\n  device id: 64\n  ""  : 64'),
    )
    assert.deepEqual(faults, [
      'catalog.yaml:4: exact.card: expected a whole number from 64 to 8192, found 63',
      'catalog.yaml:5: exact.merchant: expected a whole number from 64 to 8192, found 8193',
      'catalog.yaml:6: exact.ip: expected a whole number from 64 to 8192, found "64"',
      'catalog.yaml:7: exact.device id: expected a name of letters, digits and _, at most 64, found "device id"',
      'catalog.yaml:8: exact.: expected a text, found ""',
    ])
    assert.match(
      faultsOf(() => of('exact: 4096'))[0]!,
      /^catalog\.yaml:3: exact: expected an object such as \{ merchant: 4096 \}, found 4096$/,
    )
  })
})
