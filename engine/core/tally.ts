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

/** One line: `1,611 messages: 1,600 approve, 8 review, 3 deny; 2 duplicates; 1 rejected (bad_amount 1)`. */
export function formatTally(tally: OutcomeTally): string {
  const count = (value: number): string => value.toLocaleString('en-US')
  const { approve, review, deny } = tally.decisions
  const parts = [`${count(approve)} approve, ${count(review)} review, ${count(deny)} deny`]
  if (tally.duplicates > 0) parts.push(`${count(tally.duplicates)} duplicates`)
  if (tally.recorded > 0) parts.push(`${count(tally.recorded)} recorded`)
  const rejected = [...tally.rejects.values()].reduce((sum, value) => sum + value, 0)
  const reasons = [...tally.rejects].map(([reason, value]) => `${reason} ${count(value)}`)
  if (rejected > 0) parts.push(`${count(rejected)} rejected (${reasons.join(', ')})`)
  return `${count(tally.messages)} messages: ${parts.join('; ')}`
}
