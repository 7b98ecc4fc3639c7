// The highest rate that Weir holds and the echo's, what both answer in at parts of Weir's, and what becomes of Weir above it
// and afterwards. Usage: saturation.js <JSON of Settings>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tell } from '../variant.ts'
import type { Engine } from './engines.ts'
import { findKnee } from './knee.ts'
import { recoverySeconds } from './recovery.ts'
import type { Phase } from './schedule.ts'
import { Stage } from './stage.ts'
import { runTrial, type Trial } from './trial.ts'
import { type WorkName, workOf } from './work.ts'

export interface Settings {
  readonly work: WorkName
  /** What is done behind the search. */
  readonly part: 'curves' | 'overload'
  readonly history: number
  readonly seconds: number
  /** Up to which p99, due to seen, a rate counts as held. */
  readonly p99UsMax: number
  readonly from: number
  readonly halvings: number
  readonly tries: number
  /** Of the rate held. */
  readonly shares: readonly number[]
  readonly overload: number
}

/** What a rate must keep to count as held, beside p99: the share of it that the lag may grow by. */
const lagGrowthMax = 0.02
const ratesMax = 200_000
const settleSeconds = 1
const drainMsMax = 30_000
const samples = 200

const settings = JSON.parse(process.argv[2]!) as Settings
const { history, seconds, p99UsMax, from, halvings, tries, shares } = settings
const phaseSeconds = settleSeconds + seconds
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-load-'))
const work = await workOf(settings.work, history, folder)
const reasons = new Set<string>()
const measures: Record<string, number> = { held_p99_us_max: p99UsMax }
const series: Record<string, Record<string, number>[]> = {}
let seed = 0

await Stage.run({ ...work, partitions: 4, history }, async (stage) => {
  const weir = await stage.weir()
  const firsts = stage.ends(weir.pair)
  const held = await search(stage, weir, from)
  if (held > 0 && settings.part === 'overload') await overload(stage, weir, held)
  if (held > 0 && settings.part === 'curves') {
    const echo = await stage.echo()
    for (const share of shares) await compare(stage, echo, weir, held, share)
    await search(stage, echo, Math.max(from, held))
  }
  const asked = { pair: weir.pair, files: work.files, firsts, samples, seed: 1 }
  const verified = await stage.reader.ask('verify', asked)
  measures['differing_share'] = verified.wrong / Math.max(1, verified.decisions)
  for (const fault of verified.faults) reasons.add(`wrong: ${fault}`)
})
rmSync(folder, { recursive: true })
tell({ measures, series, void: [...reasons] })

