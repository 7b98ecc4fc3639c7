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
import { networkGraph, treesGraph, writeFolder } from '../model-folders.ts'
import { openLoop, quantile } from '../open-loop.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'
import { makeMessages } from '../workload.ts'

const [callsPerSecond = 600, aloneSeconds = 60, swapSeconds = 300, everySeconds = 10] = process.argv
  .slice(2)
  .map(Number)
const warmSeconds = 20
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

const seconds = warmSeconds + aloneSeconds + swapSeconds
const bodies = makeMessages(Math.ceil(callsPerSecond * seconds * 1.05)).map(({ value }) =>
  Buffer.from(value!),
)
let taken = 0
const result: Record<string, number> = {}
const names = new Set<string>()

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
names.clear()
await load('swapping', swapSeconds)
stopping.abort()
await swapping
result['swaps'] = swaps
result['swaps_refused'] = refused
result['swap_ms_median'] = swapTimesMs.sort((a, b) => a - b)[Math.floor(swapTimesMs.length / 2)]!
result['swap_ms_longest'] = swapTimesMs.at(-1)!
result['models_seen'] = names.size
result['rss_mb_before'] = rssBefore
// The most of each quarter: what trying a large model takes goes back to the process, not to the system.
for (const quarter of [0, 1, 2, 3]) {
  const [from, end] = [quarter, quarter + 1].map((part) => Math.floor((part * rssMb.length) / 4))
  result[`rss_mb_quarter_${quarter + 1}`] = Math.max(...rssMb.slice(from, end))
}
result['rss_mb_after'] = await rss()
const { code, stderr } = await weir.kill('SIGTERM')
await redis.stop()
rmSync(folder, { recursive: true })
if (code !== 0) throw new Error(`weir serve ended with ${code}: ${stderr}`)
tell({ measures: result })

async function load(name: string, forSeconds: number): Promise<void> {
  const count = Math.floor(callsPerSecond * forSeconds)
  const calls = bodies.slice(taken, taken + count)
  taken += count
  let standIns = 0
  const usage = processUsage(weir.child.pid!).cpuUs
  const { latencyUs, lateUs } = await openLoop(
    { port },
    { bodies: calls, callsPerSecond, seed: 1 },
    (status, body) => {
      if (status !== 200) throw new Error(`expected a decision, found ${status}: ${body}`)
      if (body.includes('"rung":"stand-in"')) standIns++
      const found = [...body.matchAll(/"model":\{"name":"([^"]+)"/g)]
      if (found.length !== 1) throw new Error(`expected one model, found ${found.length}: ${body}`)
      names.add(found[0]![1]!)
    },
  )
  if (name === 'warm_up') return
  const cpuUs = processUsage(weir.child.pid!).cpuUs - usage
  result[`${name}_calls`] = calls.length
  result[`${name}_overdue_per_million`] = (standIns * 1e6) / calls.length
  for (const [label, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
    ['p999', 0.999],
  ] as const) {
    result[`${name}_${label}_us`] = quantile(latencyUs, share)
  }
  result[`${name}_cpu_us_per_call`] = cpuUs / calls.length
  result[`${name}_generator_late_p99_us`] = quantile(lateUs, 0.99)
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
