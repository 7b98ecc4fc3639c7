// No input blocks the loop: the work for a message grows with its bytes and no faster, whatever they are. Compared are the
// CPU of one large input and that of sixteen small ones of the same shape: equal where work is linear, sixteenfold where
// it is quadratic.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { maskCardNumbers } from './cards.ts'
import { csvColumns, RecordSplitter } from './csv.ts'
import { compileMapping } from './mapping.ts'
import { messageBytesMax } from './parser.ts'
import { makeReject } from './reject.ts'
import { corpusMapping, corpusReceivedMs, transactionJson } from './testing/corpus.ts'
import { timeReader } from './time.ts'
import { Transaction } from './transaction.ts'

/** Bytes of a small input: first so few that what is quadratic still ends, then so many that the large one is all there can be. */
const smalls = [4000, 60_000]
const times = 16

/** CPU of the process in µs, for the best of three. */
function cpuUs(work: () => void): number {
  const runs = [0, 1, 2].map(() => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return user + system
  })
  return Math.min(...runs)
}

function assertLinear<T>(make: (size: number) => T, work: (input: T) => void): void {
  for (const small of smalls) {
    const inputs = Array.from({ length: times }, () => make(small))
    const large = make(small * times)
    const few = cpuUs(() => {
      for (const input of inputs) work(input)
    })
    const one = cpuUs(() => {
      work(large)
    })
    assert.ok(one < 6 * few + 5000, `one of ${small * times}: ${one} µs, ${times} small: ${few} µs`)
  }
}

const fill = (text: string, size: number): string => text.repeat(Math.ceil(size / text.length))

/** A good transaction with something put into it. */
const amountOf = (amount: string): string => transactionJson({ amount })
const withRaw = (raw: string): string => transactionJson({ x: 0 }).replace('"x":0', raw)

const documents: Readonly<Record<string, (size: number) => string>> = {
  'brackets that open': (size) => '['.repeat(size),
  'objects that open': (size) => fill('{"a":', size),
  'brackets that open and close': (size) => withRaw(`"x":[${fill('[],', size)}1]`),
  'a string': (size) => transactionJson({ x: 'y'.repeat(size) }),
  'a string that never ends': (size) => `{"id":"${'y'.repeat(size)}`,
  'an id': (size) => transactionJson({ id: 'y'.repeat(size) }),
  'a card': (size) => transactionJson({ card: '\u5361'.repeat(size / 3) }),
  'a field': (size) => transactionJson({ mcc: 'y'.repeat(size) }),
  'a field of escapes': (size) => withRaw(`"mcc":"${fill('\\u0041', size)}"`),
  'backslashes that escape each other': (size) => withRaw(`"mcc":"${fill('\\\\', size)}"`),
  'names of escapes': (size) => withRaw(`${fill('"\\u0078":1,', size)}"y":1`),
  'short names': (size) => withRaw(`${fill('"ab":1,', size)}"y":1`),
  'one name': (size) => withRaw(`"${'x'.repeat(size)}":1`),
  'the same mapped name': (size) => withRaw(`${fill('"mcc":"1",', size)}"y":1`),
  'white space': (size) => withRaw(`"x":${' '.repeat(size)}1`),
  commas: (size) => withRaw(`"x":[${','.repeat(size)}]`),
  'digits of a number that is not mapped': (size) => withRaw(`"x":${'9'.repeat(size)}`),
  'digits of an amount': (size) => amountOf('9'.repeat(size)),
  'zeros before an amount': (size) => amountOf(`${'0'.repeat(size)}1`),
  'zeros behind an amount': (size) => amountOf(`1.${'0'.repeat(size)}`),
  'zeros inside of an amount': (size) => amountOf(`1${'0'.repeat(size)}1`),
  'zeros behind the point and a one': (size) => amountOf(`0.${'0'.repeat(size)}1`),
  'an exponent': (size) => amountOf(`1e${'9'.repeat(size)}`),
  'an amount of points': (size) => amountOf('.'.repeat(size)),
  'digits of a second': (size) =>
    transactionJson({ time: `2026-03-01T12:00:00.${'9'.repeat(size)}Z` }),
  'a time of digits': (size) => transactionJson({ time: '2'.repeat(size) }),
  degrees: (size) => transactionJson({ lat: `1.${'0'.repeat(size)}`, lon: 1 }),
  'card numbers in a bad amount': (size) => amountOf(fill('4111 1111 1111 1111, ', size)),
}

