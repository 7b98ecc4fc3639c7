// What the ledger is made of: the same standard work in memory, over a real Redis and through Kafka, at decision batches of 16
// and 64.
import type { Variant } from '../variant.ts'

const work =
  'The standard work (four entities, forty features, 100 trees of depth 6), after 90,000 transactions of it in process and 30,000 through Kafka, a day of its windows being 86,400. '
const stages =
  'Stages by the pipeline’s own marks, read on a clock of CPU time (all threads, garbage collection within the stages), deciding and writing parted by a profile; “other” is the loop of the benchmark and the runtime. Allocations by the sampling heap profiler, garbage included, buffers off the heap left out: between parsing and the text unless it says in total. Every 997th decision is computed again by hand. '

export const ledgerVariants: readonly Variant[] = [
  ...[16, 64].flatMap((batch) => [
    {
      name: `ledger/in-memory-${batch}`,
      script: 'ledger/in-process',
      args: ['memory', 'standard', String(batch), '90000', '20000'],
      quick: ['memory', 'standard', String(batch), '5000', '5000'],
      needs: [],
      about: `${work}In process, journals in memory, decision batches of ${batch}; no sends. ${stages}Leaves out Kafka and Redis.`,
    },
    {
      name: `ledger/redis-${batch}`,
      script: 'ledger/in-process',
      args: ['redis', 'standard', String(batch), '90000', '20000'],
      quick: ['redis', 'standard', String(batch), '5000', '5000'],
      needs: ['redis'] as const,
      about: `${work}In process, journals in a real Redis on loopback, one bucket, decision batches of ${batch}; no sends. ${stages}Leaves out Kafka. Bytes to and from Redis are those of observing, without TCP.`,
    },
    {
      name: `ledger/kafka-${batch}`,
      script: 'ledger/through-kafka',
      args: ['standard', String(batch), '30000', '30000'],
      quick: ['standard', String(batch), '5000', '5000'],
      needs: ['redis', 'kafka'] as const,
      about: `${work}weir stream from a real broker to a real broker on a backlog, one partition, journals in a real Redis: a backlog’s batches cut into decision batches of ${batch}, sends of what gathered. Stages by a profile of the main thread; “gc” and “loop” (reading sockets, timers) are its own, “threads” all others. Bytes of all sockets, requests and replies, without TCP; the broker’s CPU is its whole process. Every 1,997th decision is computed again by hand.`,
    },
  ]),
  {
    name: 'micro/aggregates',
    script: 'variants/aggregates',
    args: ['300', '150'],
    quick: ['300', '20'],
    needs: [],
    about:
      'Filling one feature of each aggregate of the catalog, alone, µs a feature and transaction: journals of about 300 records in memory, a window over three quarters of them, 16 transactions after the last; medians of tinybench. A fifth of the transactions come late, a twentieth lack an amount, some amounts are next to 2^53. Where messages follow, one of twenty records is a reversal, decline or label. In a catalog, features share the walk that each pays for alone here.',
  },
  ...[16, 64].map((batch) => ({
    name: `store/cluster-of-${batch}`,
    script: 'variants/pipeline',
    args: ['cluster', String(batch), '20000', '20000'],
    quick: ['cluster', String(batch), '3000', '3000'],
    needs: ['redis'] as const,
    about: `The whole pipeline on a real Redis Cluster on loopback: three masters with a replica each, 256 buckets, decision batches of ${batch}. A round trip asks all nodes that it concerns at once; the Redis figure is of all six processes, what replicas cost included. Every 997th decision is computed again by hand.`,
  })),
  {
    name: 'hot-key/redis',
    script: 'variants/hot-key',
    args: ['20000', '20000'],
    quick: ['3000', '3000'],
    needs: ['redis'],
    about:
      'Four engines in one process, each with a store of its own on the same real Redis, take turns in calls of 16; the generator’s mix, and the same with three of ten transactions at one merchant. What an engine holds of the hot journal is never current: three calls of others came between. Observing and folding; the Redis figure is its whole process.',
  },
]
