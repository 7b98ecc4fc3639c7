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
  entities: { card: 'card', merchant: 'merchant' },
  fields: { mcc: 'mcc' },
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

const bytesCases: readonly CorpusCase[] = [
  { name: 'tombstone', bytes: null, reason: 'empty' },
  raw('empty', 'empty', ''),
  raw('one zero byte', 'not_json', Buffer.of(0)),
  raw('white space', 'empty', ' \n\t '),
  raw('byte order mark', null, `\ufeff${transactionJson({ id: 'bom' })}`),
  raw('utf-16', 'bad_utf8', Buffer.from(`\ufeff${one}`, 'utf16le')),
  spliced('invalid utf-8 in a value', 'bad_utf8', '"m-1"', Buffer.from([0x22, 0xff, 0xfe, 0x22])),
  spliced('invalid utf-8 in the id', 'bad_utf8', 'x-invalid', Buffer.from([0xc3, 0x28])),
  spliced('overlong utf-8', 'bad_utf8', '"m-1"', Buffer.from([0x22, 0xc0, 0xaf, 0x22])),
  spliced('lone surrogate', 'bad_utf8', '"m-1"', '"\\ud800"'),
  spliced('surrogate pair', null, '"m-1"', '"\\ud83d\\ude00"'),
  json('nul in the id', 'bad_id', { id: 'a\u0000b' }),
  json('line end in the id', 'bad_id', { id: 'a\r\nb' }),
  json('control in the id', 'bad_id', { id: 'a\u0007b' }),
  json('direction in the id', 'bad_id', { id: 'a\u202eb' }),
  json('zero width in the id', 'bad_id', { id: 'a\u200bb' }),
  json('composed id', null, { id: 'caf\u00e9' }),
  json('decomposed id', null, { id: 'cafe\u0301' }),
  raw('cut in a character', 'bad_utf8', Buffer.from('{"id":"é').subarray(0, -1)),
  raw('cut', 'not_json', one.slice(0, 40)),
  raw('gzip', 'bad_utf8', gzipSync(one)),
  raw('compression bomb', 'bad_utf8', gzipSync(Buffer.alloc(8 * mebibyte))),
  raw('random bytes', 'bad_utf8', Buffer.from('9f1c00e2ab77d41083ff5a', 'hex')),
  raw('too large', 'too_large', transactionJson({ id: 'x', pad: 'x'.repeat(mebibyte) })),
]

const jsonCases: readonly CorpusCase[] = [
  raw('not json', 'not_json', 'hello'),
  raw('array', 'not_object', '[1,2]'),
  raw('string', 'not_object', '"a"'),
  raw('null', 'not_object', 'null'),
  raw('trailing garbage', 'not_json', `${one} x`),
  raw('two documents', 'not_json', one + one),
  spliced('two amounts', 'duplicate_key', '"amount":"12.34"', '"amount":"12.34","amount":"99.00"'),
  spliced(
    'two amounts, one escaped',
    'duplicate_key',
    '"amount":"12.34"',
    '"amount":"1","\\u0061mount":"2"',
  ),
  raw('depth 10,000', 'too_deep', `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`),
  raw('depth 400,000', 'too_deep', '['.repeat(400_000)),
  raw('20,000 keys', null, hundred()),
  json('__proto__ and friends', null, { constructor: 1, toString: 2, hasOwnProperty: 3 }),
  spliced('own __proto__', null, '"merchant"', '"__proto__":{"amount":"0"},"merchant"'),
  json('integer-like keys', null, { 0: 'a', 1: 'b' }),
  ...['id', 'time', 'amount', 'card'].flatMap((field) => {
    const reason = field === 'card' ? 'missing_primary' : `missing_${field}`
    return [
      json(`${field} missing`, reason, { [field]: undefined }),
      json(`${field} null`, reason, { [field]: null }),
      json(`${field} an object`, 'bad_type', { [field]: {} }),
      json(`${field} a list`, 'bad_type', { [field]: [] }),
    ]
  }),
  json('amount true', 'bad_type', { amount: true }),
  json('"null" as amount', 'bad_amount', { amount: 'null' }),
  json('"NaN" as amount', 'bad_amount', { amount: 'NaN' }),
  spliced('literal NaN', 'not_json', '"12.34"', 'NaN'),
  spliced('literal Infinity', 'not_json', '"12.34"', '-Infinity'),
  spliced('leading zero', 'not_json', '"12.34"', '012'),
  spliced('comma at the end', 'not_json', '"m-1"}', '"m-1",}'),
  spliced('raw line end in a string', 'not_json', '"m-1"', '"m\n1"'),
  spliced('bad escape', 'not_json', '"m-1"', '"\\x41"'),
]

