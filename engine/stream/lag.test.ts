// Claims about lag: from acknowledged outcomes to the end, of partitions that are ours, whatever the brokers do. And that
// what goes through a metered port is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../core/ports.ts'
import { Lag } from './lag.ts'
import { MeteredPort } from './metered-port.ts'

test('lag is from behind the acknowledged outcomes to the end; where nothing is known yet, from the first message', async () => {
  const next = new Map([
    [0, 40],
    [1, null],
    [2, 100],
    [3, 5],
  ])
  const range = (partition: number) =>
    // Of partition 3 the messages before 20 are deleted already: they cannot be waited for.
    Promise.resolve({ first: partition === 3 ? 20 : 10, end: 100 })
  const lag = new Lag({ range, next: () => next })
  assert.deepEqual(
    [...(await lag.measure())],
    [
      [0, 60],
      [1, 90],
      [2, 0],
      [3, 80],
    ],
  )
})

test('while the brokers fail or hang the last known end stands, for what is still ours', async () => {
  let range: () => Promise<{ first: number; end: number }> = () =>
    Promise.resolve({ first: 0, end: 100 })
  let asked = 0
  const next = new Map<number, number | null>([
    [0, 40],
    [1, 50],
  ])
  const lag = new Lag({
    range: () => {
      asked++
      return range()
    },
    next: () => next,
  })
  await lag.measure()
  range = () => Promise.reject(new Error('away'))
  next.set(0, 45)
  next.delete(1)
  assert.deepEqual([...(await lag.measure())], [[0, 55]])
  range = () => new Promise(() => undefined)
  const before = asked
  const both = await Promise.all([lag.measure(), lag.measure()])
  assert.deepEqual(
    both.map((lags) => [...lags]),
    [[[0, 55]], [[0, 55]]],
  )
  assert.equal(asked, before + 1, 'one question at a time')
})

test('acknowledged sends and failed ones are told, dead letters are not sends', async () => {
  const told: unknown[] = []
  const lost = new Error('lost')
  let isAway = false
  const port = new MeteredPort(
    {
      sendDecisions: () => (isAway ? Promise.reject(lost) : Promise.resolve()),
      sendDeadLetters: () => Promise.resolve(),
      recover: (partition) => Promise.resolve(partition),
    },
    {
      decided: () => undefined,
      sent: (outcomes) => told.push(outcomes),
      failed: (error) => told.push(error),
    },
  )
  const record = { key: null, value: 'x', headers: {} }
  await port.sendDecisions(4, [record, record])
  await port.sendDeadLetters([{} as Outcome])
  isAway = true
  await assert.rejects(port.sendDecisions(4, [record]), lost)
  assert.equal(await port.recover(4, lost), 4)
  assert.deepEqual(told, [2, lost])
})
