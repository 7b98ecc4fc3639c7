// What turns a score into an outcome. Order: deny list, allow list, rules, score thresholds, default.
// Lists and rules are a later piece: they go in front of `outcomeOf`'s first line, nowhere else.
import { createHash } from 'node:crypto'
import { type Document, DocumentReader } from '../../features/document.ts'

export const outcomes = ['approve', 'review', 'deny'] as const
export type OutcomeName = (typeof outcomes)[number]

/** A compiled policy. Immutable; a new file makes a new one. */
export interface Policy {
  readonly name: string
  /** 16 hex digits over everything that can change an outcome. */
  readonly hash: string
  /** A rounded score at or above it is at least this outcome; more than 1 is never reached. */
  readonly review: number
  readonly deny: number
  /** The outcome where there is no score. */
  readonly fallback: OutcomeName
}

/** What a model's training run suggests, used where the policy sets no thresholds of its own. */
export interface SuggestedThresholds {
  readonly review: number
  readonly deny: number
}

/**
 * Compiles a policy document: `name`, `thresholds: { review, deny }` (absent: the model's suggestion), `default`.
 * Throws DocumentError with all its faults.
 */
export function compilePolicy(document: Document, suggested: SuggestedThresholds): Policy {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], ['name', 'thresholds', 'default']) ?? {}
  const name = root['name'] === undefined ? 'default' : reader.name(root['name'], ['name'])
  const fallback =
    root['default'] === undefined ? 'review' : reader.oneOf(root['default'], ['default'], outcomes)
  const own = root['thresholds']
  const thresholds = own === undefined ? suggested : readThresholds(reader, own, suggested)
  reader.finish()
  return makePolicy(name, thresholds, fallback)
}

/** The policy of a deployment that has no file: the model's own thresholds. */
export function defaultPolicy(suggested: SuggestedThresholds): Policy {
  return makePolicy('default', suggested, 'review')
}

/** The outcome of a score already rounded (NaN: there was none). */
export function outcomeOf(policy: Policy, score: number): OutcomeName {
  if (Number.isNaN(score)) return policy.fallback
  if (score >= policy.deny) return 'deny'
  if (score >= policy.review) return 'review'
  return 'approve'
}

function readThresholds(
  reader: DocumentReader,
  value: unknown,
  suggested: SuggestedThresholds,
): SuggestedThresholds {
  const path = ['thresholds']
  const object = reader.object(value, path, ['review', 'deny']) ?? {}
  const read = (key: 'review' | 'deny'): number =>
    object[key] === undefined ? suggested[key] : reader.number(object[key], [...path, key], 0, 2)
  const thresholds = { review: read('review'), deny: read('deny') }
  if (thresholds.review > thresholds.deny) {
    reader.fault([...path, 'review'], `at most deny (${thresholds.deny})`, thresholds.review)
  }
  return thresholds
}

function makePolicy(
  name: string,
  { review, deny }: SuggestedThresholds,
  fallback: OutcomeName,
): Policy {
  const canonical = JSON.stringify({ review, deny, fallback })
  const hash = createHash('sha256').update(canonical).digest('hex').slice(0, 16)
  return Object.freeze({ name, hash, review, deny, fallback })
}
