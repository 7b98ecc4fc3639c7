// Bad inputs and odd ones, each with what must become of it: a reject's reason, or null where it is a transaction. The
// mapping of all of them is `corpusMapping`. Every case runs through the parser and through Kafka.
import { gzipSync } from 'node:zlib'

export interface CorpusCase {
  readonly name: string
  /** Null is a tombstone. */
  readonly bytes: Buffer | null
  readonly reason: string | null
}

/** As a YAML file would say it. */
export const corpusMapping = {
  format: 'json',
  id: 'id',
  time: { field: 'time', as: 'iso' },
  amount: { field: 'amount', decimals: 'iso' },
  currency: { field: 'currency', rates: 'as_is' },
  primary: 'card',
  entities: { card: 'card', merchant: 'merchant', ip: 'ip' },
  fields: { mcc: 'mcc', note: 'note' },
  location: { lat: 'lat', lon: 'lon' },
}

const good = {
  id: 'a-1',
  time: '2026-03-01T12:00:00Z',
  amount: '12.34',
  currency: 'EUR',
  card: 'c-1',
  merchant: 'm-1',
}

/** A good transaction's JSON, with changes; undefined leaves a field out. */
export function transactionJson(change: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...good, ...change })
}

function json(
  name: string,
  reason: string | null,
  change: Readonly<Record<string, unknown>>,
): CorpusCase {
  return { name, reason, bytes: Buffer.from(transactionJson({ id: `x-${name}`, ...change })) }
}

function raw(name: string, reason: string | null, bytes: Buffer | string): CorpusCase {
  return { name, reason, bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes }
}

/** The good one with a piece of its text replaced by bytes. */
function spliced(
  name: string,
  reason: string | null,
  from: string,
  to: string | Buffer,
): CorpusCase {
  const [before = '', after = ''] = transactionJson({ id: `x-${name}` }).split(from)
  return {
    name,
    reason,
    bytes: Buffer.concat([Buffer.from(before), Buffer.from(to), Buffer.from(after)]),
  }
}

const one = transactionJson({ id: 'x' })
const mebibyte = 1024 * 1024
const quote = Buffer.of(0x22)

function quoted(...bytes: readonly number[]): Buffer {
  return Buffer.concat([quote, Buffer.from(bytes), quote])
}

