// An engine works off a topic that was filled before: CPU of all processes per decision, behind a warm-up, and how many of its
// decisions rest on other numbers than the window contract says.
// Usage: catch-up.js <setup> <transactions> <warm-up>. Prints one line of JSON.
import { tell } from '../variant.ts'
import { DecisionCheck } from './check.ts'
import { startEngine } from './engines.ts'
import { setupOf } from './setups.ts'
import { PeerWorld, type Sample } from './world.ts'

const setup = setupOf(process.argv[2])
const count = Number(process.argv[3] ?? '300000')
const warmUp = Number(process.argv[4] ?? '150000')
const checkEvery = 20
/** A peer's producer may gather so long while there is a backlog. */
const lingerMs = 10
/** The end of a run is slower than its middle: batches are no longer full. */
const measuredUpTo = 0.98

const world = await PeerWorld.open(setup.partitions)
const check = new DecisionCheck(warmUp, checkEvery)
await world.fill(count, check)
const engine = await startEngine(setup, world, lingerMs)
const samples = await world.watch(count, engine.pid, engine.redisPid, engine.mustRun)
const own = await engine.measures()
for (let partition = 0, seen = 0; seen < count; ) {
  const texts = await world.read(partition)
  for (const text of texts) check.decided(text)
  seen += texts.length
  if (texts.length === 0) partition = (partition + 1) % setup.partitions
}
await engine.stop()
await world.close()
const { missing_decisions, ...measures } = check.measures
tell({
  measures: { ...perDecision(samples), ...own, ...measures },
  configuration: engine.configuration,
  void: missing_decisions === 0 ? [] : [`${missing_decisions} decisions are missing`],
})

function perDecision(all: readonly Sample[]): Record<string, number> {
  const from = all.find(({ outcomes }) => outcomes >= warmUp)!
  const to = all.findLast(({ outcomes }) => outcomes <= count * measuredUpTo)!
  const decided = to.outcomes - from.outcomes
  if (decided < (count - warmUp) / 2) throw new Error('too few samples between warm-up and end')
  const engineUs = (to.engineCpuUs - from.engineCpuUs) / decided
  const brokerUs = (to.brokerCpuUs - from.brokerCpuUs) / decided
  const redisUs = (to.redisCpuUs - from.redisCpuUs) / decided
  return {
    all_cpu_us_per_decision: engineUs + brokerUs + redisUs,
    engine_cpu_us_per_decision: engineUs,
    broker_cpu_us_per_decision: brokerUs,
    ...(setup.engine === 'weir' ? { redis_cpu_us_per_decision: redisUs } : {}),
    decisions_per_second: (decided * 1e6) / (to.atUs - from.atUs),
  }
}
