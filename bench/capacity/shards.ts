// Whether the costs of a decision stay what they are as shards of Redis are added: one engine observes and folds the standard work
// on one Redis and on clusters of 1, 2 and 4 masters, in slices in turn. CPU of all masters together.
// Usage: shards.js <batch> <buckets> <history> <measured>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisCluster } from '../../features/testing/redis-cluster.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { Journals } from '../peers/journals.ts'
import { featureCount } from '../peers/redis-way.ts'
import { writeStandard } from '../standard/standard.ts'
import { type StandardTransaction, standardTransactions } from '../standard/transactions.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'

const [batchText = '64', bucketsText = '256', historyText = '20000', measuredText = '19200'] =
  process.argv.slice(2)
const batchRows = Number(batchText)
const buckets = Number(bucketsText)
const slices = 6
const heldBytesMax = 2 ** 28

/** An engine on so many Redis. */
class Deployment {
  readonly name: string
  readonly journals: Journals
  readonly #pids: readonly number[]
  readonly stop: () => Promise<void>
  engineUs = 0
  redisUs = 0
  #before: readonly number[] = []

  constructor(
    name: string,
    journals: Journals,
    pids: readonly number[],
    stop: () => Promise<void>,
  ) {
    this.name = name
    this.journals = journals
    this.#pids = pids
    this.stop = stop
  }

  begin(): void {
    this.#before = this.#traffic()
  }

  async decide(transactions: readonly StandardTransaction[], out: Float64Array): Promise<void> {
    const before = this.#redisUs()
    const began = process.cpuUsage()
    for (let first = 0; first < transactions.length; first += batchRows) {
      await this.journals.observe(transactions.slice(first, first + batchRows), out)
    }
    const { user, system } = process.cpuUsage(began)
    this.engineUs += user + system
    this.redisUs += this.#redisUs() - before
  }

  measures(decided: number): Record<string, number> {
    const [roundTrips, bytesSent] = this.#traffic().map((value, at) => value - this.#before[at]!)
    return {
      [`engine_cpu_us_per_decision_of_${this.name}`]: this.engineUs / decided,
      [`redis_cpu_us_per_decision_of_${this.name}`]: this.redisUs / decided,
      [`round_trips_per_decision_of_${this.name}`]: roundTrips! / decided,
      [`bytes_to_redis_per_decision_of_${this.name}`]: bytesSent! / decided,
    }
  }

  #redisUs(): number {
    return this.#pids.reduce((sum, pid) => sum + processUsage(pid).cpuUs, 0)
  }

  #traffic(): number[] {
    const { roundTrips, bytesSent } = this.journals.traffic
    return [roundTrips, bytesSent]
  }
}

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-shards-'))
const work = await writeStandard(folder)
const deployments = [await single(), await cluster(1), await cluster(2), await cluster(4)]
const endless = standardTransactions()
const history = take(Number(historyText))
const measured = take(Number(measuredText))
const outs = deployments.map(() => new Float64Array(batchRows * featureCount))
const wrong: string[] = []

for (const { journals } of deployments) await journals.fill(history)
for (const deployment of deployments) deployment.begin()
const size = Math.ceil(measured.length / slices / batchRows) * batchRows
for (let first = 0; first < measured.length; first += size) {
  const order = (first / size) % 2 === 0 ? deployments : deployments.toReversed()
  const slice = measured.slice(first, first + size)
  for (const deployment of order)
    await deployment.decide(slice, outs[deployments.indexOf(deployment)]!)
  // The last batch of each slice: the same rows wherever they were kept.
  for (const [at, out] of outs.entries()) {
    const isSame = out.every((value, place) => Object.is(value, outs[0]![place]))
    if (!isSame) wrong.push(`${deployments[at]!.name}: other rows than on one Redis`)
  }
}
const measures: Record<string, number> = {
  decision_batch: batchRows,
  buckets,
  entities: 4,
  features: featureCount,
}
for (const deployment of deployments) Object.assign(measures, deployment.measures(measured.length))
const [, one, , four] = deployments
measures['redis_cpu_of_4_by_1'] = four!.redisUs / one!.redisUs
measures['engine_cpu_of_4_by_1'] = four!.engineUs / one!.engineUs
for (const { journals, stop } of deployments) {
  await journals.close()
  await stop()
}
rmSync(folder, { recursive: true })
tell({
  measures,
  configuration: {
    shards: `masters without replicas, ${buckets} buckets; one_bucket: a single Redis with one bucket`,
    history: `${history.length} transactions`,
  },
  void: wrong,
})

async function single(): Promise<Deployment> {
  const server = await RedisServer.start()
  const options = { url: server.url, buckets: 1, heldBytesMax, partition: 0 }
  const journals = await Journals.open(work, options)
  return new Deployment('one_bucket', journals, [server.pid], () => server.stop())
}

async function cluster(masters: number): Promise<Deployment> {
  const started = await RedisCluster.start(false, { masters, replicas: 0 })
  const journals = await Journals.open(work, {
    url: started.url,
    buckets,
    heldBytesMax,
    partition: 0,
  })
  const pids = started.nodes.map(({ server }) => server.pid)
  return new Deployment(String(masters), journals, pids, () => started.stop())
}

function take(count: number): StandardTransaction[] {
  return Array.from({ length: count }, () => endless.next().value)
}