const bytesCases: readonly CorpusCase[] = [
  { name: 'tombstone', bytes: null, reason: 'empty' },
  raw('empty', 'empty', ''),
  raw('one zero byte', 'not_json', Buffer.of(0)),
  raw('white space', 'empty', ' \n\t '),
  raw('byte order mark', null, `\ufeff${transactionJson({ id: 'bom' })}`),
  raw('byte order mark alone', 'empty', '\ufeff'),
  raw('two byte order marks', 'not_json', `\ufeff\ufeff${one}`),
  raw('utf-16', 'bad_utf8', Buffer.from(`\ufeff${one}`, 'utf16le')),
  raw('utf-16 without a mark', 'not_json', Buffer.from(one, 'utf16le')),
  spliced('invalid utf-8 in a value', 'bad_utf8', '"m-1"', quoted(0xff, 0xfe)),
  spliced('invalid utf-8 in the id', 'bad_utf8', 'x-invalid', Buffer.from([0xc3, 0x28])),
  spliced('overlong utf-8', 'bad_utf8', '"m-1"', quoted(0xc0, 0xaf)),
  spliced('overlong zero byte', 'bad_utf8', '"m-1"', quoted(0xc0, 0x80)),
  spliced('surrogate as bytes', 'bad_utf8', '"m-1"', quoted(0xed, 0xa0, 0x80)),
  spliced('beyond unicode', 'bad_utf8', '"m-1"', quoted(0xf4, 0x90, 0x80, 0x80)),
  spliced('lone surrogate', 'bad_utf8', '"m-1"', '"\\ud800"'),
  spliced('lone low surrogate in the id', 'bad_utf8', 'x-lone', '\\udc00'),
  spliced('surrogates turned round', 'bad_utf8', '"m-1"', '"\\ude00\\ud83d"'),
  spliced('surrogate pair', null, '"m-1"', '"\\ud83d\\ude00"'),
  ...Object.entries({
    nul: '\u0000',
    'line end': '\r\n',
    'next line': '\u0085',
    'line separator': '\u2028',
    control: '\u0007',
    delete: '\u007f',
    direction: '\u202e',
    isolate: '\u2066',
    'zero width': '\u200b',
    joiner: '\u200d',
    'soft hyphen': '\u00ad',
    'mark in the middle': '\ufeff',
    'variation selector': '\ufe0f',
    tag: '\u{e0061}',
  }).flatMap(([name, text]) => [
    json(`${name} in the id`, 'bad_id', { id: `a${text}b` }),
    json(`${name} in the card`, 'bad_id', { card: `a${text}b` }),
  ]),
  json('hidden characters elsewhere', null, { merchant: 'm\u202e\u200b\u0000', mcc: '\u0007' }),
  json('composed id', null, { id: 'caf\u00e9' }),
  json('decomposed id', null, { id: 'cafe\u0301' }),
  json('id of many scripts', null, { id: '\u5361-\u0643-\u{1f4b3} \u0e01' }),
  raw('cut in a character', 'bad_utf8', Buffer.from('{"id":"é').subarray(0, -1)),
  raw('cut', 'not_json', one.slice(0, 40)),
  raw('cut in an escape', 'not_json', '{"id":"\\u00'),
  raw('cut at the last byte', 'not_json', one.slice(0, -1)),
  raw('gzip', 'bad_utf8', gzipSync(one)),
  raw('compression bomb', 'bad_utf8', gzipSync(Buffer.alloc(8 * mebibyte))),
  raw('random bytes', 'bad_utf8', Buffer.from('9f1c00e2ab77d41083ff5a', 'hex')),
  raw('framed for a schema registry', 'not_json', Buffer.from(`\0\0\0\0\u0007${one}`)),
  raw('too large', 'too_large', transactionJson({ id: 'x', pad: 'x'.repeat(mebibyte) })),
  raw('as large as can be', null, one.padEnd(mebibyte, ' ')),
  raw('one byte more', 'too_large', one.padEnd(mebibyte + 1, ' ')),
]

