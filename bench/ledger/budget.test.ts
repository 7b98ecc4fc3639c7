// What keeps a budget, what exceeds it, and what the finding says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgetOf, compare } from './budget.ts'

const setting = { place: 'redis', batch: 16 } as const
const measures = {
  round_trips_per_decision: 0.0625,
  bytes_to_redis_per_decision: 500,
  allocated_bytes_per_decision: 400,
  stage_fold_cpu_us: 6,
  stage_other_cpu_us: 1,
}
const budget = budgetOf(setting, measures, 3000)

/** Kinds and measures of what is found where some measures differ. */
function found(change: Readonly<Record<string, number>>): string[] {
  return compare(budget, budgetOf(setting, { ...measures, ...change }, 3000)).map(
    ({ kind, text }) => `${kind} ${/: ([\w ]+)/.exec(text)?.[1]}`,
  )
}

test('a budget is kept by what it was made of, and by what sampling varies of itself', () => {
  assert.deepEqual(found({}), [])
  assert.deepEqual(found({ allocated_bytes_per_decision: 450 }), [])
})

test('a round trip, a byte or an allocation more exceeds it', () => {
  assert.deepEqual(found({ round_trips_per_decision: 0.063 }), [
    'exceeded round_trips_per_decision',
  ])
  assert.deepEqual(found({ bytes_to_redis_per_decision: 504 }), [
    'exceeded bytes_to_redis_per_decision',
  ])
  assert.deepEqual(found({ allocated_bytes_per_decision: 470 }), [
    'exceeded allocated_bytes_per_decision',
  ])
})

test('a measure that is no longer there exceeds it', () => {
  const [finding] = compare(budget, budgetOf(setting, {}, 3000))
  assert.match(finding?.text ?? '', /round_trips_per_decision: the budget is 0.0625, found no such/)
})

test('what was won is to be kept', () => {
  assert.deepEqual(found({ allocated_bytes_per_decision: 300 }), [
    'better allocated_bytes_per_decision',
  ])
})

test('CPU is compared by the calibration kernel: twice as much warns, five times exceeds', () => {
  assert.deepEqual(found({ stage_fold_cpu_us: 12 }), [
    'warning CPU of fold by the calibration kernel',
  ])
  assert.deepEqual(found({ stage_fold_cpu_us: 30 }), [
    'exceeded CPU of fold by the calibration kernel',
  ])
  const slower = budgetOf(setting, { ...measures, stage_fold_cpu_us: 12 }, 6000)
  assert.deepEqual(compare(budget, slower), [], 'a machine half as fast')
})

test('a finding names measure, budget, found and what to do', () => {
  const [finding] = compare(
    budget,
    budgetOf(setting, { ...measures, bytes_to_redis_per_decision: 600 }, 3000),
  )
  assert.match(finding?.text ?? '', /redis, decision batches of 16/)
  assert.match(finding?.text ?? '', /the budget is 500, found 600 \(20 % more\)/)
  assert.match(finding?.text ?? '', /node dist\/bench\/ledger\/in-process.js redis standard 16/)
  assert.match(finding?.text ?? '', /npm run budget -- --update/)
})
