// Times against Date, and the ones that do not exist.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { timeReader } from './time.ts'

const read = (as: string, text: string, tz = 'UTC'): number => timeReader(as, tz)!(text)

test('iso equals Date for every ms from 1970 to 9999', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      const text = new Date(ms).toISOString()
      assert.equal(read('iso', text), ms)
      assert.equal(read('iso', text.replace('T', ' ').slice(0, -1)), ms)
    }),
  )
})

test('iso: fractions are cut to the ms, offsets are applied, dates alone are midnight', () => {
  const noon = Date.UTC(2026, 2, 1, 12)
  assert.equal(read('iso', '2026-03-01T12:00:00.123999999Z'), noon + 123)
  assert.equal(read('iso', '2026-03-01T12:00:00.1Z'), noon + 100)
  assert.equal(read('iso', '2026-03-01T14:00+02:00'), noon)
  assert.equal(read('iso', '2026-03-01T06:30:00-0530'), noon)
  assert.equal(read('iso', '2026-03-01'), Date.UTC(2026, 2, 1))
})

test('a zone for texts without one: gaps do not exist, what comes twice is the first', () => {
  const berlin = (text: string): number => read('iso', text, 'Europe/Berlin')
  assert.equal(berlin('2026-01-15 12:00:00'), Date.UTC(2026, 0, 15, 11))
  assert.equal(berlin('2026-07-15 12:00:00'), Date.UTC(2026, 6, 15, 10))
  assert.ok(Number.isNaN(berlin('2026-03-29 02:30:00')))
  assert.equal(berlin('2026-10-25 02:30:00'), Date.UTC(2026, 9, 25, 0, 30))
  assert.equal(berlin('2026-07-15T12:00:00Z'), Date.UTC(2026, 6, 15, 12))
})

test('epochs: decimal seconds are exact, ms are whole', () => {
  assert.equal(read('epoch_s', '1700000000'), 1_700_000_000_000)
  assert.equal(read('epoch_s', '1700000000.0019'), 1_700_000_000_001)
  assert.equal(read('epoch_s', '0.29'), 290)
  assert.equal(read('epoch_ms', '1700000000123'), 1_700_000_000_123)
  assert.ok(Number.isNaN(read('epoch_ms', '1700000000123.5')))
  assert.ok(Number.isNaN(read('epoch_ms', '1.7e12')))
  assert.equal(read('epoch_ms', '1700000000000000'), Infinity)
  assert.equal(read('epoch_ms', '-1'), Infinity)
})

test('patterns', () => {
  const noon = Date.UTC(2026, 2, 1, 12, 5, 6)
  assert.equal(read('dd/MM/yyyy HH:mm:ss', '01/03/2026 12:05:06'), noon)
  assert.equal(read('M/d/yyyy h:mm:ss a', '3/1/2026 12:05:06 PM'), noon)
  assert.equal(read("yyyyMMdd'T'HHmmss", '20260301T120506'), noon)
  assert.ok(Number.isNaN(read('dd/MM/yyyy', '31/02/2026')))
  assert.equal(timeReader('HH:mm', 'UTC'), null)
  assert.equal(timeReader('QQ/yyyy', 'UTC'), null)
})
