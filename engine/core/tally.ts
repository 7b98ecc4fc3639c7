// Counts outcomes, for the summaries that commands end with.
import type { Outcome } from './ports.ts'

/** Counts, in messages. */
export class OutcomeTally {
  messages = 0
  readonly decisions = { approve: 0, review: 0, deny: 0 }
  duplicates = 0
  recorded = 0
  /** By reason code. */
  readonly rejects = new Map<string, number>()

  add(outcome: Outcome): void {
    this.messages++
    switch (outcome.type) {
      case 'decision':
        this.decisions[outcome.outcome ?? 'review']++
        break
      case 'duplicate':
        this.duplicates++
        break
      case 'recorded':
        this.recorded++
        break
      case 'rejected': {
        const reason = outcome.reject?.reason ?? 'unknown'
        this.rejects.set(reason, (this.rejects.get(reason) ?? 0) + 1)
        break
      }
    }
  }
}
