// Which texts are passed on as a traceparent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceparentOf } from './traceparent.ts'

const good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('a traceparent of this or a later version is passed on as it is', () => {
  for (const text of [good, good.replace('00-', '01-'), `${good.replace('00-', 'cc-')}-more`]) {
    assert.equal(traceparentOf(text), text)
  }
})

test('anything else is not: card numbers, line ends, zeros, upper case, the forbidden version', () => {
  for (const text of [
    '',
    '4111111111111111',
    `${good}\r\nx: y`,
    `${good} `,
    good.toUpperCase(),
    good.replace('00-', 'ff-'),
    good.replace(/0af.{29}/, '0'.repeat(32)),
    good.replace(/b7a.{13}/, '0'.repeat(16)),
    good.slice(0, -1),
    `${good}-${'x'.repeat(201)}`,
  ]) {
    assert.equal(traceparentOf(text), null, text)
  }
})
