// The ledger of one process without Kafka: what a decision costs, stage by stage, over memory, a real Redis or a cluster. Four
// passes over transactions of the same mix: CPU as users have it, CPU by stage, a profile, allocations.
// Usage: in-process.js memory|redis|cluster default|standard <decision batch> <warm-up> <each pass>.
import { systemClock } from '../../engine/clock.ts'
import { tell } from '../variant.ts'
import { BenchEngine, type Place } from './bench-engine.ts'
import { accountMeasures, allocationMeasures, showSites } from './measures.ts'
import { Witness } from './witness.ts'
import { openWork } from './work.ts'

const [
  place = 'memory',
  name = 'standard',
  batchText = '16',
  warmText = '60000',
  passText = '30000',
] = process.argv.slice(2)
const batch = Number(batchText)
const warm = Number(warmText)
const pass = Number(passText)
const checkEvery = 997

const { files, messages } = await openWork(name, warm + 4 * pass)
const engine = await BenchEngine.open(place as Place, files, checkEvery)
const witness = new Witness()
let at = 0

await decide(warm)
const before = engine.stats()
const redisBefore = engine.redisCpuUs()
const beganUs = systemClock.monotonicUs()
let bytes = 0
const plainUs = await cpuUsOf(async () => (bytes = await decide(pass)))
const wallUs = systemClock.monotonicUs() - beganUs
const redisUs = engine.redisCpuUs() - redisBefore
const after = engine.stats()

engine.account.isCounting = true
const countedUs = await cpuUsOf(() => decide(pass))
engine.account.isCounting = false
const shares = await witness.cpu(() => decide(pass))
const allocations = await witness.allocations(() => decide(pass))
witness.close()
const faults = engine.faults(messages)
await engine.close()

const measures: Record<string, number> = {
  decision_batch: batch,
  decisions_per_second: (pass * 1e6) / wallUs,
  engine_cpu_us_per_decision: plainUs / pass,
  ...accountMeasures(engine.account.take(), countedUs, shares, pass),
  ...allocationMeasures(allocations, pass),
  decision_bytes: bytes / pass,
}
if (place !== 'memory') {
  measures['redis_cpu_us_per_decision'] = redisUs / pass
  measures['round_trips_per_decision'] = (after.roundTrips - before.roundTrips) / pass
  measures['bytes_to_redis_per_decision'] = (after.bytesSent - before.bytesSent) / pass
  measures['bytes_from_redis_per_decision'] = (after.bytesReceived - before.bytesReceived) / pass
  const reads = after.journalReads - before.journalReads
  measures['held_share_of_journals_read'] = (after.heldReads - before.heldReads) / reads
}
showSites(allocations, pass)
tell({ measures, void: faults })

/** The next `count` messages; bytes of their outcomes. */
function decide(count: number): Promise<number> {
  const next = messages.slice(at, at + count)
  at += count
  return engine.decide(next, batch)
}

/** Of all threads. */
async function cpuUsOf(work: () => Promise<unknown>): Promise<number> {
  const began = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(began)
  return user + system
}
