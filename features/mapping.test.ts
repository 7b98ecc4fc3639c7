// Every key of a mapping: what it does, and what is said where it is wrong. All faults of a document come together.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stringify } from 'yaml'
import { parseDocument } from '../engine/document.ts'
import { type Document, DocumentError } from './document.ts'
import { compileMapping, type Mapping, type RatesOpener } from './mapping.ts'
import { transactionJson } from './testing/corpus.ts'
import { Kind, Transaction, Verdict } from './transaction.ts'

const dayMs = 86_400_000
const noon = Date.UTC(2026, 2, 1, 12)

type Json = Readonly<Record<string, unknown>>

const base: Json = {
  format: 'json',
  id: 'id',
  time: { field: 'time', as: 'iso' },
  amount: { field: 'amount', decimals: 2 },
  currency: { const: 'EUR' },
  primary: 'card',
  entities: { card: 'card', merchant: 'merchant' },
  fields: { mcc: 'mcc' },
}

/** As a YAML file says it, so that lines are real. An undefined value leaves the key out. */
function yaml(change: Json = {}): Document {
  return parseDocument('map.yaml', stringify({ ...base, ...change }, { keepUndefined: false }))
}

function compile(change: Json = {}, openRates?: RatesOpener): Mapping {
  return compileMapping(yaml(change), openRates)
}

/** A function that parses the good transaction with changes and shows what came of it. */
function reader(mapping: Mapping, receivedMs = Number.NaN) {
  const parser = mapping.parser()
  const out = new Transaction(mapping.schema.entities.length, mapping.schema.fields.length)
  const read = (change: Json = {}): string | null =>
    parser.parse(Buffer.from(transactionJson(change)), receivedMs, out)?.reason ?? null
  return { out, read }
}

/** The faults of a text, a line each. */
function faultsOf(document: Document, openRates?: RatesOpener): string[] {
  try {
    compileMapping(document, openRates)
  } catch (error) {
    assert.ok(error instanceof DocumentError, String(error))
    return error.message.split('\n')
  }
  return []
}

