// Requests are held against those that kafkajs writes, byte for byte.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { encodeProduce, type ProducedRecord, type ProduceRequest } from './produce-request.ts'

const nowMs = 1_700_000_000_123
const require = createRequire(import.meta.url)
const kafkajs = require('kafkajs/src/protocol/requests/produce/v3/request.js') as (
  request: ProduceRequest,
) => { encode(): Promise<{ buffer: Buffer }> }

function makeRequest(
  messages: readonly ProducedRecord[],
  change: Partial<ProduceRequest> = {},
): ProduceRequest {
  const partitions = [{ partition: 3, firstSequence: 2 ** 31 - 5, messages }]
  return {
    transactionalId: null,
    acks: -1,
    timeout: 30_000,
    producerId: '9007199254740993',
    producerEpoch: 7,
    topicData: [{ topic: 'decisions', partitions }],
    ...change,
  }
}

async function assertSame(request: ProduceRequest): Promise<void> {
  const { bytes, start, end } = encodeProduce(request, nowMs)
  const { buffer } = await kafkajs(request).encode()
  assert.equal(bytes.toString('hex', start, end), buffer.toString('hex'))
}

const at = (ms: number): { timestamp: string } => ({ timestamp: String(ms) })
const headers = { 'weir-type': 'decision', 'weir-source-offset': '123456' }

// Lengths around those where a varint takes another byte: of the value, and of the record with all that surrounds it.
const edges = [63, 64, 8191, 8192, 1_048_575, 1_048_576]
const lengths = edges.flatMap((edge) => Array.from({ length: 40 }, (_, less) => edge - less + 1))

test('documents of every length are written as kafkajs writes them', async () => {
  for (const length of lengths) {
    const value = '{'.repeat(length)
    await assertSame(makeRequest([{ key: 'id', value, headers, ...at(nowMs) }]))
  }
})

test('texts that are not ASCII are written as kafkajs writes them', async () => {
  for (const letter of ['é', '€', '😀', '\ud800', '\u007f', '\u0080']) {
    for (const length of [1, 20, 63, 64, 2700, 2731, 4096, 8192]) {
      const text = letter.repeat(length)
      const record = { key: text, value: `x${text}`, headers: { [text]: text }, ...at(nowMs) }
      await assertSame(makeRequest([record, { ...record, key: null }]))
    }
  }
})

test('what is absent, bytes, and headers of one name are written as kafkajs writes them', async () => {
  const bytes = Buffer.from([0, 255, 1, 254])
  await assertSame(
    makeRequest([
      { key: null, value: null, headers: {}, ...at(nowMs) },
      { value: '', ...at(nowMs) },
      {
        key: bytes,
        value: Buffer.alloc(10_000, 1),
        headers: { a: [bytes, 'b', ''], c: bytes },
        ...at(nowMs),
      },
    ]),
  )
})

test('times of their own, in any order, are written as kafkajs writes them', async () => {
  const times = [nowMs, nowMs - 1, nowMs + 64, nowMs + 2 ** 31, nowMs - 86_400_000 * 365]
  await assertSame(makeRequest(times.map((ms) => ({ key: 'id', value: '{}', ...at(ms) }))))
})

test('records without a time are of now', () => {
  const body = (record: ProducedRecord, ms: number): string => {
    const { bytes, start, end } = encodeProduce(makeRequest([record]), ms)
    return bytes.toString('hex', start, end)
  }
  assert.equal(body({ value: '{}' }, nowMs), body({ value: '{}', ...at(nowMs) }, 0))
})

test('several topics and partitions, and a transaction, are written as kafkajs writes them', async () => {
  const messages = Array.from({ length: 300 }, (_, index) => ({
    key: `t-${index}`,
    value: `{"id":${index}}`,
    headers,
    ...at(nowMs + index),
  }))
  const partitions = [
    { partition: 0, firstSequence: 0, messages },
    { partition: 11, firstSequence: 77, messages: messages.slice(0, 1) },
  ]
  const topicData = ['a', 'é'.repeat(100)].map((topic) => ({ topic, partitions }))
  await assertSame(makeRequest([], { topicData, transactionalId: 'one', producerId: '-1' }))
})
