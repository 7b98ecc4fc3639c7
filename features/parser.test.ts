// The parser against the corpus of bad inputs, alone and among good ones, and the mapping's own faults.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { parse as parseYaml } from 'yaml'
import { csvColumns, RecordSplitter } from './csv.ts'
import { type Document, DocumentError } from './document.ts'
import { compileMapping, type Mapping } from './mapping.ts'
import { rejectReasons } from './reject.ts'
import { corpus, corpusMapping, corpusReceivedMs, transactionJson } from './testing/corpus.ts'
import { Transaction, Verdict } from './transaction.ts'

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
      assert.deepEqual(out.entities, ['c-1', 'm-1'])
      assert.deepEqual(out.fields, [null])
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

  test('a card number in what was found is masked', () => {
    const out = makeTransaction(mapping)
    const bad = Buffer.from(transactionJson({ amount: 'card 4111 1111 1111 1111' }))
    assert.match(
      mapping.parser().parse(bad, Number.NaN, out)!.found,
      /^card \*\*\*\* \*\*\*\* \*\*\*\* 1111$/,
    )
  })
})

describe('mapping', () => {
  test('all faults are reported at once, with file, line, expected and found', () => {
    const broken = {
      format: 'xml',
      idd: 'id',
      time: { field: 'time', as: 'isoo', tz: 'Mars/Base' },
      amount: { field: 'amount', decimals: 12 },
      currency: { const: 'eur', field: 'x' },
      primary: 'crad',
      entities: { card: 'card' },
      label: { field: 'f', fraud: ['1'], legit: ['1'] },
    }
    assert.throws(
      () => compileMapping(document(broken)),
      (error: unknown) => {
        assert.ok(error instanceof DocumentError)
        assert.ok(error.faults.length >= 9, error.message)
        assert.match(error.message, /map\.yaml:7: primary: .*did you mean card\?/)
        assert.match(error.message, /idd.*did you mean id\?/)
        return true
      },
    )
  })

  const base = { ...corpusMapping, location: undefined }
  const clean = Object.fromEntries(Object.entries(base).filter(([, value]) => value !== undefined))

  test('the same transactions as CSV and as JSON have the same mapping hash', () => {
    const csv = compileMapping(document({ ...clean, format: 'csv' }))
    assert.equal(csv.hash, compileMapping(document(clean)).hash)
    assert.ok(csv.needsHeader)
  })

  test('rates: amounts become minor units of the base, rounded once, half to even; without a rate they are absent', () => {
    const rates = document({ base: 'EUR', decimals: 2, rates: { USD: '0.5', JPY: '0.006' } })
    const currency = { field: 'currency', rates: 'rates.yaml' }
    const withRates = compileMapping(document({ ...clean, currency }), () => rates)
    const out = makeTransaction(withRates)
    const read = (amount: string, code: string): number => {
      const bytes = Buffer.from(transactionJson({ amount, currency: code }))
      assert.equal(withRates.parser().parse(bytes, Number.NaN, out), null)
      return out.amountMinor
    }
    assert.equal(read('12.34', 'EUR'), 1234)
    assert.equal(read('0.01', 'USD'), 0)
    assert.equal(read('0.03', 'USD'), 2)
    assert.equal(read('1000', 'JPY'), 600)
    assert.ok(Number.isNaN(read('5', 'GBP')))
    assert.ok(out.hasNoRate)
    assert.equal(read('1', 'EUR'), 100)
    assert.equal(out.hasNoRate, false)
  })

  test('a label in the row: fraud, legit, unlabelled, and when it is known', () => {
    const label = { field: 'label', fraud: [1], legit: ['0'], delay: '7d' }
    const labelled = compileMapping(document({ ...clean, label }))
    const out = makeTransaction(labelled)
    const read = (value: unknown): string | null =>
      labelled.parser().parse(Buffer.from(transactionJson({ label: value })), Number.NaN, out)
        ?.reason ?? null
    assert.equal(read(1), null)
    assert.deepEqual([out.verdict, out.labelMs - out.timeMs], [Verdict.fraud, 7 * 86_400_000])
    assert.equal(read('0'), null)
    assert.equal(out.verdict, Verdict.legit)
    for (const none of ['', null, undefined]) {
      assert.equal(read(none), null)
      assert.equal(out.verdict, Verdict.none)
      assert.ok(Number.isNaN(out.labelMs))
    }
    assert.equal(read('maybe'), 'bad_label')
  })

  test('kinds: a reversal carries its own time, a label message needs its verdict', () => {
    const kind = {
      field: 'kind',
      reversal: ['VOID'],
      label: ['CB'],
      at: { field: 'at', as: 'epoch_ms' },
    }
    const label = { field: 'label', fraud: ['1'], legit: ['0'], delay: '0d' }
    const lifecycle = compileMapping(document({ ...clean, kind, label }))
    const out = makeTransaction(lifecycle)
    const read = (change: Readonly<Record<string, unknown>>): string | null =>
      lifecycle.parser().parse(Buffer.from(transactionJson({ ...change })), Number.NaN, out)
        ?.reason ?? null
    assert.equal(read({ kind: 'VOID', at: 1_800_000_000_000 }), null)
    assert.deepEqual([out.kind, out.atMs], [1, 1_800_000_000_000])
    assert.equal(read({ kind: 'VOID' }), 'missing_at')
    assert.equal(read({ kind: 'CB', at: 5 }), 'incomplete_label')
    assert.equal(read({ kind: 'CB', at: 5, label: '1' }), null)
    assert.deepEqual([out.kind, out.verdict, out.labelMs], [3, Verdict.fraud, 5])
    assert.equal(read({ kind: 'SALE' }), null)
    assert.equal(out.kind, 0)
  })

  test('nested fields by their dotted path', () => {
    const nested = compileMapping(
      document({ ...clean, amount: { field: 'money.value', decimals: 2 } }),
    )
    const out = makeTransaction(nested)
    const read = (change: Readonly<Record<string, unknown>>): string | null =>
      nested.parser().parse(Buffer.from(transactionJson(change)), Number.NaN, out)?.reason ?? null
    assert.equal(read({ money: { value: 7 } }), null)
    assert.equal(out.amountMinor, 700)
    assert.equal(read({ 'money.value': 8 }), null)
    assert.equal(out.amountMinor, 800)
    assert.equal(read({ 'money.value': 8, money: { value: 7 } }), 'duplicate_key')
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
