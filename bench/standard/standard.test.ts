// The standard work: the same everywhere, as large as it says, admitted by Weir, and its oracle against the shipped one.
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { assemble } from '../../engine/assemble.ts'
import { readDocument } from '../../engine/document.ts'
import { ByHand, type HandRecord } from '../../features/by-hand.ts'
import { compileCatalogs } from '../../features/catalogs.ts'
import { Kind, Verdict } from '../../features/transaction.ts'
import { fingerprint, StandardOracle } from './oracle.ts'
import { writeStandard } from './standard.ts'
import {
  entityKinds,
  featureNames,
  type StandardTransaction,
  standardOptions,
  standardTransactions,
} from './transactions.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-standard-'))
const work = await writeStandard(folder)

function first(count: number, options = standardOptions): StandardTransaction[] {
  const transactions = standardTransactions(options)
  return Array.from({ length: count }, () => transactions.next().value)
}

test('equal options give equal transactions, another seed gives others', () => {
  assert.deepEqual(first(50), first(80).slice(0, 50))
  assert.notDeepEqual(first(50), first(50, { ...standardOptions, seed: 2 }))
})

test('a transaction has about 345 bytes, and two of a hundred come late', () => {
  const some = first(5000)
  const bytes = some.reduce((sum, { json }) => sum + json.length, 0) / some.length
  assert.ok(Math.abs(bytes - 345) < 3, `${bytes} bytes`)
  let newestMs = 0
  let late = 0
  for (const { timeMs } of some) {
    if (timeMs < newestMs) late++
    newestMs = Math.max(newestMs, timeMs)
  }
  assert.ok(late > 50 && late < 200, `${late} late of 5000`)
})

test('Weir admits the model, and its catalog has the forty features in their order', async () => {
  const { mapping, catalog, model } = work
  const { features } = compileCatalogs([readDocument(catalog)])
  assert.deepEqual(
    features.map(({ name }) => name),
    featureNames,
  )
  const models = [{ folder: model, share: 0 }]
  const assembly = await assemble({ mapping, catalog, models, policy: null })
  assert.equal(assembly.lineup.seats[0]?.model?.inputs.length, 40)
})

test('the oracle computes what features/by-hand.ts does, late ones, ties and edges of windows included', () => {
  const { features } = compileCatalogs([readDocument(work.catalog)])
  const crowded = standardOptions.population.map((one) => ({ ...one, count: 5 }))
  const oracle = new StandardOracle()
  const journals = new Map<string, HandRecord[]>()
  for (const transaction of first(400, {
    ...standardOptions,
    population: crowded,
    lateShare: 0.3,
  })) {
    const current = toHand(transaction)
    const expected = features.map((feature) => {
      const id = transaction.entities[entityKinds.findIndex((kind) => kind === feature.entity)]!
      const journal = journals.get(`${feature.entity} ${id}`) ?? []
      return new ByHand(current, journal).value(feature).value
    })
    assert.deepEqual(oracle.features(transaction), expected, transaction.id)
    oracle.add(transaction)
    for (const [kind, id] of transaction.entities.entries()) {
      const key = `${entityKinds[kind]!} ${id}`
      journals.set(key, [...(journals.get(key) ?? []), current])
    }
  }
})

test('a fingerprint tells apart rows that differ in one number by one', () => {
  const row = featureNames.map((_, at) => at * 1000)
  const prints = row.map((_, at) => fingerprint(row.with(at, at * 1000 + 1)))
  assert.equal(new Set([fingerprint(row), ...prints]).size, 41)
})

function toHand({ id, timeMs, amountMinor }: StandardTransaction): HandRecord {
  return {
    ...{ kind: Kind.transaction, id, name: id, timeMs, atMs: timeMs, amount: amountMinor },
    ...{ verdict: Verdict.none, labelMs: Number.NaN, latitude: Number.NaN, longitude: Number.NaN },
    values: {},
  }
}
