// The highest rate that Weir holds and the echo's, what both answer in at parts of Weir's, and what becomes of Weir above it
// and afterwards. Usage: saturation.js <JSON of Settings>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Outcome, tell } from '../variant.ts'
import type { Engine } from './engines.ts'
import { findKnee } from './knee.ts'
import { recoverySeconds } from './recovery.ts'
import type { Phase } from './schedule.ts'
import { Stage } from './stage.ts'
import { runTrial, type Trial } from './trial.ts'
import { type WorkName, workOf } from './work.ts'

export interface Settings {
  readonly work: WorkName
  /** What is done: the search, the curves by load, the overload. The search is always done. */
  readonly parts: readonly ('curves' | 'overload')[]
  readonly history: number
  readonly seconds: number
  /** Up to which p99, due to seen, a rate counts as held. */
  readonly p99UsMax: number
  readonly from: number
  readonly halvings: number
  readonly tries: number
  /** Of the knee. */
  readonly shares: readonly number[]
  readonly overload: number
}

/** What a rate must keep to count as held, beside p99: the share of it that the lag may grow by. */
const lagGrowthMax = 0.02
const ratesMax = 200_000
const settleSeconds = 1
const drainMsMax = 30_000

const settings = JSON.parse(process.argv[2]!) as Settings
const { history, seconds, p99UsMax, from, halvings, tries, shares } = settings
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-load-'))
const work = await workOf(settings.work, history, folder)
const stage = await Stage.open({ ...work, partitions: 4, history })
const reasons = new Set<string>()
const measures: Record<string, number> = { p99_us_max: p99UsMax }
const series: Record<string, Record<string, number>[]> = {}
let seed = 0

const weir = await stage.weir()
const firsts = stage.ends(weir.pair)
const knee = await search(weir, from)
if (knee > 0 && settings.parts.includes('curves')) {
  const echo = await stage.echo()
  for (const share of shares) {
    const trials = await inTurn([echo, weir], knee * share)
    const percent = Math.round(share * 100)
    measures[`p50_ratio_at_${percent}_percent`] =
      trials[1]!.seen.latencies.p50 / trials[0]!.seen.latencies.p50
    measures[`p99_ratio_at_${percent}_percent`] =
      trials[1]!.seen.latencies.p99 / trials[0]!.seen.latencies.p99
  }
  await search(echo, Math.max(from, knee))
}
if (knee > 0 && settings.parts.includes('overload')) await overload()
await verify()
await stage.close()
rmSync(folder, { recursive: true })
tell({ measures, series, void: [...reasons] } satisfies Outcome)

async function search(engine: Engine, first: number): Promise<number> {
  const late = new Map<number, string | null>()
  const found = await findKnee({ from: first, to: ratesMax, halvings, tries }, async (rate) => {
    const trial = await load(engine, [{ perSecond: rate, seconds: settleSeconds + seconds }])
    note(engine, rate, trial)
    late.set(rate, trial.late)
    return isHeld(trial, rate)
  })
  const { name } = engine
  measures[`${name}_held_per_second`] = found.held
  measures[`${name}_failed_per_second`] = Math.min(ratesMax, found.failed)
  // Where the generator is the one that cannot, the knee is its own.
  for (const rate of [found.held, found.failed]) claim(late.get(rate) ?? null)
  if (found.held === 0) {
    const asked = `p99 of at most ${p99UsMax} µs`
    reasons.add(`${name} holds no rate: not even ${found.failed} a second with ${asked}`)
  }
  return found.held
}

function claim(late: string | null): void {
  if (late !== null) reasons.add(late)
}

function isHeld({ isDrained, seen }: Trial, rate: number): boolean {
  return (
    isDrained &&
    seen.lost === 0 &&
    seen.latencies.p99 <= p99UsMax &&
    seen.lagSlopePerSecond <= rate * lagGrowthMax
  )
}

async function inTurn(engines: readonly Engine[], rate: number): Promise<Trial[]> {
  const trials: Trial[] = []
  for (const engine of engines) {
    const trial = await load(engine, [{ perSecond: rate, seconds: settleSeconds + seconds }])
    note(engine, rate, trial)
    claim(trial.late)
    trials.push(trial)
  }
  return trials
}

function note({ name }: Engine, rate: number, { seen, sent, cpuUs, engine }: Trial): void {
  const points = (series[`${name}_by_load`] ??= [])
  points.push({
    offered_per_second: rate,
    seen_per_second: seen.seenWithin / seconds,
    p50_us: seen.latencies.p50,
    p99_us: seen.latencies.p99,
    p999_us: seen.latencies.p999,
    lag_slope_per_second: seen.lagSlopePerSecond,
    generator_late_p99_us: sent.late.p99,
    engine_cpu_us_per_decision: cpuUs.engine,
    redis_cpu_us_per_decision: cpuUs.redis,
    broker_cpu_us_per_decision: cpuUs.broker,
    ...(engine === null
      ? {}
      : {
          engine_p99_us: engine.p99Us,
          decision_batch: engine.decisionBatch,
          send_batch: engine.sendBatch,
        }),
  })
}

async function load(engine: Engine, phases: readonly Phase[]): Promise<Trial> {
  const trial = await runTrial(stage, engine, {
    phases,
    shape: 'poisson',
    seed: ++seed,
    settleSeconds,
    drainMsMax,
  })
  for (const fault of trial.faults) reasons.add(fault)
  // What is still on its way would be in the next one.
  if (!trial.isDrained) throw new Error([...reasons].join('; '))
  return trial
}

/** Half the knee, above it, half again. */
async function overload(): Promise<void> {
  const rates = [0.5, settings.overload, 0.5].map((share) => knee * share)
  const phases = rates.map((perSecond) => ({ perSecond, seconds: settleSeconds + seconds }))
  const trial = await load(weir, phases)
  claim(trial.late)
  const each = settleSeconds + seconds
  const { beganNs } = trial.sent
  const span = async (fromSeconds: number, toSeconds: number) =>
    stage.reader.ask('measure', {
      pair: weir.pair,
      firsts: trial.firsts,
      ends: trial.ends,
      fromNs: beganNs + fromSeconds * 1e9,
      toNs: beganNs + toSeconds * 1e9,
    })
  const calm = await span(settleSeconds, each)
  const above = await span(each, 2 * each)
  const all = await span(0, 3 * each)
  const lagMax = Math.max(...calm.lag.map(({ transactions }) => transactions))
  measures['overload_share'] = settings.overload
  measures['overload_goodput_share'] = above.seenWithin / each / knee
  measures['overload_lag_slope_per_second'] = above.lagSlopePerSecond
  measures['overload_p99_us'] = above.latencies.p99
  measures['overload_rss_mb_more'] = trial.rssMbMax - trial.rssMbBefore
  measures['overload_recovery_seconds'] = recoverySeconds(all.lag, 2 * each, lagMax) ?? each
  series['overload_lag'] = all.lag.map(({ seconds: at, transactions }) => ({
    seconds: at,
    transactions,
  }))
}

async function verify(): Promise<void> {
  const { files } = work
  const asked = { pair: weir.pair, files, firsts, samples: 200, seed: 1 }
  const verified = await stage.reader.ask('verify', asked)
  measures['differing_share'] = verified.wrong / verified.decisions
  for (const fault of verified.faults) reasons.add(`wrong: ${fault}`)
}
