// Who may import whom, as data: the folders of the repository, what each may reach, and the one home of each package.
// Checked by engine/tidy.test.ts.

/** A part of the repository with its own rule. The first whose `has` is true for a path is that path's zone. */
export interface Zone {
  readonly name: string
  has(path: string): boolean
  /** Path prefixes (ending in /) or files it may import. */
  readonly may: readonly string[]
  /** Of those, what it may not. */
  readonly not: readonly string[]
  /** True if files, sockets and processes are none of its business. */
  readonly isPure: boolean
  /** True if any package may be imported, development ones too. */
  readonly isFreeOfHomes: boolean
  readonly advice: string
}

const ports = ['features/store/store.ts', 'models/model.ts', 'engine/core/ports.ts']
const composition = [
  'engine/main.ts',
  'engine/cli.ts',
  'engine/assemble.ts',
  'engine/write-reference.ts',
  'engine/commands/',
]
const everything = ['features/', 'models/', 'engine/', 'bench/', 'k8s/']
const tests = ['.test.ts', '.contract.ts']

/** Tests beside the code, suites that they share (`x.contract.ts`), and everything in a folder `testing`. */
export function isTest(path: string): boolean {
  return tests.some((ending) => path.endsWith(ending)) || path.split('/').includes('testing')
}

export const zones: readonly Zone[] = [
  zone('a test of bench', (path) => isTest(path) && path.startsWith('bench/'), everything, {
    not: ['engine/main.ts'],
    isFreeOfHomes: true,
    advice: 'start main.js as a process of its own',
  }),
  zone('a test', isTest, everything, {
    not: ['engine/main.ts', 'bench/'],
    isFreeOfHomes: true,
    advice: 'start main.js as a process of its own; move what the test needs out of bench',
  }),
  zone('bench', under('bench/'), everything, {
    not: ['engine/main.ts'],
    isFreeOfHomes: true,
    advice: 'use engine/assemble.ts, as the commands do',
  }),
  zone('features/store', under('features/store/'), ['features/'], {
    advice: 'a store knows features/journal.ts and bytes; hand it anything else as an argument',
  }),
  zone('features', under('features/'), ['features/'], {
    not: ['features/store/'],
    isPure: true,
    advice: 'features are pure: take bytes, documents, time and randomness as arguments',
  }),
  zone('models/train', under('models/train/'), ['features/', 'models/'], {
    advice: 'train on rows that features/ computes; the engine calls the model, never the reverse',
  }),
  zone('models', under('models/'), ['features/', 'models/'], {
    not: ['features/store/', 'models/train/'],
    advice: 'a model is handed numbers and definition hashes; what fits one lives in models/train/',
  }),
  zone(
    'engine/core',
    under('engine/core/'),
    ['engine/core/', 'engine/errors.ts', 'features/', ...ports],
    {
      not: ['features/store/', 'features/generator/'],
      isPure: true,
      advice:
        'core knows ports only (features/store/store.ts, models/model.ts, core/ports.ts); composition hands it the rest',
    },
  ),
  ...['stream', 'api', 'replay', 'telemetry', 'init'].map((name) =>
    zone(
      `engine/${name}`,
      under(`engine/${name}/`),
      [`engine/${name}/`, 'engine/core/', 'engine/errors.ts', 'features/', ...ports],
      {
        not: ['features/store/'],
        advice:
          'drivers know core and features, never each other: a port in core/ports.ts, put together in engine/commands/',
      },
    ),
  ),
  zone(
    'engine/lineup',
    under('engine/lineup/'),
    [
      'engine/lineup/',
      'engine/core/',
      'engine/errors.ts',
      'engine/document.ts',
      'engine/setting.ts',
      'engine/clock.ts',
      'features/',
      'models/',
    ],
    {
      not: ['features/store/', 'models/train/'],
      advice:
        'it opens models and changes who decides; drivers and stores are none of its business',
    },
  ),
  zone('composition', under(...composition), everything, {
    not: ['engine/main.ts', 'engine/testing/', 'bench/'],
    advice: 'nothing imports main or bench',
  }),
  zone('engine', (path) => /^engine\/[^/]+$/.test(path), ['engine/', 'features/', ...ports], {
    not: [
      ...composition,
      'engine/core/',
      'engine/testing/',
      'features/store/',
      'engine/stream/',
      'engine/replay/',
      'engine/api/',
      'engine/telemetry/',
      'engine/init/',
    ],
    advice:
      'a file beside main.ts serves all of the engine: it may know features and ports; what puts parts together is composition',
  }),
  zone('k8s', under('k8s/'), ['k8s/'], { advice: 'manifests are data; their tests are tests' }),
]

/** The only source files that may import a package. Tests, testing/ and bench/ may too. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  '@tensorflow/tfjs-backend-wasm': ['models/train/tensorflow.ts'],
  '@tensorflow/tfjs-core': ['models/train/tensorflow.ts'],
  '@tensorflow/tfjs-layers': ['models/train/tensorflow.ts'],
  ioredis: ['features/store/redis-connection.ts'],
  'onnxruntime-node': ['models/onnx.ts', 'models/session.ts'],
  kafkajs: ['engine/stream/kafka.ts', 'engine/stream/kafka-internals.ts'],
  'kafkajs-snappy': ['engine/stream/codecs.ts'],
  'lz4-napi': ['engine/stream/codecs.ts'],
  fzstd: ['engine/stream/codecs.ts'],
  hyparquet: ['engine/commands/row-file.ts'],
  'hyparquet-writer': ['engine/replay/parquet-rows.ts'],
  yaml: ['engine/document.ts'],
  pino: ['engine/telemetry/log.ts'],
  'prom-client': ['engine/telemetry/metrics.ts'],
  commander: ['engine/cli.ts'],
  tinybench: ['bench/'],
}

/** Built-in modules of files, sockets, processes and threads: not for pure zones. */
export const inputOutputModules: readonly string[] = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'dns/promises',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'net',
  'os',
  'process',
  'readline',
  'readline/promises',
  'timers',
  'timers/promises',
  'tls',
  'worker_threads',
]

/** What lies at the top of the repository; anything else belongs into one of the five folders or docs/. */
export const topLevel: readonly string[] = [
  '.ci',
  '.dockerignore',
  '.editorconfig',
  '.gitignore',
  '.npmrc',
  '.nvmrc',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'Dockerfile',
  'LICENSE',
  'PLAN.md',
  'README.md',
  'bench',
  'biome.json',
  'docs',
  'engine',
  'eslint.config.js',
  'features',
  'k8s',
  'models',
  'package-lock.json',
  'package.json',
  'tsconfig.json',
]

function under(...prefixes: readonly string[]): (path: string) => boolean {
  return (path) => prefixes.some((prefix) => path.startsWith(prefix))
}

function zone(
  name: string,
  has: (path: string) => boolean,
  may: readonly string[],
  rest: Pick<Zone, 'advice'> & Partial<Zone>,
): Zone {
  return { name, has, may, not: [], isPure: false, isFreeOfHomes: false, ...rest }
}
