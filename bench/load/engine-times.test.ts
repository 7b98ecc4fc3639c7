// Claims about what is read from a page of metrics.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineTimes, quantile } from './engine-times.ts'

function page(counts: readonly number[], batches: [number, number]): string {
  const bounds = ['0.0005', '0.001', '+Inf']
  const lines = bounds.map((le, at) => `weir_engine_seconds_bucket{le="${le}"} ${counts[at]}`)
  return [
    ...lines,
    `weir_batch_messages_sum ${batches[0]}`,
    `weir_batch_messages_count ${batches[1]}`,
    `weir_send_outcomes_sum ${batches[0]}`,
    `weir_send_outcomes_count ${batches[1] / 2}`,
  ].join('\n')
}

test('only what came between two looks counts, interpolated within a bucket', () => {
  const before = page([100, 100, 100], [500, 100])
  const after = page([190, 200, 200], [2100, 200])
  const { p50Us, p99Us, decisionBatch, sendBatch } = engineTimes(before, after)
  assert.ok(Math.abs(p50Us - (50 / 90) * 500) < 1e-6, String(p50Us))
  assert.ok(Math.abs(p99Us - 950) < 1e-6, String(p99Us))
  assert.equal(decisionBatch, 16)
  assert.equal(sendBatch, 32)
})

test('beyond the last bound the bound itself is told', () => {
  const buckets = [
    { bound: 1, count: 1 },
    { bound: Number.POSITIVE_INFINITY, count: 100 },
  ]
  assert.equal(quantile(buckets, 0.99), 1)
})