const moneyCases: readonly CorpusCase[] = [
  json('zero', null, { amount: '0' }),
  json('negative', 'bad_amount', { amount: '-1.00' }),
  json('minus zero', null, { amount: '-0' }),
  spliced('1e400', 'amount_too_large', '"12.34"', '1e400'),
  spliced('1e-400', 'amount_precision', '"12.34"', '1e-400'),
  spliced('1.5e1 is 15', null, '"12.34"', '1.5e1'),
  json('2^53', 'amount_too_large', { amount: '90071992547409.92' }),
  json('2^53 - 1', null, { amount: '90071992547409.91' }),
  json('a hundred thousand digits', 'amount_too_large', { amount: '9'.repeat(100_000) }),
  json('decimal comma', 'bad_amount', { amount: '12,34' }),
  json('underscore', 'bad_amount', { amount: '1_000' }),
  json('arabic digits', 'bad_amount', { amount: '\u0661\u0662' }),
  json('spaces', 'bad_amount', { amount: ' 12.34' }),
  json('hex', 'bad_amount', { amount: '0x10' }),
  spliced('number for string', null, '"12.34"', '12.34'),
  json('third decimal of EUR', 'amount_precision', { amount: '1.234' }),
  json('third decimal a zero', null, { amount: '1.230' }),
  json('JPY 1.5', 'amount_precision', { amount: '1.5', currency: 'JPY' }),
  json('BHD 1.234', null, { amount: '1.234', currency: 'BHD' }),
  json('BHD 1.2345', 'amount_precision', { amount: '1.2345', currency: 'BHD' }),
  json('lower-case currency', 'bad_currency', { currency: 'eur' }),
  json('unknown currency', 'bad_currency', { currency: 'QQQ' }),
  json('historic currency', null, { currency: 'DEM' }),
  json('no currency', 'bad_currency', { currency: null }),
  spliced('beyond float32', null, '"12.34"', '16777217'),
]

const timeCases: readonly CorpusCase[] = [
  json('epoch seconds as iso', 'bad_time', { time: '1767225600' }),
  json('year 9999', 'time_in_future', { time: '9999-12-31T23:59:59Z' }),
  json('year 10000', 'bad_time', { time: '+010000-01-01T00:00:00Z' }),
  json('1970', 'time_too_old', { time: '1970-01-01T00:00:00Z' }),
  json('1969', 'time_out_of_range', { time: '1969-12-31T23:59:59Z' }),
  json('30 February', 'bad_time', { time: '2026-02-30T00:00:00Z' }),
  json('29 February of a leap year', null, { time: '2024-02-29T00:00:00Z' }),
  json('29 February of another', 'bad_time', { time: '2025-02-29T00:00:00Z' }),
  json('leap second', 'bad_time', { time: '2016-12-31T23:59:60Z' }),
  json('hour 24', 'bad_time', { time: '2026-01-01T24:00:00Z' }),
  json('no zone is UTC', null, { time: '2026-03-01 12:00:00' }),
  json('offset', null, { time: '2026-03-01T12:00:00+05:30' }),
  json('bad offset', 'bad_time', { time: '2026-03-01T12:00:00+25:00' }),
  json('beyond the skew', 'time_in_future', { time: '2026-03-02T00:00:00Z' }),
  json('within the skew', null, { time: '2026-03-01T12:04:59Z' }),
  json('words', 'bad_time', { time: 'yesterday' }),
]

const identityCases: readonly CorpusCase[] = [
  json('id 0', null, { id: 0 }),
  json('empty id', 'missing_id', { id: '' }),
  json('long id', 'id_too_long', { id: 'x'.repeat(257) }),
  json('long card', 'entity_too_long', { card: 'x'.repeat(4097) }),
  json('id of signs', null, { id: 'w:{b07}:*' }),
  json('latitude 91', 'bad_location', { lat: 91, lon: 0 }),
  json('longitude as text', 'bad_location', { lat: 1, lon: 'east' }),
  json('place 0/0', null, { lat: 0, lon: 0 }),
  json('half a place', null, { lat: 1 }),
]

/** What the messages' transport time is: all times are judged against it. */
export const corpusReceivedMs = Date.UTC(2026, 2, 1, 12, 0, 0)

export const corpus: readonly CorpusCase[] = [
  ...bytesCases,
  ...jsonCases,
  ...moneyCases,
  ...timeCases,
  ...identityCases,
]

function hundred(): string {
  const more = Array.from({ length: 20_000 }, (_, index) => [`key${index}`, index])
  return transactionJson({ id: 'many', ...(Object.fromEntries(more) as object) })
}
