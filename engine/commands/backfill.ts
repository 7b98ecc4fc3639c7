// `weir backfill`: fills the journals of the real store from history without deciding, so that windows start full.
import { makePipeline } from '../assemble.ts'
import { backfill } from '../replay/backfill.ts'
import { type CommandLine, type Run, sharedFlags } from './command.ts'
import { historyInput, type Input } from './input.ts'
import {
  openAssembly,
  openHashKey,
  openInput,
  openProgress,
  refuseAllRejected,
  tellAbsent,
} from './open.ts'
import { openStore } from './store.ts'

export interface BackfillOptions {
  readonly input: Input
  /** Stop after so many messages; Infinity for all. */
  readonly messagesMax: number
}

export const backfillLine: CommandLine<BackfillOptions> = {
  name: 'backfill',
  summary: 'history → journals in Redis, without deciding',
  details:
    'Records every transaction of a file, a range of a topic or the generator in the store of the deployment. Safe to run ' +
    'again: what was recorded is recognised. Nothing is decided or published.',
  flags: [
    sharedFlags.input,
    sharedFlags.map,
    sharedFlags.catalog,
    sharedFlags.from,
    sharedFlags.to,
    sharedFlags.limit,
    sharedFlags.seed,
  ],
  examples: [
    'weir backfill --input history.csv --map mapping.yaml',
    'weir backfill --input kafka:transactions --to 0:120000,1:118000',
  ],
  parse: (flags, loaded) => ({
    input: historyInput(flags, loaded),
    messagesMax: flags.count('--limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
  }),
  next: () => 'weir stream',
}

/** Records the whole input in Redis. Counts on stderr; 1 when it was stopped before the end. */
export const runBackfill: Run<BackfillOptions> = async ({ input, messagesMax }, context) => {
  const assembly = await openAssembly(context, input.kind === 'generator', 'without a model')
  tellAbsent(assembly, context)
  const partition = input.kind === 'topic' ? 0 : -1
  const hashKey = openHashKey(context, false)
  const { source, parser, name } = await openInput(input, assembly, messagesMax, partition, context)
  const topic = input.kind === 'topic' ? input.topic : context.loaded.config.kafka.transactions
  const store = await openStore(assembly.plan, topic, hashKey, context)
  const pipeline = makePipeline(assembly, {
    store,
    parser,
    hashKey,
    mode: 'replay',
    source: name,
    clock: null,
  })
  try {
    const progress = openProgress('backfill', source, context)
    const done = await backfill({ source, pipeline, progress, messagesMax, stop: context.stop })
    context.stderr.write(
      `${done.messages} messages: ${done.fresh} recorded, ${done.repeated} known before, ${done.rejects.toString()}\n`,
    )
    refuseAllRejected(done.messages, done.rejects)
  } finally {
    await source.close()
    await store.close()
  }
  return context.stop.aborted ? 1 : 0
}
