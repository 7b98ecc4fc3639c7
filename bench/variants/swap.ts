// Models that change under load: `weir serve` on a real Redis, open loop, first left alone, then with another model every few
// seconds through the admin listener: small and large ones, in the process and in a thread of their own.
// Usage: swap.js <calls a second> <seconds alone> <seconds with swaps> <seconds between them>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { shipped } from '../../engine/assemble.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { freePort } from '../../engine/testing/sidecar-process.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { AskedProcess } from '../load/asked-process.ts'
import type { CallerQuestions, CallerSettings } from '../load/caller-questions.ts'
import { tooLate } from '../load/latencies.ts'
import { networkGraph, treesGraph, writeFolder } from '../model-folders.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'

const [callsPerSecond = 600, aloneSeconds = 60, swapSeconds = 300, everySeconds = 10] = process.argv
  .slice(2)
  .map(Number)
const warmSeconds = 20
/** Transactions of thirty days: how many cards there are follows from it. */
const history = 260_000
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-swap-'))
const models = [
  ['network_small', networkGraph([32, 16])],
  ['trees_small', treesGraph(100, 6)],
  ['network_large', networkGraph([700, 700])],
  ['trees_large', treesGraph(500, 8)],
] as const
for (const [name, source] of models) await writeFolder(join(folder, name), name, source)

const redis = await RedisServer.start()
const port = await freePort()
const adminPort = await freePort()
const weir = new EngineProcess(
  ['serve'],
  `
source: ${shipped.mapping}
models: ${join(folder, models[0][0])}
models_folder: ${folder}
redis: { url: '${redis.url}', held_bytes_max: 32MiB }
hash_key: 00112233445566778899aabbccddeeff
http: { port: ${port}, answer_bytes_max: 8MiB }
admin: { port: ${adminPort} }
`,
  { KAFKA_BROKERS: undefined, REDIS_URL: undefined },
)
await weir.said('answering on')

const asked: CallerSettings = { traffic: { kind: 'default', history }, path: '/v1/decisions' }
const caller = await AskedProcess.start<CallerQuestions>('caller', asked)
const result: Record<string, number> = {}
const reasons: string[] = []
let modelsSeen = 0

await load('warm_up', warmSeconds)
const rssBefore = await rss()
await load('alone', aloneSeconds)
const stopping = new AbortController()
const stop = stopping.signal
const over = new Promise((resolve) => {
  stop.addEventListener('abort', resolve)
})
let swaps = 0
let refused = 0
const swapTimesMs: number[] = []
const rssMb: number[] = []
const swapping = swapAll()
await load('swapping', swapSeconds)
stopping.abort()
await swapping
result['swaps'] = swaps
result['swaps_refused'] = refused
result['swap_ms_median'] = swapTimesMs.sort((a, b) => a - b)[Math.floor(swapTimesMs.length / 2)]!
result['swap_ms_longest'] = swapTimesMs.at(-1)!
result['models_seen'] = modelsSeen
result['rss_mb_before'] = rssBefore
// The most of each quarter: what trying a large model takes goes back to the process, not to the system.
for (const quarter of [0, 1, 2, 3]) {
  const [from, end] = [quarter, quarter + 1].map((part) => Math.floor((part * rssMb.length) / 4))
  const looks = rssMb.slice(from, end)
  // A short run has fewer swaps than quarters.
  if (looks.length > 0) result[`rss_mb_quarter_${quarter + 1}`] = Math.max(...looks)
}
result['rss_mb_after'] = await rss()
const { code, stderr } = await weir.kill('SIGTERM')
await caller.stop()
await redis.stop()
rmSync(folder, { recursive: true })
if (code !== 0) throw new Error(`weir serve ended with ${code}: ${stderr}`)
tell({ measures: result, void: reasons })

async function load(name: string, forSeconds: number): Promise<void> {
  const usage = processUsage(weir.child.pid!).cpuUs
  const { count, statuses, latencies, late, found } = await caller.ask('call', {
    target: { port },
    phases: [{ perSecond: callsPerSecond, seconds: forSeconds }],
    seed: 1,
    patterns: {
      standIn: '"rung":"stand-in"',
      model: '"model":\\{"name":"([^"]+)"',
      twice: '"model":\\{.*"model":\\{',
    },
    isKept: false,
  })
  if (statuses['200'] !== count) throw new Error(`expected 200s, found ${JSON.stringify(statuses)}`)
  if (found['twice'] !== undefined) throw new Error('expected one model in a decision, found more')
  if (name === 'warm_up') return
  const cpuUs = processUsage(weir.child.pid!).cpuUs - usage
  const standIns = Object.values(found['standIn'] ?? {}).reduce((sum, one) => sum + one, 0)
  modelsSeen = Object.keys(found['model'] ?? {}).length
  result[`${name}_calls`] = count
  result[`${name}_overdue_per_million`] = (standIns * 1e6) / count
  result[`${name}_p50_us`] = latencies.p50
  result[`${name}_p99_us`] = latencies.p99
  result[`${name}_p999_us`] = latencies.p999
  result[`${name}_cpu_us_per_call`] = cpuUs / count
  result[`${name}_generator_late_p99_us`] = late.p99
  const reason = tooLate(name, late, latencies)
  if (reason !== null) reasons.push(reason)
}

async function swapAll(): Promise<void> {
  for (let turn = 1; !stop.aborted; turn++) {
    const [name] = models[turn % models.length]!
    const began = performance.now()
    const url = `http://127.0.0.1:${adminPort}/admin/models/${name}`
    const response = await fetch(url, { method: 'POST' })
    await response.text()
    swapTimesMs.push(performance.now() - began)
    if (response.status === 200) swaps++
    else refused++
    rssMb.push(processUsage(weir.child.pid!).rssMb)
    await Promise.race([over, pause(everySeconds * 1000)])
  }
}

/** After a collection there is nothing to ask for: the least of a few seconds. */
async function rss(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look++) {
    least = Math.min(least, processUsage(weir.child.pid!).rssMb)
    await pause(500)
  }
  return least
}