describe('work grows with the bytes and no faster', () => {
  const mapping = compileMapping({ file: 'map', value: corpusMapping, lineOf: () => 1 })
  const parser = mapping.parser()
  const out = new Transaction(mapping.schema.entities.length, mapping.schema.fields.length)
  for (const [name, make] of Object.entries(documents)) {
    test(`JSON: ${name}`, () => {
      const size = Math.max(...smalls) * times
      assert.ok(make(size).length <= messageBytesMax, 'the parser would not read it')
      assertLinear(
        (size) => Buffer.from(make(size)),
        (bytes) => parser.parse(bytes, corpusReceivedMs, out),
      )
    })
  }

  test('64 MiB are refused unread', () => {
    const bytes = Buffer.alloc(64 * 2 ** 20, 0x5b)
    assert.equal(parser.parse(bytes, corpusReceivedMs, out)?.reason, 'too_large')
    const us = cpuUs(() => {
      for (let n = 0; n < 1000; n++) parser.parse(bytes, corpusReceivedMs, out)
    })
    assert.ok(us < 100_000, `a thousand times: ${us} µs`)
  })

  const columns = Array.from({ length: 8 }, (_, index) => `column ${index}`)
  const csv = compileMapping({
    file: 'map',
    lineOf: () => 1,
    value: {
      format: 'csv',
      columns,
      id: columns[0],
      time: { field: columns[1] },
      amount: { field: columns[2] },
      currency: { const: 'EUR' },
      primary: 'card',
      entities: { card: columns[3] },
    },
  }).parser()
  const rows: Readonly<Record<string, (size: number) => string>> = {
    columns: (size) => ','.repeat(size),
    'pairs of quotes': (size) => `"${'""'.repeat(size / 2)}",1`,
    quotes: (size) => '"'.repeat(size),
    'a quote that never closes': (size) => `"${'x'.repeat(size)}`,
    'one column': (size) => 'x'.repeat(size),
  }
  for (const [name, make] of Object.entries(rows)) {
    test(`CSV: ${name}`, () => {
      const work = (bytes: Buffer): void => {
        csv.parse(bytes, Number.NaN, out)
        csvColumns(bytes)
        const records: Buffer[] = []
        const splitter = new RecordSplitter('csv', messageBytesMax)
        for (let at = 0; at < bytes.length; at += 30_000) {
          splitter.push(bytes.subarray(at, at + 30_000), records)
        }
        splitter.end(records)
      }
      assertLinear((size) => Buffer.from(make(size)), work)
    })
  }

  for (const [name, text] of Object.entries({
    digits: '4',
    'card numbers': '4111111111111111 ',
    'digits and separators': '4-',
    separators: '-',
    'short runs': '123456789012,',
  })) {
    test(`masking: ${name}`, () => {
      assertLinear((size) => Buffer.from(fill(text, size)), maskCardNumbers)
    })
  }

  test('a reject: what was found', () => {
    assertLinear(
      (size) => fill('4111111111111111 ', size),
      (found) => makeReject('bad_amount', 'amount', 'an amount', found),
    )
  })

  for (const as of ['iso', 'epoch_s', 'epoch_ms', 'dd/MM/yyyy HH:mm:ss']) {
    test(`a time as ${as}`, () => {
      const read = timeReader(as, 'UTC')!
      for (const text of ['1', '0', ' ', '2026-03-01T12:00:00.0', '1.0']) {
        assertLinear((size) => fill(text, size), read)
      }
    })
  }
})
