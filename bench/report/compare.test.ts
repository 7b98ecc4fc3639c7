// Claims about what is called a change between two results, and what is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '../results.ts'
import { compare, formatComparison } from './compare.ts'

function side(measure: string, values: readonly number[], calibrationUs: number | null = 4000) {
  const runs: Run[] = values.map((value) => {
    return { measures: { [measure]: value }, calibrationUs, stalls: null }
  })
  return [{ name: 'pipeline', runs }]
}

function verdict(measure: string, before: readonly number[], after: readonly number[]): string {
  return compare(side(measure, before), side(measure, after))[0]!.verdict
}

test('where every run of one side lies beyond every run of the other, something changed', () => {
  //  now   |  90 91 92 |
  //  base               | 95 96 97 |
  assert.equal(verdict('engine_cpu_us_per_decision', [95, 96, 97], [90, 91, 92]), 'better')
  assert.equal(verdict('engine_cpu_us_per_decision', [90, 91, 92], [95, 96, 97]), 'worse')
  assert.equal(verdict('decisions_per_second', [90, 91, 92], [95, 96, 97]), 'better')
  assert.equal(verdict('swaps', [10, 10, 10], [11, 11, 11]), 'changed')
})

test('where the ranges overlap there is no claim, however far the medians are apart', () => {
  //  now   |  50     90        97 |
  //  base                    | 96  99  100 |
  const [one] = compare(side('cpu_us', [99, 96, 100]), side('cpu_us', [90, 50, 97]))
  assert.deepEqual([one?.verdict, one?.why], ['no claim', 'the ranges overlap'])
})

test('one run against many is no claim', () => {
  const [one] = compare(side('cpu_us', [100, 100, 100]), side('cpu_us', [10]))
  assert.deepEqual([one?.verdict, one?.why], ['no claim', '1 of at least 3 runs'])
})

test('a slower machine is not a slower engine: CPU is divided by the calibration of its run', () => {
  const before = side('cpu_us', [100, 101, 102], 4000)
  const after = side('cpu_us', [150, 151, 152], 6000)
  const [one] = compare(before, after)
  assert.deepEqual([one?.verdict, one?.isCalibrated], ['no claim', true])
  assert.ok(Math.abs(one!.ratio - 151 / 151.5) < 1e-9)
})

test('without a calibration on both sides CPU is compared as it is, and not marked', () => {
  const [one] = compare(side('cpu_us', [100, 101, 102], null), side('cpu_us', [150, 151, 152]))
  assert.deepEqual([one?.verdict, one?.isCalibrated], ['worse', false])
})

test('bytes are compared as they are; the same is the same', () => {
  const before = side('bytes_to_redis_per_decision', [400, 400, 400], 4000)
  const after = side('bytes_to_redis_per_decision', [400, 400, 400], 6000)
  const [one] = compare(before, after)
  assert.deepEqual([one?.ratio, one?.verdict, one?.isCalibrated], [1, 'same', false])
})

test('latencies that the stalls of the machine may have made are no claim', () => {
  const stalls = { p50Us: 0, p99Us: 900, p999Us: 2000, maxUs: 3000 }
  const stalled = (values: readonly number[]) =>
    side('p99_us', values).map((one) => ({
      ...one,
      runs: one.runs.map((run) => ({ ...run, stalls })),
    }))
  const [one] = compare(stalled([2000, 2010, 2020]), stalled([1000, 1010, 1020]))
  assert.deepEqual([one?.verdict, one?.why], ['no claim', 'stalls of 900 µs'])
})

test('void runs and variants of one side only are left out', () => {
  const before = side('cpu_us', [1, 1, 1])
  const after = [
    {
      name: 'pipeline',
      runs: side('cpu_us', [9])[0]!.runs.map((run) => ({ ...run, void: ['late'] })),
    },
    { name: 'new', runs: side('cpu_us', [9])[0]!.runs },
  ]
  assert.deepEqual(compare(before, after), [])
})

test('the table names the base, both medians, the ratio and the verdict', () => {
  const list = compare(side('cpu_us', [100, 101, 102]), side('cpu_us', [50, 51, 52]))
  const text = formatComparison(list, '19e04c8')
  assert.match(text, /Compared with 19e04c8/)
  assert.match(text, /\| pipeline \| cpu us \| 101 \| 51\.0 \| 0\.505 \* \| better \|/)
})
