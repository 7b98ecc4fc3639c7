// In which order the messages of several partitions are decided, whom that holds up and for how long, and how much may wait.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../features/generator/random.ts'
import type { Message } from '../core/ports.ts'
import { plainDecision } from '../testing/decision-log.ts'
import { Epoch, type EpochLimits } from './epoch.ts'
import { Outbox, type OutboxPort } from './outbox.ts'

const orderWaitMs = 1000
const limits: EpochLimits = { batchMax: 64, backlogBatchMax: 256, outboxMax: 1000, orderWaitMs }

/** Never acknowledges anything. */
const never = new Promise<never>(() => undefined)
const silent = { sendDecisions: () => never, sendDeadLetters: () => never, recover: () => never }

function makeOutbox(partition: number, port: OutboxPort = silent): Outbox {
  const failed = (error: unknown): void => {
    assert.ifError(error)
  }
  return new Outbox(partition, port, { acknowledged: () => undefined, failed })
}

/** An epoch of partitions of which nothing is known yet. */
function makeEpoch(partitions = 1, change: Partial<EpochLimits> = {}) {
  const givenUp: number[] = []
  const epoch = new Epoch({ ...limits, ...change }, (them) => givenUp.push(...them))
  for (let partition = 0; partition < partitions; partition++) {
    epoch.open(makeOutbox(partition), null)
  }
  return { epoch, givenUp }
}

function messages(count: number, bytes: number): Message[] {
  return made(0, Array<number>(count).fill(0), 0, bytes)
}

/** One message for each time. */
function made(partition: number, times: readonly number[], from = 0, bytes = 10): Message[] {
  const value = Buffer.alloc(bytes)
  const more = { key: null, value, traceparent: null, answer: null }
  return times.map((timestampMs, at) => ({ partition, offset: from + at, timestampMs, ...more }))
}

/** All that may be taken at that moment, as `partition:offset`. */
function taken(epoch: Epoch, nowMs = 0): string[] {
  const found: string[] = []
  for (;;) {
    const batch = epoch.take(nowMs)
    if (batch.length === 0) return found
    for (const { partition, offset } of batch) found.push(`${partition}:${offset}`)
  }
}

test('a partition is fetched no further beyond 4,096 messages that wait, and again below half of them', () => {
  const { epoch } = makeEpoch()
  epoch.receive(messages(4096, 10), true)
  assert.deepEqual(epoch.regulate(), { pause: [], resume: [] })
  epoch.receive(messages(1, 10), true)
  assert.deepEqual(epoch.regulate(), { pause: [0], resume: [] })
  assert.deepEqual(epoch.regulate(), { pause: [], resume: [] }, 'told once')
  let left = 4097
  for (let resume: readonly number[] = []; resume.length === 0; ) {
    left -= epoch.take(0).length
    resume = epoch.regulate().resume
  }
  assert.ok(left < 2048 && left > 1700, String(left))
})

test('partitions share those 4,096, and only where any wait', () => {
  const { epoch } = makeEpoch(4)
  epoch.receive(made(0, Array<number>(3000).fill(1)), true)
  assert.deepEqual(epoch.regulate().pause, [], 'the only one')
  epoch.receive(made(1, Array<number>(1000).fill(1)), true)
  assert.deepEqual(epoch.regulate().pause, [0], 'one of two')
  epoch.fetched(2, true)
  assert.deepEqual(epoch.regulate(), { pause: [], resume: [] })
})

test('few large messages pause it as well, wherever they are on their way', () => {
  const { epoch } = makeEpoch(1, { backlogBatchMax: 64 })
  epoch.receive(messages(70, 2 ** 20), true)
  assert.deepEqual(epoch.regulate().pause, [0])
  for (let batch = epoch.take(0); batch.length > 0; batch = epoch.take(0)) {
    epoch.publish(
      batch.map((source) => ({ ...plainDecision(0, source.offset), type: 'rejected', source })),
    )
  }
  assert.equal(epoch.unacknowledged, 64, 'decided no further while so much is not acknowledged')
  assert.deepEqual(epoch.regulate().resume, [])
})

