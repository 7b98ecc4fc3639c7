// One process: the whole pipeline over generated transactions, in memory or on a real Redis, decisions written as text.
// Usage: pipeline.js memory|redis <batch> <warm-up> <measured>. Prints one line of JSON.
import { assemble, makePipeline, shipped } from '../../engine/assemble.ts'
import { systemClock } from '../../engine/clock.ts'
import { closeLineup } from '../../engine/core/lineup.ts'
import type { Pipeline } from '../../engine/core/pipeline.ts'
import type { Message } from '../../engine/core/ports.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { RedisStore } from '../../features/store/redis.ts'
import type { Store } from '../../features/store/store.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'
import { benchHashKey, makeMessages } from '../workload.ts'

const [kind = 'memory', batchText = '64', warmText = '100000', measuredText = '200000'] =
  process.argv.slice(2)
const batch = Number(batchText)
const warm = Number(warmText)
const measured = Number(measuredText)
const redis = kind === 'redis' ? await RedisServer.start() : null

const messages = makeMessages(warm + measured)
const assembly = await assemble({
  ...shipped,
  models: [{ folder: shipped.model, share: 0 }],
  policy: null,
})
const store = await openStore()
const pipeline = makePipeline(assembly, {
  store,
  parser: assembly.mapping.parser(),
  hashKey: benchHashKey,
  mode: 'bench',
  source: 'bench',
  clock: systemClock,
})

await run(pipeline, messages.slice(0, warm))
const statsBefore = store.stats()
const redisBefore = redis === null ? 0 : processUsage(redis.pid).cpuUs
const cpuBefore = process.cpuUsage()
const beganUs = systemClock.monotonicUs()
const bytes = await run(pipeline, messages.slice(warm))
const wallUs = systemClock.monotonicUs() - beganUs
const cpu = process.cpuUsage(cpuBefore)
const stats = store.stats()
const result: Record<string, number> = {
  decisions_per_second: (measured * 1e6) / wallUs,
  engine_cpu_us_per_decision: (cpu.user + cpu.system) / measured,
  decision_bytes: bytes / measured,
}
if (redis !== null) {
  result['redis_cpu_us_per_decision'] = (processUsage(redis.pid).cpuUs - redisBefore) / measured
  result['round_trips_per_decision'] = (stats.roundTrips - statsBefore.roundTrips) / measured
  result['bytes_to_redis_per_decision'] = (stats.bytesSent - statsBefore.bytesSent) / measured
  result['bytes_from_redis_per_decision'] =
    (stats.bytesReceived - statsBefore.bytesReceived) / measured
}
await store.close()
await redis?.stop()
await closeLineup(assembly.lineup)
tell({ measures: result })

async function openStore(): Promise<Store> {
  const plans = assembly.plan
  if (redis === null) return new MemoryStore(plans, { bytesMax: 8 * 2 ** 30 })
  return RedisStore.open({
    url: redis.url,
    plans,
    buckets: 1,
    ttlMs: 600_000,
    heldBytesMax: 2 ** 30,
    commandTimeoutMs: 5000,
    chain: `bench-${process.pid}`,
    hashKeyId: 'bench',
    log: { warn: console.error, error: console.error },
  })
}

/** Returns the bytes of the outcomes. */
async function run(pipeline: Pipeline, all: readonly Message[]): Promise<number> {
  let bytes = 0
  for (let first = 0; first < all.length; first += batch) {
    for (const { value } of await pipeline.process(all.slice(first, first + batch))) {
      bytes += value.length
    }
  }
  return bytes
}