describe('what a mapping says', () => {
  test('ids, entities and fields come by the names that the mapping gives them', () => {
    const mapping = compile({ entities: { card: 'merchant', shop: { field: 'card' } } })
    assert.deepEqual(mapping.schema, {
      entities: ['card', 'shop'],
      primary: 0,
      fields: ['mcc'],
      hasLocation: false,
      hasLabel: false,
      kinds: [],
    })
    const { out, read } = reader(mapping)
    assert.equal(read({ mcc: 5411 }), null)
    assert.deepEqual([out.id, out.entities, out.fields], ['a-1', ['m-1', 'c-1'], ['5411']])
    assert.equal(compile({ primary: 'merchant' }).schema.primary, 1)
  })

  test('only the primary is required: an absent entity or field is null', () => {
    const { out, read } = reader(compile())
    assert.equal(read({ merchant: null }), null)
    assert.deepEqual([out.entities, out.fields], [['c-1', null], [null]])
    assert.equal(read({ card: '' }), 'missing_primary')
  })

  test('time: iso by default, epochs, a pattern, and a zone for texts that name none', () => {
    const timeOf = (time: Json, value: unknown): number => {
      const { out, read } = reader(compile({ time: { field: 'time', ...time } }))
      assert.equal(read({ time: value }), null)
      return out.timeMs
    }
    assert.equal(timeOf({}, '2026-03-01T12:00:00Z'), noon)
    assert.equal(timeOf({ as: 'epoch_s' }, noon / 1000), noon)
    assert.equal(timeOf({ as: 'epoch_ms' }, String(noon)), noon)
    assert.equal(timeOf({ as: 'dd.MM.yyyy HH:mm', tz: 'Europe/Berlin' }, '01.03.2026 13:00'), noon)
    assert.equal(timeOf({ tz: '-05:30' }, '2026-03-01 06:30:00'), noon)
  })

  test('received goes before the time of transport; skew and age_max are measured from it', () => {
    const received = { field: 'arrived', as: 'epoch_ms' }
    const time = { field: 'time', skew: '1m', age_max: '1d' }
    const { out, read } = reader(compile({ received, time }), noon)
    assert.equal(read(), null)
    assert.equal(out.receivedMs, noon)
    assert.equal(read({ arrived: noon - 60_000 }), null)
    assert.equal(out.receivedMs, noon - 60_000)
    assert.equal(read({ arrived: noon - 60_001 }), 'time_in_future')
    assert.equal(read({ arrived: noon + dayMs }), null)
    assert.equal(read({ arrived: noon + dayMs + 1 }), 'time_too_old')
    assert.equal(read({ arrived: 'soon' }), 'bad_time')
  })

  test('a file without received has no future', () => {
    assert.equal(reader(compile()).read({ time: '9999-12-31' }), null)
  })

  test('decimals: one fixed scale, or iso: each currency has its own', () => {
    const amountOf = (decimals: unknown, amount: string, currency: string): number | string => {
      const change = {
        amount: { field: 'amount', decimals },
        currency: { field: 'currency', rates: 'as_is' },
      }
      const { out, read } = reader(compile(change))
      return read({ amount, currency }) ?? out.amountMinor
    }
    assert.equal(amountOf(2, '12.34', 'JPY'), 1234)
    assert.equal(amountOf(0, '12.34', 'EUR'), 'amount_precision')
    assert.equal(amountOf(8, '12.34', 'EUR'), 1_234_000_000)
    assert.equal(amountOf('iso', '12', 'JPY'), 12)
    assert.equal(amountOf('iso', '1.234', 'BHD'), 1234)
    assert.equal(amountOf('iso', '1.2345', 'UYW'), 12345)
    assert.equal(amountOf('iso', '1.5', 'JPY'), 'amount_precision')
    assert.equal(amountOf('iso', '1', 'QQQ'), 'bad_currency')
    assert.equal(amountOf(2, '1', 'QQQ'), 100, 'a fixed scale asks no table')
  })

  test('rates: minor units of the base, rounded once, half to even; without a rate the amount is absent', () => {
    const rates = parseDocument(
      'rates.yaml',
      'base: EUR\nrates: { USD: "0.5", JPY: 0.006, EUR: "1.0" }',
    )
    const currency = { field: 'currency', rates: 'rates.yaml' }
    const amount = { field: 'amount', decimals: 'iso' }
    const { out, read } = reader(compile({ currency, amount }, () => rates))
    const minorOf = (text: string, code: string): number => {
      assert.equal(read({ amount: text, currency: code }), null)
      return out.amountMinor
    }
    assert.equal(minorOf('12.34', 'EUR'), 1234)
    assert.equal(minorOf('0.01', 'USD'), 0)
    assert.equal(minorOf('0.03', 'USD'), 2)
    assert.equal(minorOf('1000', 'JPY'), 600)
    assert.ok(Number.isNaN(minorOf('5', 'GBP')))
    assert.ok(out.hasNoRate)
    assert.equal(minorOf('1', 'EUR'), 100)
    assert.equal(out.hasNoRate, false)
  })

  test('a location needs both degrees', () => {
    const { out, read } = reader(compile({ location: { lat: 'lat', lon: 'lon' } }))
    assert.equal(read({ lat: 52.5, lon: '-13.25' }), null)
    assert.deepEqual([out.latitude, out.longitude], [52.5, -13.25])
    assert.equal(read({ lat: 52.5 }), null)
    assert.deepEqual([out.latitude, out.longitude], [Number.NaN, Number.NaN])
  })

  test('tenant: one for all, or of a field that may stand in a key', () => {
    const constant = reader(compile({ tenant: { const: 'north' } }))
    assert.deepEqual([constant.read(), constant.out.tenant], [null, 'north'])
    const { out, read } = reader(compile({ tenant: { field: 'region' } }))
    assert.deepEqual([read({ region: 'a_1-B' }), out.tenant], [null, 'a_1-B'])
    for (const region of [undefined, '', 'a b', 'a:b', '{a}', 'x'.repeat(33)]) {
      assert.equal(read({ region }), 'bad_tenant')
    }
    assert.equal(reader(compile()).out.tenant, '')
  })

  test('a label in the row: fraud, legit, unlabelled, and known after a delay', () => {
    const label = { field: 'label', fraud: [1], legit: ['0', false], delay: '7d' }
    const { out, read } = reader(compile({ label }))
    assert.equal(read({ label: 1 }), null)
    assert.deepEqual([out.verdict, out.labelMs - out.timeMs], [Verdict.fraud, 7 * dayMs])
    for (const legit of ['0', 0, false]) {
      assert.equal(read({ label: legit }), null)
      assert.equal(out.verdict, Verdict.legit)
    }
    for (const none of ['', null, undefined]) {
      assert.equal(read({ label: none }), null)
      assert.equal(out.verdict, Verdict.none)
      assert.ok(Number.isNaN(out.labelMs))
    }
    for (const bad of ['maybe', '01', true]) assert.equal(read({ label: bad }), 'bad_label')
    assert.equal(read({ label: {} }), 'bad_type')
  })

  test('a label with its own time is known then', () => {
    const time = { field: 'label_time', as: 'epoch_ms' }
    const { out, read } = reader(compile({ label: { field: 'label', fraud: ['1'], time } }))
    assert.equal(read({ label: '1', label_time: noon + 5 }), null)
    assert.equal(out.labelMs, noon + 5)
    assert.equal(read({ label: '1' }), 'missing_time')
    assert.equal(read({ label: '1', label_time: 'x' }), 'bad_time')
    assert.equal(read({}), null, 'no label, no time of it')
  })

  test('kinds: any other value is a transaction, the others have a time of their own', () => {
    const kind = {
      field: 'kind',
      reversal: ['VOID'],
      decline: ['DECLINED', 5],
      label: ['CB'],
      at: { field: 'at', as: 'epoch_ms' },
    }
    const label = { field: 'label', fraud: ['1'], legit: ['0'], delay: '0d' }
    const { out, read } = reader(compile({ kind, label }), noon)
    assert.equal(read({ kind: 'VOID', at: noon - 5 }), null)
    assert.deepEqual([out.kind, out.timeMs, out.atMs], [Kind.reversal, noon, noon - 5])
    assert.equal(read({ kind: 5, at: noon }), null)
    assert.equal(out.kind, Kind.decline)
    assert.equal(read({ kind: 'VOID' }), 'missing_at')
    assert.equal(read({ kind: 'VOID', at: 'x' }), 'bad_time')
    assert.equal(read({ kind: 'VOID', at: noon + 300_001 }), 'time_in_future')
    assert.equal(read({ kind: 'CB', at: noon }), 'incomplete_label')
    assert.equal(read({ kind: 'CB', at: noon, label: '1' }), null)
    assert.deepEqual([out.kind, out.verdict, out.labelMs], [Kind.label, Verdict.fraud, noon])
    for (const other of ['SALE', 'void', null, undefined]) {
      assert.equal(read({ kind: other }), null)
      assert.deepEqual([out.kind, out.atMs], [Kind.transaction, noon])
    }
    assert.equal(read({ kind: ['VOID'] }), 'bad_type')
  })

  test('nested fields by their dotted path; the same field twice, nested and not, is refused', () => {
    const { out, read } = reader(compile({ amount: { field: 'money.value', decimals: 2 } }))
    assert.equal(read({ money: { value: 7 } }), null)
    assert.equal(out.amountMinor, 700)
    assert.equal(read({ 'money.value': 8 }), null)
    assert.equal(out.amountMinor, 800)
    assert.equal(read({ 'money.value': 8, money: { value: 7 } }), 'duplicate_key')
  })

  test('columns are for CSV without a header', () => {
    const columns = ['id', 'time', 'amount', 'card', 'merchant', 'unused', 'mcc']
    const mapping = compile({ format: 'csv', columns })
    assert.equal(mapping.needsHeader, false)
    const out = new Transaction(2, 1)
    const row = Buffer.from('a-1,2026-03-01T12:00:00Z,12.34,c-1,,zzz,5411')
    assert.equal(mapping.parser().parse(row, Number.NaN, out), null)
    assert.deepEqual([out.amountMinor, out.entities, out.fields], [1234, ['c-1', null], ['5411']])
    assert.ok(compile({ format: 'csv' }).needsHeader)
  })
})

