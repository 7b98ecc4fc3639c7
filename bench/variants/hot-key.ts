// One merchant with much of the traffic, and several engines that share it: four pipelines in this process, each with a store of
// its own on one real Redis and with cards of its own, take turns. The same with the generator's mix alone is beside it.
// Usage: hot-key.js <warm-up> <measured>. Prints one line of JSON.
import { assemble, makePipeline } from '../../engine/assemble.ts'
import { closeLineup } from '../../engine/core/lineup.ts'
import type { Message } from '../../engine/core/ports.ts'
import type { GeneratedRow } from '../../features/generator/generator.ts'
import { RedisStore } from '../../features/store/redis.ts'
import { makeRandom } from '../../features/testing/random-transactions.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { Audit } from '../ledger/audit.ts'
import { openWork } from '../ledger/work.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'
import { benchHashKey } from '../workload.ts'

const [warmText = '20000', measuredText = '20000'] = process.argv.slice(2)
const warm = Number(warmText)
const measured = Number(measuredText)
const engines = 4
const batch = 16
const hotShare = 0.3
const checkEvery = 499

const measures: Record<string, number> = { decision_batch: batch, engines }
const faults: string[] = []
for (const share of [0, hotShare]) {
  for (const [name, value] of Object.entries(await measure(share))) {
    measures[`${name}_with_${share * 100}_percent_at_one_merchant`] = value
  }
}
const [none, hot] = Object.entries(measures)
  .filter(([name]) => name.startsWith('redis_cpu'))
  .map(([, value]) => value)
measures['redis_cpu_ratio'] = hot! / none!
tell({ measures, void: faults })

async function measure(share: number): Promise<Record<string, number>> {
  const redis = await RedisServer.start()
  const { files, messages } = await openWork('default', warm + measured)
  const assembly = await assemble(files)
  const audit = new Audit(assembly, checkEvery)
  const stores = await Promise.all(
    Array.from({ length: engines }, () => open(redis, assembly.plan)),
  )
  const pipelines = stores.map((store) =>
    makePipeline(assembly, {
      store,
      parser: assembly.mapping.parser(),
      hashKey: benchHashKey,
      mode: 'bench',
      source: 'bench',
      clock: null,
    }),
  )
  const turns = turnsOf(messages, share)
  const decide = async (from: number, to: number): Promise<number> => {
    let decided = 0
    for (const turn of turns.slice(from, to)) {
      const outcomes = await pipelines[turn[0]!.partition]!.process(turn)
      audit.keep(outcomes)
      decided += outcomes.length
    }
    return decided
  }
  const received = (): number => stores.reduce((sum, one) => sum + one.stats().bytesReceived, 0)
  const warmTurns = Math.floor((turns.length * warm) / messages.length)
  await decide(0, warmTurns)
  const bytesBefore = received()
  const redisBefore = processUsage(redis.pid).cpuUs
  const cpuBefore = process.cpuUsage()
  const decided = await decide(warmTurns, turns.length)
  const { user, system } = process.cpuUsage(cpuBefore)
  const result = {
    engine_cpu_us_per_decision: (user + system) / decided,
    redis_cpu_us_per_decision: (processUsage(redis.pid).cpuUs - redisBefore) / decided,
    bytes_from_redis_per_decision: (received() - bytesBefore) / decided,
  }
  faults.push(...audit.faults(turns.flat()))
  await Promise.all(stores.map((store) => store.close()))
  await redis.stop()
  await closeLineup(assembly.lineup)
  return result
}

function open(redis: RedisServer, plans: Parameters<typeof RedisStore.open>[0]['plans']) {
  return RedisStore.open({
    url: redis.url,
    plans,
    buckets: 1,
    ttlMs: 600_000,
    heldBytesMax: 2 ** 28,
    commandTimeoutMs: 5000,
    chain: `bench-${process.pid}`,
    hashKeyId: 'bench',
    log: { warn: console.error, error: console.error },
  })
}

/** Batches of one engine each, in the order in which they are decided: a card's transactions all go to one engine. */
function turnsOf(messages: readonly Message[], share: number): Message[][] {
  const random = makeRandom(7)
  const waiting: Message[][] = Array.from({ length: engines }, () => [])
  const offsets = new Array<number>(engines).fill(0)
  const turns: Message[][] = []
  for (const message of messages) {
    const row = JSON.parse(Buffer.from(message.value!).toString('utf8')) as GeneratedRow
    const partition = Number.parseInt(row.card.slice(2), 16) % engines
    const isHot = random() < share
    const value = isHot
      ? Buffer.from(JSON.stringify({ ...row, merchant: 'the hot one' }))
      : message.value
    waiting[partition]!.push({ ...message, partition, offset: offsets[partition]!++, value })
    if (waiting[partition]!.length < batch) continue
    turns.push(waiting[partition]!)
    waiting[partition] = []
  }
  return turns
}
