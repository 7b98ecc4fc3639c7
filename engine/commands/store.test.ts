// Claims about what a store is opened with.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from '../../features/catalog.ts'
import { parseDocument } from '../document.ts'
import { EngineError } from '../errors.ts'
import { requireTtl } from './store.ts'

const day = 86_400_000

test('a ttl that ends within a window and its delay is refused, naming both', () => {
  const text = [
    'features:',
    '  - { name: n, entity: card, aggregate: count, window: 30d }',
    '  - { name: risk, entity: card, aggregate: fraud_rate, window: 28d, delay: 7d }',
  ]
  const catalog = compileCatalog(parseDocument('catalog.yaml', text.join('\n')))
  assert.throws(
    () => {
      requireTtl(catalog, 36 * day - 1, day)
    },
    (error) =>
      error instanceof EngineError &&
      error.code === 'document_invalid' &&
      /redis\.ttl: expected at least 36d.*found/.test(error.message),
  )
  requireTtl(catalog, 36 * day, day)
  assert.throws(() => {
    requireTtl(catalog, 36 * day, 2 * day)
  }, /expected at least 37d, which is http\.horizon more/)
})
