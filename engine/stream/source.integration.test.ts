// Where reading begins, goes on and ends, on a real broker: positions, rebalances, crashes, topics that change.
import assert from 'node:assert/strict'
import { describe, type TestContext } from 'node:test'
import { systemClock } from '../clock.ts'
import type { Message } from '../core/ports.ts'
import { type EngineError } from '../errors.ts'
import { Api, KafkaProxy } from '../testing/kafka-proxy.ts'
import { test } from '../testing/limited.ts'
import { TestTopics } from '../testing/topics.ts'
import { type ConsumerOptions, KafkaClient, send } from './kafka.ts'
import { PartitionReader } from './partition-reader.ts'
import { Positions } from './positions.ts'
import { KafkaSource, type SourceListener } from './source.ts'

class Listener implements SourceListener {
  readonly assignments: (readonly number[])[] = []
  readonly messages: Message[] = []
  /** What was told of what is behind them, and the last of it by partition. */
  readonly tells: [partition: number, hasMore: boolean][] = []
  readonly more = new Map<number, boolean>()
  readonly failures: EngineError[] = []
  readonly warnings: string[] = []
  revocations = 0
  /** What a revocation waits for. */
  begun: Promise<void> = Promise.resolve()
  resumeAt: (partition: number) => number | null | Promise<number | null> = () => 0

  async assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number | null>> {
    this.assignments.push(partitions)
    const resume = new Map<number, number | null>()
    for (const partition of partitions) resume.set(partition, await this.resumeAt(partition))
    return resume
  }

  async revoked(): Promise<void> {
    this.revocations++
    await this.begun
  }

  received(messages: readonly Message[], hasMore: boolean): void {
    this.messages.push(...messages)
    this.fetched(messages[0]!.partition, hasMore)
  }

  fetched(partition: number, hasMore: boolean): void {
    this.tells.push([partition, hasMore])
    this.more.set(partition, hasMore)
  }

  failed(error: unknown): void {
    this.failures.push(error as EngineError)
  }

  get offsets(): number[] {
    return this.messages.map(({ offset }) => offset)
  }

  get offsetLast(): number {
    return this.messages.at(-1)?.offset ?? -1
  }
}

interface Reading {
  readonly listener: Listener
  readonly source: KafkaSource
  readonly positions: Positions
}

/** A source of the topics' group, not started. It is stopped when the test ends. */
async function makeSource(
  t: TestContext,
  topics: TestTopics,
  brokers = topics.brokers,
  options: Partial<ConsumerOptions> = {},
  requestTimeoutMs = 1000,
): Promise<Reading> {
  const listener = new Listener()
  const log = {
    info: () => undefined,
    warn: (_: object, text: string) => listener.warnings.push(text),
    error: (_: object, text: string) => listener.warnings.push(text),
  }
  const client = new KafkaClient({
    brokers: [brokers],
    clientId: 'test',
    requestTimeoutMs,
    ssl: null,
    sasl: null,
    log,
  })
  const reader = new PartitionReader(client)
  await reader.connect([topics.transactions, topics.decisions])
  const positions = new Positions(reader, topics, log)
  const group = topics.transactions
  const all = { group, sessionTimeoutMs: 2000, fetchBytesMax: 2 ** 20, fetchWaitMs: 20, ...options }
  const source = new KafkaSource(
    client,
    all,
    topics.transactions,
    positions,
    listener,
    log,
    systemClock,
  )
  t.after(async () => {
    await source.stop()
    await reader.close()
  })
  return { listener, source, positions }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n))
}

/** Writes outcomes for source offsets. */
async function answer(topics: TestTopics, offsets: readonly number[], partition = 0) {
  const producer = topics.client.producer()
  await producer.connect()
  const records = offsets.map((offset) => ({
    key: null,
    value: '{}',
    headers: { 'weir-source-offset': String(offset) },
  }))
  await send(producer, topics.decisions, partition, records)
  await producer.disconnect()
}

/** Has the topics' group commit a position of partition 0. */
async function commit(t: TestContext, topics: TestTopics, offset: number): Promise<void> {
  const { listener, source } = await makeSource(t, topics)
  source.start()
  await until(() => listener.assignments.length === 1)
  assert.equal(await source.commit(new Map([[0, offset]])), true)
  await source.stop()
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n)
}

