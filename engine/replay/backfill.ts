// Fills journals from history without deciding, so that a new deployment or catalog starts with its windows full.
import type { Pipeline } from '../core/pipeline.ts'
import type { Message, Progress, Source } from '../core/ports.ts'
import { RejectTally } from '../core/tally.ts'

/** What a backfill did, in messages. */
export interface BackfillSummary {
  messages: number
  fresh: number
  repeated: number
  readonly rejects: RejectTally
}

export interface BackfillParts {
  readonly source: Source
  readonly pipeline: Pick<Pipeline, 'record'>
  readonly progress: Progress
  readonly messagesMax: number
  /** Told of each batch once it is recorded; awaited. */
  readonly onRecorded?: (messages: readonly Message[]) => Promise<void>
  /** Aborted to stop after the batch at hand. */
  readonly stop: { readonly aborted: boolean }
}

/**
 * Records every message of the source; safe to run again, since what was recorded is recognised.
 * Rejects with what the source or the store rejected with; what was recorded until then stays.
 */
export async function backfill(parts: BackfillParts): Promise<BackfillSummary> {
  const { source, pipeline, progress, messagesMax, onRecorded, stop } = parts
  const summary = { messages: 0, fresh: 0, repeated: 0, rejects: new RejectTally() }
  for await (const batch of source.batches()) {
    const messages = batch.slice(0, messagesMax - summary.messages)
    const { fresh, repeated, rejects } = await pipeline.record(messages)
    await onRecorded?.(messages)
    summary.messages += messages.length
    summary.fresh += fresh
    summary.repeated += repeated
    for (const { reject, offset } of rejects) summary.rejects.add(reject, offset)
    progress.update(summary.messages, source.position())
    if (summary.messages >= messagesMax || stop.aborted) break
  }
  progress.end()
  return summary
}
