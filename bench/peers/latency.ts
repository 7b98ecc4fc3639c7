// From when a transaction was due to when a reader of committed records has its decision: an engine on one partition, behind an
// echo with Weir's client on the same broker, at a rate that all hold.
// Usage: latency.js <setup> <history> <rate> <seconds>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine, Place } from '../load/engines.ts'
import { Stage } from '../load/stage.ts'
import { runTrial, type Trial } from '../load/trial.ts'
import { writeStandard } from '../standard/standard.ts'
import { tell } from '../variant.ts'
import { type RunningEngine, startEngine } from './engines.ts'
import { setupOf } from './setups.ts'
import { writeTrees } from './trees.ts'

const setup = setupOf(process.argv[2])
const history = Number(process.argv[3] ?? '60000')
const perSecond = Number(process.argv[4] ?? '500')
const seconds = Number(process.argv[5] ?? '10')
const settleSeconds = 3
const decisionBytes = 284
/** Latency is what matters here: nothing is gathered. */
const lingerMs = 0

const folder = mkdtempSync(join(tmpdir(), 'weir-latency-'))
const work = await writeStandard(folder)
writeTrees(work.model)
const traffic = { kind: 'standard' } as const
const started: RunningEngine[] = []
const { echo, measured } = await Stage.run(
  { partitions: 1, traffic, files: work, history, decisionBytes },
  async (stage) => {
    const floor = await trial(stage, await stage.echo())
    const engine = await stage.start(launch, history).catch((cause: unknown) => {
      for (const one of started) one.mustRun()
      throw cause
    })
    return { echo: floor, measured: await trial(stage, engine) }
  },
)
rmSync(folder, { recursive: true, force: true })
const { latencies } = measured.seen
tell({
  measures: {
    p50_us: latencies.p50,
    p99_us: latencies.p99,
    echo_p50_us: echo.seen.latencies.p50,
    echo_p99_us: echo.seen.latencies.p99,
    p50_ratio_to_echo: latencies.p50 / echo.seen.latencies.p50,
    engine_cpu_us_per_decision: measured.cpuUs.engine,
    broker_cpu_us_per_decision: measured.cpuUs.broker,
    generator_late_p99_us: measured.sent.late.p99,
  },
  configuration: started[0]!.configuration,
  void: [measured, echo].flatMap(({ faults, late }) =>
    late === null ? faults : [...faults, late],
  ),
})

async function launch({ topics }: Place): Promise<Engine> {
  const running = await startEngine(setup, { topics, work, folder }, lingerMs)
  started.push(running)
  return running
}

function trial(stage: Stage, one: Engine): Promise<Trial> {
  return runTrial(stage, one, {
    phases: [{ perSecond, seconds: settleSeconds + seconds }],
    shape: 'poisson',
    seed: 1,
    settleSeconds,
    drainMsMax: 30_000,
  })
}
