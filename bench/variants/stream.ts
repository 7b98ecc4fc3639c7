// `weir stream` as users run it, from a real broker to a real broker with journals in a real Redis, catching up on a topic
// that was filled before: what a decision costs, and whether memory grows.
// Usage: stream.js <transactions> <warm-up> <bound of held journals>. Prints one line of JSON.
import { shipped } from '../../engine/assemble.ts'
import { systemClock } from '../../engine/clock.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { KafkaServer } from '../../engine/testing/kafka-server.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { generate } from '../../features/generator/generator.ts'
import { defaultParameters } from '../../features/generator/parameters.ts'
import { writeRow } from '../../features/generator/row.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { TopicEnd } from '../topic-end.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'

const partitions = 4
const chunk = 10_000
const count = Number(process.argv[2] ?? '1500000')
const warmUp = Number(process.argv[3] ?? '500000')
const heldBytesMax = process.argv[4] ?? '256MiB'

const kafka = await KafkaServer.start()
const redis = await RedisServer.start()
const closers: (() => unknown)[] = []
const owner = { after: (close: () => unknown) => void closers.push(close) }
const topics = await TestTopics.make(owner, partitions, kafka.brokers)
await produceAll()
const engine = new EngineProcess(['stream'], config(), {
  KAFKA_BROKERS: undefined,
  REDIS_URL: undefined,
  NODE_OPTIONS: '--max-semi-space-size=16',
})
const pid = engine.child.pid!
const warm = await reached(warmUp)
const end = await reached(count)
const decided = end.outcomes - warm.outcomes
const stopped = await engine.kill('SIGTERM')
for (const close of closers) await close()
await kafka.stop()
await redis.stop()
if (stopped.code !== 0) throw new Error(`weir stream ended with ${stopped.code}: ${stopped.stderr}`)
const result = {
  outcomes_per_second: (decided * 1e6) / (end.atUs - warm.atUs),
  engine_cpu_us_per_outcome: (end.cpuUs - warm.cpuUs) / decided,
  redis_cpu_us_per_outcome: (end.redisCpuUs - warm.redisCpuUs) / decided,
  rss_mb_after_warm_up: warm.rssMb,
  rss_mb_at_end: end.rssMb,
  rss_mb_more_per_million: ((end.rssMb - warm.rssMb) * 1e6) / decided,
}
tell({ measures: result })

interface Reached {
  readonly outcomes: number
  readonly atUs: number
  readonly cpuUs: number
  readonly redisCpuUs: number
  readonly rssMb: number
}

/** Waits until so many outcomes are in the decision topic. */
async function reached(wanted: number): Promise<Reached> {
  const reader = new PartitionReader(topics.client)
  await reader.connect([topics.decisions])
  try {
    const decisions = new TopicEnd(reader, topics.decisions, partitions)
    const outcomes = await decisions.reached(wanted, () => {
      if (engine.child.exitCode !== null) throw new Error(`weir stream ended: ${engine.stderr}`)
    })
    const { cpuUs, rssMb } = processUsage(pid)
    const redisCpuUs = processUsage(redis.pid).cpuUs
    return { outcomes, atUs: systemClock.monotonicUs(), cpuUs, redisCpuUs, rssMb }
  } finally {
    await reader.close()
  }
}

/** Generated transactions, by card, as a payment system would key them. */
async function produceAll(): Promise<void> {
  let waiting: string[][] = Array.from({ length: partitions }, () => [])
  let produced = 0
  for (const { row } of generate({ ...defaultParameters, rows: count })) {
    waiting[Number.parseInt(row.card.slice(2), 16) % partitions]!.push(writeRow(row))
    if (++produced % chunk !== 0 && produced !== count) continue
    const full = waiting
    waiting = Array.from({ length: partitions }, () => [])
    for (const [partition, values] of full.entries()) await topics.produce(partition, values)
    if (produced === count) break
  }
}

function config(): string {
  return `
source: ${shipped.mapping}
kafka:
  brokers: [${topics.brokers}]
  transactions: ${topics.transactions}
  decisions: ${topics.decisions}
  dead_letters: ${topics.deadLetters}
  group: ${topics.transactions}
redis: { url: '${redis.url}', held_bytes_max: ${heldBytesMax} }
hash_key: 00112233445566778899aabbccddeeff
`
}
