// Whether the costs of a decision stay what they are as engines are added: 1, 2 and 4 processes of `weir stream` in one consumer
// group share the four partitions of one topic, each time with a new Redis and new topics. CPU of all engines together.
// Usage: engines.js <transactions> <warm-up>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../engine/clock.ts'
import { partitionerOf } from '../../engine/stream/kafka.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { KafkaServer } from '../../engine/testing/kafka-server.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { writeStandard } from '../standard/standard.ts'
import { standardTransactions } from '../standard/transactions.ts'
import { TopicEnd } from '../topic-end.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'

const count = Number(process.argv[2] ?? '120000')
const warmUp = Number(process.argv[3] ?? '80000')
const partitions = 4
const sizes = [1, 2, 4]

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-engines-'))
const work = await writeStandard(folder)
const byPartition = transactionsByPartition()
const kafka = await KafkaServer.start()
const measures: Record<string, number> = { entities: 4, features: 40 }
for (const engines of sizes) {
  const found = await runEngines(engines)
  for (const [measure, value] of Object.entries(found)) measures[`${measure}_of_${engines}`] = value
}
for (const engines of sizes.slice(1)) {
  const measure = 'engine_cpu_us_per_decision_of'
  measures[`engine_cpu_of_${engines}_by_1`] =
    measures[`${measure}_${engines}`]! / measures[`${measure}_1`]!
}
await kafka.stop()
rmSync(folder, { recursive: true })
tell({
  measures,
  configuration: {
    engines: `weir stream, one consumer group, ${partitions} partitions, one Redis with one bucket, one broker`,
    backlog: 'the topic is filled at once when all engines have joined',
  },
})

interface State {
  readonly outcomes: number
  readonly engineUs: number
  readonly redisUs: number
  readonly atUs: number
  /** As Redis counts them. */
  readonly calls: number
  readonly bytesFromRedis: number
}

async function runEngines(size: number): Promise<Record<string, number>> {
  const redis = await RedisServer.start()
  const client = await redis.client()
  const closers: (() => unknown)[] = []
  const owner = { after: (close: () => unknown) => void closers.push(close) }
  const topics = await TestTopics.make(owner, partitions, kafka.brokers)
  const engines = Array.from({ length: size }, () => startEngine(topics, redis))
  await joined(topics, engines)
  for (const [partition, values] of byPartition.entries()) await topics.produce(partition, values)
  const reader = new PartitionReader(topics.client)
  await reader.connect([topics.decisions])
  const decisions = new TopicEnd(reader, topics.decisions, partitions)
  const state = async (wanted: number): Promise<State> => {
    const outcomes = await decisions.reached(wanted, () => {
      requireRunning(engines)
    })
    const engineUs = engines.reduce((sum, { child }) => sum + processUsage(child.pid!).cpuUs, 0)
    const redisUs = processUsage(redis.pid).cpuUs
    const info = String(await client.call('INFO', 'all'))
    const calls = Number(/^cmdstat_fcall:calls=(\d+)/m.exec(info)?.[1])
    const bytesFromRedis = Number(/^total_net_output_bytes:(\d+)/m.exec(info)?.[1])
    const atUs = systemClock.monotonicUs()
    return { outcomes, engineUs, redisUs, atUs, calls, bytesFromRedis }
  }
  const warm = await state(warmUp)
  const end = await state(count)
  await reader.close()
  await Promise.all(engines.map((engine) => engine.kill('SIGTERM')))
  for (const close of closers) await close()
  client.close()
  await redis.stop()
  const decided = end.outcomes - warm.outcomes
  const each = (name: keyof State): number => (end[name] - warm[name]) / decided
  return {
    engine_cpu_us_per_decision: each('engineUs'),
    redis_cpu_us_per_decision: each('redisUs'),
    redis_calls_per_decision: each('calls'),
    bytes_from_redis_per_decision: each('bytesFromRedis'),
    decisions_per_second: 1e6 / each('atUs'),
  }
}

/** All are members, and each has its share. */
async function joined(topics: TestTopics, engines: readonly EngineProcess[]): Promise<void> {
  for (;;) {
    const { groups } = await topics.admin((admin) => admin.describeGroups([topics.transactions]))
    const [group] = groups
    if (group?.state === 'Stable' && group.members.length === engines.length) return
    requireRunning(engines)
    await sleep(50)
  }
}

function requireRunning(engines: readonly EngineProcess[]): void {
  const ended = engines.find(({ isRunning }) => !isRunning)
  if (ended !== undefined) throw new Error(`weir stream ended: ${ended.stderr}`)
}

function startEngine(topics: TestTopics, redis: RedisServer): EngineProcess {
  const config = `
source: ${work.mapping}
catalog: ${work.catalog}
models: ${work.model}
kafka:
  brokers: [${topics.brokers}]
  transactions: ${topics.transactions}
  decisions: ${topics.decisions}
  dead_letters: ${topics.deadLetters}
  group: ${topics.transactions}
redis: { url: '${redis.url}', command_timeout: 30s }
hash_key: 00112233445566778899aabbccddeeff
`
  return new EngineProcess(['stream'], config, {
    KAFKA_BROKERS: undefined,
    REDIS_URL: undefined,
    NODE_OPTIONS: '--max-semi-space-size=64',
  })
}

/** By card, as a payment system would key them. */
function transactionsByPartition(): string[][] {
  const partitionOf = partitionerOf(partitions)
  const lists: string[][] = Array.from({ length: partitions }, () => [])
  let taken = 0
  for (const { entities, json } of standardTransactions()) {
    lists[partitionOf(entities[0]!)]!.push(json)
    if (++taken === count) break
  }
  return lists
}
