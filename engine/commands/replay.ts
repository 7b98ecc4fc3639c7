// `weir replay`: history through the same pipeline as live transactions, with a store of its own. It is handed nothing
// with which it could write to live topics or keys.
import { MemoryStore } from '../../features/store/memory.ts'
import { makePipeline } from '../assemble.ts'
import { closeLineup } from '../core/lineup.ts'
import { formatTally } from '../core/tally.ts'
import type { Ahead } from '../replay/ahead.ts'
import type { FactName } from '../replay/facts.ts'
import { replay } from '../replay/replay.ts'
import { aheadBytesMin, startAhead } from './ahead.ts'
import { type CommandLine, type Context, type Run, sharedFlags } from './command.ts'
import { toStdout } from './flags.ts'
import { historyInput, type Input, keepInput } from './input.ts'
import {
  journalBytesMax,
  openAssembly,
  openHashKey,
  openInput,
  openLines,
  openProgress,
  refuseAllRejected,
  tellAbsent,
} from './open.ts'
import { openRows, readFacts, rowEndings } from './rows.ts'

export interface ReplayOptions {
  readonly input: Input
  /** Stop after so many messages; Infinity for all. */
  readonly messagesMax: number
  /** Absolute, `-` for stdout; null: not written. */
  readonly decisionsOut: string | null
  readonly featuresOut: string | null
  /** What rows of features say beside them. */
  readonly facts: readonly FactName[]
}

export const replayLine: CommandLine<ReplayOptions> = {
  name: 'replay',
  summary: 'history → decisions and features, the same bytes on every run',
  details:
    'Decides a file, a range of a topic or generated transactions with a private store in memory. Labels count from their ' +
    'arrival. Decisions are JSON lines; features are Parquet, CSV or JSON lines by the ending of the name. Live topics and ' +
    'Redis are never touched.',
  flags: [
    sharedFlags.input,
    sharedFlags.map,
    sharedFlags.catalog,
    sharedFlags.model,
    sharedFlags.policy,
    { form: '--decisions-out <file>', help: 'decisions, a line each: .jsonl, or - for stdout' },
    {
      form: '--features-out <file>',
      help: 'a row of features each: .parquet, .csv, .jsonl, or - for stdout',
    },
    {
      form: '--with <columns>',
      help: 'in these rows also: time, amount, label (the last that the input knows, to train on)',
      isList: true,
    },
    sharedFlags.from,
    sharedFlags.to,
    sharedFlags.limit,
    sharedFlags.seed,
  ],
  examples: [
    'weir replay --input history.csv --map mapping.yaml --decisions-out decisions.jsonl',
    'weir replay --input kafka:transactions --from 0 --to 100000 --features-out rows.csv',
    'weir replay --input history.csv --map mapping.yaml --features-out rows.parquet --with time,label',
    'weir replay --input generator --limit 100000',
  ],
  parse: (flags, loaded) => {
    const decisionsOut = flags.output('--decisions-out', ['.jsonl'])
    const featuresOut = flags.output('--features-out', rowEndings)
    if (decisionsOut !== null && decisionsOut === featuresOut) {
      flags.fault('--features-out', 'another place than --decisions-out', featuresOut)
    }
    const input = historyInput(flags, loaded)
    keepInput(flags, input, '--decisions-out', decisionsOut)
    keepInput(flags, input, '--features-out', featuresOut)
    return {
      input,
      messagesMax: flags.count('--limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
      decisionsOut,
      featuresOut,
      facts: readFacts(flags),
    }
  },
  next: ({ decisionsOut, featuresOut }) => {
    if (decisionsOut !== null && decisionsOut !== toStdout) {
      return 'the same with another --model, --policy or --catalog, and compare the two files'
    }
    return featuresOut === null
      ? 'the same with --decisions-out decisions.jsonl'
      : 'weir features    what each column means'
  },
}

/** Decides the whole input with a store of its own; results in the named files, the count of outcomes on stderr. */
export const runReplay: Run<ReplayOptions> = replayFrom(aheadBytesMin)

/** The same, with files of so many bytes and more read ahead. */
export function replayFrom(bytesMin: number): Run<ReplayOptions> {
  return async (options, context) => {
    const hashKey = openHashKey(context, true)
    const hasTexts = options.decisionsOut !== null || options.featuresOut !== null
    const { config } = context.loaded
    const ahead = startAhead(options.input, config, hashKey, hasTexts, bytesMin)
    try {
      return await runWith(ahead, hashKey, options, context)
    } finally {
      await ahead?.close()
    }
  }
}

async function runWith(
  ahead: Ahead | null,
  hashKey: Uint8Array,
  options: ReplayOptions,
  context: Context,
): Promise<number> {
  const { input, messagesMax, decisionsOut, featuresOut, facts } = options
  const assembly = await openAssembly(context, input.kind === 'generator', 'replay')
  tellAbsent(assembly, context)
  const { source: file, parser, name } = await openInput(input, assembly, messagesMax, 0, context)
  const { mapping, catalog, plan } = assembly
  await ahead?.open(plan, `${mapping.hash} ${catalog.hash}`, file.total)
  const source = ahead ?? file
  const decisions = decisionsOut === null ? null : await openLines(decisionsOut, context)
  const features =
    featuresOut === null
      ? null
      : await openRows({ file: featuresOut, facts, input, messagesMax }, assembly, context)
  let isWhole = false
  const store = new MemoryStore(assembly.plan, { bytesMax: journalBytesMax })
  const pipeline = makePipeline(assembly, {
    store,
    parser,
    ...(ahead === null ? {} : { intake: ahead }),
    hashKey,
    mode: 'replay',
    source: name,
    hasFeatures: context.loaded.config.decisions.features === 'all',
    clock: null,
    onRow:
      features &&
      ((transaction, rows, at) => {
        features.write(transaction, rows, at)
      }),
    writesDecisions: decisions !== null,
  })
  const progress = openProgress('replay', source, context)
  try {
    const tally = await replay({
      source,
      pipeline,
      decisions,
      features,
      progress,
      messagesMax,
      stop: context.stop,
    })
    context.stderr.write(`${formatTally(tally)}\n`)
    refuseAllRejected(tally.messages, tally.rejects)
    isWhole = !context.stop.aborted
  } finally {
    await file.close()
    await store.close()
    await closeLineup(assembly.lineup)
    await Promise.all([decisions?.close(), features?.close(isWhole)])
  }
  return context.stop.aborted ? 1 : 0
}
