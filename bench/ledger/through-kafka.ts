// The ledger of `weir stream` on a backlog, through a real broker and a real Redis: CPU of engine, Redis and broker, where the
// engine's goes, bytes over its sockets, allocations. Decisions are held against the naive oracle, on a sample.
// Usage: through-kafka.js default|standard <decision batch> <warm-up> <each pass>.
import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble } from '../../engine/assemble.ts'
import { systemClock } from '../../engine/clock.ts'
import { closeLineup } from '../../engine/core/lineup.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'
import { Audit } from './audit.ts'
import { Backlog } from './backlog.ts'
import { allocationMeasures, sampledMeasures, showSites } from './measures.ts'
import type { Witnessed } from './preload.ts'
import { openWork } from './work.ts'

const [name = 'standard', batchText = '16', warmText = '60000', passText = '60000'] =
  process.argv.slice(2)
const batch = Number(batchText)
const warm = Number(warmText)
const pass = Number(passText)
const checkEvery = 1997
/** What is left when the last pass ends: the stream must not run dry before. */
const rest = 20_000

const work = await openWork(name, warm + 3 * pass + rest)
const backlog = await Backlog.fill(work.messages)
const out = join(tmpdir(), `weir-ledger-${process.pid}.json`)
const engine = await backlog.start(
  work,
  import.meta.resolve(`./preload.js?out=${encodeURIComponent(out)}&batch=${batch}`),
)
const first = await passFrom(warm)
const last = await passFrom(first.outcomes + pass)
const profiled = await passFrom(last.outcomes + pass)
await passFrom(Math.min(profiled.outcomes + pass, work.messages.length))
await engine.said('witnessed')
const seen = JSON.parse(await readFile(out, 'utf8')) as Witnessed
rmSync(out)

const assembly = await assemble(work.files)
const audit = new Audit(assembly, checkEvery)
const decided = await backlog.reached(0)
const offsets = Array.from({ length: Math.floor(decided / checkEvery) }, (_, n) => n * checkEvery)
audit.keepSome(await backlog.outcomes(offsets))
const faults = audit.faults(work.messages.slice(0, decided))
await closeLineup(assembly.lineup)
await backlog.close()

const outcomes = seen.decided
const measures: Record<string, number> = {
  decision_batch: seen.decided / seen.batches,
  send_batch: seen.sent / seen.sends,
  decisions_per_second: ((last.outcomes - first.outcomes) * 1e6) / (last.atUs - first.atUs),
  engine_cpu_us_per_decision: seen.cpuUs / outcomes,
  redis_cpu_us_per_decision: (last.redisUs - first.redisUs) / outcomes,
  broker_cpu_us_per_decision: (last.brokerUs - first.brokerUs) / outcomes,
  ...sampledMeasures(seen.shares, {
    totalUs: seen.cpuUs,
    threadUs: seen.threadUs,
    decisions: outcomes,
  }),
  ...allocationMeasures(seen.allocations, seen.sampled),
}
for (const { port, sent, received } of seen.bytes) {
  const peer = port === backlog.redis.port ? 'redis' : 'kafka'
  measures[`bytes_to_${peer}_per_decision`] = sent / outcomes
  measures[`bytes_from_${peer}_per_decision`] = received / outcomes
}
showSites(seen.allocations, seen.sampled)
tell({ measures, void: faults })

interface Reached {
  readonly outcomes: number
  readonly atUs: number
  readonly redisUs: number
  readonly brokerUs: number
}

/** Ends the witness's pass, and begins the next, once so many outcomes are there. */
async function passFrom(wanted: number): Promise<Reached> {
  const outcomes = await backlog.reached(wanted)
  engine.child.kill('SIGUSR2')
  return {
    outcomes,
    atUs: systemClock.monotonicUs(),
    redisUs: processUsage(backlog.redis.pid).cpuUs,
    brokerUs: processUsage(backlog.kafka.pid).cpuUs,
  }
}
