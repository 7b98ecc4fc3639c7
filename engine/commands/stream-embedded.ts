// `weir stream` without Kafka: a file or the generator through the same pipeline, journals in memory, decisions to a file.
import { statSync } from 'node:fs'
import { relative } from 'node:path'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { GeneratedTransaction } from '../../features/generator/generator.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { type Assembly, makePipeline } from '../assemble.ts'
import { closeLineup } from '../core/lineup.ts'
import type { Outcome } from '../core/ports.ts'
import { formatTally, OutcomeTally } from '../core/tally.ts'
import type { Context } from './command.ts'
import { toStdout } from './flags.ts'
import {
  journalBytesMax,
  openAssembly,
  openHashKey,
  openInput,
  openLines,
  openProgress,
  tellAbsent,
} from './open.ts'
import type { StreamOptions } from './stream.ts'
import { Comparison } from './stream-summary.ts'
import { count, percent } from './text.ts'

/** Decided together, as the ledger counts it. Here a backlog is always waiting: larger batches would only make each wait. */
const batchRows = 16

type EmbeddedOptions = StreamOptions & { readonly input: NonNullable<StreamOptions['input']> }

/** Runs to the end of the input or until stopped. Decisions go where the options say, the summary to stderr. */
export async function runEmbedded(options: EmbeddedOptions, context: Context): Promise<number> {
  const { input, messagesMax, decisionsOut } = options
  const { clock, stop, stderr } = context
  const assembly = await openAssembly(context, input.kind === 'generator', 'live')
  tellAbsent(assembly, context)
  const isGenerated = input.kind === 'generator'
  const truth = isGenerated ? new Comparison(assembly.plan.features, messagesMax) : null
  const onGenerated = (transaction: GeneratedTransaction): void => {
    truth?.expect(transaction)
  }
  const open = await openInput(input, assembly, messagesMax, 0, context, onGenerated)
  const decisions = decisionsOut === null ? null : await openLines(decisionsOut, context)
  const store = new MemoryStore(assembly.plan, { bytesMax: journalBytesMax })
  const pipeline = makePipeline(assembly, {
    store,
    parser: open.parser,
    hashKey: openHashKey(context, true),
    mode: 'stream',
    source: open.name,
    hasFeatures: context.loaded.config.decisions.features === 'all',
    clock,
  })
  const tally = new OutcomeTally()
  const engineUs = createHistogram()
  const live = (): readonly string[] => liveParts(tally, engineUs)
  const progress = openProgress('stream', open.source, context, live)
  const beganUs = clock.monotonicUs()
  const take = (outcome: Outcome): void => {
    tally.add(outcome)
    truth?.compare(outcome)
    decisions?.write(outcome.value)
  }
  try {
    for await (const all of open.source.batches()) {
      for (let first = 0; first < all.length && tally.messages < messagesMax; first += batchRows) {
        const rows = Math.min(batchRows, messagesMax - tally.messages)
        const messages = all.slice(first, first + rows)
        const fromUs = clock.monotonicUs()
        const outcomes = await pipeline.process(messages)
        const us = Math.max(1, clock.monotonicUs() - fromUs)
        for (const outcome of outcomes) {
          engineUs.record(us)
          take(outcome)
        }
      }
      await decisions?.flush()
      progress.update(tally.messages, open.source.position())
      if (tally.messages >= messagesMax || stop.aborted) break
    }
  } finally {
    await decisions?.close()
    await open.source.close()
    await store.close()
    await closeLineup(assembly.lineup)
  }
  progress.end()
  const seconds = (clock.monotonicUs() - beganUs) / 1e6
  const text = [
    '',
    ...ranLines(tally, engineUs, seconds, assembly),
    ...(truth?.lines() ?? []),
    '',
    ...nextLines(whereLines(decisionsOut, context.folder, tally.messages)),
  ]
  stderr.write(`${text.join('\n')}\n`)
  return stop.aborted ? 1 : 0
}

/** What the live line adds to rate and time left. */
function liveParts({ decisions }: OutcomeTally, engineUs: RecordableHistogram): readonly string[] {
  const { approve, review, deny } = decisions
  const all = approve + review + deny
  return [
    `approve ${percent(approve, all)}`,
    `review ${percent(review, all)}`,
    `deny ${percent(deny, all)}`,
    `engine p50 ${ms(engineUs, 50)} p99 ${ms(engineUs, 99)} ms`,
  ]
}

function ranLines(
  tally: OutcomeTally,
  engineUs: RecordableHistogram,
  seconds: number,
  { lineup }: Assembly,
): string[] {
  const { model, policy } = lineup.seats[0]!
  const perSecond = count(Math.round(tally.messages / seconds))
  const scorer =
    model === null
      ? `none; every outcome is the default of the policy, ${policy.fallback}`
      : `${model.name} v${model.version}, policy ${policy.name}: review from ${policy.review}, deny from ${policy.deny}`
  return [
    formatTally(tally),
    `  Model            ${scorer}`,
    `  Throughput       ${perSecond}/s in one process, journals in memory`,
    `  Engine time      p50 ${ms(engineUs, 50)} ms, p99 ${ms(engineUs, 99)} ms: from ${batchRows} transactions handed over together`,
    '                   to their decisions ready, each charged with its whole batch',
  ]
}

function nextLines(where: readonly string[]): string[] {
  return [
    'What to try next',
    ...where,
    '  Your own CSV     weir init --input history.csv, then weir replay --input history.csv',
    '  Your own model   weir train --input history.csv --out mine-v1',
    '  A real broker    KAFKA_BROKERS=… REDIS_URL=… WEIR_HASH_KEY=…  weir topics && weir stream',
    '  The sidecar      weir serve, and POST a transaction to it',
  ]
}

function whereLines(decisionsOut: string | null, folder: string, messages: number): string[] {
  if (decisionsOut === toStdout) return []
  if (decisionsOut === null) return ['  Keep decisions   add --decisions-out decisions.jsonl']
  const mebibytes = Math.ceil(statSync(decisionsOut).size / 2 ** 20)
  const lines = `${count(messages)} lines of JSON, ${count(mebibytes)} MiB`
  return [`  Every decision   ${relative(folder, decisionsOut)} (${lines})`]
}

/** A percentile in ms, with as many digits as are sure. */
function ms(us: RecordableHistogram, percentile: number): string {
  return us.count === 0 ? '–' : (us.percentile(percentile) / 1000).toPrecision(2)
}