describe('the hash of a mapping', () => {
  test('is that of its rules: format, order of keys and written-out defaults change nothing', () => {
    const { hash } = compile()
    assert.match(hash, /^[0-9a-f]{16}$/)
    assert.equal(compile({ format: 'csv' }).hash, hash)
    const turned = Object.fromEntries(Object.entries(base).reverse())
    assert.equal(compileMapping(parseDocument('m.yaml', stringify(turned))).hash, hash)
    const time = { field: 'time', as: 'iso', tz: 'UTC', skew: '300s', age_max: '10957d' }
    assert.equal(compile({ time, tenant: { const: 'default' } }).hash, hash)
  })

  test('changes with whatever changes a transaction', () => {
    const currency = { field: 'currency', rates: 'rates.yaml' }
    const withRate = (rate: string, decimals = 2): string => {
      const text = `base: EUR\ndecimals: ${decimals}\nrates: { USD: "${rate}" }`
      return compile({ currency }, () => parseDocument('rates.yaml', text)).hash
    }
    const label = { field: 'l', fraud: ['1'], delay: '7d' }
    const hashes = [
      compile().hash,
      compile({ id: 'x' }).hash,
      compile({ time: { field: 'time', tz: 'CET' } }).hash,
      compile({ time: { field: 'time', skew: '0s' } }).hash,
      compile({ amount: { field: 'amount', decimals: 3 } }).hash,
      compile({ amount: { field: 'amount', decimals: 'iso' } }).hash,
      compile({ currency: { const: 'USD' } }).hash,
      compile({ currency: { ...currency, rates: 'as_is' } }).hash,
      compile({ primary: 'merchant' }).hash,
      compile({ label }).hash,
      compile({ label: { ...label, fraud: ['1', '2'] } }).hash,
      compile({ label: { ...label, delay: '8d' } }).hash,
      withRate('0.92'),
      withRate('0.93'),
      withRate('0.92', 3),
    ]
    assert.equal(new Set(hashes).size, hashes.length)
  })
})