const jsonCases: readonly CorpusCase[] = [
  raw('not json', 'not_json', 'hello'),
  raw('array', 'not_object', '[1,2]'),
  raw('string', 'not_object', '"a"'),
  raw('number', 'not_object', '17'),
  raw('null', 'not_object', 'null'),
  raw('transaction in an array', 'not_object', `[${one}]`),
  raw('transaction as a string', 'not_object', JSON.stringify(one)),
  raw('trailing garbage', 'not_json', `${one} x`),
  raw('trailing zero byte', 'not_json', `${one}\0`),
  raw('two documents', 'not_json', one + one),
  raw('two lines', 'not_json', `${one}\n${one}`),
  spliced('two amounts', 'duplicate_key', '"amount":"12.34"', '"amount":"12.34","amount":"99.00"'),
  spliced('twice the same amount', 'duplicate_key', '"card"', '"amount":"12.34","card"'),
  spliced('an amount and null', 'duplicate_key', '"card"', '"amount":null,"card"'),
  spliced(
    'two amounts, one escaped',
    'duplicate_key',
    '"amount":"12.34"',
    '"amount":"1","\\u0061mount":"2"',
  ),
  spliced('twice what is not mapped', null, '"card"', '"other":1,"other":2,"card"'),
  spliced('other case is another name', null, '"card"', '"AMOUNT":1,"Amount":2,"card"'),
  raw('depth 64', null, deep(63)),
  raw('depth 65', 'too_deep', deep(64)),
  raw('depth 10,000', 'too_deep', deep(10_000)),
  raw('depth 1,000,000', 'too_deep', '['.repeat(1_000_000)),
  raw('depth 150,000 of objects', 'too_deep', '{"a":'.repeat(150_000)),
  raw('100,000 keys', null, manyKeys(100_000)),
  json('__proto__ and friends', null, { constructor: 1, toString: 2, hasOwnProperty: 3 }),
  spliced('own __proto__', null, '"merchant"', '"__proto__":{"amount":"0"},"merchant"'),
  json('integer-like keys', null, { 0: 'a', 1: 'b', '-1': 'c' }),
  ...['id', 'time', 'amount', 'currency', 'card'].flatMap((field) => {
    const reason = { card: 'missing_primary', currency: 'bad_currency' }[field]
    const missing = reason ?? `missing_${field}`
    return [
      json(`${field} missing`, missing, { [field]: undefined }),
      json(`${field} null`, missing, { [field]: null }),
      json(`${field} empty`, missing, { [field]: '' }),
      json(`${field} an object`, 'bad_type', { [field]: { value: 1 } }),
      json(`${field} a list`, 'bad_type', { [field]: ['1'] }),
      json(`${field} true`, 'bad_type', { [field]: true }),
      json(`${field} false`, 'bad_type', { [field]: false }),
    ]
  }),
  json('merchant missing', null, { merchant: undefined }),
  json('merchant null', null, { merchant: null }),
  json('merchant an object', 'bad_type', { merchant: { id: 1 } }),
  json('merchant true', 'bad_type', { merchant: true }),
  json('a field a list', 'bad_type', { mcc: [5411] }),
  json('a field true', null, { mcc: true }),
  json('latitude an object', 'bad_type', { lat: {}, lon: 1 }),
  ...['null', 'NaN', 'undefined', 'Infinity', ''].map((text) =>
    json(`"${text}" as amount`, text === '' ? 'missing_amount' : 'bad_amount', { amount: text }),
  ),
  json('"null" as time', 'bad_time', { time: 'null' }),
  json('"null" as card', null, { card: 'null' }),
  spliced('literal NaN', 'not_json', '"12.34"', 'NaN'),
  spliced('literal Infinity', 'not_json', '"12.34"', '-Infinity'),
  spliced('leading zero', 'not_json', '"12.34"', '012'),
  spliced('leading plus', 'not_json', '"12.34"', '+12'),
  spliced('nothing before the point', 'not_json', '"12.34"', '.5'),
  spliced('nothing behind the point', 'not_json', '"12.34"', '5.'),
  spliced('hexadecimal', 'not_json', '"12.34"', '0x10'),
  spliced('comma at the end', 'not_json', '"m-1"}', '"m-1",}'),
  spliced('comma at the start', 'not_json', '{', '{,'),
  spliced('a comment', 'not_json', '{', '{/**/'),
  spliced('single quotes', 'not_json', '"m-1"', "'m-1'"),
  spliced('name without quotes', 'not_json', '"merchant"', 'merchant'),
  spliced('raw line end in a string', 'not_json', '"m-1"', '"m\n1"'),
  spliced('bad escape', 'not_json', '"m-1"', '"\\x41"'),
  spliced('bad escape in a name', 'not_json', '"merchant"', '"m\\erchant"'),
]

