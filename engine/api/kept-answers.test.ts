// Answers in memory: the contract of all places for answers, and its bounds of time and memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerOf, answersContract } from './answers.contract.ts'
import { KeptAnswers } from './kept-answers.ts'

function make(
  horizonMs: number,
  bytesMax: number,
): { kept: KeptAnswers; pass: (ms: number) => void } {
  let nowUs = 0
  const clock = { nowMs: () => 0, monotonicUs: () => nowUs }
  const kept = new KeptAnswers({ horizonMs, bytesMax, clock })
  return { kept, pass: (ms) => (nowUs += ms * 1000) }
}

answersContract('answers in memory', () => {
  const { kept } = make(1000, 1 << 20)
  return Promise.resolve({ open: () => Promise.resolve(kept), close: () => Promise.resolve() })
})

test('an answer is gone after the horizon, and its address is free again', () => {
  const { kept, pass } = make(1000, 1 << 20)
  kept.first(answerOf(1, 1, 'old'))
  pass(999)
  assert.equal(kept.get(answerOf(1, 1))?.body, 'old')
  pass(1)
  assert.equal(kept.get(answerOf(1, 1)), null)
  assert.equal(kept.first(answerOf(1, 1, 'new')).body, 'new')
  assert.equal(kept.count, 1)
  pass(1000)
  kept.first(answerOf(1, 2))
  assert.equal(kept.count, 1, 'what is over the horizon takes no room')
})

test('memory is bounded: the oldest answers go first', () => {
  const bytesMax = 100_000
  const { kept } = make(1000, bytesMax)
  for (let id = 0; id < 1000; id++) {
    kept.first(answerOf(1, id, 'x'.repeat(600)))
    assert.ok(kept.bytes <= bytesMax)
  }
  assert.equal(kept.count, 100)
  assert.equal(kept.get(answerOf(1, 899)), null)
  assert.notEqual(kept.get(answerOf(1, 900)), null)
})
