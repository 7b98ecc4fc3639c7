// `weir serve` on a real Redis as a caller sees it, on TCP and on a Unix socket, beside a node:http server that does nothing:
// open loop, both servers in turn, twice. Usage: sidecar.js <warm-up> <seconds> <calls a second>. Prints one line of JSON.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shipped } from '../../engine/assemble.ts'
import { endWithParent } from '../../engine/testing/child.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { freePort } from '../../engine/testing/sidecar-process.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { processUsage } from '../usage.ts'
import { nodeFlags, tell } from '../variant.ts'
import { AskedProcess } from './asked-process.ts'
import type { Called, CallerQuestions, CallerSettings } from './caller-questions.ts'
import type { Target } from './http-calls.ts'
import { tooLate } from './latencies.ts'

const [warm = 10_000, seconds = 2, perSecond = 400] = process.argv.slice(2).map(Number)
/** The warm-up has no deadline to keep. */
const warmPerSecond = 1500
/** Of calls: with more, the p99 is that of an answer without a decision. */
const standInShareMax = 0.01
const samples = 200
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
const redis = await RedisServer.start()
const asked: CallerSettings = { traffic: { kind: 'default', history: warm }, path: '/v1/decisions' }
const caller = await AskedProcess.start<CallerQuestions>('caller', asked)
const measures: Record<string, number> = { calls_per_second: perSecond }
const reasons: string[] = []
/** Measures that are not told: they would be the caller's. */
const unclaimed = new Set<string>()

const weirPlaces = await places('weir')
const config = {
  source: shipped.mapping,
  redis: { url: redis.url },
  hash_key: '00112233445566778899aabbccddeeff',
  http: { port: weirPlaces.tcp.port, socket: weirPlaces.unix.socketPath },
}
const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }
const weir = new EngineProcess(['serve'], JSON.stringify(config), clean, nodeFlags)
await weir.said('answering on')
const warmed = await call(weirPlaces.tcp, warm / warmPerSecond, warmPerSecond, true)
const bytes = Math.round(warmed.replyBytes / warmed.count)

const nullPlaces = await places('null')
const script = fileURLToPath(new URL('./null-server.js', import.meta.url))
const nullArgs = [script, String(nullPlaces.tcp.port), nullPlaces.unix.socketPath, String(bytes)]
const nothing = spawn(process.execPath, [...nodeFlags, ...nullArgs], {
  stdio: ['ignore', 'ignore', 'pipe'],
})
endWithParent(nothing)
await once(nothing.stderr, 'data')
await call(nullPlaces.tcp, 1, warmPerSecond, false)

for (const way of ['tcp', 'unix'] as const) {
  const floor = [await measure(`null_${way}`, nothing.pid!, nullPlaces[way])]
  const ours = [await measure(`weir_${way}`, weir.child.pid!, weirPlaces[way])]
  ours.push(await measure(`weir_${way}`, weir.child.pid!, weirPlaces[way]))
  floor.push(await measure(`null_${way}`, nothing.pid!, nullPlaces[way]))
  for (const share of ['p50', 'p99'] as const) {
    measures[`${share}_ratio_${way}`] = sum(ours, share) / sum(floor, share)
  }
}
const verified = await caller.ask('verify', { files: shipped, samples, seed: 1 })
measures['recomputed_decisions'] = verified.decisions
measures['differing_share'] = verified.wrong / Math.max(1, verified.decisions)
for (const fault of verified.faults) reasons.push(`wrong: ${fault}`)
nothing.kill()
await caller.stop()
const { code, stderr } = await weir.kill('SIGTERM')
await redis.stop()
rmSync(folder, { recursive: true })
if (code !== 0) throw new Error(`weir serve ended with ${code}: ${stderr}`)
measures['reply_bytes'] = bytes
tell({
  measures: Object.fromEntries(
    Object.entries(measures).filter(([measure]) => !unclaimed.has(measure)),
  ),
  configuration: { caller: warmed.priority },
  void: reasons,
})

async function places(name: string) {
  return { tcp: { port: await freePort() }, unix: { socketPath: join(folder, `${name}.sock`) } }
}

/** Adds half of what is said of a server, since each is measured twice. */
async function measure(name: string, pid: number, target: Target): Promise<Called> {
  const isWeir = name.startsWith('weir')
  const before = processUsage(pid).cpuUs
  const redisBefore = processUsage(redis.pid).cpuUs
  const called = await call(target, seconds, perSecond, isWeir)
  const { latencies, late, count } = called
  const add = (measure: string, value: number): void => {
    measures[`${name}_${measure}`] = (measures[`${name}_${measure}`] ?? 0) + value / 2
  }
  add('p50_us', latencies.p50)
  add('p99_us', latencies.p99)
  add('cpu_us_per_call', (processUsage(pid).cpuUs - before) / count)
  add('generator_late_p50_us', late.p50)
  add('generator_late_p99_us', late.p99)
  add('generator_cpu_us_per_call', called.cpuUs / count)
  if (isWeir) {
    add('redis_cpu_us_per_call', (processUsage(redis.pid).cpuUs - redisBefore) / count)
    const standIns = called.found['standIn']?.['stand-in'] ?? 0
    add('stand_in_share', standIns / count)
    if (standIns > standInShareMax * count) {
      reasons.push(`${name}: ${standIns} of ${count} calls were answered without a decision`)
    }
  }
  const reason = tooLate(name, late, latencies, 'p50')
  if (reason !== null) reasons.push(reason)
  if (tooLate(name, late, latencies, 'p99') !== null) {
    unclaimed.add(`${name}_p99_us`).add(`p99_ratio_${name.split('_')[1]}`)
  }
  return called
}

async function call(
  target: Target,
  forSeconds: number,
  rate: number,
  isKept: boolean,
): Promise<Called> {
  const called = await caller.ask('call', {
    target,
    phases: [{ perSecond: rate, seconds: forSeconds }],
    seed: 1,
    patterns: { standIn: '"rung":"(stand-in)"' },
    isKept,
  })
  const { statuses, count } = called
  if (statuses['200'] === count) return called
  throw new Error(`expected ${count} replies with 200, found ${JSON.stringify(statuses)}`)
}

function sum(called: readonly Called[], share: 'p50' | 'p99'): number {
  return called.reduce((total, { latencies }) => total + latencies[share], 0)
}
