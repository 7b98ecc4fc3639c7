// Claims about reasons: which codes a row gets, in which order, and every fault of a vocabulary at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Document, DocumentError } from '../../features/document.ts'
import type { ModelInput } from '../../models/model.ts'
import { reasonsMax } from './limits.ts'
import { compileVocabulary, Found, Reasons, type Vocabulary } from './reasons.ts'

const names = ['amount', 'card_count_1m', 'card_count_1h', 'ip_cards_1d']
const document = (value: unknown): Document => ({ file: 'words.yaml', value, lineOf: () => 1 })
const compile = (reasons: unknown, name: unknown = 'words'): Vocabulary =>
  compileVocabulary(document({ name, reasons }), new Set(names))
const velocity = {
  code: 'V',
  text: 'many at once',
  outward: 'velocity',
  features: ['card_count_1m', 'card_count_1h'],
}
const inputs = (features: readonly string[]): ModelInput[] =>
  features.map((feature) => {
    return { feature, definition: '', imputation: 0, mean: 0, deviation: 1, baseline: 0 }
  })

interface Given {
  readonly code: string
  readonly input: number
  readonly contribution: number
}

function find(vocabulary: Vocabulary | null, contributions: readonly number[]): Given[] {
  const reasons = new Reasons(inputs(names.slice(0, contributions.length)), vocabulary)
  // Behind another row, whose places stay as they are.
  const found = new Found(2)
  reasons.find(Float64Array.of(9, ...contributions), 1, found, reasonsMax)
  assert.deepEqual([...found.reason.subarray(0, reasonsMax)], Array(reasonsMax).fill(-1))
  return [...found.reason.subarray(reasonsMax)].flatMap((reason, place) => {
    if (reason < 0) return []
    const { code } = reasons.reasons[reason]!
    const input = found.input[reasonsMax + place]!
    return [{ code, input, contribution: found.contribution[reasonsMax + place]! }]
  })
}

test('inputs under one code add up, and the strongest of them is named', () => {
  assert.deepEqual(find(compile([velocity]), [0.5, 0.25, 0.375, 0.125]), [
    { code: 'V', input: 2, contribution: 0.625 },
    { code: 'amount', input: 0, contribution: 0.5 },
    { code: 'ip_cards_1d', input: 3, contribution: 0.125 },
  ])
})

test('what speaks against fraud is no reason, also where a code has both', () => {
  assert.deepEqual(find(compile([velocity]), [-1, 0.5, -0.25, 0]), [
    { code: 'V', input: 1, contribution: 0.25 },
  ])
  assert.deepEqual(find(compile([velocity]), [0, 0.5, -0.5, -1]), [])
})

test('without a vocabulary a code is the name of its feature, and each row has the largest, strongest first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 4, maxLength: 4 }),
      (row) => {
        const expected = row
          .map((contribution, input) => ({ code: names[input]!, input, contribution }))
          .filter(({ contribution }) => contribution > 0)
          .sort((a, b) => b.contribution - a.contribution || a.input - b.input)
          .slice(0, reasonsMax)
        assert.deepEqual(find(null, row), expected)
      },
    ),
  )
})

test('every fault of a vocabulary is told at once', () => {
  const broken = [
    { code: 'a b', text: 'x', features: ['amuont'] },
    { code: 'V', text: 'y'.repeat(201), outward: '', features: ['amount'] },
    { code: 'V', text: 5, features: ['amount'], colour: 'red' },
    // Two reasons of one code, where the model reads both.
    { code: 'ip_cards_1d', text: 'x', features: ['card_count_1m'] },
  ]
  assert.throws(
    () => compile(broken, 'my words'),
    (error) => {
      assert.ok(error instanceof DocumentError)
      const paths = error.faults.map(({ path }) => path)
      for (const path of [
        'name',
        'reasons[0].code',
        'reasons[0].features[0]',
        'reasons[1].text',
        'reasons[1].outward',
        'reasons[2].code',
        'reasons[2].text',
        'reasons[2].colour',
        'reasons[2].features[0]',
        'reasons[3].code',
      ]) {
        assert.ok(paths.includes(path), `${path} is not among ${paths.join(', ')}`)
      }
      assert.match(error.message, /did you mean amount\?/)
      return true
    },
  )
})

test('a hash is the same for the same words in another order, and another for other words', () => {
  const amount = { code: 'A', text: 'much', features: ['amount'] }
  const { hash } = compile([velocity, amount])
  assert.equal(compile([amount, velocity]).hash, hash)
  assert.notEqual(compile([velocity, { ...amount, text: 'little' }]).hash, hash)
  assert.notEqual(compile([velocity, { ...amount, outward: 'sum' }]).hash, hash)
})
