// Weir at a fixed rate as its subscribers see it, beside the echo at the same rate: both in turn on one broker, twice, windows
// full, decisions recomputed. Usage: open-loop.js <default|standard> <history> <a second> <seconds> <poisson|bursty>.
// Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tell } from '../variant.ts'
import type { Shape } from './schedule.ts'
import { Stage } from './stage.ts'
import { runTrial, type Trial } from './trial.ts'
import { type WorkName, workOf } from './work.ts'

const [name = 'default', historyText, rateText, secondsText, shape = 'poisson'] =
  process.argv.slice(2)
const history = Number(historyText ?? '100000')
const perSecond = Number(rateText ?? '2000')
const seconds = Number(secondsText ?? '4')
const settleSeconds = 1
const samples = 300
const drainMsMax = 30_000

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-load-'))
const work = await workOf(name as WorkName, history, folder)
const reasons: string[] = []
const ours: Trial[] = []
const floor: Trial[] = []
const verified = await Stage.run({ ...work, partitions: 4, history }, async (stage) => {
  const weir = await stage.weir()
  const echo = await stage.echo()
  const firsts = stage.ends(weir.pair)
  for (const [seed, engine] of [echo, weir, weir, echo].entries()) {
    const trial = await runTrial(stage, engine, {
      phases: [{ perSecond, seconds: settleSeconds + seconds }],
      shape: shape as Shape,
      seed,
      settleSeconds,
      drainMsMax,
    })
    reasons.push(...trial.faults, ...(trial.late === null ? [] : [trial.late]))
    if (engine === weir) ours.push(trial)
    else floor.push(trial)
  }
  const asked = { pair: weir.pair, files: work.files, firsts, samples, seed: 1 }
  return stage.reader.ask('verify', asked)
})
rmSync(folder, { recursive: true })
for (const fault of verified.faults) reasons.push(`wrong: ${fault}`)

const measures: Record<string, number> = {
  ...latencies('weir', ours),
  ...latencies('echo', floor),
  engine_p50_us: mean(ours, ({ engine }) => engine!.p50Us),
  engine_p99_us: mean(ours, ({ engine }) => engine!.p99Us),
  decision_batch: mean(ours, ({ engine }) => engine!.decisionBatch),
  send_batch: mean(ours, ({ engine }) => engine!.sendBatch),
  engine_cpu_us_per_decision: mean(ours, ({ cpuUs }) => cpuUs.engine),
  redis_cpu_us_per_decision: mean(ours, ({ cpuUs }) => cpuUs.redis),
  broker_cpu_us_per_decision: mean(ours, ({ cpuUs }) => cpuUs.broker),
  generator_cpu_us_per_decision: mean(ours, ({ cpuUs }) => cpuUs.generator),
  reader_cpu_us_per_decision: mean(ours, ({ cpuUs }) => cpuUs.reader),
  echo_engine_cpu_us_per_decision: mean(floor, ({ cpuUs }) => cpuUs.engine),
  echo_broker_cpu_us_per_decision: mean(floor, ({ cpuUs }) => cpuUs.broker),
  recomputed_decisions: verified.decisions,
  recomputed_values: verified.values,
  approximate_values: verified.approximate,
  differing_share: verified.wrong / Math.max(1, verified.decisions),
}
for (const share of ['p50', 'p99', 'p999']) {
  measures[`${share}_ratio`] = measures[`weir_${share}_us`]! / measures[`echo_${share}_us`]!
}
tell({ measures, void: reasons })

function latencies(engine: string, trials: readonly Trial[]): Record<string, number> {
  return {
    [`${engine}_p50_us`]: mean(trials, ({ seen }) => seen.latencies.p50),
    [`${engine}_p99_us`]: mean(trials, ({ seen }) => seen.latencies.p99),
    [`${engine}_p999_us`]: mean(trials, ({ seen }) => seen.latencies.p999),
    [`${engine}_generator_late_p50_us`]: mean(trials, ({ sent }) => sent.late.p50),
    [`${engine}_generator_late_p99_us`]: mean(trials, ({ sent }) => sent.late.p99),
  }
}

function mean(trials: readonly Trial[], of: (trial: Trial) => number): number {
  return trials.reduce((sum, trial) => sum + of(trial), 0) / trials.length
}
