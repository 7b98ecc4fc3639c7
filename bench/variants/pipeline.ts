// One process: the whole pipeline over the generator's transactions, in memory, on a real Redis or a real cluster, decisions
// written as text; a sample of them is computed again by hand.
// Usage: pipeline.js memory|redis|cluster <batch> <warm-up> <measured>. Prints one line of JSON.
import { systemClock } from '../../engine/clock.ts'
import { BenchEngine, type Place } from '../ledger/bench-engine.ts'
import { openWork } from '../ledger/work.ts'
import { tell } from '../variant.ts'

const [place = 'memory', batchText = '64', warmText = '100000', measuredText = '200000'] =
  process.argv.slice(2)
const batch = Number(batchText)
const warm = Number(warmText)
const measured = Number(measuredText)
const checkEvery = 997

const { files, messages } = await openWork('default', warm + measured)
const engine = await BenchEngine.open(place as Place, files, checkEvery)
await engine.decide(messages.slice(0, warm), batch)
const before = engine.stats()
const redisBefore = engine.redisCpuUs()
const cpuBefore = process.cpuUsage()
const beganUs = systemClock.monotonicUs()
const bytes = await engine.decide(messages.slice(warm), batch)
const wallUs = systemClock.monotonicUs() - beganUs
const cpu = process.cpuUsage(cpuBefore)
const redisUs = engine.redisCpuUs() - redisBefore
const after = engine.stats()
const faults = engine.faults(messages)
await engine.close()

const measures: Record<string, number> = {
  decision_batch: batch,
  decisions_per_second: (measured * 1e6) / wallUs,
  engine_cpu_us_per_decision: (cpu.user + cpu.system) / measured,
  decision_bytes: bytes / measured,
}
if (place !== 'memory') {
  measures['redis_cpu_us_per_decision'] = redisUs / measured
  measures['round_trips_per_decision'] = (after.roundTrips - before.roundTrips) / measured
  measures['bytes_to_redis_per_decision'] = (after.bytesSent - before.bytesSent) / measured
  measures['bytes_from_redis_per_decision'] =
    (after.bytesReceived - before.bytesReceived) / measured
}
tell({ measures, void: faults })