const moneyCases: readonly CorpusCase[] = [
  json('zero', null, { amount: '0' }),
  json('negative', 'bad_amount', { amount: '-1.00' }),
  spliced('negative number', 'bad_amount', '"12.34"', '-1'),
  json('minus zero', null, { amount: '-0' }),
  spliced('minus zero as a number', null, '"12.34"', '-0.0'),
  spliced('1e400', 'amount_too_large', '"12.34"', '1e400'),
  spliced('1e-400', 'amount_precision', '"12.34"', '1e-400'),
  spliced('1.5e1 is 15', null, '"12.34"', '1.5e1'),
  json('2^53', 'amount_too_large', { amount: '90071992547409.92' }),
  json('2^53 - 1', null, { amount: '90071992547409.91' }),
  json('a million digits', 'amount_too_large', { amount: '9'.repeat(1_000_000) }),
  json('a million digits behind the point', 'amount_precision', {
    amount: `1.${'0'.repeat(999_999)}1`,
  }),
  json('a million zeros', null, { amount: `1.${'0'.repeat(1_000_000)}` }),
  json('a million zeros between two ones', 'amount_too_large', {
    amount: `1${'0'.repeat(999_999)}1`,
  }),
  spliced('a million digits as a number', 'amount_too_large', '"12.34"', '9'.repeat(1_000_000)),
  json('decimal comma', 'bad_amount', { amount: '12,34' }),
  json('thousands', 'bad_amount', { amount: '1,234.00' }),
  json('underscore', 'bad_amount', { amount: '1_000' }),
  json('arabic digits', 'bad_amount', { amount: '\u0661\u0662' }),
  json('wide digits', 'bad_amount', { amount: '\uff11\uff12' }),
  json('spaces', 'bad_amount', { amount: ' 12.34' }),
  json('a sign of currency', 'bad_amount', { amount: '12.34 EUR' }),
  json('hex', 'bad_amount', { amount: '0x10' }),
  json('text with an exponent', null, { amount: '1E1' }),
  spliced('number for string', null, '"12.34"', '12.34'),
  json('third decimal of EUR', 'amount_precision', { amount: '1.234' }),
  json('third decimal a zero', null, { amount: '1.230' }),
  json('JPY 1.5', 'amount_precision', { amount: '1.5', currency: 'JPY' }),
  json('JPY 1.0', null, { amount: '1.0', currency: 'JPY' }),
  json('BHD 1.234', null, { amount: '1.234', currency: 'BHD' }),
  json('BHD 1.2345', 'amount_precision', { amount: '1.2345', currency: 'BHD' }),
  json('UYW 1.2345', null, { amount: '1.2345', currency: 'UYW' }),
  json('lower-case currency', 'bad_currency', { currency: 'eur' }),
  json('numeric currency', 'bad_currency', { currency: 978 }),
  json('unknown currency', 'bad_currency', { currency: 'QQQ' }),
  json('historic currency', null, { currency: 'DEM' }),
  json('historic currency without cents', 'amount_precision', { currency: 'ITL' }),
  spliced('beyond float32', null, '"12.34"', '16777217'),
]

const timeCases: readonly CorpusCase[] = [
  json('epoch seconds as iso', 'bad_time', { time: 1_767_225_600 }),
  json('year 9999', 'time_in_future', { time: '9999-12-31T23:59:59Z' }),
  json('year 10000', 'bad_time', { time: '+010000-01-01T00:00:00Z' }),
  json('out of 9999 by its offset', 'time_out_of_range', { time: '9999-12-31T23:59:59-01:00' }),
  json('1970', 'time_too_old', { time: '1970-01-01T00:00:00Z' }),
  json('1969', 'time_out_of_range', { time: '1969-12-31T23:59:59Z' }),
  json('1969 by its offset', 'time_out_of_range', { time: '1970-01-01T00:00:00+01:00' }),
  json('negative year', 'bad_time', { time: '-000001-01-01T00:00:00Z' }),
  json('month 13', 'bad_time', { time: '2026-13-01T00:00:00Z' }),
  json('month 0', 'bad_time', { time: '2026-00-10T00:00:00Z' }),
  json('30 February', 'bad_time', { time: '2026-02-30T00:00:00Z' }),
  json('29 February of a leap year', null, { time: '2024-02-29T00:00:00Z' }),
  json('29 February of another', 'bad_time', { time: '2025-02-29T00:00:00Z' }),
  json('29 February of 2100', 'bad_time', { time: '2100-02-29T00:00:00Z' }),
  json('leap second', 'bad_time', { time: '2016-12-31T23:59:60Z' }),
  json('hour 24', 'bad_time', { time: '2026-01-01T24:00:00Z' }),
  json('no zone is UTC', null, { time: '2026-03-01 12:00:00' }),
  json('offset', null, { time: '2026-03-01T12:00:00+05:30' }),
  json('bad offset', 'bad_time', { time: '2026-03-01T12:00:00+25:00' }),
  json('zone by name', 'bad_time', { time: '2026-03-01T12:00:00 CET' }),
  json('week date', 'bad_time', { time: '2026-W09-7' }),
  json('beyond the skew', 'time_in_future', { time: '2026-03-01T12:05:00.001Z' }),
  json('just within the skew', null, { time: '2026-03-01T12:05:00Z' }),
  json('a year ago', null, { time: '2025-03-01T12:00:00Z' }),
  json('words', 'bad_time', { time: 'yesterday' }),
  json('a million digits of a second', null, {
    time: `2026-03-01T12:00:00.${'9'.repeat(1_000_000)}Z`,
  }),
]

