// The parser against the corpus of bad inputs, alone and among good ones, and on a real export.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { parse as parseYaml } from 'yaml'
import { maskCardNumbers } from './cards.ts'
import { csvColumns, RecordSplitter } from './csv.ts'
import type { Document } from './document.ts'
import { compileMapping, type Mapping } from './mapping.ts'
import { rejectReasons } from './reject.ts'
import { corpus, corpusMapping, corpusReceivedMs, transactionJson } from './testing/corpus.ts'
import { Transaction } from './transaction.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const document = (value: unknown, file = 'map.yaml'): Document => ({ file, value, lineOf: () => 7 })
const mapping = compileMapping(document(corpusMapping))

function makeTransaction({ schema }: Mapping): Transaction {
  return new Transaction(schema.entities.length, schema.fields.length)
}

describe('corpus', () => {
  for (const { name, bytes, reason } of corpus) {
    test(`${name}: ${reason ?? 'a transaction'}`, () => {
      const parser = mapping.parser()
      const out = makeTransaction(mapping)
      const good = Buffer.from(transactionJson())
      const message = bytes ?? Buffer.alloc(0)
      // Alone, after a good one, a thousand times in a row, and the next good one is right all the same.
      const times = message.length > 10_000 ? 3 : 1000
      for (let n = 0; n < times; n++) {
        const reject = parser.parse(message, corpusReceivedMs, out)
        assert.equal(reject?.reason ?? null, reason, JSON.stringify(reject))
        if (reject === null) continue
        assert.ok(reject.reason in rejectReasons)
        assert.ok(reject.found.length <= 120)
      }
      assert.equal(parser.parse(good, corpusReceivedMs, out), null)
      assert.equal(out.id, 'a-1')
      assert.equal(out.amountMinor, 1234)
      assert.equal(out.timeMs, corpusReceivedMs)
      assert.deepEqual(out.entities, ['c-1', 'm-1', null])
      assert.deepEqual(out.fields, [null, null])
    })
  }

  test('no bytes at all make it throw', () => {
    const parser = mapping.parser()
    const out = makeTransaction(mapping)
    const text = transactionJson()
    const change = fc.tuple(fc.nat(text.length), fc.nat(3), fc.uint8Array({ maxLength: 4 }))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
        let bytes = Buffer.from(text)
        for (const [at, cut, put] of changes) {
          bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)])
        }
        const reject = parser.parse(bytes, corpusReceivedMs, out)
        let isJson = true
        try {
          JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
        } catch {
          isJson = false
        }
        // What we accept is JSON; what is no JSON we say so.
        if (reject === null) assert.ok(isJson, bytes.toString('latin1'))
        if (!isJson)
          assert.ok(['not_json', 'bad_utf8', 'empty', 'too_deep'].includes(reject!.reason))
      }),
      { numRuns: 3000 },
    )
  })

  test('no card number of a rejected message stands in its reject, wherever it was', () => {
    const parser = mapping.parser()
    const out = makeTransaction(mapping)
    const found = (change: Readonly<Record<string, unknown>>): string => {
      const bytes = Buffer.from(transactionJson(change))
      return parser.parse(bytes, Number.NaN, out)!.found
    }
    const amount = 'card 4111 1111 1111 1111'
    assert.equal(found({ amount }), 'card **** **** **** 1111')
    for (let before = 0; before < 130; before++) {
      assert.doesNotMatch(
        found({ amount: 'x'.repeat(before) + amount }),
        /4111/,
        `${before} before`,
      )
    }
    for (const { bytes, reason } of corpus) {
      if (reason === null || bytes === null) continue
      const reject = parser.parse(bytes, corpusReceivedMs, out)!
      const text = JSON.stringify(reject)
      assert.equal(Buffer.from(maskCardNumbers(Buffer.from(text))).toString(), text)
    }
  })

  test('what is masked of a message keeps its length and everything that is no card number', () => {
    for (const { name, bytes } of corpus) {
      if (bytes === null || !name.startsWith('card number')) continue
      const masked = Buffer.from(maskCardNumbers(bytes))
      assert.equal(masked.length, bytes.length)
      const isChanged = (byte: number, at: number): boolean => masked[at] !== byte
      const changed = bytes.filter(isChanged)
      assert.ok(changed.length >= 9, name)
      assert.ok(changed.every((byte) => byte >= 0x30 && byte <= 0x39))
    }
  })
})

const exportFile = join(root, '../shared/data/aws-fraud-detector/transaction_data_2K_coldstart.csv')
const skip = existsSync(exportFile) ? false : `the export is not there: ${exportFile}`

test('a real export: 1,611 rows, none rejected, 801 without a label', { skip }, () => {
  const text = readFileSync(join(root, 'docs/examples/aws-fraud-detector.yaml'), 'utf8')
  const exported = compileMapping(document(parseYaml(text)))
  const records: Buffer[] = []
  const splitter = new RecordSplitter('csv', 2 ** 20)
  splitter.push(readFileSync(exportFile), records)
  splitter.end(records)
  const parser = exported.parser(csvColumns(records[0]!))
  const out = makeTransaction(exported)
  const verdicts = [0, 0, 0]
  for (const record of records.slice(1)) {
    assert.equal(parser.parse(record, Number.NaN, out), null)
    verdicts[out.verdict]!++
  }
  assert.equal(verdicts[0]! + verdicts[1]! + verdicts[2]!, 1611)
  assert.equal(verdicts[0], 801)
})
