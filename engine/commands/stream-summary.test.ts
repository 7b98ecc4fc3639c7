// Claims about what a generated stream is told to have caught: counted by hand over a handful of transactions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../core/ports.ts'
import { Comparison, type Planted } from './stream-summary.ts'
import { columns, duration, percent } from './text.ts'

type Pattern = Planted['pattern']
type Fate = Outcome['outcome']

/** One transaction as generated, and what became of it; null: a duplicate. */
function feed(comparison: Comparison, n: number, pattern: Pattern, fate: Fate): void {
  const timeMs = n * 86_400_000
  const row = { amount: `${n}.50`, card: `card-${n % 2}` }
  comparison.expect({ pattern, row, timeMs })
  const evidence = [{ code: 'strange', feature: 'odd', value: 3, mean: 1, contribution: 2 }]
  const value = JSON.stringify({ id: `t${n}`, score: 0.5, time_ms: timeMs, evidence })
  comparison.compare({ outcome: fate, value })
}

test('recall is by pattern, precision over all, and what comes in the warm-up counts nowhere', () => {
  const comparison = new Comparison([], 6)
  const stream: [Pattern, Fate][] = [
    ['bust_out', 'deny'], // the first half of six are warm-up
    [null, 'deny'],
    [null, 'review'],
    ['bust_out', 'approve'], // 3.50 lost
    ['bust_out', 'deny'], // 4.50 saved
    [null, 'deny'], // card-1
    [null, 'review'], // card-0
    ['stolen_card', 'review'], // 7.50 held
    [null, 'approve'],
    ['stolen_card', null], // a duplicate
  ]
  for (const [n, [pattern, fate]] of stream.entries()) feed(comparison, n, pattern, fate)
  const text = comparison.lines().join('\n')
  assert.match(text, /The first 3 transactions \(3 days\) fill the windows/)
  assert.match(text, /^ {2}bust_out +2 +1 +0 +1 +50 %$/m)
  assert.match(text, /^ {2}stolen_card +1 +0 +1 +0 +100 %$/m)
  assert.match(text, /^ {2}all +3 +1 +1 +1 +67 %$/m)
  assert.match(text, /50 % of what was denied is fraud; 50 % of what was denied or reviewed/)
  assert.match(text, /4\.50 EUR denied, 7\.50 held for review; 3\.50 lost of 15\.50/)
  assert.match(text, /1 transactions of 1 cards denied \(33 %\)/)
  assert.match(text, /1 transactions of 1 cards reviewed \(33 %\)/)
})

test('examples are one of each pattern caught, one missed and one honest, with their evidence', () => {
  const comparison = new Comparison([], 0)
  feed(comparison, 1, 'stolen_card', 'deny')
  feed(comparison, 2, 'stolen_card', 'review')
  feed(comparison, 3, 'bust_out', 'approve')
  feed(comparison, 4, null, 'deny')
  const heads = comparison.lines().filter((line) => line.includes('score'))
  assert.deepEqual(
    heads.map((line) => line.split(',').slice(0, 2).join().trim()),
    [
      'stolen_card, reviewed: score 0.500',
      'bust_out, missed: score 0.500',
      'honest, denied: score 0.500',
    ],
  )
  assert.ok(heads[0]!.endsWith('t2'), 'the costliest of its kind')
  assert.match(comparison.lines().join('\n'), /^ {4}\+2\.00 strange +odd +3 +usually +1$/m)
})

test('more transactions than are kept waiting at once stay in step with their outcomes', () => {
  const comparison = new Comparison([], 0)
  for (let n = 0; n < 10_000; n++) feed(comparison, n, n % 100 === 0 ? 'bust_out' : null, 'approve')
  assert.match(comparison.lines().join('\n'), /^ {2}bust_out +100 +0 +0 +100 +0 %$/m)
})

test('a stream that ended in its warm-up has no comparison', () => {
  const comparison = new Comparison([], 1000)
  feed(comparison, 1, 'bust_out', 'deny')
  assert.deepEqual(comparison.lines(), [])
})

test('numbers stand to the right, words to the left, shares and spans in digits that say something', () => {
  assert.deepEqual(
    columns([
      ['a', 'n'],
      ['bcd', '1,000'],
      ['e', '7'],
    ]),
    ['a        n', 'bcd  1,000', 'e        7'],
  )
  assert.deepEqual(
    [percent(1, 3), percent(1, 30), percent(1, 3000), percent(0, 0)],
    ['33 %', '3.3 %', '0.03 %', '–'],
  )
  assert.deepEqual(
    [duration(86_400_000), duration(5_400_000), duration(12)],
    ['1 day', '1.5 hours', '12 ms'],
  )
})