/** A change of the good mapping, and the one fault that it makes, without its file and line. */
const faults: readonly (readonly [Json, string])[] = [
  [{ id: undefined }, 'id: expected a text, found nothing'],
  [{ id: ['a'] }, 'id: expected a text, found ["a"]'],
  [
    { id: { field: 'id', felt: 'x' } },
    'id.felt: expected one of field, found "felt" (did you mean field?)',
  ],
  [{ time: 'time' }, 'time: expected an object with field, as, tz, skew, age_max, found "time"'],
  [
    { time: { field: 'time', as: 'epochs_s' } },
    'time.as: expected iso, epoch_s, epoch_ms or a pattern such as dd/MM/yyyy HH:mm:ss, found "epochs_s" (did you mean epoch_s?)',
  ],
  [
    { time: { field: 'time', as: 'HH:mm' } },
    'time.as: expected iso, epoch_s, epoch_ms or a pattern such as dd/MM/yyyy HH:mm:ss, found "HH:mm"',
  ],
  [
    { time: { field: 'time', tz: 'Europe/Berlinn' } },
    'time.tz: expected a time zone such as Europe/Berlin or +02:00, found "Europe/Berlinn"',
  ],
  [
    { time: { field: 'time', as: 'epoch_s', tz: 'CET' } },
    'time.tz: expected no zone with epoch_s, which is UTC, found "CET"',
  ],
  [
    { time: { field: 'time', skew: '5 minutes' } },
    'time.skew: expected a duration such as 30s, 5m, 1h or 7d, found "5 minutes" (did you mean 5m?)',
  ],
  [
    { received: { field: 'r', skew: '5m' } },
    'received.skew: expected one of field, as, tz, found "skew"',
  ],
  [
    { amount: { field: 'amount', decimals: 9 } },
    'amount.decimals: expected a whole number from 0 to 8, or iso, found 9',
  ],
  [
    { amount: { field: 'amount', decimals: 'iso4217' } },
    'amount.decimals: expected a whole number from 0 to 8, or iso, found "iso4217"',
  ],
  [
    { currency: { const: 'EUR', field: 'c', rates: 'as_is' } },
    'currency: expected either const or field, found {"const":"EUR","field":"c","rates":"as_is"}',
  ],
  [
    { currency: { const: 'euro' } },
    'currency.const: expected a currency code of three capital letters, found "euro"',
  ],
  [
    { currency: { const: 'QQQ' }, amount: { field: 'amount', decimals: 'iso' } },
    'currency.const: expected a currency of ISO 4217, for `decimals: iso`, found "QQQ"',
  ],
  [
    { currency: { const: 'EUR', rates: 'r.yaml' } },
    'currency.rates: expected rates only with a currency field, found "r.yaml"',
  ],
  [
    { currency: { field: 'c' } },
    'currency.rates: expected a file that exists, or as_is, found nothing',
  ],
  [
    { currency: { field: 'c', rates: 'away.yaml' } },
    'currency.rates: expected a file that exists, or as_is, found "away.yaml"',
  ],
  [
    { primary: 'crad' },
    'primary: expected one of card, merchant, found "crad" (did you mean card?)',
  ],
  [{ primary: undefined }, 'primary: expected a text, found nothing'],
  [{ entities: {}, primary: 'a' }, 'entities: expected at least the primary, found {}'],
  [{ entities: ['card'] }, 'entities: expected an object of names, found ["card"]'],
  [
    { entities: { card: 'c', 'user-agent': 'u' } },
    'entities.user-agent: expected a name of letters, digits and _, at most 64, found "user-agent"',
  ],
  [{ fields: { card: 'x' } }, 'fields.card: expected a name that no entity has, found "card"'],
  [{ location: { lat: 'a' } }, 'location.lon: expected a text, found nothing'],
  [
    { kind: { field: 'k', at: { field: 'a' } } },
    'kind: expected values for reversal, decline or label, found {"field":"k","at":{"field":"a"}}',
  ],
  [
    { kind: { field: 'k', reversal: ['V'], decline: ['V'], at: { field: 'a' } } },
    'kind.decline[0]: expected a value used once, found "V"',
  ],
  [
    { kind: { field: 'k', reversal: 'VOID', decline: ['D'], at: { field: 'a' } } },
    'kind.reversal: expected a list, found "VOID"',
  ],
  [
    { kind: { field: 'k', reversal: ['V'] } },
    'kind.at: expected an object with field, as, tz, found nothing',
  ],
  [
    { kind: { field: 'k', label: ['L'], at: { field: 'a' } } },
    'label: expected where kind.label has its verdict, found nothing',
  ],
  [
    { tenant: { const: 'a b' } },
    'tenant.const: expected 1–32 letters, digits, _ or -, found "a b"',
  ],
  [{ tenant: {} }, 'tenant: expected either const or field, found {}'],
  [
    { label: { field: 'l', fraud: ['1'], legit: ['1'], delay: '0d' } },
    'label.legit: expected values that are not fraud too, found "1"',
  ],
  [
    { label: { field: 'l', fraud: ['1'], legit: [''], delay: '0d' } },
    'label.legit[0]: expected a value: an empty field is absent, found ""',
  ],
  [
    { label: { field: 'l', fraud: ['1'] } },
    'label: expected either delay or time: when the label is known, found {"field":"l","fraud":["1"]}',
  ],
  [
    { label: { field: 'l', legit: ['0'], delay: '0d' } },
    'label.fraud: expected a list, found nothing',
  ],
  [{ format: 'avro' }, 'format: expected one of csv, jsonl, json, found "avro"'],
  [{ columns: ['id'] }, 'columns: expected columns only with format: csv, found "json"'],
  [
    { format: 'csv', columns: ['id', 'time', 'amount', 'card', 'merchnt', 'mcc'] },
    'columns: expected the column merchant, found ["id","time","amount","card","merchnt","mcc"] (did you mean merchnt?)',
  ],
  [
    { format: 'csv', columns: ['id', 'time', 'amount', 'card', 'merchant', 'mcc', 'id'] },
    'columns[6]: expected each column once, found "id"',
  ],
  [
    { fromat: 'csv' },
    'fromat: expected one of format, columns, id, time, received, amount, currency, primary, entities, fields, location, kind, tenant, label, found "fromat" (did you mean format?)',
  ],
]

