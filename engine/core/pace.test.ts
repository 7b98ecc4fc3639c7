// Claims about the time that challengers get: what is known by the size of a batch, and how little is lost on a slow one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchRowsMax } from './limits.ts'
import { Pace } from './pace.ts'

const limitUs = 5000

test('what takes as long for one row as for many is expected to take no longer for many', () => {
  const pace = new Pace()
  for (let nowUs = 0; nowUs < 100_000; nowUs += 1000) {
    for (const count of [1, batchRowsMax]) {
      assert.ok(pace.isFit(count, limitUs, nowUs))
      pace.took(count, 200, limitUs, nowUs)
    }
  }
})

test('what is always too slow is tried ever more rarely, and less than a fiftieth of the time is lost', () => {
  const pace = new Pace()
  let nowUs = 0
  let lostUs = 0
  let tries = 0
  for (let batch = 0; batch < 50_000; batch++) {
    nowUs += 1000
    if (!pace.isFit(16, limitUs, nowUs)) continue
    tries++
    nowUs += 60_000
    lostUs += 60_000
    pace.took(16, 60_000, limitUs, nowUs)
  }
  assert.ok(lostUs < nowUs / 50, `${lostUs} of ${nowUs} µs`)
  assert.ok(tries > 8, 'it gets its chances')
})

test('what was late once is back after twice as long as it took, and then nothing is held against it', () => {
  const pace = new Pace()
  pace.took(1, 8000, limitUs, 10_000)
  assert.ok(!pace.isFit(1, limitUs, 25_999))
  assert.ok(pace.isFit(1, limitUs, 26_000))
  pace.took(1, 100, limitUs, 26_100)
  assert.ok(pace.isFit(1, limitUs, 26_100))
  assert.ok(!pace.isFit(1, 99, 26_100), 'there is no time for it this once')
  assert.ok(pace.isFit(1, 99, 26_200))
})

test('nothing is begun when all of the time has gone', () => {
  assert.ok(!new Pace().isFit(1, 0, 1e9))
})
