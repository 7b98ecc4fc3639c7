// One load on one engine: what is sent, what its reader saw, what it took of the processors, and why it may not be claimed.
import { processUsage } from '../usage.ts'
import { engineTimes } from './engine-times.ts'
import type { Engine } from './engines.ts'
import type { GeneratorQuestions, Sent } from './generator-questions.ts'
import { tooLate } from './latencies.ts'
import type { Seen } from './reader-questions.ts'
import type { Phase, Shape } from './schedule.ts'
import type { Stage } from './stage.ts'

export interface Load {
  readonly phases: readonly Phase[]
  readonly shape: Shape
  readonly seed: number
  /** What was due in the first seconds is not measured. */
  readonly settleSeconds: number
  /** How long outcomes may take to come after the last transaction. */
  readonly drainMsMax: number
}

export interface Trial {
  readonly sent: Sent
  readonly seen: Seen
  /** Of each partition, before and after. */
  readonly firsts: readonly number[]
  readonly ends: readonly number[]
  /** All outcomes were there in time. */
  readonly isDrained: boolean
  /** µs of each process over the whole load, per decision. */
  readonly cpuUs: {
    readonly engine: number
    readonly redis: number
    readonly broker: number
    readonly generator: number
    readonly reader: number
  }
  /** Of the engine, the most that was seen. */
  readonly rssMbMax: number
  readonly rssMbBefore: number
  /** From its own metrics, where it has any. */
  readonly engine: {
    readonly p50Us: number
    readonly p99Us: number
    readonly decisionBatch: number
    readonly sendBatch: number
  } | null
  /** Why nothing of it may be claimed: what is wrong with the outcomes, and with when they were sent. */
  readonly faults: readonly string[]
  readonly late: string | null
}

/** Closer together than this, requests cost more than they tell. */
const groupUs = 500
const rssLookMs = 100

export async function runTrial(stage: Stage, engine: Engine, load: Load): Promise<Trial> {
  const { pair } = engine
  const pids = {
    engine: engine.pid,
    redis: stage.redis.pid,
    broker: stage.kafka.pid,
    generator: stage.generator.pid,
    reader: stage.reader.pid,
  }
  const usage = (): Record<keyof typeof pids, number> => ({
    engine: processUsage(pids.engine).cpuUs,
    redis: processUsage(pids.redis).cpuUs,
    broker: processUsage(pids.broker).cpuUs,
    generator: processUsage(pids.generator).cpuUs,
    reader: processUsage(pids.reader).cpuUs,
  })
  const firsts = stage.ends(pair)
  const rssMbBefore = processUsage(engine.pid).rssMb
  let rssMbMax = rssMbBefore
  const looking = setInterval(() => {
    rssMbMax = Math.max(rssMbMax, processUsage(engine.pid).rssMb)
  }, rssLookMs)
  const pageBefore = await engine.metrics()
  const before = usage()
  const run: GeneratorQuestions['run'][0] = { ...load, topic: pair.transactions, groupUs }
  const sent = await stage.generator.ask('run', run)
  stage.added(pair, sent.sent)
  const ends = stage.ends(pair)
  const isDrained = await stage.reader.ask('wait', { pair, ends, msMax: load.drainMsMax })
  const after = usage()
  clearInterval(looking)
  const pageAfter = await engine.metrics()
  const count = sent.sent.reduce((sum, one) => sum + one, 0)
  const seconds = load.phases.reduce((sum, phase) => sum + phase.seconds, 0)
  const fromNs = sent.beganNs + load.settleSeconds * 1e9
  const toNs = sent.beganNs + seconds * 1e9
  const seen = await stage.reader.ask('measure', { pair, firsts, ends, fromNs, toNs })
  const per = (name: keyof typeof pids): number => (after[name] - before[name]) / count
  return {
    sent,
    seen,
    firsts,
    ends,
    isDrained,
    cpuUs: {
      engine: per('engine'),
      redis: per('redis'),
      broker: per('broker'),
      generator: sent.cpuUs / count,
      reader: per('reader'),
    },
    rssMbBefore,
    rssMbMax,
    engine: pageBefore === null || pageAfter === null ? null : engineTimes(pageBefore, pageAfter),
    faults: faultsOf(engine.name, isDrained, seen),
    late: tooLate(engine.name, sent.late, seen.latencies),
  }
}

function faultsOf(name: string, isDrained: boolean, seen: Seen): string[] {
  const reasons: string[] = []
  if (!isDrained) reasons.push(`${name}: outcomes did not come in time`)
  else if (seen.lost > 0) reasons.push(`${name}: ${seen.lost} transactions have no outcome`)
  if (seen.doubled > 0) reasons.push(`${name}: ${seen.doubled} outcomes came twice`)
  if (seen.reordered > 0) reasons.push(`${name}: ${seen.reordered} outcomes came out of order`)
  return reasons
}
