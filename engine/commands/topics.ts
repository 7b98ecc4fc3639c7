// `weir topics`: creates the topics of the configuration where they are missing, and checks that they fit each other.
import { createOrCheckTopics } from '../stream/topics.ts'
import type { CommandLine, Run } from './command.ts'
import { openKafka, withAdmin } from './kafka.ts'

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
    'place. Missing topics are created; existing ones are never changed, and what does not fit is told, with exit code 1. ' +
    'Where partitions are added, running engines go on if the decisions get them first.',
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

/** Prints each topic with its partitions; 1 when they do not fit. */
export const runTopics: Run<TopicsOptions> = async (options, { loaded, log, stdout, stderr }) => {
  const { config } = loaded
  const { partitions, created, faults } = await withAdmin(openKafka(config, log), (admin) =>
    createOrCheckTopics(admin, config.kafka, options),
  )
  for (const [topic, count] of partitions) {
    const state = created.includes(topic) ? ' (created)' : ''
    stdout.write(`${topic}: ${count === null ? 'missing' : `${count} partitions`}${state}\n`)
  }
  for (const fault of faults) stderr.write(`weir: ${fault}\n`)
  return faults.length === 0 ? 0 : 1
}
