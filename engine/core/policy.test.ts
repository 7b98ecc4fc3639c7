// Thresholds, rounding and defaults of a policy, and its faults.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Document, DocumentError } from '../../features/document.ts'
import { roundScore } from './decide.ts'
import { compilePolicy, defaultPolicy, outcomeOf } from './policy.ts'

const suggested = { review: 0.4, deny: 0.8 }
const document = (value: unknown): Document => ({ file: 'policy.yaml', value, lineOf: () => 1 })

test('a score exactly on a threshold reaches it', () => {
  const policy = defaultPolicy(suggested)
  assert.equal(outcomeOf(policy, 0.399999), 'approve')
  assert.equal(outcomeOf(policy, 0.4), 'review')
  assert.equal(outcomeOf(policy, 0.799999), 'review')
  assert.equal(outcomeOf(policy, 0.8), 'deny')
})

test('a score is rounded before a threshold looks at it, so that text and outcome agree', () => {
  const policy = defaultPolicy(suggested)
  assert.equal(outcomeOf(policy, roundScore(0.79999951)), 'deny')
  assert.equal(outcomeOf(policy, roundScore(0.79999949)), 'review')
})

test('without a score the default of the policy decides', () => {
  const policy = compilePolicy(document({ default: 'deny' }), suggested)
  assert.equal(outcomeOf(policy, Number.NaN), 'deny')
})

test('thresholds of the file go before the suggestion of the model, each on its own', () => {
  const policy = compilePolicy(document({ thresholds: { deny: 0.95 } }), suggested)
  assert.deepEqual([policy.review, policy.deny], [0.4, 0.95])
  assert.notEqual(policy.hash, defaultPolicy(suggested).hash)
})

test('all faults of a policy are reported at once', () => {
  const broken = { treshold: 1, default: 'approves', thresholds: { review: 0.9, deny: 0.5 } }
  assert.throws(
    () => compilePolicy(document(broken), suggested),
    (error: unknown) => {
      assert.ok(error instanceof DocumentError)
      assert.equal(error.faults.length, 3)
      assert.match(error.message, /treshold.*did you mean thresholds\?/)
      assert.match(error.message, /did you mean approve\?/)
      return true
    },
  )
})
