// The generated parts of docs/ are up to date, and the schema says what the loader does.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { compileCatalog } from '../features/catalog.ts'
import { DocumentError } from '../features/document.ts'
import { aggregatesTable, catalogSchema } from './catalog-reference.ts'
import { parseDocument } from './document.ts'
import {
  configurationPage,
  configurationSchema,
  errorsTable,
  rejectsTable,
  withGenerated,
} from './reference.ts'
import { metricsPage } from './telemetry/metrics-page.ts'

function docs(name: string): string {
  return readFileSync(fileURLToPath(import.meta.resolve(`#root/docs/${name}`)), 'utf8')
}

const help = 'run `npm run docs` and commit what it writes'

test('docs/configuration.md and docs/weir.schema.json are what the settings say', () => {
  assert.equal(docs('configuration.md'), configurationPage(), help)
  assert.equal(docs('weir.schema.json'), configurationSchema(), help)
})

test('the table in docs/errors.md is the table of errors', () => {
  const page = docs('errors.md')
  assert.equal(page, withGenerated(page, errorsTable()), help)
})

test('docs/metrics.md is what the table of metrics says', async () => {
  assert.equal(docs('metrics.md'), await metricsPage(), help)
})

test('the table in docs/mapping.md is the table of reject reasons', () => {
  const page = docs('mapping.md')
  assert.equal(page, withGenerated(page, rejectsTable()), help)
})

test('the schema accepts what the loader accepts and refuses unknown names and wrong types', () => {
  const schema = JSON.parse(configurationSchema()) as object
  const check = new Ajv2020({ allowUnionTypes: true }).compile(schema)
  assert.equal(check({}), true)
  assert.equal(check({ redis: { url: 'redis://x', ttl: '7d' }, kafka: null, models: 'm' }), true)
  assert.equal(check({ redis: { held_bytes_max: '64MiB', buckets: 256 } }), true)
  assert.equal(check({ redis: { buckets: 0 } }), false)
  assert.equal(check({ redis: { ttl: 7 } }), false)
  assert.equal(check({ rediss: {} }), false)
  assert.equal(check({ kafka: { sasl: { mechanism: 'magic' } } }), false)
})

test('docs/features.md has the table of aggregates, docs/catalog.schema.json is what it says', () => {
  const page = docs('features.md')
  assert.equal(page, withGenerated(page, aggregatesTable()), help)
  assert.equal(docs('catalog.schema.json'), catalogSchema(), help)
})

/** The example of docs/features.md, and changes to it. */
const example = /```yaml\n(.*?)```/s.exec(docs('features.md'))![1]!

test('the schema of catalogs accepts and refuses what the compiler does', () => {
  const check = new Ajv2020({ allowUnionTypes: true }).compile(
    JSON.parse(catalogSchema()) as object,
  )
  const agrees = (text: string, expected: boolean): void => {
    const document = parseDocument('catalog.yaml', text)
    assert.equal(check(document.value), expected, text)
    let compiles = true
    try {
      compileCatalog(document)
    } catch (error) {
      assert.ok(error instanceof DocumentError)
      compiles = false
    }
    assert.equal(compiles, expected, text)
  }
  agrees(example, true)
  agrees(
    readFileSync(fileURLToPath(import.meta.resolve('#root/features/default-catalog.yaml')), 'utf8'),
    true,
  )
  for (const [from, to] of [
    ['window: 1d', 'window: 1 day'],
    ['aggregate: count', 'aggregate: cuont'],
    ['of: merchant, ', ''],
    ['short: 1h', 'smoothing: 1'],
    ['aggregate: decline_rate', 'aggregate: decline_rate, basis: net'],
    ['aggregate: speed', 'aggregate: speed, current: included'],
    ['entity: [card, merchant]', 'entity: [card]'],
    ['prior: 0.01', 'prior: 2'],
    ['where: { channel: ecom }', 'where: {}'],
    ['calendar: hour', 'calendar: minute'],
  ] as const) {
    assert.ok(example.includes(from), from)
    agrees(example.replace(from, to), false)
  }
})
