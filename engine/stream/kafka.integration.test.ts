// Kafka as Weir uses it, on a real broker: each defect of kafkajs that is worked around, with a test that fails without the
// workaround. Kafka transactions are not used to write; what others write in them is read.
import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { describe } from 'node:test'
import kafkajs from 'kafkajs'
import { KafkaProxy } from '../testing/kafka-proxy.ts'
import { test } from '../testing/limited.ts'
import { TestTopics } from '../testing/topics.ts'
import { KafkaClient, type LogRecord, send } from './kafka.ts'
import { kafkajsVersion } from './kafka-internals.ts'
import { PartitionReader } from './partition-reader.ts'

const require = createRequire(import.meta.url)

function makeClient(brokers: string, say: (message: string) => void = () => undefined) {
  const log = {
    info: (_: object, text: string) => {
      say(text)
    },
    error: () => undefined,
    warn: () => undefined,
  }
  const options = { clientId: 'test', requestTimeoutMs: 3000, ssl: null, sasl: null, log }
  return new KafkaClient({ brokers: [brokers], ...options })
}

function values(records: readonly LogRecord[]): (string | undefined)[] {
  return records.map(({ value }) => value?.toString())
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

function connections(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

/** Waits until this process has so many connections. */
async function untilConnections(count: number): Promise<void> {
  while (connections() > count) await sleep(10)
}

test('kafkajs is the version that its insides were read in', () => {
  const { version } = require('kafkajs/package.json') as { version: string }
  assert.equal(version, kafkajsVersion)
})

const noHook = { beforeJoin: () => Promise.resolve(), beforeFetch: () => () => undefined }

describe('what is sent', () => {
  test('a send is acknowledged for its one partition, or rejects', async (t) => {
    const topics = await TestTopics.make(t, 2)
    const producer = topics.client.producer()
    await producer.connect()
    const record = { key: 'a', value: 'b', headers: {} }
    await send(producer, topics.decisions, 1, [record])
    assert.deepEqual(values(await topics.read(topics.decisions, 1)), ['b'])
    await assert.rejects(send(producer, topics.decisions, 2, [record]))
    await producer.disconnect()
  })

  test('a request is written by us: kafkajs itself fails at a header without a value', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const producer = topics.client.producer()
    await producer.connect()
    const many = Array.from({ length: 300 }, (_, at) => ({
      key: `é${at}`,
      value: `{"at":${at},"text":"${'€'.repeat(at)}"}`,
      headers: { at: String(at), nothing: undefined },
    }))
    await send(producer, topics.decisions, 0, many)
    await send(producer, topics.decisions, 0, many.slice(0, 1))
    const read = await topics.read(topics.decisions, 0)
    assert.deepEqual(
      read.map(({ key, value, headers }) => [
        key?.toString(),
        value?.toString(),
        headers['at']?.toString(),
      ]),
      [...many, many[0]!].map(({ key, value, headers }) => [key, value, headers.at]),
    )
    assert.equal(read[0]!.headers['nothing'], null)
    await producer.disconnect()
  })

  test('brokers that cannot be reached are said in our log, and the error is one to retry', async () => {
    const said: string[] = []
    const producer = makeClient('127.0.0.1:1', (message) => said.push(message)).producer()
    await assert.rejects(producer.connect())
    assert.match(said.join('\n'), /kafka: .*ECONNREFUSED/)
    await producer.disconnect()
  })
})

describe('connections', () => {
  test('an idle client arms no timer in every millisecond', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const producer = topics.client.producer()
    await producer.connect()
    let timers = 0
    const hook = createHook({ init: (_, type) => (timers += type === 'Timeout' ? 1 : 0) }).enable()
    await sleep(300)
    hook.disable()
    await producer.disconnect()
    assert.ok(timers < 20, `${timers} timers`)
  })

  test('a client that ends while it connects, sends, or loses its broker leaves none', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const proxy = await KafkaProxy.start(topics.brokers)
    t.after(() => proxy.stop())
    const client = makeClient(proxy.brokers)
    const before = connections()
    const fates = ['pass', 'lost', 'unanswered', 'silent'] as const
    const sends: Promise<void>[] = []
    for (let round = 0; round < 12; round++) {
      const producer = client.producer()
      const records = Array.from({ length: 50 }, () => ({ key: null, value: 'x', headers: {} }))
      proxy.set(() => fates[round % 4]!)
      const sending = producer.connect().then(() => send(producer, topics.decisions, 0, records))
      sends.push(sending.catch(() => undefined))
      await sleep((round % 3) * 25)
      await producer.disconnect()
    }
    proxy.set(() => 'pass')
    await Promise.all(sends)
    await untilConnections(before)
  })

  test('a consumer that ends while it joins leaves none', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const before = connections()
    for (let round = 0; round < 8; round++) {
      const options = { sessionTimeoutMs: 2000, fetchBytesMax: 2 ** 20, fetchWaitMs: 20 }
      const group = `${topics.transactions}-${round}`
      const consumer = topics.client.consumer({ group, ...options }, noHook)
      const joining = (async () => {
        await consumer.connect()
        await consumer.subscribe({ topic: topics.transactions })
        await consumer.run({ eachBatch: () => Promise.resolve() })
      })()
      await Promise.race([joining, sleep(round * 15)])
      await consumer.disconnect()
      joining.catch(() => undefined)
    }
    await untilConnections(before)
  })
})

