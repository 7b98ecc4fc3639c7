// Claims about how seldom a topic is looked at.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseMs } from './topic-end.ts'

test('a backlog of minutes takes few looks, and its end is seen within milliseconds', () => {
  const perMs = 10
  const wanted = 600_000
  let looks = 0
  let done = 0
  while (done < wanted) {
    done += pauseMs(wanted - done, perMs) * perMs
    looks++
  }
  assert.ok(looks < 150, `${looks} looks`)
  assert.ok(done - wanted <= 5 * perMs, `${done - wanted} too late`)
})

test('nothing done yet is looked at again soon', () => {
  assert.deepEqual([pauseMs(1000, 0), pauseMs(1000, Number.NaN)], [100, 100])
})
