// `weir topics`: creates the topics of the configuration where they are missing, and checks that they fit each other.
import type { CommandLine } from './command.ts'

export interface TopicsOptions {
  /** Of the transactions topic where it is created; the decisions topic always has as many. Null: the broker's default. */
  readonly partitions: number | null
  readonly replicas: number | null
  /** Create nothing. */
  readonly isCheckOnly: boolean
}

export const topicsLine: CommandLine<TopicsOptions> = {
  name: 'topics',
  summary: 'create or check the topics',
  details:
    'The decisions topic mirrors the transactions topic: as many partitions, so that each offset has its outcome at the same ' +
    'place. Missing topics are created; existing ones are never changed, and what does not fit is told, with exit code 1.',
  flags: [
    { form: '--partitions <count>', help: 'of a new transactions topic (default: of the brokers)' },
    { form: '--replicas <count>', help: 'of new topics (default: of the brokers)' },
    { form: '--check', help: 'create nothing' },
  ],
  examples: [
    'weir topics --partitions 12 --replicas 3',
    'KAFKA_BROKERS=kafka:9092 weir topics --check',
  ],
  parse: (flags, loaded) => {
    const isCheckOnly = flags.has('--check')
    for (const name of ['--partitions', '--replicas']) {
      if (isCheckOnly && flags.has(name)) flags.fault(name, 'it without --check', 'both')
    }
    if (loaded?.config.kafka.brokers.length === 0) {
      flags.fault('--config', 'brokers (KAFKA_BROKERS, or kafka.brokers)', 'none')
    }
    return {
      partitions: flags.count('--partitions', 1, 10_000),
      replicas: flags.count('--replicas', 1, 100),
      isCheckOnly,
    }
  },
  next: () => 'weir stream',
}
