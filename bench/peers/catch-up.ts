// An engine works off a topic that was filled while it was frozen: CPU of all processes per decision, behind a warm-up, and how many of its
// decisions rest on other numbers than the window contract says.
// Usage: catch-up.js <setup> <transactions> <warm-up>. Prints one line of JSON.
import { type Outcome, tell } from '../variant.ts'
import { DecisionCheck } from './check.ts'
import { startEngine } from './engines.ts'
import { setupOf } from './setups.ts'
import { PeerWorld, type Usage } from './world.ts'

const setup = setupOf(process.argv[2])
const count = Number(process.argv[3] ?? '300000')
const warmUp = Number(process.argv[4] ?? '150000')
const checkEvery = 20
/** A peer's producer may gather so long while there is a backlog. */
const lingerMs = 10

const check = new DecisionCheck(warmUp, checkEvery)
const world = await PeerWorld.open(setup.partitions)
try {
  const { measures, configuration } = await catchUp()
  const { missing_decisions, ...checked } = check.measures
  tell({
    measures: { ...measures, ...checked },
    configuration,
    void: missing_decisions === 0 ? [] : [`${missing_decisions} decisions are missing`],
  })
} finally {
  await world.close()
}

async function catchUp(): Promise<Required<Pick<Outcome, 'measures' | 'configuration'>>> {
  await world.produce(world.make(warmUp, check))
  const engine = await startEngine(setup, world, lingerMs)
  try {
    const { mustRun, configuration } = engine
    await world.settled(warmUp, mustRun)
    const backlog = world.make(count - warmUp, check)
    // Frozen while the topic is filled: no stage of it is ahead, and what the broker takes for filling is not counted.
    process.kill(engine.pid, 'SIGSTOP')
    await world.produce(backlog)
    const outcomes = await world.settled(warmUp, mustRun)
    const before = world.usage(outcomes, engine)
    process.kill(engine.pid, 'SIGCONT')
    const after = await world.usedUntil(outcomes + count - warmUp, engine, mustRun)
    const measures = { ...perDecision(before, after), ...(await engine.measures()) }
    await readAll()
    return { measures, configuration }
  } finally {
    await engine.stop()
  }
}

async function readAll(): Promise<void> {
  for (let partition = 0, seen = 0; seen < count; ) {
    const texts = await world.read(partition)
    for (const text of texts) check.decided(text)
    seen += texts.length
    if (texts.length === 0) partition = (partition + 1) % setup.partitions
  }
}

function perDecision(before: Usage, after: Usage): Record<string, number> {
  const decided = count - warmUp
  const engineUs = (after.engineCpuUs - before.engineCpuUs) / decided
  const brokerUs = (after.brokerCpuUs - before.brokerCpuUs) / decided
  const redisUs = (after.redisCpuUs - before.redisCpuUs) / decided
  return {
    all_cpu_us_per_decision: engineUs + brokerUs + redisUs,
    engine_cpu_us_per_decision: engineUs,
    broker_cpu_us_per_decision: brokerUs,
    ...(setup.engine === 'weir' ? { redis_cpu_us_per_decision: redisUs } : {}),
    decisions_per_second: (decided * 1e6) / (after.atUs - before.atUs),
  }
}