describe('positions', () => {
  test('reading goes on behind the last outcome, and begins with the input where there is none', async (t) => {
    const topics = await TestTopics.make(t, 2)
    const { positions } = await makeSource(t, topics)
    await topics.produce(0, numbered(50))
    assert.equal(await positions.resumeAt(0), 0)
    await answer(topics, range(0, 20))
    assert.equal(await positions.resumeAt(0), 20)
    // Late outcomes of two engines that were frozen: less is known, nothing is left out.
    await answer(topics, [5, 6])
    await answer(topics, [3])
    assert.equal(await positions.resumeAt(0), 4)
    assert.equal(await positions.resumeAt(1), 0)
  })

  test('an input that ends before the last outcome is refused, as it was made anew', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { positions } = await makeSource(t, topics)
    await topics.produce(0, numbered(5))
    await answer(topics, range(0, 6))
    await assert.rejects(positions.resumeAt(0), {
      code: 'topic_unfit',
      message: /expected at least 6 messages, .* found 5: was the topic made anew/,
    })
  })

  test('where retention has emptied the decision topic, the group’s commits count', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { positions } = await makeSource(t, topics)
    await topics.produce(0, numbered(50))
    await answer(topics, range(0, 20))
    await topics.deleteBefore(topics.decisions, 0, 20)
    assert.equal(await positions.resumeAt(0), null)
  })

  test('positions that take longer to be known than a session lasts keep their partitions', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { source, listener } = await makeSource(t, topics)
    await topics.produce(0, numbered(50))
    listener.resumeAt = () => new Promise((resolve) => setTimeout(resolve, 6000, 20))
    source.start()
    await until(() => listener.offsetLast === 49)
    // Only the next ones tell whether the group still knows it.
    await topics.produce(0, numbered(10))
    await until(() => listener.offsetLast === 59)
    assert.deepEqual(listener.offsets, range(20, 60))
    assert.equal(listener.assignments.length, 1)
  })

  test('what retention deleted before it was decided is told, and skipped', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { positions, listener } = await makeSource(t, topics)
    await topics.produce(0, numbered(50))
    await answer(topics, range(0, 20))
    await topics.deleteBefore(topics.transactions, 0, 30)
    assert.equal(await positions.resumeAt(0), 30)
    assert.match(listener.warnings.join(), /retention has deleted transactions/)
  })

  test('records of somebody else in the decision topic, or a partition too few, are refused', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { positions } = await makeSource(t, topics)
    const producer = topics.client.producer()
    await producer.connect()
    await send(producer, topics.decisions, 0, [{ key: null, value: 'mine', headers: {} }])
    await producer.disconnect()
    await assert.rejects(positions.resumeAt(0), {
      code: 'topic_unfit',
      message: /something else/,
    })
    await assert.rejects(positions.resumeAt(1), {
      code: 'topic_unfit',
      message: /expected partition 1, found 1 partitions/,
    })
  })
})

