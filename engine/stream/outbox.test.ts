// What one send carries.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../core/ports.ts'
import { plainDecision } from '../testing/decision-log.ts'
import type { NewRecord } from './kafka.ts'
import { Outbox, type OutboxPort } from './outbox.ts'

/** Takes everything, and remembers each send. */
class Sends implements OutboxPort {
  readonly all: (readonly NewRecord[])[] = []
  readonly dead: (readonly Outcome[])[] = []

  sendDecisions(_: number, records: readonly NewRecord[]): Promise<void> {
    this.all.push(records)
    return Promise.resolve()
  }

  sendDeadLetters(outcomes: readonly Outcome[]): Promise<void> {
    this.dead.push(outcomes)
    return Promise.resolve()
  }

  recover(): Promise<number> {
    return Promise.reject(new Error('nothing fails here'))
  }
}

function makeOutbox(port: OutboxPort, messagesMax?: number): Outbox {
  const failed = (error: unknown): void => {
    assert.ifError(error)
  }
  const listener = { acknowledged: () => undefined, failed }
  return new Outbox(0, port, listener, messagesMax)
}

function bytesOf(records: readonly NewRecord[]): number {
  const size = (part: Buffer | string | null): number =>
    part === null ? 0 : Buffer.byteLength(part)
  return records.reduce((sum, { key, value }) => sum + size(key) + size(value), 0)
}

async function sent(outcomes: readonly Outcome[], messagesMax?: number): Promise<Sends> {
  const sends = new Sends()
  const outbox = makeOutbox(sends, messagesMax)
  for (const outcome of outcomes) outbox.add(outcome)
  outbox.flush()
  while (outbox.size > 0) await Promise.resolve()
  assert.equal(outbox.bytes, 0)
  assert.equal(outbox.acknowledged, outcomes.at(-1)?.offset)
  return sends
}

function decisions(count: number, change: Partial<Outcome> = {}): Outcome[] {
  return Array.from({ length: count }, (_, offset) => ({ ...plainDecision(0, offset), ...change }))
}

test('a send carries all that has gathered, up to a thousand, or the setting', async () => {
  const { all } = await sent(decisions(2500))
  assert.deepEqual(
    all.map(({ length }) => length),
    [1000, 1000, 500],
  )
  const few = await sent(decisions(25), 10)
  assert.deepEqual(
    few.all.map(({ length }) => length),
    [10, 10, 5],
  )
})

test('a send stays below a mebibyte, also where ids and documents are not ASCII', async () => {
  for (const letter of ['x', 'é', '€', '😀']) {
    const long = { key: letter.repeat(256), value: `"${letter.repeat(1500)}"` }
    const { all } = await sent(decisions(1000, long))
    for (const records of all) assert.ok(bytesOf(records) < 1_000_000, letter)
    assert.equal(all.flat().length, 1000)
  }
})

test('what is larger than a send should be goes alone', async () => {
  const [small, large, last] = decisions(3)
  const { all } = await sent([small!, { ...large!, value: 'x'.repeat(950_000) }, last!])
  assert.deepEqual(
    all.map(({ length }) => length),
    [1, 1, 1],
  )
})

test('dead letters of a send go before it, and only those', async () => {
  const [one, two, three] = decisions(3)
  const { all, dead } = await sent([one!, { ...two!, type: 'rejected' }, three!])
  assert.deepEqual(
    dead.flat().map(({ offset }) => offset),
    [1],
  )
  assert.equal(all.flat().length, 3)
})

test('what has gathered without being told to go waits, and goes along with what is', async () => {
  const sends = new Sends()
  const outbox = makeOutbox(sends)
  const [one, two, three, four] = decisions(4)
  outbox.add(one!)
  outbox.flush()
  outbox.add(two!)
  outbox.flush()
  outbox.add(three!)
  while (outbox.size > 0) await Promise.resolve()
  outbox.add(four!)
  for (let left = 20; left > 0; left--) await Promise.resolve()
  assert.deepEqual(
    sends.all.map(({ length }) => length),
    [1, 2],
  )
  assert.equal(outbox.size, 1)
})
