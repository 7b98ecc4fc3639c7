// `weir serve` on a real Redis as a caller sees it, on TCP and on a Unix socket, beside a node:http server that does nothing:
// open loop, both servers in turn with the same calls. Usage: sidecar.js <warm-up> <measured> <calls a second>.
// Prints one line of JSON.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shipped } from '../../engine/assemble.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { freePort } from '../../engine/testing/sidecar-process.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { type Measured, openLoop, quantile, type Target } from '../open-loop.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'
import { makeMessages } from '../workload.ts'

const [warm = 20_000, measured = 5000, callsPerSecond = 400] = process.argv.slice(2).map(Number)
/** The warm-up has no deadline to keep. */
const warmPerSecond = 1500
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
const redis = await RedisServer.start()
const bodies = makeMessages(warm + 2 * measured).map(({ value }) => Buffer.from(value!))

const weirPlaces = await places('weir')
const weir = new EngineProcess(
  ['serve'],
  `
source: ${shipped.mapping}
redis: { url: '${redis.url}' }
hash_key: 00112233445566778899aabbccddeeff
http: { port: ${weirPlaces.tcp.port}, socket: ${weirPlaces.unix.socketPath} }
`,
  { KAFKA_BROKERS: undefined, REDIS_URL: undefined },
)
await weir.said('answering on')
let standIns = 0
const replyBytes = await load(weirPlaces.tcp, bodies.slice(0, warm), warmPerSecond)
const bytes = Math.round(replyBytes.replyBytes / warm)

const nullPlaces = await places('null')
const script = fileURLToPath(new URL('./null-server.js', import.meta.url))
const { tcp, unix } = nullPlaces
const nullArgs = [script, String(tcp.port), unix.socketPath, String(bytes)]
const nothing = spawn(process.execPath, nullArgs, { stdio: ['ignore', 'ignore', 'pipe'] })
await once(nothing.stderr, 'data')
await load(tcp, bodies.slice(0, warm / 4), warmPerSecond)

standIns = 0
const result: Record<string, number> = {}
for (const [at, way] of (['tcp', 'unix'] as const).entries()) {
  const calls = bodies.slice(warm + at * measured, warm + (at + 1) * measured)
  const floor = await measure(`null_${way}`, nothing.pid!, nullPlaces[way], calls)
  const ours = await measure(`weir_${way}`, weir.child.pid!, weirPlaces[way], calls)
  result[`p50_ratio_${way}`] = ours / floor
}
result['stand_ins'] = standIns
result['reply_bytes'] = bytes
nothing.kill()
const { code, stderr } = await weir.kill('SIGTERM')
await redis.stop()
rmSync(folder, { recursive: true })
if (code !== 0) throw new Error(`weir serve ended with ${code}: ${stderr}`)
tell({ measures: result })

async function places(name: string) {
  return { tcp: { port: await freePort() }, unix: { socketPath: join(folder, `${name}.sock`) } }
}

/** Measures one server; returns the median latency in µs. */
async function measure(
  name: string,
  pid: number,
  target: Target,
  calls: readonly Buffer[],
): Promise<number> {
  const before = processUsage(pid).cpuUs
  const redisBefore = processUsage(redis.pid).cpuUs
  const { latencyUs, lateUs } = await load(target, calls, callsPerSecond)
  const p50 = quantile(latencyUs, 0.5)
  result[`${name}_p50_us`] = p50
  result[`${name}_p99_us`] = quantile(latencyUs, 0.99)
  result[`${name}_cpu_us_per_call`] = (processUsage(pid).cpuUs - before) / calls.length
  if (name.startsWith('weir')) {
    const redisUs = processUsage(redis.pid).cpuUs - redisBefore
    result[`${name}_redis_cpu_us_per_call`] = redisUs / calls.length
  }
  result[`${name}_generator_late_p99_us`] = quantile(lateUs, 0.99)
  return p50
}

async function load(target: Target, calls: readonly Buffer[], rate: number): Promise<Measured> {
  return openLoop(target, { bodies: calls, callsPerSecond: rate, seed: 1 }, (status, body) => {
    if (status !== 200) throw new Error(`expected a decision, found ${status}: ${body}`)
    if (body.includes('"rung":"stand-in"')) standIns++
  })
}
