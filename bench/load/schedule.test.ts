// Claims about when transactions are due.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Shape, schedule } from './schedule.ts'

const phase = { perSecond: 2000, seconds: 20 }

function countsPerQuarter(due: Float64Array): number[] {
  const counts = [0, 0, 0, 0]
  for (const ns of due) counts[Math.floor((ns / 1e9) * 4) % 4]!++
  return counts
}

test('gaps of a Poisson schedule are exponential: mean, spread and the share above the mean', () => {
  const due = schedule([phase], 'poisson', 1)
  const gaps = Array.from(due.subarray(1), (ns, at) => ns - due[at]!)
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
  assert.ok(Math.abs(mean / 500_000 - 1) < 0.02, `mean ${mean}`)
  assert.ok(Math.abs(Math.sqrt(variance) / mean - 1) < 0.02, `deviation ${Math.sqrt(variance)}`)
  const longer = gaps.filter((gap) => gap > mean).length / gaps.length
  assert.ok(Math.abs(longer - Math.exp(-1)) < 0.01, `share ${longer}`)
})

test('a bursty schedule has the same mean, and twice the rate in the first quarter of each second', () => {
  const due = schedule([phase], 'bursty', 1)
  assert.ok(Math.abs(due.length / 40_000 - 1) < 0.02, `${due.length} due`)
  const [burst, ...calm] = countsPerQuarter(due).map((count) => count / due.length)
  assert.ok(Math.abs(burst! - 0.5) < 0.01, `burst ${burst}`)
  for (const share of calm) assert.ok(Math.abs(share - 1 / 6) < 0.01, `calm ${share}`)
  for (const share of countsPerQuarter(schedule([phase], 'poisson', 1))) {
    assert.ok(Math.abs(share / 10_000 - 1) < 0.05)
  }
})

test('a seed gives the same schedule again, another seed another one', () => {
  for (const shape of ['poisson', 'bursty'] as const satisfies Shape[]) {
    const due = schedule([phase], shape, 7)
    assert.deepEqual(due, schedule([phase], shape, 7))
    assert.notDeepEqual(due, schedule([phase], shape, 8))
    assert.deepEqual(due, due.toSorted())
  }
})

test('phases follow each other, each with its own rate', () => {
  const due = schedule(
    [100, 1000, 100].map((perSecond) => ({ perSecond, seconds: 4 })),
    'poisson',
    3,
  )
  const within = (from: number, to: number): number =>
    due.filter((ns) => ns >= from * 1e9 && ns < to * 1e9).length
  assert.ok(Math.abs(within(0, 4) - 400) < 80)
  assert.ok(Math.abs(within(4, 8) - 4000) < 250)
  assert.ok(Math.abs(within(8, 12) - 400) < 80)
  assert.equal(within(0, 12), due.length)
})
