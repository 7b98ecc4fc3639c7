// Claims about the stall floor: what gaps between two looks at the clock mean for an instant chosen at random.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeRandom } from '../features/testing/random-transactions.ts'
import { probeStalls, stallsOf } from './stalls.ts'

test('one gap of 30 ms in a second: one instant in a hundred waits 20 ms or more', () => {
  //  |----------------------------------[gap 30 ms]--------| 1 s
  // Its first 10 ms, one hundredth of the second, have 20 to 30 ms still to wait.
  const { p50Us, p99Us, p999Us, maxUs } = stallsOf([30_000], 1_000_000)
  assert.deepEqual([p50Us, p99Us, p999Us, maxUs], [0, 20_000, 29_000, 30_000])
})

test('gaps that sum up to less than a hundredth are no floor of a p99', () => {
  assert.equal(stallsOf([4000, 5000], 1_000_000).p99Us, 0)
  assert.deepEqual(stallsOf([], 1_000_000), { p50Us: 0, p99Us: 0, p999Us: 0, maxUs: 0 })
})

test('the floor is what instants drawn one by one had to wait', () => {
  const seed = 5
  const random = makeRandom(seed)
  const totalUs = 1_000_000
  const gaps = Array.from({ length: 40 }, () => 5 + random() * 3000)
  const places = gaps.map((_, at) => at * (totalUs / gaps.length))
  const waits = Array.from({ length: 200_000 }, () => {
    const instant = random() * totalUs
    const at = Math.floor(instant / (totalUs / gaps.length))
    return Math.max(0, places[at]! + gaps[at]! - instant)
  }).sort((a, b) => a - b)
  const naive = waits[Math.floor(waits.length * 0.99)]!
  const { p99Us } = stallsOf(gaps, totalUs)
  assert.ok(Math.abs(p99Us - naive) < naive * 0.05, `seed ${seed}: ${p99Us}, naively ${naive}`)
})

test('a probe tells gaps that it has seen, the longest at least as long as the others', () => {
  const { p50Us, p99Us, p999Us, maxUs } = probeStalls(20)
  assert.ok(p50Us <= p99Us && p99Us <= p999Us && p999Us <= maxUs && maxUs < 20_000_000)
})
