// The calibration kernel does the same work every time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calibrate, work } from './calibration.ts'

test('a unit is the same work each time, with the result that it has everywhere', () => {
  assert.equal(work(), work())
  // Throws where the result is another.
  const { us, units } = calibrate()
  assert.ok(us > 0)
  assert.equal(units, 25)
})