describe('a source', { concurrency: 3 }, () => {
  test('hands over what it fetched without waiting for anything to be done with it', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { listener, source } = await makeSource(t, topics)
    await topics.produce(0, numbered(5000))
    source.start()
    await until(() => listener.offsetLast === 4999)
    assert.deepEqual(listener.offsets, range(0, 5000))
  })

  for (const [name, committed] of [
    ['less', 10],
    ['more', 70],
  ] as const) {
    test(`begins where the decision topic says, though the group has committed ${name}`, async (t) => {
      const topics = await TestTopics.make(t, 1)
      await topics.produce(0, numbered(100))
      await commit(t, topics, committed)
      const { listener, source } = await makeSource(t, topics)
      listener.resumeAt = () => 40
      source.start()
      await until(() => listener.offsetLast === 99)
      assert.deepEqual(listener.offsets, range(40, 100))
    })
  }

  test('begins where the group has committed when the decision topic cannot say', async (t) => {
    const topics = await TestTopics.make(t, 1)
    await topics.produce(0, numbered(100))
    await commit(t, topics, 70)
    const { listener, source } = await makeSource(t, topics)
    listener.resumeAt = () => null
    source.start()
    await until(() => listener.offsetLast === 99)
    assert.deepEqual(listener.offsets, range(70, 100))
  })

  test('stays a member for longer than its session while it never fetches nothing', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { listener, source } = await makeSource(t, topics, topics.brokers, {
      sessionTimeoutMs: 1000,
    })
    source.start()
    const ends = performance.now() + 3000
    let count = 0
    for (; performance.now() < ends; count += 10) await topics.produce(0, numbered(10))
    await until(() => listener.offsetLast === count - 1)
    assert.equal(listener.assignments.length, 1)
  })

  test('paused it hands over nothing more, resumed it leaves nothing out', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { listener, source } = await makeSource(t, topics)
    await topics.produce(0, numbered(10))
    source.start()
    await until(() => listener.offsetLast === 9)
    source.pause([0])
    await topics.produce(0, numbered(10))
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(listener.offsetLast, 9)
    source.resume([0])
    await until(() => listener.offsetLast === 19)
    assert.deepEqual(listener.offsets, range(0, 20))
  })

  test('tells what there is more of, and takes nothing from an answer that was long on its way', async (t) => {
    const topics = await TestTopics.make(t, 2)
    const proxy = await KafkaProxy.start(topics.brokers)
    t.after(() => proxy.stop())
    const few = { fetchBytesMax: 64 * 1024, sessionTimeoutMs: 60_000 }
    const { listener, source } = await makeSource(t, topics, proxy.brokers, few, 10_000)
    await topics.produce(0, Array<string>(200).fill('x'.repeat(1000)))
    source.start()
    await until(() => listener.more.get(0) === false && listener.more.get(1) === false)
    assert.equal(listener.offsetLast, 199)
    const partition0 = listener.tells.filter(([partition]) => partition === 0)
    assert.equal(partition0[0]?.[1], true, 'no fetch brings all')
    proxy.set(({ api }) => (api === Api.fetch ? 'held' : 'pass'))
    await until(() => proxy.met > 0)
    // Longer than any answer may take, shorter than the request may.
    await new Promise((resolve) => setTimeout(resolve, 1300))
    listener.tells.length = 0
    proxy.set(() => 'pass')
    proxy.deliver()
    await until(() => listener.tells.length >= 2)
    const tells = listener.tells.slice(0, 2).map(([, hasMore]) => hasMore)
    assert.deepEqual(tells, [true, true])
    await until(() => listener.more.get(0) === false && listener.more.get(1) === false)
  })

  test('gives partitions away only when what was begun of them has ended', async (t) => {
    const topics = await TestTopics.make(t, 2)
    const one = await makeSource(t, topics)
    const other = await makeSource(t, topics)
    one.source.start()
    await until(() => one.listener.assignments.length === 1)
    let finish = (): void => undefined
    one.listener.begun = new Promise((resolve) => {
      finish = resolve
    })
    one.listener.revocations = 0
    other.source.start()
    await until(() => one.listener.revocations === 1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(other.listener.assignments.length, 0)
    finish()
    await until(() => other.listener.assignments.length === 1)
    assert.equal(other.listener.assignments[0]?.length, 1)
  })

  test('stopped at any moment, also while it joins, it has left the group', async (t) => {
    const topics = await TestTopics.make(t, 1)
    // Longer than this test may take.
    const session = { sessionTimeoutMs: 200_000 }
    const stay = await makeSource(t, topics, topics.brokers, session)
    stay.source.start()
    await until(() => stay.listener.assignments.length === 1)
    for (let round = 0; round < 8; round++) {
      const { source } = await makeSource(t, topics, topics.brokers, session)
      source.start()
      await new Promise((resolve) => setTimeout(resolve, round * 40))
      await source.stop()
      // Alone again at once: nobody's session is waited for.
      const describe = () => topics.admin((admin) => admin.describeGroups([topics.transactions]))
      await until(async () => (await describe()).groups[0]?.members.length === 1)
    }
    await topics.produce(0, numbered(10))
    await until(() => stay.listener.offsetLast === 9)
  })

  test('a consumer that crashed is replaced, and leaves nothing out', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const proxy = await KafkaProxy.start(topics.brokers)
    t.after(() => proxy.stop())
    const { listener, source } = await makeSource(t, topics, proxy.brokers)
    listener.resumeAt = () => listener.offsetLast + 1
    source.start()
    await topics.produce(0, numbered(10))
    await until(() => listener.offsetLast === 9)
    proxy.set(() => 'lost')
    await until(() => listener.warnings.includes('the consumer ended, joining again'))
    proxy.set(() => 'pass')
    await topics.produce(0, numbered(10))
    await until(() => listener.offsetLast === 19)
    assert.deepEqual(listener.offsets, range(0, 20))
  })

  test('a topic that is made anew under it is refused', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { listener, source, positions } = await makeSource(t, topics)
    listener.resumeAt = (partition) => positions.check(partition, listener.offsetLast + 1)
    await topics.produce(0, numbered(100))
    source.start()
    await until(() => listener.offsetLast === 99)
    await topics.makeAnew()
    await topics.produce(0, numbered(50))
    await until(() => listener.failures.length > 0)
    assert.equal(listener.failures[0]?.code, 'topic_unfit')
    assert.match(listener.failures[0].message, /expected at least 100 messages/)
    assert.deepEqual(listener.offsets, range(0, 100))
  })

  test('a partition that is added is noticed by itself', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const { listener, source } = await makeSource(t, topics)
    source.start()
    await until(() => listener.assignments.length === 1)
    await topics.addPartition(topics.transactions, 2)
    await topics.produce(1, numbered(10))
    await until(() => listener.messages.length === 10)
    assert.deepEqual([...(listener.assignments.at(-1) ?? [])].sort(), [0, 1])
  })
})
