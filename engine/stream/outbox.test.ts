// What one send carries, and how much may wait.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message, Outcome } from '../core/ports.ts'
import { plainDecision } from '../testing/decision-log.ts'
import { Epoch } from './epoch.ts'
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

const limits = { batchMax: 64, backlogBatchMax: 256, outboxMax: 1000 }

function messages(count: number, bytes: number, partition = 0, times: number[] = []): Message[] {
  const value = Buffer.alloc(bytes)
  return Array.from({ length: count }, (_, offset) => ({
    partition,
    offset,
    key: null,
    value,
    timestampMs: times[offset] ?? 0,
    traceparent: null,
    answer: null,
  }))
}

test('fetching pauses at 4,096 messages that wait, and goes on when a quarter is left', () => {
  const epoch = new Epoch(limits)
  epoch.receive(messages(4096, 10))
  assert.equal(epoch.isOverfull, false)
  epoch.receive(messages(1, 10))
  assert.equal(epoch.isOverfull, true)
  let left = 4097
  while (!epoch.isLow) left -= epoch.take().length
  assert.ok(left < 1024 && left > 700, String(left))
})

test('few large messages pause it as well, wherever they are on their way', () => {
  const epoch = new Epoch({ ...limits, backlogBatchMax: 64 })
  const never = new Promise<never>(() => undefined)
  const port = { sendDecisions: () => never, sendDeadLetters: () => never, recover: () => never }
  epoch.open(makeOutbox(port), null)
  epoch.receive(messages(70, 2 ** 20))
  assert.equal(epoch.isOverfull, true)
  for (let batch = epoch.take(); batch.length > 0; batch = epoch.take()) {
    epoch.publish(
      batch.map((source) => ({ ...plainDecision(0, source.offset), type: 'rejected', source })),
    )
  }
  assert.equal(epoch.unacknowledged, 64, 'decided no further while so much is not acknowledged')
  assert.equal(epoch.isOverfull, true)
  assert.equal(epoch.isLow, false)
})

test('what waits is taken in order: few at a time while it keeps up, more from a backlog', () => {
  const epoch = new Epoch(limits)
  epoch.receive(messages(1000, 10))
  const batches: (readonly Message[])[] = []
  for (let batch = epoch.take(); batch.length > 0; batch = epoch.take()) batches.push(batch)
  assert.deepEqual(
    batches.map(({ length }) => length),
    [256, 256, 256, 64, 64, 64, 40],
  )
  assert.deepEqual(
    batches.flat().map(({ offset }) => offset),
    Array.from({ length: 1000 }, (_, offset) => offset),
  )
})

//   partition 0   10    20 15       40      its own order stays, though a time goes back
//   partition 1      12         30
test('of several partitions the oldest message is decided first, and each keeps its own order', () => {
  const epoch = new Epoch({ ...limits, batchMax: 2 })
  epoch.receive(messages(4, 10, 0, [10, 20, 15, 40]))
  epoch.receive(messages(2, 10, 1, [12, 30]))
  const taken: string[] = []
  for (let batch = epoch.take(); batch.length > 0; batch = epoch.take()) {
    for (const { partition, offset } of batch) taken.push(`${partition}:${offset}`)
  }
  assert.deepEqual(taken, ['0:0', '1:0', '0:1', '0:2', '1:1', '0:3'])
})

test('a draining epoch takes nothing more, an ended one publishes nothing more', () => {
  const epoch = new Epoch(limits)
  const sends = new Sends()
  epoch.open(makeOutbox(sends), null)
  epoch.receive(messages(10, 10))
  epoch.drain()
  assert.equal(epoch.take().length, 0)
  assert.equal(epoch.publish([plainDecision(0, 0)]), 1)
  epoch.end()
  assert.equal(epoch.publish([plainDecision(0, 1)]), 0)
  assert.equal(sends.all.length, 1)
})
