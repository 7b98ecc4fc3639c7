// What a rate needs, from what one decision costs: multiplication and rounding up, nothing else. It measures nothing, reads no
// file and knows no unit but those in its names; docs/capacity.md says what it leaves out.
import { rowsPerCallMax as rowsPerCall } from '../../features/store/store.ts'

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

/** What one more call to Redis costs. */
export interface CallCosts {
  readonly engineUs: number
  readonly redisUs: number
  readonly bytesToRedis: number
}

/** What a byte that comes back from Redis costs, in taking it there and in reading it here. */
export interface ByteCosts {
  readonly engineUs: number
  readonly redisUs: number
}

/** Journals of a kind that several engines meet: every one but the primary's. */
export interface SharedJournal {
  /** Bytes of a record. */
  readonly width: number
  /** That are kept in one, on average. */
  readonly records: number
}

/** What grows as a deployment does. */
export interface Growth {
  readonly perCall: CallCosts
  readonly perByte: ByteCosts
}

export interface Demand {
  readonly rate: number
  readonly shared: readonly SharedJournal[]
  /** Kinds of entities of a transaction. */
  readonly entities: number
  /** Transactions that are decided at once. */
  readonly batch: number
  /** Null: as many as the shards ask for. */
  readonly buckets: number | null
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
  /** With what the calls to so many buckets cost, and reading what other engines add. */
  readonly costs: Costs
  readonly buckets: number
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
/** So that no shard has much more than its share of them. */
const bucketsPerShard = 8
const bucketsMax = 4096

/**
 * More shards take more buckets and those more calls; more engines read more of one another's records. Both cost CPU, which asks
 * for more of them. Each only grows, and has an end: begins with one Redis and one engine, and stops where they suffice.
 */
export function sizeFor(costs: Costs, growth: Growth, demand: Demand): Capacity {
  for (let shards = 1, pods = 1; ; ) {
    const buckets = demand.buckets ?? bucketsFor(shards)
    const all = withOthers(withCalls(costs, growth, buckets, demand), growth, pods, demand)
    const capacity = sizeWith(all, buckets, demand)
    if (capacity.shards <= shards && capacity.pods <= pods) return capacity
    shards = Math.max(shards, capacity.shards)
    pods = Math.max(pods, capacity.pods)
  }
}

/** One: each transaction is one atomic step. Else a power of two, as many as a deployment may have at most. */
function bucketsFor(shards: number): number {
  return shards === 1 ? 1 : Math.min(bucketsMax, powerOfTwo(shards * bucketsPerShard))
}

/**
 * Calls to Redis of one decision: a batch needs one for each bucket that its primaries fall into, and then one for each that
 * its other entities fall into; on a single bucket, one for `rowsPerCall` transactions.
 */
export function callsPerDecision(batch: number, buckets: number, entities: number): number {
  const least = 1 / Math.min(batch, rowsPerCall)
  if (buckets === 1) return least
  const met = (ids: number): number => buckets * (1 - (1 - 1 / buckets) ** ids)
  return Math.max(least, (met(batch) + met(batch * (entities - 1))) / batch)
}

/** `costs` are of one bucket. */
function withCalls(
  costs: Costs,
  { perCall }: Growth,
  buckets: number,
  { batch, entities }: Demand,
): Costs {
  const more = callsPerDecision(batch, buckets, entities) - callsPerDecision(batch, 1, entities)
  return {
    ...costs,
    engineUs: costs.engineUs + more * perCall.engineUs,
    redisUs: costs.redisUs + more * perCall.redisUs,
    bytesToRedis: costs.bytesToRedis + more * perCall.bytesToRedis,
  }
}

/**
 * Records that other engines have added to a merchant, device or address since this one met it: one for each of them, where all
 * meet it alike, and no more than there are.
 */
export function othersBytes(pods: number, shared: readonly SharedJournal[]): number {
  return shared.reduce((sum, { width, records }) => sum + width * Math.min(pods - 1, records), 0)
}

/** `costs` are of one engine. */
function withOthers(costs: Costs, { perByte }: Growth, pods: number, { shared }: Demand): Costs {
  const more = othersBytes(pods, shared)
  return {
    ...costs,
    engineUs: costs.engineUs + more * perByte.engineUs,
    redisUs: costs.redisUs + more * perByte.redisUs,
    bytesFromRedis: costs.bytesFromRedis + more,
  }
}

function sizeWith(costs: Costs, buckets: number, demand: Demand): Capacity {
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
    ...{ costs, buckets, pods, decisionsPerSecondAndPod },
    vcpus: pods * vcpusPerPod,
    partitions: pods * partitionsPerPod,
    podBytes: demand.baseBytesPerPod + demand.heldBytesPerPod,
    ...{ redisBytes, shards, shardsByCpu, shardsByMemory },
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
