// What the documents show can be copied: every example compiles, and says what the text beside it says.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDocument, readDocument } from '../engine/document.ts'
import { compileCatalog } from './catalog.ts'
import { compileMapping, type Mapping } from './mapping.ts'
import { compileRates } from './rates.ts'
import { Transaction } from './transaction.ts'

const docs = fileURLToPath(import.meta.resolve('#root/docs'))

/** The blocks of YAML in a page, in order. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(docs, page), 'utf8')
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block]) => block!)
}

const [mappingText, ratesText, catalogText] = blocksOf('mapping.md') as [string, string, string]
const rates = parseDocument('rates.yaml', ratesText)
const mapping = compileMapping(parseDocument('mapping.yaml', mappingText), (name) =>
  name === 'rates.yaml' ? rates : null,
)

test('docs/mapping.md shows every key of a mapping, and its example reads a row', () => {
  const row = [
    ...['a-1', '2026-03-01T13:00:00', '1772366400500', '10.00', 'USD', 'c-1', 's-1', '', '5411'],
    ...['52.5', '13.4', 'SALE', '', 'north', '1', '2026-03-09T10:00:00Z'],
  ].join(',')
  const out = new Transaction(3, 1)
  assert.equal(mapping.parser().parse(Buffer.from(row), Number.NaN, out), null)
  assert.equal(out.timeMs, Date.UTC(2026, 2, 1, 12))
  assert.equal(out.receivedMs - out.timeMs, 500)
  assert.equal(out.amountMinor, 920)
  assert.deepEqual(
    [out.tenant, out.entities, out.fields],
    ['north', ['c-1', 's-1', null], ['5411']],
  )
  assert.equal(new Date(out.labelMs).toISOString(), '2026-03-09T10:00:00.000Z')
  assert.equal(mapping.schema.kinds.length > 0 && mapping.schema.hasLocation, true)
})

test('docs/mapping.md: rates and catalog compile', () => {
  assert.equal(compileRates(rates).byCurrency.size, 3)
  assert.equal(compileCatalog(parseDocument('catalog.yaml', catalogText)).features.length, 7)
})

test('every mapping of docs/examples compiles; the same export as CSV and as JSON is the same mapping', () => {
  const compiled = new Map<string, Mapping>()
  for (const name of readdirSync(join(docs, 'examples'))) {
    if (!name.endsWith('.yaml')) continue
    compiled.set(name, compileMapping(readDocument(join(docs, 'examples', name))))
  }
  assert.ok(compiled.size >= 2)
  const hashOf = (name: string): string => compiled.get(name)!.hash
  assert.equal(hashOf('aws-fraud-detector.yaml'), hashOf('aws-fraud-detector-json.yaml'))
})
