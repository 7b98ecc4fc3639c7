// Faults of declared documents: gathered, placed, with what was probably meant, and none that only repeats another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest, type Document, DocumentError, DocumentReader, show } from './document.ts'

function reader(value: unknown, line = 3): DocumentReader {
  const document: Document = { file: 'x.yaml', value, lineOf: () => line }
  return new DocumentReader(document)
}

function faultsOf(reading: DocumentReader): string[] {
  try {
    reading.finish()
  } catch (error) {
    assert.ok(error instanceof DocumentError)
    return error.message.split('\n')
  }
  return []
}

test('a document without faults finishes in silence', () => {
  const reading = reader({ a: 'x' })
  assert.equal(reading.text(reading.object(reading.document.value, [], ['a'])?.['a'], ['a']), 'x')
  reading.finish()
})

test('what lies below something that is no object or list is not told again', () => {
  const reading = reader({})
  const object = reading.object(undefined, ['a'], ['b']) ?? {}
  reading.text(object['b'], ['a', 'b'])
  reading.fault(['a'], 'something else of the same', undefined)
  reading.text(undefined, ['ab'])
  assert.deepEqual(faultsOf(reading), [
    'x.yaml:3: a: expected an object with b, found nothing',
    'x.yaml:3: ab: expected a text, found nothing',
  ])
})

test('a place without a line is the file alone, the whole document is called so', () => {
  const reading = reader('x', 0)
  reading.object('x', [], ['a'])
  assert.deepEqual(faultsOf(reading), ['x.yaml: (document): expected an object with a, found "x"'])
})

test('every getter has something to go on with after a fault', () => {
  const reading = reader({})
  assert.equal(reading.text(5, ['a']), '')
  assert.equal(reading.name('a b', ['b']), 'a b')
  assert.equal(reading.scalar(null, ['c']), '')
  assert.equal(reading.scalar(true, ['c']), 'true')
  assert.equal(reading.number(2, ['d'], 0, 1), Number.NaN)
  assert.equal(reading.integer(1.5, ['e'], 1, 9), 1)
  assert.equal(reading.oneOf('z', ['f'], ['x', 'y']), 'x')
  assert.equal(reading.durationMs('0s', ['g']), 1)
  assert.equal(reading.durationMs('0s', ['g'], 'zero allowed'), 0)
  assert.deepEqual(reading.list('x', ['h']), [])
  assert.deepEqual(reading.names([], ['i']), {})
  assert.equal(faultsOf(reading).length, 9)
})

test('a duration in words has the one that was meant', () => {
  const meant = (text: unknown): string | null => {
    const reading = reader({})
    reading.durationMs(text, ['w'])
    return /did you mean (\w+)\?/.exec(faultsOf(reading)[0]!)?.[1] ?? null
  }
  const pairs = { '7 days': '7d', '1 Hour': '1h', '30sec': '30s', '5 min': '5m', '2weeks': '2w' }
  for (const [text, expected] of Object.entries(pairs)) assert.equal(meant(text), expected)
  assert.equal(meant('250 millis'), '250ms')
  for (const text of ['3 months', '1y', '-1d', 7, '1.5h', '0d']) assert.equal(meant(text), null)
})

test('the name that was meant is near; nothing is guessed from afar', () => {
  const names = ['merchant', 'card', 'id']
  assert.equal(closest('merchnat', names), 'merchant')
  assert.equal(closest('MERCHANT', names), 'merchant')
  assert.equal(closest('idd', names), 'id')
  assert.equal(closest('terminal', names), null)
  assert.equal(closest('x'.repeat(10_000), names), null)
})

test('what was found is JSON, cut to 80 characters', () => {
  assert.equal(show(undefined), 'nothing')
  assert.equal(show(Number.NaN), 'NaN')
  assert.equal(show({ a: [1] }), '{"a":[1]}')
  assert.equal(show('x'.repeat(100)).length, 80)
})
