// Runs history through the same pipeline as live transactions, with a store of its own. It cannot write to live topics
// or keys: it is handed neither. Memory does not grow with the input.
import type { Pipeline } from '../core/pipeline.ts'
import type { LineSink, Progress, Source } from '../core/ports.ts'
import { OutcomeTally } from '../core/tally.ts'
import type { RowSink } from './feature-rows.ts'

export interface ReplayParts {
  readonly source: Source
  readonly pipeline: Pipeline
  /** One outcome a line, in input order; null writes none. */
  readonly decisions: LineSink | null
  /** Written by the pipeline's `onRow`; flushed here per batch. */
  readonly features: RowSink | null
  readonly progress: Progress
  /** Stop after so many messages. */
  readonly messagesMax: number
  /** Aborted to stop after the batch at hand. */
  readonly stop: AbortSignal
}

/** Replays to the end of the source. Rejects with what the source, the store or the model rejected with. */
export async function replay(parts: ReplayParts): Promise<OutcomeTally> {
  const { source, pipeline, decisions, features, progress, messagesMax, stop } = parts
  const tally = new OutcomeTally()
  for await (const batch of source.batches()) {
    const left = messagesMax - tally.messages
    const messages = left < batch.length ? batch.slice(0, left) : batch
    if (messages.length > 0) {
      for (const outcome of await pipeline.process(messages)) {
        tally.add(outcome)
        decisions?.write(outcome.value)
      }
    }
    await decisions?.flush()
    await features?.flush()
    progress.update(tally.messages, source.position())
    if (tally.messages >= messagesMax || stop.aborted) break
  }
  progress.end()
  return tally
}
