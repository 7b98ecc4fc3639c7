// In which order the stream decides what lies in several partitions of a real broker: as it was made where there is a
// backlog, and without waiting for anybody where there is none.
import assert from 'node:assert/strict'
import { describe, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Random } from '../../features/generator/random.ts'
import { systemClock } from '../clock.ts'
import type { Message } from '../core/ports.ts'
import { plainDecision } from '../testing/decision-log.ts'
import { test } from '../testing/limited.ts'
import { TestTopics } from '../testing/topics.ts'
import { StreamDriver } from './driver.ts'
import type { NewRecord } from './kafka.ts'
import { PartitionReader } from './partition-reader.ts'
import { Positions } from './positions.ts'
import { KafkaSource } from './source.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const baseMs = 1_700_000_000_000

interface Reading {
  readonly decided: Message[]
  readonly driver: StreamDriver
  readonly start: () => void
}

/** A stream over the topics that decides nothing but keeps what it was given. Waits for ever where it waits. */
async function makeStream(
  t: TestContext,
  topics: TestTopics,
  fetchBytesMax: number,
): Promise<Reading> {
  const reader = new PartitionReader(topics.client)
  await reader.connect([topics.transactions, topics.decisions])
  const positions = new Positions(reader, topics, silent)
  const decided: Message[] = []
  const driver = new StreamDriver({
    processor: {
      process: async (messages) => {
        await setImmediate()
        decided.push(...messages)
        return messages.map(({ partition, offset }) => plainDecision(partition, offset))
      },
    },
    port: {
      sendDecisions: () => Promise.resolve(),
      sendDeadLetters: () => Promise.resolve(),
      recover: () => Promise.resolve(-1),
    },
    resumeAt: () => Promise.resolve(0),
    prepare: () => Promise.resolve(),
    onAssigned: () => undefined,
    isRetriable: () => false,
    batchMax: 16,
    backlogBatchMax: 256,
    outboxMax: 20_000,
    orderWaitMs: 600_000,
    sendBatchMax: 1000,
    commitIntervalMs: 60_000,
    drainMsMax: 1000,
    clock: systemClock,
    log: silent,
  })
  const options = { group: topics.transactions, sessionTimeoutMs: 6000, fetchWaitMs: 20 }
  const source = new KafkaSource(
    topics.client,
    { ...options, fetchBytesMax },
    topics.transactions,
    positions,
    driver,
    silent,
    systemClock,
  )
  const running = driver.run(source)
  t.after(async () => {
    await driver.stop()
    await source.stop()
    await reader.close()
    await running
  })
  return {
    decided,
    driver,
    start: () => {
      source.start()
    },
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Records a millisecond apart, in runs of one partition and of unlike sizes, so that partitions are read unevenly. */
function drawBacklog(count: number, partitions: number): NewRecord[][] {
  const random = Random.of(7, 'backlog')
  const logs = Array.from({ length: partitions }, (): NewRecord[] => [])
  let partition = 0
  for (let n = 0; n < count; n++) {
    if (random.chance(0.05)) partition = random.below(partitions)
    const value = Buffer.alloc(partition === 0 ? 1000 : 20 + random.below(100))
    logs[partition]!.push({ key: null, value, headers: {}, timestampMs: baseMs + n })
  }
  return logs
}

function assertInOrder(decided: readonly Message[]): void {
  const late = decided.findIndex(
    ({ timestampMs }, at) => timestampMs < (decided[at - 1]?.timestampMs ?? 0),
  )
  assert.equal(late, -1, `message ${late} is older than the one before it`)
}

describe('several partitions', () => {
  // The second: less than a partition brings, so that a fetch leaves out partitions that have more.
  for (const fetchBytesMax of [4 * 2 ** 20, 64 * 1024]) {
    test(`a backlog is decided as it was made, at ${fetchBytesMax} bytes a fetch`, async (t) => {
      const topics = await TestTopics.make(t, 5)
      const count = 20_000
      // Of partition 4 there is nothing.
      for (const [partition, records] of drawBacklog(count, 4).entries()) {
        await topics.produce(partition, records)
      }
      const { decided, driver, start } = await makeStream(t, topics, fetchBytesMax)
      start()
      await until(() => decided.length === count)
      assertInOrder(decided)
      assert.equal(driver.backlog().givenUp, 0)
    })
  }

  test('ends behind control records, aborted transactions and before open ones hold nobody up', async (t) => {
    const topics = await TestTopics.make(t, 4)
    const write = (partition: number, count: number, ms: number) => ({
      topic: topics.transactions,
      messages: Array.from({ length: count }, (_, n) => ({
        ...{ partition, value: 'x'.repeat(400), timestamp: String(baseMs + ms + n) },
      })),
    })
    const producer = await topics.openTransactional('a')
    const committed = await producer.transaction()
    await committed.send(write(1, 5, 10))
    await committed.commit()
    const aborted = await producer.transaction()
    await aborted.send(write(1, 500, 20))
    await aborted.send(write(2, 500, 20))
    await aborted.abort()
    const open = await producer.transaction()
    await open.send(write(3, 5, 20))
    await topics.produce(0, [{ value: 'first', timestampMs: baseMs + 1000 }])
    // Smaller than what was aborted: several fetches bring nothing.
    const { decided, start } = await makeStream(t, topics, 64 * 1024)
    start()
    await until(() => decided.length === 6)
    assert.equal(decided.at(-1)?.value?.toString(), 'first')
    await topics.produce(0, [{ value: 'second', timestampMs: baseMs + 2000 }])
    await until(() => decided.length === 7)
    await open.commit()
    await until(() => decided.length === 12)
  })

  test('one partition that goes on holds nothing back for others that have nothing', async (t) => {
    const topics = await TestTopics.make(t, 4)
    const { decided, start } = await makeStream(t, topics, 2 ** 20)
    start()
    for (let n = 1; n <= 20; n++) {
      await topics.produce(n % 2, [{ value: String(n), timestampMs: baseMs + n }])
      await until(() => decided.length === n)
    }
    assertInOrder(decided)
  })
})
