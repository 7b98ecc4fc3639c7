// The generator's chance and arithmetic against published vectors and the machine's own functions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Choice, deal } from './choice.ts'
import { exp, ln, normalQuantile, power } from './exact-math.ts'
import { mix, Random } from './random.ts'
import { TimeHeap } from './time-heap.ts'

test('draws are those of the reference implementation of xoshiro128** 1.1, from state 1, 2, 3, 4', () => {
  const random = new Random(Int32Array.of(1, 2, 3, 4))
  const expected = [
    ...[11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597],
    4258142804,
  ]
  assert.deepEqual(
    expected.map(() => random.bits() >>> 0),
    expected,
  )
})

test('streams of a seed are unrelated, and the same every time; every bit of a seed counts', () => {
  const first = (seed: number, name: string): number => Random.of(seed, name).bits()
  assert.equal(first(1, 'fraud'), first(1, 'fraud'))
  const seeds = [0, 1, 2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, -1]
  const all = seeds.flatMap((seed) => ['fraud', 'labels', ''].map((name) => first(seed, name)))
  assert.equal(new Set(all).size, all.length)
})

test('mix is a bijection: no two of a million neighbours collide', () => {
  const seen = new Set<number>()
  for (let value = -500_000; value < 500_000; value++) seen.add(mix(value))
  assert.equal(seen.size, 1_000_000)
})

/** Mean and deviation of 100,000 draws. */
function moments(draw: (random: Random) => number): [number, number] {
  const random = Random.of(7, 'moments')
  const count = 100_000
  let sum = 0
  let squares = 0
  for (let n = 0; n < count; n++) {
    const value = draw(random)
    sum += value
    squares += value * value
  }
  const mean = sum / count
  return [mean, Math.sqrt(squares / count - mean * mean)]
}

test('distributions have their mean and deviation', () => {
  const near = (found: number, expected: number): void => {
    assert.ok(Math.abs(found - expected) < 0.02 * Math.max(1, expected), `${found}, ${expected}`)
  }
  for (const [draw, mean, deviation] of [
    [(r: Random) => r.uniform(), 0.5, Math.sqrt(1 / 12)],
    [(r: Random) => r.between(-2, 4), 1, Math.sqrt(3)],
    [(r: Random) => Number(r.chance(0.3)), 0.3, Math.sqrt(0.21)],
    [(r: Random) => r.below(6), 2.5, Math.sqrt(35 / 12)],
    [(r: Random) => r.exponential(3), 3, 3],
    [(r: Random) => r.normal(), 0, 1],
    [(r: Random) => ln(r.lognormal(5, 0.7)), ln(5), 0.7],
    [(r: Random) => r.poisson(4), 4, 2],
  ] as const) {
    const [foundMean, foundDeviation] = moments(draw)
    near(foundMean, mean)
    near(foundDeviation, deviation)
  }
})

test('ln, exp and power agree with the machine’s to 1e-14, though built of + − × ÷ alone', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
      assert.ok(Math.abs(ln(x) - Math.log(x)) <= 1e-14 * Math.max(1, Math.abs(Math.log(x))))
    }),
  )
  fc.assert(
    fc.property(fc.double({ min: -700, max: 700, noNaN: true }), (x) => {
      assert.ok(Math.abs(exp(x) / Math.exp(x) - 1) <= 1e-13)
    }),
  )
  assert.ok(Math.abs(power(2, 10) / 1024 - 1) < 1e-14)
})

test('the normal quantile is that of the tables', () => {
  const table = { 0.5: 0, 0.975: 1.959963985, 0.99: 2.326347874, 0.001: -3.090232306 }
  for (const [p, z] of Object.entries(table)) {
    assert.ok(Math.abs(normalQuantile(Number(p)) - z) < 1e-6, p)
  }
  assert.ok(Math.abs(normalQuantile(1e-9) + 5.997807015) < 1e-6)
})

test('a choice draws in proportion to the weights', () => {
  const choice = new Choice([10, 20, 30, 40], [1, 2, 0.5, 6.5])
  const random = Random.of(3, 'choice')
  const counts = new Map<number, number>()
  for (let n = 0; n < 100_000; n++) {
    const item = choice.draw(random)
    counts.set(item, (counts.get(item) ?? 0) + 1)
  }
  for (const [item, share] of [
    [10, 0.1],
    [20, 0.2],
    [30, 0.05],
    [40, 0.65],
  ] as const) {
    assert.ok(Math.abs(counts.get(item)! / 100_000 - share) < 0.01, String(item))
  }
  assert.throws(() => new Choice([], []), RangeError)
})

test('dealt pools come near their shares', () => {
  const weights = Array.from({ length: 500 }, (_, rank) => 1 / (rank + 1))
  const pools = deal(weights, [5, 3, 2])
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const shares = [0, 1, 2].map(
    (pool) =>
      weights.reduce((sum, weight, item) => sum + (pools[item] === pool ? weight : 0), 0) / total,
  )
  for (const [pool, share] of [0.5, 0.3, 0.2].entries()) {
    assert.ok(Math.abs(shares[pool]! - share) < 0.02, String(shares))
  }
})

test('a heap gives back what is due in order of time', () => {
  const step = fc.oneof(fc.nat(50), fc.constant('pop' as const))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new TimeHeap<number>()
      let twin: number[] = []
      for (const one of steps) {
        if (one === 'pop') {
          if (twin.length === 0) continue
          const least = Math.min(...twin)
          assert.equal(heap.nextMs, least)
          assert.equal(heap.pop(), least)
          twin = twin.toSpliced(twin.indexOf(least), 1)
        } else {
          heap.push(one, one)
          twin.push(one)
        }
        assert.equal(heap.size, twin.length)
      }
      if (twin.length === 0) assert.equal(heap.nextMs, Number.POSITIVE_INFINITY)
    }),
  )
})
