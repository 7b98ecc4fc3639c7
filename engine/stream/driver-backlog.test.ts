// Claims about what the driver tells of itself: when it is ready, what is in hand, and where acknowledged outcomes end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../clock.ts'
import type { Message, Outcome } from '../core/ports.ts'
import { type Processor, StreamDriver } from './driver.ts'
import type { OutboxPort } from './outbox.ts'
import type { SourceControl } from './source.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const control: SourceControl = {
  pause: () => undefined,
  resume: () => undefined,
  commit: () => Promise.resolve(true),
}

function makeDriver(processor: Processor, send: OutboxPort['sendDecisions']): StreamDriver {
  return new StreamDriver({
    processor,
    port: {
      sendDecisions: send,
      sendDeadLetters: () => Promise.resolve(),
      recover: () => Promise.resolve(-1),
    },
    resumeAt: (partition) => Promise.resolve(partition === 0 ? 5 : 0),
    prepare: () => Promise.resolve(),
    onAssigned: () => undefined,
    isRetriable: () => true,
    batchMax: 2,
    backlogBatchMax: 256,
    outboxMax: 1000,
    orderWaitMs: 1000,
    sendBatchMax: 1000,
    commitIntervalMs: 10_000,
    drainMsMax: 4000,
    clock: systemClock,
    log: silent,
  })
}

function message(offset: number): Message {
  return {
    partition: 0,
    offset,
    key: null,
    value: null,
    timestampMs: 0,
    traceparent: null,
    answer: null,
  }
}

function outcomeOf({ partition, offset }: Message): Outcome {
  const type = 'decision'
  const none = {
    earlier: 'nobody' as const,
    key: null,
    traceparent: null,
    reject: null,
    source: null,
  }
  return { type, outcome: 'approve', rung: 'full', partition, offset, value: '{}', ...none }
}

/** A promise and what resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

test('ready from the first assignment to the stop; the backlog is what waits, what is sent and where that ends', async () => {
  const deciding = gate()
  const sending = gate()
  const sent = gate()
  const process = async (messages: readonly Message[]): Promise<Outcome[]> => {
    await deciding.opened
    return messages.map(outcomeOf)
  }
  const driver = makeDriver({ process }, () => {
    sent.open()
    return sending.opened
  })
  const running = driver.run(control)
  assert.equal(driver.isReady, false)
  await driver.assigned([0, 1])
  assert.equal(driver.isReady, true)
  assert.deepEqual(
    [...driver.backlog().next],
    [
      [0, 5],
      [1, 0],
    ],
    'nothing is acknowledged yet: where it goes on',
  )
  driver.received([message(5), message(6), message(7)], false)
  assert.equal(driver.backlog().waiting, 3)
  deciding.open()
  await sent.opened
  assert.ok(driver.backlog().outboxes.get(0)! > 0)
  assert.equal(driver.backlog().outboxes.get(1), 0)
  assert.equal(driver.backlog().next.get(0), 5, 'sent and not acknowledged')
  const stopping = driver.stop()
  assert.equal(driver.isReady, false)
  sending.open()
  await stopping
  await running
  assert.equal(driver.backlog().waiting, 0)
  assert.equal(driver.backlog().outboxes.get(0), 0)
  assert.equal(driver.backlog().next.get(0), 8)
})

test('what was decided goes out, though deciding the next of a backlog fails', async () => {
  let decided = 0
  let sent = 0
  const process = (messages: readonly Message[]): Promise<Outcome[]> => {
    if (decided > 0) return Promise.reject(new Error('the store is away'))
    decided += messages.length
    return Promise.resolve(messages.map(outcomeOf))
  }
  const driver = makeDriver({ process }, (_, records) => {
    sent += records.length
    return Promise.resolve()
  })
  const running = driver.run(control)
  await driver.assigned([0])
  driver.received(
    Array.from({ length: 3000 }, (_, offset) => message(5 + offset)),
    false,
  )
  while (sent === 0) await setImmediate()
  assert.equal(sent, decided)
  await driver.stop()
  await running
})