async function search(stage: Stage, engine: Engine, first: number): Promise<number> {
  const late = new Map<number, string | null>()
  const found = await findKnee({ from: first, to: ratesMax, halvings, tries }, async (rate) => {
    const trial = await load(stage, engine, [{ perSecond: rate, seconds: phaseSeconds }])
    const tried = (series[`${engine.name}_search`] ??= [])
    const isEnough = isHeld(trial, rate)
    tried.push({ tried_per_second: rate, is_held: Number(isEnough), ...pointOf([trial]) })
    late.set(rate, trial.late)
    return isEnough
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

function isHeld({ isDrained, seen }: Trial, rate: number): boolean {
  return (
    isDrained &&
    seen.lost === 0 &&
    seen.latencies.p99 <= p99UsMax &&
    seen.lagSlopePerSecond <= rate * lagGrowthMax
  )
}

/** Both in turn at a share of the rate held, twice. */
async function compare(
  stage: Stage,
  echo: Engine,
  weir: Engine,
  held: number,
  share: number,
): Promise<void> {
  const rate = held * share
  const trials = new Map<Engine, Trial[]>([echo, weir].map((engine) => [engine, []]))
  for (const engine of [echo, weir, weir, echo]) {
    const trial = await load(stage, engine, [{ perSecond: rate, seconds: phaseSeconds }])
    claim(trial.late)
    trials.get(engine)!.push(trial)
  }
  const points = [echo, weir].map((engine) => {
    const point: Record<string, number> = {
      offered_per_second: rate,
      ...pointOf(trials.get(engine)!),
    }
    const curve = (series[engine.name] ??= [])
    curve.push(point)
    return point
  })
  const at = `at_${Math.round(share * 100)}_percent`
  const [floor, ours] = points
  for (const [measure, value] of Object.entries(ours!)) {
    if (measure.endsWith('_per_decision') || measure.startsWith('engine_')) {
      measures[`${measure}_${at}`] = value
    }
  }
  for (const quantile of ['p50', 'p99', 'p999']) {
    const [ofEcho, ofWeir] = [floor, ours].map((point) => point![`${quantile}_us`]!)
    measures[`echo_${quantile}_us_${at}`] = ofEcho!
    measures[`weir_${quantile}_us_${at}`] = ofWeir!
    measures[`${quantile}_ratio_${at}`] = ofWeir! / ofEcho!
  }
  measures[`${weir.name}_${at}_engine_p99_us`] = points[1]!['engine_p99_us']!
}

function pointOf(trials: readonly Trial[]): Record<string, number> {
  const mean = (of: (trial: Trial) => number): number =>
    trials.reduce((sum, trial) => sum + of(trial), 0) / trials.length
  const point: Record<string, number> = {
    seen_per_second: mean(({ seen }) => seen.seenWithin / seconds),
    p50_us: mean(({ seen }) => seen.latencies.p50),
    p99_us: mean(({ seen }) => seen.latencies.p99),
    p999_us: mean(({ seen }) => seen.latencies.p999),
    lag_slope_per_second: mean(({ seen }) => seen.lagSlopePerSecond),
    generator_late_p99_us: mean(({ sent }) => sent.late.p99),
    engine_cpu_us_per_decision: mean(({ cpuUs }) => cpuUs.engine),
    redis_cpu_us_per_decision: mean(({ cpuUs }) => cpuUs.redis),
    broker_cpu_us_per_decision: mean(({ cpuUs }) => cpuUs.broker),
  }
  if (trials[0]!.engine === null) return point
  return {
    ...point,
    engine_p99_us: mean(({ engine }) => engine!.p99Us),
    decision_batch: mean(({ engine }) => engine!.decisionBatch),
    send_batch: mean(({ engine }) => engine!.sendBatch),
  }
}

/** Half the rate held, above it, half again. */
async function overload(stage: Stage, weir: Engine, held: number): Promise<void> {
  const { overload: share } = settings
  // A backlog of (share - 1) phases goes at half the rate held: in twice as many, and half as long again may pass.
  const afterSeconds = phaseSeconds * Math.max(1, 3 * (share - 1))
  const phases = [
    { perSecond: held * 0.5, seconds: phaseSeconds },
    { perSecond: held * share, seconds: phaseSeconds },
    { perSecond: held * 0.5, seconds: afterSeconds },
  ]
  const trial = await load(stage, weir, phases)
  claim(trial.late)
  const { beganNs } = trial.sent
  const seenIn = (fromSeconds: number, toSeconds: number) =>
    stage.reader.ask('measure', {
      pair: weir.pair,
      firsts: trial.firsts,
      ends: trial.ends,
      fromNs: beganNs + fromSeconds * 1e9,
      toNs: beganNs + toSeconds * 1e9,
    })
  const calm = await seenIn(settleSeconds, phaseSeconds)
  const above = await seenIn(phaseSeconds, 2 * phaseSeconds)
  const all = await seenIn(0, 2 * phaseSeconds + afterSeconds)
  const lagMax = Math.max(...calm.lag.map(({ transactions }) => transactions))
  const recovery = recoverySeconds(all.lag, 2 * phaseSeconds, lagMax)
  if (recovery === null) {
    reasons.add(`the lag of before the overload did not come back within ${afterSeconds} s`)
  }
  measures['overload_share'] = share
  measures['overload_goodput_share'] = above.seenWithin / phaseSeconds / held
  measures['overload_lag_slope_per_second'] = above.lagSlopePerSecond
  measures['overload_p99_us'] = above.latencies.p99
  measures['overload_rss_mb_more'] = trial.rssMbMax - trial.rssMbBefore
  measures['overload_recovery_seconds'] = recovery ?? afterSeconds
  series['overload_lag'] = all.lag.map((sample) => ({ ...sample }))
}

async function load(stage: Stage, engine: Engine, phases: readonly Phase[]): Promise<Trial> {
  const shape = 'poisson' as const
  const asked = { phases, shape, seed: ++seed, settleSeconds, drainMsMax }
  const trial = await runTrial(stage, engine, asked)
  for (const fault of trial.faults) reasons.add(fault)
  // What is still on its way would be in the next one.
  if (!trial.isDrained) throw new Error([...reasons].join('; '))
  return trial
}

function claim(late: string | null): void {
  if (late !== null) reasons.add(late)
}
