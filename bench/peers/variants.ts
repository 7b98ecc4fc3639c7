// What decides the same transactions elsewhere: Kafka Streams and Flink, beside Weir, on one broker of their own each.
import type { Need, Variant } from '../variant.ts'
import { setups } from './setups.ts'

const catchUpAbout =
  'The standard work (345 B of JSON, forty exact features of four entities, 100 trees of depth 6, decisions of 284 B; Weir’s are its own of 1.7 kB), an engine that has decided half of them, is frozen while the others are produced, and works those off; one broker, acks=all, idempotent: CPU of all processes per decision, from /proc, from thawing to the last outcome. `differing_share`: decisions whose features are not those of the naive oracle, one of twenty looked at; `differing_unmarked_share`: those that do not say so; `other_outcome_share`: those that end in another outcome. Leaves out replication and starting.'

const latencyAbout =
  'The standard work at 500 a second, one partition: from due (Poisson arrivals) to when a reader of committed records has the decision, beside an echo with Weir’s client on the same broker, in turn; behind a history that warms the compiler. Generator, broker, reader and engine share the cores.'

const abouts: Readonly<Record<string, string>> = {
  weir: 'weir stream with its defaults and a real Redis, one partition.',
  'weir-exact':
    'weir stream as before, but for a catalog that keeps 8,192 records of a journal one by one: no number is approximate.',
  'weir-four-partitions':
    'weir stream over four partitions: what entities of several partitions count depends on the order in which it reads them.',
  echo: 'Java’s clients alone: what is read is written.',
  'streams-memory-at-least-once':
    'Kafka Streams, one partition, so that all entities live in one task: windows in its heap, one put per transaction to a store with a changelog, from which a restart makes them again.',
  'streams-memory-onnx':
    'The same with ONNX Runtime, a row a call, in place of trees walked in Java.',
  'streams-memory-exactly-once': 'The same with exactly_once_v2, committed every 100 ms.',
  'streams-rocksdb-at-least-once': 'The same with RocksDB as the store.',
  'streams-rocksdb-exactly-once': 'RocksDB and exactly_once_v2.',
  'streams-repartitioned-at-least-once':
    'Kafka Streams over four partitions: a transaction goes through three repartitioning topics, and each stage adds the features of its entity.',
  'streams-repartitioned-exactly-once':
    'The same with exactly_once_v2: each stage reads what the one before has committed.',
  'flink-at-least-once':
    'Flink in one process, parallelism one, four keyed functions chained, state in the heap, checkpoints every 10 s to a disk.',
  'flink-onnx': 'The same with ONNX Runtime, a row a call, in place of trees walked in Java.',
  'flink-exactly-once': 'The same with transactions, committed with checkpoints every 200 ms.',
  'flink-repartitioned-at-least-once':
    'Flink over four partitions, parallelism two, an exchange before each of the four keyed functions.',
  'flink-repartitioned-exactly-once': 'The same with transactions and checkpoints every 200 ms.',
}

/** On several partitions Kafka Streams and Flink answer in other partitions than they were asked in: no latency by offset. */
const answeredInOrder = [
  'echo',
  'weir',
  'streams-memory-at-least-once',
  'streams-memory-exactly-once',
  'flink-at-least-once',
  'flink-exactly-once',
]

function needsOf(name: string): readonly Need[] {
  return setups[name]?.engine === 'weir' ? ['kafka', 'java', 'redis'] : ['kafka', 'java']
}

export const peerVariants: readonly Variant[] = [
  ...['trees', 'onnx'].map((scorer) => ({
    name: `peers/floor-${scorer}`,
    script: 'peers/floor',
    args: [scorer, '300000', '100000'],
    quick: [scorer, '20000', '10000'],
    needs: ['java'] as const,
    about: `The work alone in Java, one thread, no Kafka, state in the heap: what an engine on the JVM costs beyond this is the engine. ${scorer === 'trees' ? 'Trees walked in Java' : 'ONNX Runtime, a row a call'}. A decision that differs from the naive oracle voids the run. Leaves out reading and writing topics, and everything that survives a crash.`,
  })),
  ...Object.keys(setups)
    .filter((name) => name !== 'echo')
    .map((name) => ({
      name: `peers/${name}`,
      script: 'peers/catch-up',
      args: [name, '300000', '150000'],
      quick: [name, '30000', '10000'],
      needs: needsOf(name),
      about: `${abouts[name]!} ${catchUpAbout}`,
    })),
  ...answeredInOrder.map((name) => ({
    name: `peers/latency-${name}`,
    script: 'peers/latency',
    args: [name, '100000', '500', '15'],
    quick: [name, '10000', '500', '3'],
    needs: [...needsOf(name), 'two cores'] as const,
    about: `${abouts[name]!} ${latencyAbout}`,
  })),
]
