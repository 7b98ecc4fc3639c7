// Claims about the arithmetic of `weir capacity`, each against numbers that were worked out by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Costs,
  callsPerDecision,
  type Demand,
  type Growth,
  heldAt,
  othersBytes,
  sizeFor,
} from './model.ts'

const costs: Costs = {
  engineUs: 80,
  redisUs: 20,
  bytesToRedis: 500,
  bytesFromRedis: 100,
  transactionBytes: 400,
  decisionBytes: 2000,
}

const free: Growth = {
  perCall: { engineUs: 0, redisUs: 0, bytesToRedis: 0 },
  perByte: { engineUs: 0, redisUs: 0 },
}

const demand: Demand = {
  rate: 100_000,
  shared: [],
  entities: 4,
  batch: 64,
  buckets: null,
  averageRate: 10_000,
  days: 2,
  redisBytesPerTransaction: 250,
  redisBytes: null,
  utilisation: 0.8,
  vcpusPerPod: 1,
  partitionsPerPod: 2,
  heldBytesPerPod: 2 ** 30,
  baseBytesPerPod: 2 ** 28,
  shardBytes: 100e9,
  redisReplicas: 1,
  replicationFactor: 3,
  subscribers: 2,
}

test('pods, partitions and shards are the rate by what one of them does at the utilisation, rounded up', () => {
  const found = sizeFor(costs, free, demand)
  // 0.8 s of CPU a second by 80 µs are 10,000 decisions a second.
  assert.equal(found.decisionsPerSecondAndPod, 10_000)
  assert.deepEqual([found.pods, found.vcpus, found.partitions], [10, 10, 20])
  // 100,000 · 20 µs are 2 s of CPU a second: by 0.8 they are 2.5 Redis.
  assert.equal(found.shardsByCpu, 3)
  assert.equal(found.redisVcpus, 2 * found.shards, 'a shard and its replica')
  assert.equal(found.podBytes, 2 ** 30 + 2 ** 28)
  assert.equal(sizeFor(costs, free, { ...demand, rate: 100_001 }).pods, 11)
})

test('memory is the transactions that are kept, and asks for shards of its own', () => {
  // 10,000/s · 172,800 s · 250 B.
  assert.equal(sizeFor(costs, free, demand).redisBytes, 432e9)
  const found = sizeFor(costs, free, demand)
  // 432 GB in shards of which 80 GB may be used.
  assert.deepEqual([found.shardsByMemory, found.shards], [6, 6])
  const counted = sizeFor(costs, free, { ...demand, redisBytes: 79e9 })
  assert.deepEqual([counted.shardsByMemory, counted.shards], [1, 3], 'where journals were counted')
})

test('the network carries each transaction and decision, their copies, and one decision for each subscriber', () => {
  const { kafka, kafkaCopied, kafkaBytesPerDay, redis, eachPod } = sizeFor(costs, free, demand)
  // 2,400 B are written 100,000 times a second, and copied twice.
  assert.equal(kafkaCopied, 480e6)
  assert.equal(kafka.in, 240e6 + 480e6)
  assert.equal(kafka.out, 40e6 + 2 * 200e6 + 480e6)
  assert.equal(kafkaBytesPerDay, 10_000 * 86_400 * 2400 * 3)
  assert.deepEqual(redis, { in: 50e6, out: 10e6 })
  assert.deepEqual(eachPod, { in: 10_000 * 500, out: 10_000 * 2500 })
})

test('a decision takes a call for each bucket that its batch falls into, and a sixteenth on one bucket', () => {
  assert.equal(callsPerDecision(64, 1, 4), 1 / 16)
  assert.equal(callsPerDecision(8, 1, 4), 1 / 8)
  // One transaction has its primary in one bucket, and the other three in 1 + 1/2 + 1/4 of two on average.
  assert.equal(callsPerDecision(1, 2, 4), 1 + 1.75)
  assert.ok(callsPerDecision(64, 4096, 4) > 3.9, 'nearly every record alone')
  assert.equal(callsPerDecision(4096, 2, 4), 1 / 16, 'a call takes sixteen transactions at most')
})

test('on a cluster each call costs its share, until the shards suffice for what their own buckets take', () => {
  const perCall: Growth = { ...free, perCall: { engineUs: 10, redisUs: 5, bytesToRedis: 100 } }
  const found = sizeFor(costs, perCall, { ...demand, buckets: 64 })
  // Of 64 buckets 64 primaries meet 64 · (1 − (63/64)^64) = 40.64, 192 others 60.89: 101.53 calls by 64, less 1/16.
  const more = 101.53 / 64 - 1 / 16
  assert.ok(Math.abs(found.costs.redisUs - (20 + 5 * more)) < 0.001)
  assert.ok(Math.abs(found.costs.engineUs - (80 + 10 * more)) < 0.002)
  assert.equal(found.shardsByCpu, Math.ceil((100_000 * (20 + 5 * more)) / 800_000))
  const free64 = sizeFor(costs, free, demand)
  assert.equal(free64.buckets, 64, 'eight for each of six shards, as a power of two')
  const single = sizeFor(costs, perCall, { ...demand, rate: 1000, averageRate: 100 })
  assert.deepEqual([single.shards, single.buckets], [1, 1])
  assert.equal(single.costs.redisUs, 20, 'one Redis takes no more calls')
})

test('with fewer journals held, costs lie on the line through both that were measured', () => {
  const held = { share: 0.9, engineUs: 20, redisUs: 20, bytesFromRedis: 100 }
  const cold = { share: 0.1, engineUs: 100, redisUs: 180, bytesFromRedis: 16_100 }
  assert.deepEqual(heldAt(0.9, costs, held, cold), costs)
  const half = heldAt(0.5, costs, held, cold)
  assert.deepEqual([half.engineUs, half.redisUs, half.bytesFromRedis], [120, 100, 8100])
})

test('each engine reads what the others add to what they share, as far as there are records', () => {
  const shared = [
    { width: 40, records: 100 },
    { width: 50, records: 3 },
  ]
  assert.equal(othersBytes(1, shared), 0)
  assert.equal(othersBytes(11, shared), 10 * 40 + 3 * 50)
  // 10 pods read 9 · 40 + 3 · 50 = 510 B more, 0.01 µs each: 85.1 µs want 11 pods, which read 550 B: 85.5 µs, still 11.
  const growth: Growth = { ...free, perByte: { engineUs: 0.01, redisUs: 0 } }
  const found = sizeFor(costs, growth, { ...demand, shared })
  assert.equal(found.pods, 11)
  assert.equal(found.costs.engineUs, 85.5)
  assert.equal(found.costs.bytesFromRedis, 650)
})
