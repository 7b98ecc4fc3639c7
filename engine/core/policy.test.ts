// Thresholds, rounding and defaults of a policy, and its faults.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Document, DocumentError } from '../../features/document.ts'
import { compilePolicy, defaultPolicy, outcomeOf, type PolicyWorld, roundScore } from './policy.ts'

const suggested = { review: 0.4, deny: 0.8 }
const world: PolicyWorld = {
  suggested,
  features: new Set(['amount', 'card_count_1d']),
  vocabulary: null,
  read: () => null,
}
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
  const policy = compilePolicy(document({ default: 'deny' }), world)
  assert.equal(outcomeOf(policy, Number.NaN), 'deny')
})

test('thresholds of the file go before the suggestion of the model, each on its own', () => {
  const policy = compilePolicy(document({ thresholds: { deny: 0.95 } }), world)
  assert.deepEqual([policy.review, policy.deny], [0.4, 0.95])
  assert.notEqual(policy.hash, defaultPolicy(suggested).hash)
})

const vocabulary = (reasons: unknown): unknown => ({ name: 'words', reasons })
const velocity = { code: 'R1', text: 'fast', outward: 'velocity', features: ['card_count_1d'] }

test('denies and reviews say why unless the policy says otherwise; its words are part of its hash', () => {
  const plain = compilePolicy(document({}), world)
  assert.deepEqual([...plain.explained], ['review', 'deny'])
  const read = (name: string): Document | null =>
    name === 'words.yaml' ? document(vocabulary([velocity])) : null
  const reasons = { for: ['deny'], vocabulary: 'words.yaml' }
  const own = compilePolicy(document({ reasons }), { ...world, read })
  assert.deepEqual([...own.explained], ['deny'])
  assert.equal(own.vocabulary?.byFeature.get('card_count_1d')?.code, 'R1')
  const silent = compilePolicy(document({ reasons: { for: ['deny'] } }), world)
  assert.equal(new Set([plain.hash, own.hash, silent.hash]).size, 3)
})

/** Each policy, and all that is said of it. */
const faults: readonly (readonly [unknown, ...string[]])[] = [
  [null, '(document): expected an object with name, thresholds, default, reasons, found null'],
  [
    { name: 'my policy' },
    'name: expected a name of letters, digits and _, at most 64, found "my policy"',
  ],
  [{ name: 5 }, 'name: expected a text, found 5'],
  [{ default: 'reject' }, 'default: expected one of approve, review, deny, found "reject"'],
  [{ thresholds: 0.5 }, 'thresholds: expected an object with review, deny, found 0.5'],
  [
    { thresholds: { review: '0.5' } },
    'thresholds.review: expected a number from 0 to 2, found "0.5"',
  ],
  [
    { thresholds: { review: -0.1 } },
    'thresholds.review: expected a number from 0 to 2, found -0.1',
  ],
  [
    { thresholds: { deny: Number.NaN } },
    'thresholds.deny: expected a number from 0 to 2, found NaN',
  ],
  [
    { reasons: { for: ['denied'] } },
    'reasons.for[0]: expected one of approve, review, deny, found "denied"',
  ],
  [
    { reasons: { vocabulary: 'none.yaml' } },
    'reasons.vocabulary: expected a file beside the policy, found "none.yaml"',
  ],
  [{ thresholds: { deny: 0.3 } }, 'thresholds.review: expected at most deny (0.3), found 0.4'],
  [
    { thresholds: { approve: 0.1 } },
    'thresholds.approve: expected one of review, deny, found "approve"',
  ],
  [
    { treshold: 1, default: 'approves', thresholds: { review: 0.9, deny: 0.5 } },
    'treshold: expected one of name, thresholds, default, reasons, found "treshold" (did you mean thresholds?)',
    'default: expected one of approve, review, deny, found "approves" (did you mean approve?)',
    'thresholds.review: expected at most deny (0.5), found 0.9',
  ],
]

for (const [value, ...expected] of faults) {
  test(`says: ${expected.join('; ')}`, () => {
    assert.throws(
      () => compilePolicy(document(value), world),
      (error: unknown) => {
        assert.ok(error instanceof DocumentError)
        assert.deepEqual(
          error.message.split('\n'),
          expected.map((line) => `policy.yaml:1: ${line}`),
        )
        return true
      },
    )
  })
}
