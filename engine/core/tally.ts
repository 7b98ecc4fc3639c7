// Counts outcomes and rejects, for the summaries that commands end with.
import type { Reject } from '../../features/transaction.ts'
import type { Outcome } from './ports.ts'

/** Counts, in messages. */
export class OutcomeTally {
  messages = 0
  readonly decisions = { approve: 0, review: 0, deny: 0 }
  duplicates = 0
  recorded = 0
  readonly rejects = new RejectTally()

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
      case 'rejected':
        this.rejects.add(outcome.reject!, outcome.offset)
        break
    }
  }
}

/** Rejects by reason code, and the first one in words. */
export class RejectTally {
  count = 0
  /** `offset 0: amount: expected a plain decimal of at least 0, such as 12.34, found x`. */
  first = ''
  readonly #byReason = new Map<string, number>()

  add({ reason, field, expected, found }: Reject, offset: number): void {
    if (this.count++ === 0)
      this.first = `offset ${offset}: ${field}: expected ${expected}, found ${found}`
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1)
  }

  /** `3 rejected (bad_amount 2, missing_id 1)`. */
  toString(): string {
    if (this.count === 0) return '0 rejected'
    const reasons = [...this.#byReason].map(([reason, value]) => `${reason} ${count(value)}`)
    return `${count(this.count)} rejected (${reasons.join(', ')})`
  }
}

/** One line: `1,611 messages: 1,600 approve, 8 review, 3 deny; 2 duplicates; 1 rejected (bad_amount 1)`. */
export function formatTally(tally: OutcomeTally): string {
  const { approve, review, deny } = tally.decisions
  const parts = [`${count(approve)} approve, ${count(review)} review, ${count(deny)} deny`]
  if (tally.duplicates > 0) parts.push(`${count(tally.duplicates)} duplicates`)
  if (tally.recorded > 0) parts.push(`${count(tally.recorded)} recorded`)
  if (tally.rejects.count > 0) parts.push(tally.rejects.toString())
  return `${count(tally.messages)} messages: ${parts.join('; ')}`
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
