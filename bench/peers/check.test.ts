// What the check of decisions must see: another number, an approximate one that says so, one that never came.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fingerprint, StandardOracle } from '../standard/oracle.ts'
import {
  featureNames,
  type StandardTransaction,
  standardTransactions,
} from '../standard/transactions.ts'
import { DecisionCheck } from './check.ts'
import { outcomeBy } from './trees.ts'

const count = 20

/** Decisions on the first transactions, one object each. */
function decisions(print: (features: number[]) => unknown): {
  check: DecisionCheck
  texts: string[]
} {
  const check = new DecisionCheck(0, 1)
  const oracle = new StandardOracle()
  const texts: string[] = []
  const transactions = standardTransactions()
  for (let n = 0; n < count; n++) {
    const transaction: StandardTransaction = transactions.next().value
    check.produced(transaction)
    texts.push(
      JSON.stringify({ id: transaction.id, ...(print(oracle.features(transaction)) as object) }),
    )
    oracle.add(transaction)
  }
  return { check, texts }
}

const named = (features: readonly number[]): Record<string, number> =>
  Object.fromEntries(featureNames.map((name, at) => [name, features[at]!]))

test('the right features agree, as a fingerprint and by name', () => {
  for (const print of [
    (features: number[]) => ({ features: fingerprint(features) }),
    (features: number[]) => ({ features: named(features), approximate: [] }),
  ]) {
    const { check, texts } = decisions(print)
    for (const text of texts) check.decided(text)
    assert.equal(check.measures['differing_share'], 0)
    assert.equal(check.measures['missing_decisions'], 0)
  }
})

test('one number that is off by one differs', () => {
  const { check, texts } = decisions((features) => ({
    features: fingerprint(features.with(17, features[17]! + 1)),
  }))
  for (const text of texts) check.decided(text)
  assert.equal(check.measures['differing_share'], 1)
  assert.equal(check.measures['differing_unmarked_share'], 1)
})

test('a decision that names what is approximate differs, but says so', () => {
  const { check, texts } = decisions((features) => ({
    features: named(features.with(3, 0)),
    approximate: [featureNames[3]],
  }))
  for (const text of texts) check.decided(text)
  assert.equal(check.measures['differing_share'], 1)
  assert.equal(check.measures['differing_unmarked_share'], 0)
})

test('marking another feature than the one that is wrong does not count as saying so', () => {
  const { check, texts } = decisions((features) => ({
    features: named(features.with(3, 0)),
    approximate: [featureNames[4]],
  }))
  for (const text of texts) check.decided(text)
  assert.equal(check.measures['differing_unmarked_share'], 1)
})

test('the outcome that the trees give is told from another one', () => {
  let isRight = true
  const { check, texts } = decisions((features) => {
    isRight = !isRight
    const outcome = isRight ? outcomeBy(features) : 'decline'
    return { features: fingerprint(features), outcome }
  })
  for (const text of texts) check.decided(text)
  assert.equal(check.measures['other_outcome_share'], 0.5)
})

test('a decision that never came is missing, a repeated one counts once', () => {
  const { check, texts } = decisions((features) => ({ features: fingerprint(features) }))
  for (const text of [...texts.slice(1), ...texts.slice(1)]) check.decided(text)
  assert.equal(check.measures['missing_decisions'], 1)
})
