// Claims about errors: the table is complete and documented, chains read as one sentence, codes decide exit and retry.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DocumentError } from '../features/document.ts'
import { StoreError } from '../features/store/store.ts'
import { ModelError, ModelRefusal } from '../models/model.ts'
import { codeOf, describe, EngineError, errorKinds, exitCodeOf } from './errors.ts'

test('a chain reads as one sentence', () => {
  const refused = new Error('connect ECONNREFUSED 127.0.0.1:6379')
  const connecting = new StoreError('connecting', true, refused)
  const error = new EngineError('store_unavailable', 'reading windows', { cause: connecting })
  assert.equal(describe(error), 'reading windows: connecting: connect ECONNREFUSED 127.0.0.1:6379')
})

test('a wrapper that quotes its cause does not say it twice', () => {
  const cause = new Error('no space left')
  assert.equal(
    describe(new Error('writing decisions: no space left', { cause })),
    'writing decisions: no space left',
  )
})

test('a description is one line whatever was thrown', () => {
  const refused = new AggregateError([new Error('::1 refused'), new Error('127.0.0.1 refused')])
  assert.equal(
    describe(new Error('connecting', { cause: refused })),
    'connecting: ::1 refused; 127.0.0.1 refused',
  )
  assert.equal(describe(new Error('two\nlines\u001b[31m')), 'two lines [31m')
  assert.equal(describe('a text'), 'a text')
  assert.equal(describe(undefined), 'unknown error')
  assert.equal(describe(new TypeError('')), 'TypeError')
  assert.equal(describe({ a: 1 }), 'a value that is no error')
})

test('a loop of causes ends', () => {
  const a = new Error('a')
  const b = new Error('b', { cause: a })
  a.cause = b
  assert.equal(describe(a), 'a: b')
  assert.equal(codeOf(a), 'unexpected')
})

test("the errors of ports have their place in the table, also as somebody's cause", () => {
  const fault = { file: 'm.yaml', line: 3, path: 'id', expected: 'a text', found: '1', hint: null }
  assert.equal(codeOf(new StoreError('timeout', true)), 'store_unavailable')
  assert.equal(codeOf(new StoreError('allkeys-lru', false)), 'store_refused')
  assert.equal(codeOf(new ModelError('scoring')), 'model_failed')
  assert.equal(codeOf(new ModelRefusal([fault])), 'model_refused')
  assert.equal(codeOf(new DocumentError([fault])), 'document_invalid')
  assert.equal(codeOf(new Error('starting', { cause: new ModelRefusal([]) })), 'model_refused')
  assert.equal(
    codeOf(new EngineError('unexpected', 'scoring', { cause: new ModelError('x') })),
    'unexpected',
    'the outermost code counts',
  )
  assert.equal(codeOf(new RangeError('x')), 'unexpected')
})

test('exit 2 is for what the caller asked wrongly, 1 for all that failed', () => {
  assert.equal(exitCodeOf(new EngineError('usage', 'x')), 2)
  assert.equal(exitCodeOf(new ModelRefusal([])), 2)
  assert.equal(exitCodeOf(new ModelError('x')), 1)
  assert.equal(exitCodeOf(new EngineError('kafka_unavailable', 'x')), 1)
  assert.equal(exitCodeOf(new Error('x')), 1)
})

test('what is retried is what nobody must act on, and only that', () => {
  for (const [code, { actor, isRetriable, help }] of Object.entries(errorKinds)) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/)
    assert.equal(isRetriable, actor === 'nobody', code)
    assert.match(help, /^[A-Z].*\.$/, code)
  }
  assert.equal(new EngineError('kafka_unavailable', 'x').isRetriable, true)
})
