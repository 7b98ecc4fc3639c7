// Claims about progress lines, with a clock that the test moves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Source } from './core/ports.ts'
import { ProgressLine } from './progress.ts'

function watch(isTerminal: boolean, total: Source['total']) {
  const written: string[] = []
  const time = { us: 0 }
  const progress = new ProgressLine({
    label: 'replay',
    total,
    isTerminal,
    clock: { nowMs: () => 0, monotonicUs: () => time.us },
    write: (text) => written.push(text),
  })
  return { progress, written, time }
}

test('elsewhere than on a terminal there is a line every five seconds, with rate, share and time left', () => {
  const { progress, written, time } = watch(false, { unit: 'bytes', size: 1000 })
  for (let second = 1; second <= 12; second++) {
    time.us = second * 1_000_000
    progress.update(second * 100_000, second * 50)
  }
  assert.deepEqual(written, [
    'replay: 500,000 messages, 100,000/s, 25 %, 15 s left\n',
    'replay: 1,000,000 messages, 100,000/s, 50 %, 10 s left\n',
  ])
})

test('a terminal has one line that is rewritten and ended', () => {
  const { progress, written, time } = watch(true, { unit: 'messages', size: 4_000_000 })
  time.us = 200_000
  progress.update(1000, 1000)
  time.us = 210_000
  progress.update(1100, 1100)
  time.us = 400_000
  progress.end()
  assert.deepEqual(written, [
    '\r\u001b[?7lreplay: 1,000 messages, 5,000/s, 0 %, 13:20 left\u001b[K\u001b[?7h',
    '\r\u001b[?7lreplay: 1,100 messages in 0.4 s, 2,750/s\u001b[K\u001b[?7h',
    '\n',
  ])
})

test('the rate is the recent one, the time left is by the speed of the whole', () => {
  const { progress, written, time } = watch(false, { unit: 'messages', size: 100_000 })
  time.us = 5_000_000
  progress.update(1000, 1000)
  time.us = 10_000_000
  progress.update(11_000, 11_000)
  assert.deepEqual(written, [
    'replay: 1,000 messages, 200/s, 1 %, 8:15 left\n',
    'replay: 11,000 messages, 2,000/s, 11 %, 1:21 left\n',
  ])
})

test('without a total there is no share, and an empty job ends with a line too', () => {
  const { progress, written, time } = watch(false, null)
  time.us = 6_000_000
  progress.update(6, 0)
  progress.end()
  assert.deepEqual(written, ['replay: 6 messages, 1/s\n', 'replay: 6 messages in 6.0 s, 1/s\n'])
  const empty = watch(false, { unit: 'bytes', size: 0 })
  empty.progress.end()
  assert.deepEqual(empty.written, ['replay: 0 messages in 0.0 s, 0/s\n'])
})

test('hours are shown as hours', () => {
  const { progress, written, time } = watch(false, { unit: 'bytes', size: 100 })
  time.us = 3_725_000_000
  progress.update(1, 50)
  assert.match(written[0]!, /1:02:05 left/)
})