test('one that nothing waits of is fetched, however much waits of the others', () => {
  const { epoch } = makeEpoch(2)
  epoch.receive(made(0, [1, 1], 0, 40 * 2 ** 20), true)
  epoch.receive(made(1, [2], 0, 40 * 2 ** 20), true)
  assert.deepEqual(epoch.regulate().pause, [0, 1])
  assert.deepEqual(taken(epoch), ['0:0', '0:1'], 'the next of partition 0 may be older than 1:0')
  assert.deepEqual(epoch.regulate(), { pause: [], resume: [0] })
})

test('what waits is taken in order: few at a time while it keeps up, more from a backlog', () => {
  const { epoch } = makeEpoch()
  epoch.receive(messages(1000, 10), true)
  const batches: (readonly Message[])[] = []
  for (let batch = epoch.take(0); batch.length > 0; batch = epoch.take(0)) batches.push(batch)
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
  const { epoch } = makeEpoch(2, { batchMax: 2 })
  epoch.receive(made(0, [10, 20, 15, 40]), false)
  epoch.receive(made(1, [12, 30]), false)
  assert.deepEqual(taken(epoch), ['0:0', '1:0', '0:1', '0:2', '1:1', '0:3'])
})

//   partition 0   10 11      14 | 15        fetched up to |, more is in Kafka
//   partition 1         12 13       16 17
test('a partition that has more in Kafka than is here is waited for', () => {
  const { epoch, givenUp } = makeEpoch(2)
  epoch.receive(made(0, [10, 11, 14]), true)
  epoch.receive(made(1, [12, 13, 16, 17]), false)
  assert.deepEqual(taken(epoch), ['0:0', '0:1', '1:0', '1:1', '0:2'])
  assert.deepEqual(taken(epoch, orderWaitMs - 1), [])
  epoch.receive(made(0, [15], 3), false)
  assert.deepEqual(taken(epoch, orderWaitMs - 1), ['0:3', '1:2', '1:3'])
  assert.deepEqual(givenUp, [])
})

test('a partition that was read to its end holds nobody up', () => {
  const { epoch } = makeEpoch(3)
  epoch.receive(made(0, [10]), false)
  epoch.receive(made(1, [20, 21]), true)
  epoch.fetched(2, false)
  assert.deepEqual(taken(epoch), ['0:0', '1:0', '1:1'])
  // Only control records, or what was aborted, was behind them.
  epoch.receive(made(0, [30], 1), false)
  assert.deepEqual(taken(epoch), [])
  epoch.fetched(1, false)
  assert.deepEqual(taken(epoch), ['0:1'])
})

test('nothing is decided before each partition has been asked for once', () => {
  const { epoch } = makeEpoch(2)
  epoch.receive(made(0, [10]), false)
  assert.deepEqual(taken(epoch), [])
  epoch.fetched(1, true)
  assert.deepEqual(taken(epoch), [])
  epoch.receive(made(1, [9]), false)
  assert.deepEqual(taken(epoch), ['1:0', '0:0'])
})

test('what was told of a partition before its outbox is opened counts', () => {
  const { epoch } = makeEpoch(1)
  epoch.fetched(1, false)
  epoch.open(makeOutbox(1), null)
  epoch.receive(made(0, [10]), false)
  assert.deepEqual(taken(epoch), ['0:0'])
})

test('one that is waited for in vain is told, and holds nobody up until more of it comes', () => {
  const { epoch, givenUp } = makeEpoch(3)
  epoch.receive(made(0, [10, 11]), false)
  epoch.fetched(1, false)
  assert.equal(epoch.heldMsLeft(500), null)
  assert.deepEqual(taken(epoch, 500), [])
  assert.equal(epoch.heldMsLeft(600), orderWaitMs - 100)
  assert.deepEqual(taken(epoch, 500 + orderWaitMs - 1), [])
  assert.deepEqual(taken(epoch, 500 + orderWaitMs), ['0:0', '0:1'])
  assert.equal(epoch.heldMsLeft(5000), null)
  // Fetches that bring nothing although they say that there is something.
  epoch.fetched(2, true)
  epoch.receive(made(0, [12], 2), false)
  assert.deepEqual(taken(epoch, 5000), ['0:2'])
  assert.deepEqual(givenUp, [2])
  epoch.receive(made(2, [5]), true)
  epoch.receive(made(0, [13], 3), false)
  assert.deepEqual(taken(epoch, 6000), ['2:0'])
  assert.deepEqual(taken(epoch, 6000 + orderWaitMs), ['0:3'], 'the wait begins anew')
  assert.deepEqual(givenUp, [2, 2])
})

