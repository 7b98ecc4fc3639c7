// How each engine is set up for the comparison. Where a choice favours one side it favours the peer; README.md lists those
// choices. Corrections are welcome: a setting is a line here or in bench/peers/java.

/** Of every Java process. The serial collector has the least CPU with one busy thread; the young generation is large. */
export const jvmFlags: readonly string[] = [
  ...['-Xms1g', '-Xmx1g', '-Xmn640m', '-XX:+UseSerialGC', '-XX:-UsePerfData'],
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
]

/** Flink reaches into the JDK. */
export const flinkFlags: readonly string[] = [
  '--add-opens=java.base/java.util=ALL-UNNAMED',
  '--add-opens=java.base/java.lang=ALL-UNNAMED',
  '--add-opens=java.base/java.time=ALL-UNNAMED',
]

/** The broker compiles as well as it can: peers have more to do with it than Weir. */
export const brokerFlags: readonly string[] = [
  ...['-Xms512m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:-UsePerfData'],
]

export interface Setup {
  readonly engine: 'weir' | 'streams' | 'flink' | 'echo'
  readonly partitions: number
  /** For a peer: what its Java is told beside topics, brokers and folders. For Weir: `exact`, records of every exact tail. */
  readonly options: Readonly<Record<string, string | number>>
}

/** Walked in Java, as Weir walks them in JavaScript: ONNX Runtime takes four times as long for a row. */
const alike = { scorer: 'trees', threads: 1, 'idle-ms': 0 }
const once = { guarantee: 'exactly_once_v2', 'commit-ms': 100 }
const atLeast = { guarantee: 'at_least_once', 'commit-ms': 1000 }

export const setups: Readonly<Record<string, Setup>> = {
  weir: { engine: 'weir', partitions: 1, options: {} },
  'weir-four-partitions': { engine: 'weir', partitions: 4, options: {} },
  'weir-exact': { engine: 'weir', partitions: 1, options: { exact: 8192 } },
  echo: { engine: 'echo', partitions: 1, options: {} },
  'streams-memory-at-least-once': streams(1, { ...atLeast, store: 'memory' }),
  'streams-memory-onnx': streams(1, { ...atLeast, store: 'memory', scorer: 'onnx' }),
  'streams-memory-exactly-once': streams(1, { ...once, store: 'memory' }),
  'streams-rocksdb-at-least-once': streams(1, { ...atLeast, store: 'rocksdb' }),
  'streams-rocksdb-exactly-once': streams(1, { ...once, store: 'rocksdb' }),
  'streams-repartitioned-at-least-once': streams(4, { ...atLeast, store: 'memory' }),
  'streams-repartitioned-exactly-once': streams(4, { ...once, store: 'memory' }),
  'flink-at-least-once': flink(1, { guarantee: 'AT_LEAST_ONCE', 'checkpoint-ms': 10_000 }),
  'flink-onnx': flink(1, { guarantee: 'AT_LEAST_ONCE', 'checkpoint-ms': 10_000, scorer: 'onnx' }),
  'flink-exactly-once': flink(1, { guarantee: 'EXACTLY_ONCE', 'checkpoint-ms': 200 }),
  'flink-repartitioned-at-least-once': flink(4, {
    guarantee: 'AT_LEAST_ONCE',
    'checkpoint-ms': 10_000,
  }),
  'flink-repartitioned-exactly-once': flink(4, { guarantee: 'EXACTLY_ONCE', 'checkpoint-ms': 200 }),
}

/** By its name; throws with those that there are. */
export function setupOf(name = ''): Setup {
  const setup = setups[name]
  if (setup !== undefined) return setup
  throw new Error(`setup: expected one of ${Object.keys(setups).join(', ')}, found "${name}"`)
}

function streams(partitions: number, options: Setup['options']): Setup {
  return { engine: 'streams', partitions, options: { ...alike, ...options } }
}

function flink(partitions: number, options: Setup['options']): Setup {
  const parallelism = partitions === 1 ? 1 : 2
  return { engine: 'flink', partitions, options: { ...alike, parallelism, ...options } }
}
