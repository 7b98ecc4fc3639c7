// `weir backfill`: fills the journals of the real store from history without deciding, so that windows start full.
import { MessagesOnly } from '../../features/messages-only.ts'
import type { RedisStore } from '../../features/store/redis.ts'
import type { Parser } from '../../features/transaction.ts'
import { type Assembly, makePipeline } from '../assemble.ts'
import type { Pipeline } from '../core/pipeline.ts'
import { type BackfillSummary, backfill } from '../replay/backfill.ts'
import { type CommandLine, type Context, type Run, sharedFlags } from './command.ts'
import { historyInput, type Input } from './input.ts'
import type { TopicInput } from './kafka.ts'
import {
  openAssembly,
  openHashKey,
  openInput,
  openProgress,
  refuseAllRejected,
  tellAbsent,
} from './open.ts'
import { openStore } from './store.ts'
import { TopicBackfill } from './topic-backfill.ts'

export interface BackfillOptions {
  readonly input: Input
  /** Stop after so many messages; Infinity for all. */
  readonly messagesMax: number
  /** Of a topic: record what comes, until stopped. */
  readonly isFollowing: boolean
}

export const backfillLine: CommandLine<BackfillOptions> = {
  name: 'backfill',
  summary: 'history → journals in Redis, without deciding',
  details:
    'Records every transaction of a file, a range of a topic or the generator in the store of the deployment. Safe to run ' +
    'again: what was recorded is recognised, and a topic is gone on with behind it. Nothing is decided or published. With ' +
    '--follow it keeps up with a topic until it is stopped, so that `weir stream` can take over at once.',
  flags: [
    sharedFlags.input,
    sharedFlags.map,
    sharedFlags.catalog,
    sharedFlags.from,
    sharedFlags.to,
    sharedFlags.limit,
    { form: '--follow', help: 'of a topic: record what comes, too, until stopped' },
    sharedFlags.seed,
  ],
  examples: [
    'weir backfill --input history.csv --map mapping.yaml',
    'weir backfill --input kafka:transactions --to 0:120000,1:118000',
    'weir backfill --input kafka:transactions --catalog next-catalog.yaml --follow',
  ],
  parse: (flags, loaded) => {
    const input = historyInput(flags, loaded)
    const isFollowing = flags.has('--follow')
    if (isFollowing && input.kind !== 'topic' && flags.has('--input')) {
      flags.fault('--follow', 'it with --input kafka:<topic> only', flags.text('--input') ?? '')
    }
    for (const name of isFollowing ? ['--to', '--limit'] : []) {
      if (flags.has(name)) flags.fault('--follow', `it without ${name}, which ends`, name)
    }
    const messagesMax = flags.count('--limit', 1, Number.MAX_SAFE_INTEGER)
    return { input, messagesMax: messagesMax ?? Number.POSITIVE_INFINITY, isFollowing }
  },
  next: () => 'weir stream',
}

/** Records the whole input in Redis. Counts on stderr; 1 when it was stopped before the end. */
export const runBackfill: Run<BackfillOptions> = async (options, context) => {
  const { input } = options
  const assembly = await openAssembly(context, input.kind === 'generator', 'without a model')
  tellAbsent(assembly, context)
  const hashKey = openHashKey(context, false)
  const topic = input.kind === 'topic' ? input.topic : context.loaded.config.kafka.transactions
  const store = await openStore(assembly.plan, topic, hashKey, context)
  try {
    return await (input.kind === 'topic'
      ? fromTopic(input, options, { assembly, store, hashKey }, context)
      : fromRows(input, options, { assembly, store, hashKey }, context))
  } finally {
    await store.close()
  }
}

interface Opened {
  readonly assembly: Assembly
  readonly store: RedisStore
  readonly hashKey: Uint8Array
}

async function fromTopic(
  input: TopicInput,
  { messagesMax, isFollowing }: BackfillOptions,
  opened: Opened,
  context: Context,
): Promise<number> {
  const { store, assembly } = opened
  const topic = await TopicBackfill.open(input, isFollowing, store, context)
  const { source, skipped, stop } = topic
  try {
    const mapped = assembly.mapping.parser()
    // Of the topic of labels, a transaction would count that is never decided.
    const isOfLabels = input.topic === context.loaded.config.kafka.labels
    const parser = isOfLabels ? new MessagesOnly(mapped) : mapped
    const done = await backfill({
      source,
      pipeline: pipelineOf(opened, parser, input.topic),
      progress: openProgress('backfill', source, context),
      messagesMax,
      onRecorded: (messages) => topic.recorded(messages),
      stop,
    })
    if (!stop.aborted && done.messages < messagesMax) await topic.finished()
    tell(done, skipped, context)
    refuseAllRejected(done.messages, done.rejects)
  } finally {
    await topic.close()
  }
  return stop.aborted && !isFollowing ? 1 : 0
}

async function fromRows(
  input: Exclude<Input, { kind: 'topic' }>,
  { messagesMax }: BackfillOptions,
  opened: Opened,
  context: Context,
): Promise<number> {
  const { stop } = context
  const { source, parser, name } = await openInput(input, opened.assembly, messagesMax, -1, context)
  try {
    const progress = openProgress('backfill', source, context)
    const pipeline = pipelineOf(opened, parser, name)
    const done = await backfill({ source, pipeline, progress, messagesMax, stop })
    tell(done, 0, context)
    refuseAllRejected(done.messages, done.rejects)
  } finally {
    await source.close()
  }
  return stop.aborted ? 1 : 0
}

function pipelineOf(
  { assembly, store, hashKey }: Opened,
  parser: Parser,
  source: string,
): Pipeline {
  return makePipeline(assembly, { store, parser, hashKey, mode: 'replay', source, clock: null })
}

function tell(done: BackfillSummary, skipped: number, { stderr }: Context): void {
  const { messages, fresh, repeated, rejects } = done
  const before = skipped === 0 ? '' : `, ${skipped} offsets skipped that were recorded before`
  stderr.write(
    `${messages} messages: ${fresh} recorded, ${repeated} known before, ${rejects.toString()}${before}\n`,
  )
}
