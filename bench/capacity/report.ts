// How `weir capacity` tells what is needed: a table for people, one JSON document for programs. It reckons nothing.
import { columns, count } from '../../engine/commands/text.ts'
import type { Machine } from '../results.ts'
import type { Assumed } from './assumptions.ts'
import type { Shape } from './ledger.ts'
import { type Capacity, callsPerDecision, type Demand, type Flow } from './model.ts'

export interface CapacityReport {
  readonly shape: Shape
  readonly machine: Machine
  readonly capacity: Capacity
  readonly demand: Demand
  readonly assumed: readonly Assumed[]
}

export function capacityText(report: CapacityReport): string {
  const { shape, machine, demand, assumed } = report
  const { cpu, cores } = machine
  const lines = [
    `${count(demand.rate)} decisions/s, ${shape.entities} entities, ${shape.features} features; costs measured on ${cpu}, ${cores} cores`,
    '',
    ...columns([['', 'needed', ''], ...needs(report)]),
    '',
    ...columns([
      ['network, all together', 'MB/s in', 'MB/s out', 'Gbit/s'],
      ...network(report.capacity),
    ]),
    '',
    'It assumes',
    ...columns([
      ['', '', '', 'from'],
      ...assumed.map(({ name, flag, value, unit, from }) => [
        flag ?? name,
        number(value),
        unit,
        from,
      ]),
    ]),
  ]
  return `${lines.join('\n')}\n`
}

/** For programs; bytes, bytes a second, CPU-µs. */
export function capacityJson(report: CapacityReport): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

function needs({ capacity, demand }: CapacityReport): string[][] {
  const { costs } = capacity
  const { utilisation, partitionsPerPod, vcpusPerPod, days, averageRate } = demand
  const busy = `${Math.round(utilisation * 100)} % busy`
  return [
    [
      'engine pods',
      count(capacity.pods),
      `${count(Math.floor(capacity.decisionsPerSecondAndPod))} decisions/s each: ${number(costs.engineUs)} CPU-µs a decision, ${busy}`,
    ],
    ['vCPUs of engines', count(capacity.vcpus), `${vcpusPerPod} a pod`],
    [
      'MiB of a pod',
      count(Math.ceil(capacity.podBytes / 2 ** 20)),
      'besides held journals, and for them',
    ],
    ['partitions', count(capacity.partitions), `${partitionsPerPod} a pod; decisions have as many`],
    [
      'Redis shards',
      count(capacity.shards),
      `${count(capacity.shardsByCpu)} by CPU, ${number(costs.redisUs)} CPU-µs a decision, ${busy}; ${count(capacity.shardsByMemory)} by memory`,
    ],
    [
      'redis.buckets',
      count(capacity.buckets),
      `${number(callsPerDecision(demand.batch, capacity.buckets, demand.entities))} calls a decision in batches of ${demand.batch}`,
    ],
    [
      'vCPUs of Redis',
      count(capacity.redisVcpus),
      `${1 + demand.redisReplicas} for each shard, with its replicas`,
    ],
    [
      'GB of Redis',
      number(capacity.redisBytes / 1e9),
      `${number(demand.redisBytesPerTransaction)} B a transaction, ${count(averageRate)}/s kept for ${days} day${days === 1 ? '' : 's'}, without replicas`,
    ],
    [
      'GB of Kafka a day',
      number(capacity.kafkaBytesPerDay / 1e9),
      `both topics, ${demand.replicationFactor} copies`,
    ],
  ]
}

function network({ kafka, kafkaCopied, redis, eachPod }: Capacity): string[][] {
  const row = (name: string, flow: Flow): string[] => [
    name,
    number(flow.in / 1e6),
    number(flow.out / 1e6),
    number((Math.max(flow.in, flow.out) * 8) / 1e9),
  ]
  return [
    row('Kafka', kafka),
    row('  of it copies', { in: kafkaCopied, out: kafkaCopied }),
    row('Redis', redis),
    row('each pod', eachPod),
  ]
}

/** Three digits that say something, and no exponent. */
function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return count(Math.round(value))
  return String(Number(value.toPrecision(3)))
}
