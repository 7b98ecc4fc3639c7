// `weir stream` without Kafka: a file or the generator through the same pipeline, journals in memory, decisions to a file.
import { createHistogram } from 'node:perf_hooks'
import type { GeneratedTransaction } from '../../features/generator/generator.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { makePipeline } from '../assemble.ts'
import { decisionBatchRowsMax } from '../core/limits.ts'
import type { Outcome } from '../core/ports.ts'
import { formatTally, OutcomeTally } from '../core/tally.ts'
import type { Context } from './command.ts'
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

/** Runs to the end of the input or until stopped; the summary is on stdout. */
export async function runEmbedded(
  options: StreamOptions & { readonly input: NonNullable<StreamOptions['input']> },
  context: Context,
): Promise<number> {
  const { input, messagesMax, decisionsOut } = options
  const assembly = await openAssembly(context, input.kind === 'generator', 'live')
  tellAbsent(assembly, context)
  const truth = new Truth()
  const onGenerated = (transaction: GeneratedTransaction): void => {
    truth.expect(transaction)
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
    clock: context.clock,
  })
  const tally = new OutcomeTally()
  const batchUs = createHistogram()
  const progress = openProgress('stream', open.source, context)
  const beganUs = context.clock.monotonicUs()
  try {
    for await (const all of open.source.batches()) {
      for (let first = 0; first < all.length; first += decisionBatchRowsMax) {
        const messages = all.slice(
          first,
          Math.min(first + decisionBatchRowsMax, first + messagesMax - tally.messages),
        )
        if (messages.length === 0) break
        const fromUs = context.clock.monotonicUs()
        const outcomes = await pipeline.process(messages)
        batchUs.record(Math.max(1, context.clock.monotonicUs() - fromUs))
        for (const outcome of outcomes) {
          tally.add(outcome)
          truth.compare(outcome)
          decisions?.write(outcome.value)
        }
      }
      await decisions?.flush()
      progress.update(tally.messages, open.source.position())
      if (tally.messages >= messagesMax || context.stop.aborted) break
    }
  } finally {
    await decisions?.close()
    await open.source.close()
    await store.close()
    await assembly.model?.close()
  }
  progress.end()
  const seconds = (context.clock.monotonicUs() - beganUs) / 1e6
  const ms = (percent: number): string => (batchUs.percentile(percent) / 1000).toFixed(2)
  const text = [
    formatTally(tally),
    `${Math.round(tally.messages / seconds).toLocaleString('en-US')} per second in this process; a batch of ${decisionBatchRowsMax} took ${ms(50)} ms (p50), ${ms(99)} ms (p99)`,
    ...truth.lines(),
    decisionsOut === null
      ? 'Decisions were not kept: add --decisions-out decisions.jsonl'
      : `Decisions: ${decisionsOut}`,
    'Your own history: weir replay --input history.csv --map mapping.yaml --features-out rows.csv',
    'Your own stream:  KAFKA_BROKERS=… REDIS_URL=… WEIR_HASH_KEY=… weir topics && weir stream --map mapping.yaml',
  ]
  context.stdout.write(`${text.join('\n')}\n`)
  return context.stop.aborted ? 1 : 0
}

/** What was planted, against what was decided; empty for files, whose truth nobody knows. */
class Truth {
  readonly #expected: { readonly pattern: string | null; readonly isFraud: boolean }[] = []
  #taken = 0
  readonly #patterns = new Map<string, { all: number; caught: number }>()
  #honest = 0
  #disturbed = 0

  expect({ pattern, isFraud }: GeneratedTransaction): void {
    this.#expected.push({ pattern, isFraud })
  }

  compare({ outcome }: Outcome): void {
    const truth = this.#expected[this.#taken++]
    if (truth === undefined) return
    if (this.#taken === 4096) {
      this.#expected.splice(0, this.#taken)
      this.#taken = 0
    }
    if (outcome === null) return
    const isStopped = outcome !== 'approve'
    if (!truth.isFraud) {
      this.#honest++
      if (isStopped) this.#disturbed++
      return
    }
    const pattern = truth.pattern ?? 'other'
    const count = this.#patterns.get(pattern) ?? { all: 0, caught: 0 }
    count.all++
    if (isStopped) count.caught++
    this.#patterns.set(pattern, count)
  }

  lines(): string[] {
    if (this.#patterns.size === 0) return []
    const counts = [...this.#patterns.values()]
    const all = counts.reduce((sum, count) => sum + count.all, 0)
    const caught = counts.reduce((sum, count) => sum + count.caught, 0)
    const percent = ((this.#disturbed / this.#honest) * 100).toFixed(2)
    const byPattern = [...this.#patterns].map(
      ([name, count]) => `${name} ${count.caught}/${count.all}`,
    )
    return [
      `Planted fraud reviewed or denied: ${caught} of ${all} (${byPattern.join(', ')}); of honest transactions ${percent} %`,
    ]
  }
}
