// CSV against another reader of it, in chunks of any size, and what is too large or broken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import Papa from 'papaparse'
import { CsvScanner, csvColumns, RecordSplitter } from './csv.ts'
import { Fields, FieldType } from './fields.ts'

function split(
  bytes: Buffer,
  chunk: number,
  format: 'csv' | 'lines' = 'csv',
  max = 1000,
): string[] {
  const splitter = new RecordSplitter(format, max)
  const records: Buffer[] = []
  const texts: string[] = []
  const take = (): void => {
    texts.push(...records.map((record) => record.toString('utf8')))
    records.length = 0
  }
  for (let at = 0; at < bytes.length; at += chunk) {
    splitter.push(bytes.subarray(at, at + chunk), records)
    take()
  }
  splitter.end(records)
  take()
  return texts
}

test('records and columns equal another reader, whatever the quotes, line ends and chunks', () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', 'b', '"', ',', '\n', '\r\n', ' ', 'é', '💳'),
  })
  const table = fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(table, fc.integer({ min: 1, max: 40 }), fc.boolean(), (rows, chunk, isCrlf) => {
      // A row of one empty cell would be an empty line: ours always have three.
      const text = Papa.unparse(rows, { newline: isCrlf ? '\r\n' : '\n' })
      const records = split(Buffer.from(text), chunk)
      assert.deepEqual(
        records.map((record) => csvColumns(Buffer.from(record))),
        rows,
      )
      const scanner = new CsvScanner(['x', 'y', 'z'], ['y'])
      const fields = new Fields(1)
      for (const [index, record] of records.entries()) {
        assert.equal(scanner.scan(Buffer.from(record), fields), null)
        const found = fields.type[0] === FieldType.absent ? '' : fields.text[0]
        assert.equal(found, rows[index]![1])
      }
    }),
    { numRuns: 2000 },
  )
})

test('a quote in the middle of a column is text and swallows nothing', () => {
  const bytes = Buffer.from('a,5" disk,c\nd,e,f\n')
  assert.deepEqual(split(bytes, 100), ['a,5" disk,c', 'd,e,f'])
})

test('a byte order mark, empty lines and a missing last line end are no records', () => {
  assert.deepEqual(split(Buffer.from('\ufeffa,b\r\n\r\n\nc,d'), 3), ['a,b', 'c,d'])
})

test('lines take every line feed, also inside quotes', () => {
  assert.deepEqual(split(Buffer.from('{"a":"\n{}'), 4, 'lines'), ['{"a":"', '{}'])
})

test('of a record beyond the limit one byte more than the limit is kept, and the next one is whole', () => {
  const bytes = Buffer.from(`${'x'.repeat(500)}\nshort\n`)
  for (const chunk of [7, 64, 1000]) {
    const [large, next] = split(bytes, chunk, 'csv', 100)
    assert.equal(large?.length, 101, `chunks of ${chunk}`)
    assert.equal(next, 'short')
  }
})

test('a wrong number of columns and a broken quote are told apart', () => {
  const scanner = new CsvScanner(['a', 'b'], ['a', 'b'])
  const fields = new Fields(2)
  const scan = (text: string): string | null => scanner.scan(Buffer.from(text), fields)
  assert.equal(scan('1,2'), null)
  assert.equal(scan('1,2,3'), 'bad_columns')
  assert.equal(scan('1'), 'bad_columns')
  assert.equal(scan('"1,2'), 'bad_csv')
  assert.equal(scan('"1"x,2'), 'bad_csv')
  assert.equal(scanner.scan(Buffer.of(0xff, 0x2c, 0x31), fields), 'bad_utf8')
})
