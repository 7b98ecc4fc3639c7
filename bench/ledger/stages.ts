// Which stage of a decision a stack belongs to, by file and function: what profiles are read with, so that the hot path has no
// marks for them. It knows names only, and never what was measured.

/** In the order of a decision; each a measure `stage_<name>_cpu_us`. */
export const stages = [
  /** Fetching messages and handing them over. */
  'consume',
  'parse',
  'encode',
  /** The store's side in the engine: packing calls, the client of Redis, placing replies. */
  'observe',
  'fold',
  /** The models, and what they are handed. On ONNX Runtime the reasons' runs are in here too. */
  'score',
  'explain',
  /** Outcome and rung, and the objects of outcomes. */
  'decide',
  /** The text of decisions. */
  'serialise',
  /** Outboxes, and the producer. */
  'publish',
  /** What the Kafka client does for both ways: sockets, framing, its timers. */
  'kafka',
  /** The pipeline's own frame: promises, its array of outcomes. */
  'pipeline',
  /** Metrics. */
  'meter',
  /** Collections of garbage on the main thread. */
  'gc',
  /** No JavaScript on the stack: reading sockets, timers, the runtime itself. */
  'loop',
  /** All else: driver, scripts of the benchmark, modules. */
  'other',
] as const

export type Stage = (typeof stages)[number]

/** One frame, as V8's profilers name it. */
export interface Frame {
  readonly functionName: string
  readonly url: string
}

interface Rule {
  readonly file: RegExp
  readonly function?: RegExp
  readonly stage: Stage
  /** Of these, an inner frame of the rule is still a part. */
  readonly within?: readonly Stage[]
}

/** Stages that are entered and left within one call: whatever they call is theirs. */
const whole: readonly Stage[] = ['parse', 'encode', 'fold', 'explain', 'serialise']

/** The first that fits a frame. A frame of no rule belongs to whoever called it. */
const rules: readonly Rule[] = [
  ...(
    [
      ['#parse', 'parse'],
      ['#encode', 'encode'],
      ['#fold', 'fold'],
      ['#decide', 'decide'],
    ] as const
  ).map(([name, stage]) => {
    return { file: /\/engine\/core\/pipeline\.js$/, function: named(name), stage }
  }),
  { file: /\/engine\/core\/pipeline\.js$/, stage: 'pipeline', within: ['decide', ...whole] },
  { file: /\/engine\/core\/(decision|reply)\.js$/, stage: 'serialise' },
  { file: /\/engine\/core\/outcomes\.js$/, stage: 'decide' },
  { file: /\/engine\/core\/latency\.js$/, stage: 'serialise' },
  { file: /\/engine\/core\/scoring\.js$/, function: /^(async )?explain$/, stage: 'explain' },
  { file: /\/engine\/core\/scoring\.js$/, function: named('#selectExplained'), stage: 'explain' },
  { file: /\/engine\/core\/reasons\.js$/, stage: 'explain' },
  { file: /\/engine\/core\/(scoring|pace|tally)\.js$/, stage: 'score', within: whole },
  { file: /\/engine\/core\/given-answers\.js$/, stage: 'observe' },
  { file: /\/models\/(occlusion|.*path-?.*)\.js$/, stage: 'explain' },
  { file: /\/models\/|\/onnxruntime-/, stage: 'score', within: whole },
  { file: /\/features\/record\.js$/, stage: 'encode', within: whole },
  { file: /\/features\/(parser|json|csv)\.js$/, stage: 'parse', within: whole },
  { file: /\/features\/fold\.js$/, stage: 'fold', within: whole },
  { file: /\/features\/store\/|\/ioredis\/|\/redis-parser\//, stage: 'observe', within: whole },
  { file: /\/engine\/telemetry\/|\/prom-client\/|\/engine\/stream\/metered/, stage: 'meter' },
  {
    file: /\/engine\/stream\/(outbox|outflow|sink|renewed-producer|produce-request)\.js$/,
    stage: 'publish',
  },
  { file: /\/engine\/stream\/epoch\.js$/, function: /^publish$/, stage: 'publish' },
  // Both ways have checksums.
  { file: /\/engine\/stream\/crc32c\.js$/, stage: 'kafka', within: ['consume', 'publish'] },
  { file: /\/engine\/stream\/(source|partition-reader|codecs)\.js$/, stage: 'consume' },
  { file: /\/kafkajs\/src\/(producer|protocol\/requests\/produce)\//, stage: 'publish' },
  { file: /\/kafkajs\/src\/(consumer|protocol\/requests\/fetch)\//, stage: 'consume' },
  { file: /\/kafkajs\/src\/protocol\/recordBatch\/.*[dD]ecoder\.js$/, stage: 'consume' },
  { file: /\/kafkajs\/src\/protocol\/recordBatch\//, stage: 'publish', within: ['consume'] },
  {
    file: /\/kafkajs\/|\/engine\/stream\/kafka(-internals)?\.js$/,
    stage: 'kafka',
    within: ['consume', 'publish'],
  },
  { file: /\/engine\/stream\//, stage: 'other', within: ['consume', 'publish', 'observe'] },
]

const unnamed: Readonly<Record<string, Stage>> = {
  '(garbage collector)': 'gc',
  '(program)': 'loop',
}

/** The stage of a stack, its outermost frame first; null where the thread was idle. */
export function stageOf(stack: readonly Frame[]): Stage | null {
  let stage: Stage = 'other'
  let isKnown = false
  for (const { functionName, url } of stack) {
    if (functionName === '(idle)') return null
    const own = unnamed[functionName]
    if (own !== undefined) return own
    const rule = rules.find(
      (one) => one.file.test(url) && (one.function?.test(functionName) ?? true),
    )
    if (rule === undefined || (isKnown && rule.within?.includes(stage) === true)) continue
    stage = rule.stage
    isKnown = true
  }
  return stage
}

function named(name: string): RegExp {
  return new RegExp(`^(async )?(Pipeline|Scoring)?\\.?${name}$`)
}
