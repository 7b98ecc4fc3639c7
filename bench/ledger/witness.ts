// Watches the process that it is in: CPU by stage, allocations by stage and function, bytes over its sockets. It samples and
// never changes what it watches; a sampled pass costs more than one that is not, so cost is told of the latter.
import { readFileSync } from 'node:fs'
import { type HeapProfiler, type Profiler, Session } from 'node:inspector/promises'
import { type Frame, type Stage, stageOf, stages } from './stages.ts'

export type ByStage = Readonly<Record<Stage, number>>

export interface CpuShares {
  /** Of the main thread's samples that were not idle; together 1. */
  readonly shares: ByStage
  readonly samples: number
  /** Sampled time by the CPU time that the main thread used: far from 1, the shares are of another time. */
  readonly coverage: number
}

export interface Allocations {
  /** Bytes, garbage included; memory off the heap (buffers) is not. */
  readonly bytes: ByStage
  readonly sites: readonly Site[]
}

export interface Site {
  readonly stage: Stage
  /** Function, file, line of the innermost frame of ours. */
  readonly place: string
  readonly bytes: number
}

const cpuIntervalUs = 250
/** A gap is no time at work: another process had the core. */
const gapUsMax = 5 * cpuIntervalUs
const heapIntervalBytes = 1024

export class Witness {
  readonly #session = new Session()

  constructor() {
    this.#session.connect()
  }

  /** Where the main thread's time goes while `work` is done. */
  async cpu(work: () => Promise<unknown>): Promise<CpuShares> {
    await this.beginCpu()
    await work()
    return this.endCpu()
  }

  #threadUs = 0

  async beginCpu(): Promise<void> {
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.setSamplingInterval', { interval: cpuIntervalUs })
    await this.#session.post('Profiler.start')
    this.#threadUs = mainThreadUs()
  }

  async endCpu(): Promise<CpuShares> {
    const usedUs = mainThreadUs() - this.#threadUs
    const { profile } = await this.#session.post('Profiler.stop')
    return sharesOf(profile, usedUs)
  }

  /** What is allocated on the heap while `work` is done, sampled every kilobyte or so. */
  async allocations(work: () => Promise<unknown>): Promise<Allocations> {
    await this.#session.post('HeapProfiler.enable')
    await this.#session.post('HeapProfiler.startSampling', {
      samplingInterval: heapIntervalBytes,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
    await work()
    const { profile } = await this.#session.post('HeapProfiler.stopSampling')
    return allocationsOf(profile)
  }

  close(): void {
    this.#session.disconnect()
  }
}

/** CPU time of the main thread alone, in steps of 10 ms, as Linux tells it. */
export function mainThreadUs(): number {
  const text = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

export function noStages(): Record<Stage, number> {
  return Object.fromEntries(stages.map((stage) => [stage, 0])) as Record<Stage, number>
}

function sharesOf(profile: Profiler.Profile, usedUs: number): CpuShares {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const stageById = new Map<number, Stage | null>()
  const walk = (id: number, above: readonly Frame[]): void => {
    const { callFrame, children } = byId.get(id)!
    const stack = [...above, callFrame]
    stageById.set(id, stageOf(stack))
    for (const child of children ?? []) walk(child, stack)
  }
  walk(profile.nodes[0]!.id, [])
  const counts = noStages()
  let samples = 0
  let sampledUs = 0
  for (const [at, id] of (profile.samples ?? []).entries()) {
    const stage = stageById.get(id) ?? null
    if (stage === null) continue
    counts[stage]++
    samples++
    // The time since the sample before, when this was already what ran.
    sampledUs += Math.min(profile.timeDeltas![at]!, gapUsMax)
  }
  const shares = noStages()
  for (const stage of stages) shares[stage] = counts[stage] / samples
  return { shares, samples, coverage: sampledUs / usedUs }
}

function allocationsOf({ head }: HeapProfiler.SamplingHeapProfile): Allocations {
  const bytes = noStages()
  const sites = new Map<string, { stage: Stage; place: string; bytes: number }>()
  const walk = (
    node: HeapProfiler.SamplingHeapProfileNode,
    above: readonly string[],
    frames: readonly Frame[],
  ): void => {
    const { callFrame, selfSize, children } = node
    const stack = [...frames, callFrame]
    const place = placeOf(callFrame)
    const places = place === null ? above : [...above, place]
    if (selfSize > 0) {
      const stage = stageOf(stack) ?? 'loop'
      bytes[stage] += selfSize
      const own = places.at(-1) ?? `${callFrame.functionName} ${callFrame.url}`
      const name =
        callFrame.url === '' || place !== null ? own : `${own} > ${callFrame.functionName}`
      const site = sites.get(`${stage} ${name}`) ?? { stage, place: name, bytes: 0 }
      site.bytes += selfSize
      sites.set(`${stage} ${name}`, site)
    }
    for (const child of children) walk(child, places, stack)
  }
  walk(head, [], [])
  return { bytes, sites: [...sites.values()].sort((a, b) => b.bytes - a.bytes) }
}

/** Null for what is the runtime's own. */
function placeOf({
  functionName,
  url,
  lineNumber,
}: HeapProfiler.SamplingHeapProfileNode['callFrame']): string | null {
  const at = url.lastIndexOf('/dist/')
  const inPackage = url.lastIndexOf('/node_modules/')
  if (at < 0 && inPackage < 0) return null
  const file = inPackage < 0 ? url.slice(at + 6) : url.slice(inPackage + 14)
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}:${lineNumber + 1}`
}
