// The union of catalogs: what two share is one feature and one column, what they define differently is a fault that names both.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocument } from '../engine/document.ts'
import { compileCatalog } from './catalog.ts'
import { compileCatalogs } from './catalogs.ts'
import type { Document } from './document.ts'
import { filtersMax } from './layout.ts'
import { Plan } from './plan.ts'

const schema = {
  entities: ['card', 'merchant'],
  primary: 0,
  fields: [],
  hasLocation: false,
  hasLabel: false,
  kinds: [],
}

function document(file: string, ...features: readonly string[]): Document {
  return parseDocument(file, ['features:', ...features.map((one) => `  - { ${one} }`)].join('\n'))
}

const amount = 'name: amount, value: amount'
const count = 'name: card_count, entity: card, aggregate: count, window: 1d'
const countWeek = 'name: card_count, entity: card, aggregate: count, window: 7d'
const sum = 'name: card_sum, entity: card, aggregate: sum, window: 1d'
const shops = 'name: card_shops, entity: card, aggregate: distinct, of: merchant, window: 1d'

test('every feature is there once, in order, and each catalog knows its own', () => {
  const union = compileCatalogs([
    document('a.yaml', amount, count),
    document('b.yaml', shops, count),
  ])
  assert.deepEqual(
    union.features.map(({ name }) => name),
    ['amount', 'card_count', 'card_shops'],
  )
  assert.deepEqual(
    union.parts.map(({ file, features }) => [file, ...features.map(({ name }) => name)]),
    [
      ['a.yaml', 'amount', 'card_count'],
      ['b.yaml', 'card_shops', 'card_count'],
    ],
  )
})

test('the hash of one catalog is its own, of several that of all their features in order', () => {
  const [a, b] = [document('a.yaml', amount, count), document('b.yaml', shops, count)]
  assert.equal(compileCatalogs([a]).hash, compileCatalog(a).hash)
  const { hash, parts } = compileCatalogs([a, b])
  assert.equal(hash, compileCatalog(document('ab.yaml', amount, count, shops)).hash)
  assert.notEqual(hash, compileCatalogs([b, a]).hash)
  assert.deepEqual(
    parts.map((part) => part.hash),
    [compileCatalog(a).hash, compileCatalog(b).hash],
  )
})

test('what two catalogs need is in the records once, and both are read from the same journals', () => {
  const a = document('a.yaml', sum)
  const union = compileCatalogs([a, document('b.yaml', count, sum.replace('card_sum', 'spent'))])
  const plan = new Plan(union, schema)
  const alone = new Plan(compileCatalogs([a]), schema)
  assert.equal(plan.journals[0]?.width, alone.journals[0]?.width)
  assert.deepEqual(plan.journals[0]?.hops.series, alone.journals[0]?.hops.series)
  assert.equal(plan.namespace, alone.namespace)
})

test('more conditions together than a record has bits for are a fault, also where each catalog has few', () => {
  const conditional = (from: number): string[] =>
    Array.from({ length: filtersMax - 1 }, (_, n) => {
      const name = `over_${from + n}`
      return `name: ${name}, entity: card, aggregate: count, window: 1d, where: { merchant: m${from + n} }`
    })
  const [a, b] = [document('a.yaml', ...conditional(1)), document('b.yaml', ...conditional(100))]
  compileCatalogs([a])
  assert.throws(() => compileCatalogs([a, b]), /^[^]*b\.yaml:3: features\[1\]: expected at most/)
})

test('a name that two catalogs define differently is a fault that names both files and lines', () => {
  const documents = [
    document('a.yaml', amount, count),
    document('b.yaml', shops, countWeek),
    document('c.yaml', 'name: wrong, value: 5x', sum.replace('1d', '0d')),
  ]
  assert.throws(
    () => compileCatalogs(documents),
    (error: Error) => {
      const [clash, ...others] = error.message.split('\n')
      assert.equal(
        clash,
        'b.yaml:3: features[1]: expected card_count to be what it is at a.yaml:3, or another name, found another definition',
      )
      assert.ok(
        others.length > 0 && others.every((line) => line.startsWith('c.yaml:')),
        error.message,
      )
      return true
    },
  )
})

test('of exact tails the longest holds that a catalog has which reads the journal, said or not', () => {
  const merchants = 'name: m, entity: merchant, aggregate: count, window: 1d'
  const sized = (file: string, exact: string, ...features: readonly string[]): Document =>
    parseDocument(
      file,
      ['features:', ...features.map((one) => `  - { ${one} }`), `exact: ${exact}`].join('\n'),
    )
  const exactOf = (...documents: readonly Document[]): object => compileCatalogs(documents).exact
  const cards = document('a.yaml', count)
  const short = sized('b.yaml', '{ card: 64, merchant: 64 }', merchants)
  const long = sized('c.yaml', '{ merchant: 4096 }', merchants)
  // a.yaml reads cards and says nothing of them: 512.
  assert.deepEqual(exactOf(cards, short), { merchant: 64 })
  assert.deepEqual(exactOf(short, long), { card: 64, merchant: 4096 })
  assert.equal(compileCatalogs([long]).hash, compileCatalog(long).hash)
  assert.notEqual(compileCatalogs([cards, long]).hash, compileCatalogs([cards, short]).hash)
})