describe('what is wrong with a mapping', () => {
  for (const [change, expected] of faults) {
    test(`says: ${expected}`, () => {
      const found = faultsOf(yaml(change))
      assert.equal(found.length, 1, found.join('\n'))
      assert.equal(found[0]!.replace(/^map\.yaml:\d+: /, ''), expected)
    })
  }

  test('all faults come at once, in the order of their lines, those of the rates behind them', () => {
    const text = [
      'format: xml', // 1
      'idd: id', // 2
      'time: { field: time, as: isoo, tz: Mars/Base }', // 3
      'amount: { field: amount, decimals: 12 }', // 4
      'currency:', // 5
      '  field: currency', // 6
      '  rates: rates.yaml', // 7
      'primary: crad', // 8
      'entities:', // 9
      '  card: card', // 10
      '  card number: x', // 11
      'label: { field: f, fraud: ["1"], legit: ["1"], delay: 1 }', // 12
    ]
    const rates = ['base: euro', 'rates:', '  USD: 0', '  gbp: "1.1"', '  CHF: [1]']
    const document = parseDocument('map.yaml', text.join('\n'))
    const found = faultsOf(document, () => parseDocument('rates.yaml', rates.join('\n')))
    assert.deepEqual(
      found.map((line) => /^\S+:\d+: [^:]+/.exec(line)![0]),
      [
        'map.yaml:1: format',
        'map.yaml:1: id',
        'map.yaml:2: idd',
        'map.yaml:3: time.tz',
        'map.yaml:3: time.as',
        'map.yaml:4: amount.decimals',
        'map.yaml:8: primary',
        'map.yaml:11: entities.card number',
        'map.yaml:12: label.legit',
        'map.yaml:12: label.delay',
        'rates.yaml:1: base',
        'rates.yaml:3: rates.USD',
        'rates.yaml:4: rates.gbp',
        'rates.yaml:5: rates.CHF',
      ],
    )
  })

  test('a mapping that is no object is one fault', () => {
    for (const text of ['', '[]', 'text', '5']) {
      const found = faultsOf(parseDocument('map.yaml', text))
      assert.equal(found.length, 1)
      assert.match(found[0]!, /^map\.yaml:1: \(document\): expected an object with format, /)
    }
  })
})
