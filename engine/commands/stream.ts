// `weir stream`: transactions in, decisions out. From Kafka and Redis, or embedded in one process without either.
import type { LoadedConfig } from '../config.ts'
import { printConfig } from '../config.ts'
import { type CommandLine, type Run, sharedFlags } from './command.ts'
import type { Flags } from './flags.ts'
import { type Input, keepInput, readInput, readSeed } from './input.ts'
import { runEmbedded } from './stream-embedded.ts'
import { runKafka } from './stream-kafka.ts'

export interface StreamOptions {
  /** Embedded: what is read instead of Kafka. Null: the topics of the configuration. */
  readonly input: Exclude<Input, { kind: 'topic' }> | null
  /** Embedded: stop after so many messages; Infinity for all. */
  readonly messagesMax: number
  /** Embedded: where decisions go; absolute, `-` for stdout, null: not written. */
  readonly decisionsOut: string | null
  /** Only show the configuration. */
  readonly isPrintConfig: boolean
}

/** What `weir stream` generates when nobody says otherwise: enough to fill windows, done in seconds. */
export const generatedMessages = 150_000

export const streamLine: CommandLine<StreamOptions> = {
  name: 'stream',
  summary: 'Kafka (or, without brokers, a file or the generator) → decisions',
  details:
    'Reads the transactions topic, decides, and writes one outcome for each offset to the decisions topic, until SIGTERM. ' +
    'With --input, or without brokers, it runs embedded: one process, journals in memory, decisions to a file.',
  flags: [
    {
      form: '--input <input>',
      help: 'embedded: a file, or generator (the default without brokers)',
    },
    sharedFlags.map,
    sharedFlags.catalog,
    sharedFlags.model,
    sharedFlags.policy,
    {
      form: '--decisions-out <file>',
      help: 'embedded: decisions, a line each: .jsonl, or - for stdout',
    },
    {
      form: '--limit <count>',
      help: `embedded: stop after so many messages (generator: ${generatedMessages})`,
    },
    sharedFlags.seed,
    {
      form: '--print-config',
      help: 'show the configuration and where each value comes from, and end',
    },
  ],
  examples: [
    'weir stream',
    'KAFKA_BROKERS=kafka:9092 REDIS_URL=redis://redis:6379 weir stream --map mapping.yaml',
    'weir stream --input history.jsonl --map mapping.yaml --decisions-out decisions.jsonl',
  ],
  parse: (flags, loaded) => {
    const input = embeddedInput(flags, loaded)
    const limit = flags.count('--limit', 1, Number.MAX_SAFE_INTEGER)
    const decisionsOut = flags.output('--decisions-out', ['.jsonl'])
    keepInput(flags, input, '--decisions-out', decisionsOut)
    if (input === null && loaded !== null) {
      for (const name of ['--limit', '--decisions-out']) {
        if (flags.has(name)) flags.fault(name, 'it with --input only', 'brokers to stream from')
      }
    }
    const messagesAll = input?.kind === 'generator' ? generatedMessages : Number.POSITIVE_INFINITY
    return {
      input,
      messagesMax: limit ?? messagesAll,
      decisionsOut,
      isPrintConfig: flags.has('--print-config'),
    }
  },
  // Kafka's never ends, and the embedded one ends with a summary that says what to try next, in more than a line.
  next: () => null,
}

function embeddedInput(flags: Flags, loaded: LoadedConfig | null): StreamOptions['input'] {
  const input = readInput(flags)
  if (input?.kind === 'topic') {
    flags.fault('--input', 'a file or generator (topics are in the configuration)', input.topic)
    return null
  }
  if (input?.kind === 'file' && loaded?.config.source === null) {
    flags.fault('--map', 'the mapping of the input (or source in weir.yaml)', 'nothing')
  }
  if (input !== null || flags.has('--input')) return input
  const isEmbedded = flags.has('--seed') || loaded?.config.kafka.brokers.length === 0
  return isEmbedded ? { kind: 'generator', seed: readSeed(flags) } : null
}

export const runStream: Run<StreamOptions> = (options, context) => {
  const { input, isPrintConfig } = options
  if (isPrintConfig) {
    context.stdout.write(printConfig(context.loaded))
    return Promise.resolve(0)
  }
  return input === null ? runKafka(context) : runEmbedded({ ...options, input }, context)
}