describe('what others wrote in transactions', () => {
  /** Two producers whose transactions overlap: all but `yes…` is aborted. */
  async function interleave(topics: TestTopics): Promise<void> {
    const a = await topics.openTransactional('a')
    const b = await topics.openTransactional('b')
    const topic = topics.transactions
    const write = (value: string, key: string | Buffer | null = null) => ({
      topic,
      messages: [{ key, value, partition: 0 }],
    })
    await topics.produce(0, ['yes 1'])
    const first = await a.transaction()
    await first.send(write('no 1'))
    const inner = await b.transaction()
    await inner.send(write('no 2'))
    await first.send(write('no 3'))
    // A key like the marker of an abort.
    await inner.send(write('no 4', Buffer.from([0, 0, 0, 0])))
    await inner.send(write('no 5'))
    await topics.produce(0, ['yes 2'])
    await inner.abort()
    await first.send(write('no 6'))
    await first.abort()
    const second = await b.transaction()
    await second.send(write('yes 3', Buffer.from([0, 0, 0, 0])))
    await second.commit()
    const third = await a.transaction()
    await third.send(write('no 7'))
    await third.abort()
  }

  test('aborted ones are invisible, though they overlap and wherever reading begins', async (t) => {
    const topics = await TestTopics.make(t, 1)
    await interleave(topics)
    const all = await topics.read(topics.transactions, 0)
    assert.deepEqual(values(all), ['yes 1', 'yes 2', 'yes 3'])
    const reader = new PartitionReader(topics.client)
    await reader.connect([topics.transactions])
    const range = await reader.range(topics.transactions, 0)
    for (let from = 0; from < range.end; from++) {
      const expected = all.filter(({ offset }) => offset >= from)
      const found: LogRecord[] = []
      for (let at = from; at < range.end; ) {
        const { records, next } = await reader.fetch(topics.transactions, 0, at, 2 ** 20)
        found.push(...records)
        at = next
      }
      assert.deepEqual(values(found), values(expected), `from ${from}`)
    }
    const last = await reader.last(topics.transactions, 0, range)
    assert.equal(last?.value?.toString(), 'yes 3')
    await reader.close()
  })

  test('what a reader finds between two offsets is the first that is visible', async (t) => {
    const topics = await TestTopics.make(t, 1)
    await interleave(topics)
    const reader = new PartitionReader(topics.client)
    const topic = topics.transactions
    await reader.connect([topic])
    const [, second] = await topics.read(topic, 0)
    const { end } = await reader.range(topic, 0)
    assert.equal(await reader.firstBetween(topic, 0, 1, end), second!.offset)
    assert.equal(await reader.firstBetween(topic, 0, 1, second!.offset), second!.offset)
    const [, , third] = await topics.read(topic, 0)
    assert.equal(await reader.firstBetween(topic, 0, third!.offset + 1, end), end)
    await reader.close()
  })
})

describe('compressed batches', () => {
  const { CompressionTypes } = kafkajs
  const text = Array.from({ length: 2000 }, (_, n) => `transaction ${n % 50} of ${n}`)

  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
    test(`${codec}, as the broker's own Java writes it, is read`, async (t) => {
      const topics = await TestTopics.make(t, 1)
      await topics.set('compression.type', codec)
      await topics.produce(0, text)
      assert.deepEqual(values(await topics.read(topics.transactions, 0)), text)
    })
  }

  for (const [name, compression] of [
    ['gzip', CompressionTypes.GZIP],
    ['snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
  ] as const) {
    test(`${name}, as this client writes it, is taken by the broker and read`, async (t) => {
      const topics = await TestTopics.make(t, 1)
      const producer = topics.client.producer()
      await producer.connect()
      const messages = text.slice(0, 500).map((value) => ({ value, partition: 0 }))
      await producer.send({ topic: topics.transactions, messages, compression })
      await producer.disconnect()
      assert.deepEqual(values(await topics.read(topics.transactions, 0)), text.slice(0, 500))
    })
  }
})

describe('one batch', () => {
  test('of 150,000 records is read whole', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const topic = topics.transactions
    const cluster = topics.client.cluster()
    await cluster.connect()
    await cluster.addMultipleTargetTopics([topic])
    const [nodeId = ''] = Object.keys(cluster.findLeaderForPartitions(topic, [0]))
    const broker = (await cluster.findBroker({ nodeId })) as unknown as {
      produce(request: object): Promise<void>
    }
    const record = { key: null, value: 'x', headers: {}, timestamp: '1700000000000' }
    const messages = Array.from({ length: 150_000 }, () => record)
    const topicData = [{ topic, partitions: [{ partition: 0, firstSequence: -1, messages }] }]
    await broker.produce({ topicData, compression: kafkajs.CompressionTypes.GZIP })
    await cluster.disconnect()
    const records = await topics.read(topic, 0)
    assert.equal(records.length, messages.length)
    assert.equal(records.at(-1)?.offset, messages.length - 1)
  })
})

describe('headers', () => {
  test('10,000 of a message are read at once, all of them, and repeated names keep each value', async (t) => {
    const topics = await TestTopics.make(t, 1)
    const names = Array.from({ length: 10_000 }, (_, n) => `name-${n}`)
    const headers = {
      ...Object.fromEntries(names.map((name) => [name, name])),
      twice: ['a', 'b'],
    }
    const message = { value: 'x', headers }
    await topics.produce(0, [message, message, message])
    const usage = process.cpuUsage()
    const [record] = await topics.read(topics.transactions, 0)
    // Copied once for each of them, they cost tens of seconds.
    assert.ok(process.cpuUsage(usage).user < 2_000_000)
    for (const name of names) assert.equal(record?.headers[name]?.toString(), name)
    assert.deepEqual(String(record?.headers['twice']), 'a,b')
  })
})