test('with a wait of nothing none is waited for', () => {
  const { epoch, givenUp } = makeEpoch(2, { orderWaitMs: 0 })
  epoch.receive(made(0, [10]), true)
  assert.deepEqual(taken(epoch), ['0:0'])
  assert.deepEqual(givenUp, [])
})

/** Partitions of a broker, each with some messages whose times ascend; drawn by seed. */
function drawLogs(random: Random): Message[][] {
  const logs = Array.from({ length: 2 + random.below(5) }, (): number[] => [])
  for (let timeMs = 0; timeMs < 400; timeMs++) logs[random.below(logs.length)]!.push(timeMs)
  return logs.map((times, partition) => made(partition, times))
}

test('however a backlog is fetched, it is decided as it was made', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = Random.of(seed, 'backlogs')
    const logs = drawLogs(random)
    const { epoch, givenUp } = makeEpoch(logs.length, { batchMax: 1 + random.below(20) })
    const next = logs.map(() => 0)
    const times: number[] = []
    const paused = new Set<number>()
    for (let round = 0; times.length < 400; round++) {
      assert.ok(round < 10_000, `seed ${seed}: nothing more is taken`)
      const partition = random.below(logs.length)
      if (!paused.has(partition)) {
        const from = next[partition]!
        const brought = logs[partition]!.slice(from, from + random.below(30))
        const hasMore = from + brought.length < logs[partition]!.length
        next[partition] = from + brought.length
        if (brought.length > 0) epoch.receive(brought, hasMore)
        else epoch.fetched(partition, hasMore)
      }
      for (let left = random.below(3); left > 0; left--) {
        for (const { timestampMs } of epoch.take(round)) times.push(timestampMs)
      }
      const { pause, resume } = epoch.regulate()
      for (const one of pause) paused.add(one)
      for (const one of resume) paused.delete(one)
    }
    const inOrder = Array.from({ length: 400 }, (_, timeMs) => timeMs)
    assert.deepEqual(times, inOrder, `seed ${seed}`)
    assert.deepEqual(givenUp, [], `seed ${seed}`)
  }
})

/** Publishes what is taken; returns how many were sent together. */
function makeSending() {
  const sizes: number[] = []
  const sendDecisions = (_: number, records: readonly unknown[]): Promise<void> => {
    sizes.push(records.length)
    return Promise.resolve()
  }
  const epoch = new Epoch(limits, () => undefined)
  epoch.open(makeOutbox(0, { ...silent, sendDecisions }), null)
  const decide = async (batches: number): Promise<void> => {
    for (let left = batches; left > 0; left--) {
      epoch.publish(epoch.take(0).map(({ offset }) => plainDecision(0, offset)))
      for (let hops = 20; hops > 0; hops--) await Promise.resolve()
    }
  }
  return { epoch, sizes, decide }
}

test('in a backlog the outcomes of a few batches go out together, near its end each batch’s at once', async () => {
  const { epoch, sizes, decide } = makeSending()
  epoch.receive(messages(3000, 10), false)
  await decide(9)
  // Four of 256 are more than a send carries; 3,000 less eight of them leave 952.
  assert.deepEqual(sizes, [1000, 24, 1000, 24, 256])
})

test('what has gathered goes out when nothing follows, and before partitions are given away', async () => {
  for (const end of ['flush', 'drain'] as const) {
    const { epoch, sizes, decide } = makeSending()
    epoch.receive(messages(3000, 10), false)
    await decide(1)
    assert.deepEqual(sizes, [])
    epoch[end]()
    assert.deepEqual(sizes, [256])
  }
})

test('a draining epoch takes nothing more, an ended one publishes nothing more', () => {
  let sends = 0
  const epoch = new Epoch(limits, () => undefined)
  const sendDecisions = (): Promise<void> => {
    sends++
    return Promise.resolve()
  }
  epoch.open(makeOutbox(0, { ...silent, sendDecisions }), null)
  epoch.receive(messages(10, 10), false)
  epoch.drain()
  assert.equal(epoch.take(0).length, 0)
  assert.equal(epoch.publish([plainDecision(0, 0)]), 1)
  epoch.end()
  assert.equal(epoch.publish([plainDecision(0, 1)]), 0)
  assert.equal(sends, 1)
})
