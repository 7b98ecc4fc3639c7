// Claims about what may be said of several runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '../results.ts'
import { deviationOf, figureOf, kindOf, median } from './statistics.ts'

const calm = { p50Us: 0, p99Us: 100, p999Us: 1000, maxUs: 2000 }

function runsOf(measure: string, values: readonly number[], rest: Partial<Run> = {}): Run[] {
  return values.map((value) => {
    return { measures: { [measure]: value }, calibrationUs: 4000, stalls: calm, ...rest }
  })
}

function refusal(measure: string, values: readonly number[], rest?: Partial<Run>): string | null {
  return figureOf({ runs: runsOf(measure, values, rest) }, measure)!.refusal
}

test('the median of an even number of runs is between the middle two', () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5])
})

test('the farthest run from the median says how far they differ', () => {
  assert.equal(deviationOf([100, 90, 104]), 0.1)
  assert.equal(deviationOf([0, 0, 0]), 0)
  assert.equal(deviationOf([0, 0, 1]), Number.POSITIVE_INFINITY)
})

test('a measure is of the kind that its unit says', () => {
  const kinds: [string, string][] = [
    ['round_trips_per_decision', 'bytes and round trips'],
    ['allocated_bytes_per_decision', 'bytes and round trips'],
    ['engine_cpu_us_per_decision', 'CPU'],
    ['parse_us_per_transaction', 'CPU'],
    ['stage_fold_cpu_us', 'CPU'],
    ['decisions_per_second', 'rate'],
    ['p50_us', 'median latency'],
    ['weir_tcp_p50_us', 'median latency'],
    ['p99_us', 'tail latency'],
    ['generator_late_p999_us', 'tail latency'],
    ['swap_ms_longest', 'memory and anything else'],
    ['made_ms', 'time'],
    ['rss_mb_at_end', 'memory and anything else'],
    ['differing_share', 'memory and anything else'],
  ]
  for (const [measure, kind] of kinds) assert.equal(kindOf(measure).name, kind, measure)
})

test('CPU within 15 % of its median is claimed, and beyond it is too noisy', () => {
  assert.equal(refusal('cpu_us', [100, 86, 114]), null)
  assert.equal(refusal('cpu_us', [100, 84, 114]), 'too noisy')
})

test('bytes are claimed within 5 % only: no machine blurs them', () => {
  assert.equal(refusal('bytes_to_redis_per_decision', [400, 401, 419]), null)
  assert.equal(refusal('bytes_to_redis_per_decision', [400, 401, 425]), 'too noisy')
})

test('fewer than three runs claim nothing', () => {
  assert.equal(refusal('cpu_us', [100]), 'one run')
  assert.equal(refusal('cpu_us', [100, 100]), '2 runs')
})

test('void runs are no runs', () => {
  const sound = runsOf('cpu_us', [100, 101])
  const wrong = runsOf('cpu_us', [5], { void: ['a wrong answer'] })
  const figure = figureOf({ runs: [...sound, ...wrong] }, 'cpu_us')
  assert.deepEqual([figure?.values, figure?.refusal], [[100, 101], '2 runs'])
  assert.equal(figureOf({ runs: wrong }, 'cpu_us'), null)
})

test('a p99 is claimed only where the stalls of the machine are at most half of it', () => {
  const stalls = (p99Us: number): Partial<Run> => ({ stalls: { ...calm, p99Us } })
  assert.equal(refusal('p99_us', [1000, 1010, 1020], stalls(500)), null)
  assert.equal(refusal('p99_us', [1000, 1010, 1020], stalls(600)), 'stalls of 600 µs')
  assert.equal(refusal('weir_p99_ms', [1, 1.01, 1.02], stalls(600)), 'stalls of 600 µs')
  assert.equal(refusal('p99_us', [1000, 1010, 1020], { stalls: null }), 'stalls unknown')
})

test('stalls of one in a hundred instants do not stand against a median', () => {
  assert.equal(refusal('p50_us', [200, 210, 220], { stalls: { ...calm, p99Us: 9000 } }), null)
})