const identityCases: readonly CorpusCase[] = [
  json('id 0', null, { id: 0 }),
  json('empty id', 'missing_id', { id: '' }),
  json('id of 256 bytes', null, { id: 'x'.repeat(256) }),
  json('id of 257 bytes', 'id_too_long', { id: 'x'.repeat(257) }),
  json('id of 86 wide characters', 'id_too_long', { id: '\u5361'.repeat(86) }),
  json('id of a megabyte', 'id_too_long', { id: 'x'.repeat(1_000_000) }),
  json('card of 4,096 bytes', null, { card: 'x'.repeat(4096) }),
  json('card of 4,097 bytes', 'entity_too_long', { card: 'x'.repeat(4097) }),
  json('merchant of a megabyte', 'entity_too_long', { merchant: 'x'.repeat(1_000_000) }),
  json('field of a megabyte', null, { note: 'x'.repeat(1_000_000) }),
  json('card number in the card field', null, { card: '4111111111111111' }),
  json('card number in the card field of a bad one', 'bad_amount', {
    card: '4111111111111111',
    amount: 'x',
  }),
  json('card number in free text', 'bad_amount', {
    note: 'card 5555 5555 5555 4444 of 12/29',
    amount: 'x',
  }),
  json('card number as the id', 'bad_amount', { id: '378282246310005', amount: 'x' }),
  raw('card number in what is no json', 'not_json', 'PAN=4111-1111-1111-1111;CVV=123'),
  raw('card number in utf-16', 'not_json', Buffer.from('PAN 4111111111111111', 'utf16le')),
  json('cvv, track and pin', null, {
    cvv: '123',
    track2: ';4111111111111111=25121011234?',
    pin: 1234,
  }),
  ...['w:{b07}:*', '{}', '*', ':', '..', '/a/b', '%2F', 'a"b\\c', '\u{1f4b3}'].flatMap((text) => [
    json(`id ${text}`, null, { id: text }),
    json(`card ${text}`, null, { card: text }),
  ]),
  json('card like our own key', null, {
    card: 'w:1a2b3c4d:{b07}:default:card:00112233445566778899aabbccddeeff',
  }),
  json('latitude 91', 'bad_location', { lat: 91, lon: 0 }),
  json('longitude 181', 'bad_location', { lat: 0, lon: -180.5 }),
  json('swapped, which shows', 'bad_location', { lat: 139.7, lon: 35.7 }),
  json('swapped, which does not', null, { lat: 13.4, lon: 52.5 }),
  json('degrees with an exponent', 'bad_location', { lat: '1e1', lon: 0 }),
  json('longitude as text', 'bad_location', { lat: 1, lon: 'east' }),
  json('place 0/0', null, { lat: 0, lon: 0 }),
  json('half a place', null, { lat: 1 }),
  ...['192.0.2.1', '::ffff:192.0.2.1', 'fe80::1%eth0', '2001:db8::1', '999.1.1.1'].map((ip) =>
    json(`ip ${ip}`, null, { ip }),
  ),
]

/** One of our own decisions, fed back in. */
const decisionCase = raw(
  'our own decision',
  'missing_primary',
  '{"schema":"weir.decision/1","type":"decision","id":"a-1","tenant":"default","time_ms":1772366400000,"outcome":"approve","score":0.1}',
)

/** What the messages' transport time is: all times are judged against it. */
export const corpusReceivedMs = Date.UTC(2026, 2, 1, 12, 0, 0)

export const corpus: readonly CorpusCase[] = [
  ...bytesCases,
  ...jsonCases,
  ...moneyCases,
  ...timeCases,
  ...identityCases,
  decisionCase,
]

/** A good transaction with a value nested so deep below it. */
function deep(levels: number): string {
  const nested = '['.repeat(levels) + ']'.repeat(levels)
  return transactionJson({ id: `deep-${levels}`, x: 0 }).replace('"x":0', `"x":${nested}`)
}

function manyKeys(count: number): string {
  const more = Array.from({ length: count }, (_, index) => `"K${index.toString(36)}":0`).join(',')
  return transactionJson({ id: 'many' }).replace('{', `{${more},`)
}
