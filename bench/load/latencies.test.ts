// Claims about what is said of latencies, and when nothing is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LatencyHistogram, lateShareMax, tooLate } from './latencies.ts'

function of(...ns: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const one of ns) histogram.record(one)
  return histogram
}

test('percentiles are right to a thousandth, from microseconds to minutes', () => {
  const thousand = Array.from({ length: 1000 }, (_, at) => (at + 1) * 1000)
  const { count, p50, p99, max } = of(...thousand).summary()
  assert.equal(count, 1000)
  for (const [found, expected] of [
    [p50, 500],
    [p99, 990],
    [max, 1000],
  ] as const) {
    assert.ok(Math.abs(found / expected - 1) < 0.001, `${found} for ${expected}`)
  }
  const minute = of(60e9).summary()
  assert.ok(Math.abs(minute.p50 / 60e6 - 1) < 0.001, `${minute.p50}`)
})

test('what came before it was due is not late, and nothing is of nothing', () => {
  assert.ok(of(-5000).summary().max < 1)
  assert.deepEqual(of().summary(), { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 })
})

test('a generator that was later than its share of the p99 claimed voids it, and says by how much', () => {
  const claimed = of(1e6).summary()
  assert.equal(tooLate('weir', of(lateShareMax * 0.99e6).summary(), claimed), null)
  const reason = tooLate('weir', of(0.9e6).summary(), claimed)
  assert.match(reason ?? '', /^weir: the generator was 900 µs late at p99, 90 % of the p99 claimed/)
})

test('each quantile is judged by the lateness at the same', () => {
  const late = of(
    ...Array.from({ length: 95 }, () => 10e3),
    ...Array.from({ length: 5 }, () => 3e6),
  )
  const claimed = of(
    ...Array.from({ length: 95 }, () => 2e5),
    ...Array.from({ length: 5 }, () => 4e6),
  )
  assert.equal(tooLate('weir', late.summary(), claimed.summary(), 'p50'), null)
  assert.match(tooLate('weir', late.summary(), claimed.summary()) ?? '', /75 % of the p99 claimed/)
})
