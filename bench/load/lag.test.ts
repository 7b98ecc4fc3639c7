// Claims about the backlog over time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lagSamples, slopeOf } from './lag.ts'
import { recoverySeconds } from './recovery.ts'

const second = 1e9
const everyMs = Float64Array.from({ length: 4000 }, (_, at) => (at + 1) * 1e6)

test('the lag is what is due and not seen, and an engine that keeps up has a slope of nothing', () => {
  const seen = everyMs.map((ns) => ns + 20e6)
  const samples = lagSamples(everyMs, seen, second, 3 * second, 0.1 * second)
  assert.equal(samples.length, 21)
  for (const { transactions } of samples) assert.equal(transactions, 20)
  assert.equal(slopeOf(samples), 0)
})

test('an engine that does three of four falls behind by a quarter of the rate', () => {
  const seen = everyMs.map((ns) => (ns * 4) / 3)
  const slope = slopeOf(lagSamples(everyMs, seen, 0, 4 * second, 0.1 * second))
  assert.ok(Math.abs(slope - 250) < 2, `slope ${slope}`)
})

test('what is never seen stays in the lag', () => {
  const seen = everyMs.map((ns, at) => (at === 10 ? 0 : ns))
  assert.equal(lagSamples(everyMs, seen, 3 * second, 3 * second, second)[0]!.transactions, 1)
})

test('recovery lasts until the lag is small and stays so', () => {
  const lags = [5, 90, 40, 8, 60, 9, 3]
  const samples = lags.map((transactions, seconds) => ({ seconds, transactions }))
  assert.equal(recoverySeconds(samples, 2, 10), 3)
  assert.equal(recoverySeconds(samples, 2, 100), 0)
  assert.equal(recoverySeconds(samples, 2, 2), null)
})
