// What a rate needs, from what one decision costs: multiplication and rounding up, nothing else. It measures nothing, reads no
// file and knows no unit but those in its names; docs/capacity.md says what it leaves out.

/** Of one decision. */
export interface Costs {
  /** All threads of the process, Kafka's clients among them. */
  readonly engineUs: number
  readonly redisUs: number
  readonly bytesToRedis: number
  readonly bytesFromRedis: number
  /** In Kafka, with key and headers. */
  readonly transactionBytes: number
  readonly decisionBytes: number
}

/** What a decision costs with so many of its journal reads held, and with another share: in between, costs lie on a line. */
export interface HeldCosts {
  readonly share: number
  readonly engineUs: number
  readonly redisUs: number
  readonly bytesFromRedis: number
}

export interface Demand {
  readonly rate: number
  /** Over the days that are kept. */
  readonly averageRate: number
  readonly days: number
  /** Of Redis, for a transaction that is kept, without replicas. */
  readonly redisBytesPerTransaction: number
  /** In place of that: of all journals. Null where their number is not known. */
  readonly redisBytes: number | null
  /** Shares, from 0 to 1. */
  readonly utilisation: number
  readonly vcpusPerPod: number
  readonly partitionsPerPod: number
  readonly heldBytesPerPod: number
  readonly baseBytesPerPod: number
  readonly shardBytes: number
  readonly redisReplicas: number
  readonly replicationFactor: number
  readonly subscribers: number
}

/** Bytes a second, of all of a kind together. */
export interface Flow {
  readonly in: number
  readonly out: number
}

export interface Capacity {
  readonly pods: number
  /** What one of them decides at the utilisation. */
  readonly decisionsPerSecondAndPod: number
  readonly vcpus: number
  readonly partitions: number
  readonly podBytes: number
  readonly redisBytes: number
  readonly shards: number
  readonly shardsByCpu: number
  readonly shardsByMemory: number
  readonly buckets: number
  readonly redisVcpus: number
  readonly kafka: Flow
  /** Of what brokers take in, what they copy to one another. */
  readonly kafkaCopied: number
  readonly kafkaBytesPerDay: number
  readonly redis: Flow
  readonly eachPod: Flow
}

const daySeconds = 86_400
const usPerSecond = 1e6
/** On a single Redis, where each transaction is then one atomic step; and on a cluster, so that they spread. */
const bucketsSingle = 1
const bucketsUsual = 256
const bucketsPerShardMin = 8

export function sizeFor(costs: Costs, demand: Demand): Capacity {
  const { rate, utilisation, partitionsPerPod, vcpusPerPod } = demand
  const decisionsPerSecondAndPod = (utilisation * usPerSecond) / costs.engineUs
  const pods = Math.ceil(rate / decisionsPerSecondAndPod)
  const redisBytes =
    demand.redisBytes ??
    demand.averageRate * daySeconds * demand.days * demand.redisBytesPerTransaction
  const shardsByCpu = Math.ceil((rate * costs.redisUs) / (utilisation * usPerSecond))
  const shardsByMemory = Math.ceil(redisBytes / (utilisation * demand.shardBytes))
  const shards = Math.max(shardsByCpu, shardsByMemory)
  return {
    ...{ pods, decisionsPerSecondAndPod },
    vcpus: pods * vcpusPerPod,
    partitions: pods * partitionsPerPod,
    podBytes: demand.baseBytesPerPod + demand.heldBytesPerPod,
    ...{ redisBytes, shards, shardsByCpu, shardsByMemory },
    buckets:
      shards === 1
        ? bucketsSingle
        : Math.max(bucketsUsual, powerOfTwo(shards * bucketsPerShardMin)),
    redisVcpus: shards * (1 + demand.redisReplicas),
    ...flows(costs, demand, pods),
  }
}

function flows(
  costs: Costs,
  { rate, averageRate, replicationFactor, subscribers }: Demand,
  pods: number,
): Pick<Capacity, 'kafka' | 'kafkaCopied' | 'kafkaBytesPerDay' | 'redis' | 'eachPod'> {
  const { transactionBytes, decisionBytes, bytesToRedis, bytesFromRedis } = costs
  const written = transactionBytes + decisionBytes
  const copied = rate * written * (replicationFactor - 1)
  const each = rate / pods
  return {
    kafka: {
      in: rate * written + copied,
      out: rate * (transactionBytes + subscribers * decisionBytes) + copied,
    },
    kafkaCopied: copied,
    kafkaBytesPerDay: averageRate * daySeconds * written * replicationFactor,
    redis: { in: rate * bytesToRedis, out: rate * bytesFromRedis },
    eachPod: {
      in: each * (transactionBytes + bytesFromRedis),
      out: each * (decisionBytes + bytesToRedis),
    },
  }
}

/** Costs with another share of journal reads held than they were measured with. */
export function heldAt(share: number, costs: Costs, held: HeldCosts, cold: HeldCosts): Costs {
  const unheld = (held.share - share) / (held.share - cold.share)
  return {
    ...costs,
    engineUs: costs.engineUs + unheld * (cold.engineUs - held.engineUs),
    redisUs: costs.redisUs + unheld * (cold.redisUs - held.redisUs),
    bytesFromRedis: costs.bytesFromRedis + unheld * (cold.bytesFromRedis - held.bytesFromRedis),
  }
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast))
}
