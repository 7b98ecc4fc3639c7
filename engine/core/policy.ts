// What turns a score into an outcome. Order: deny list, allow list, rules, score thresholds, default.
// Lists and rules are a later piece: they go in front of `outcomeOf`'s first line, nowhere else.
import { createHash } from 'node:crypto'
import { type Document, DocumentError, DocumentReader } from '../../features/document.ts'
import { scoreScale } from './limits.ts'
import { compileVocabulary, type Vocabulary } from './reasons.ts'

export const outcomes = ['approve', 'review', 'deny'] as const
export type OutcomeName = (typeof outcomes)[number]

/** A compiled policy. Immutable; a new file makes a new one. */
export interface Policy {
  readonly name: string
  /** 16 hex digits over everything that can change an outcome or its evidence. */
  readonly hash: string
  /** A rounded score at or above it is at least this outcome; more than 1 is never reached. */
  readonly review: number
  readonly deny: number
  /** The outcome where there is no score. */
  readonly fallback: OutcomeName
  /** Outcomes that say why. */
  readonly explained: ReadonlySet<OutcomeName>
  /** Null: reasons have the names of features for codes. */
  readonly vocabulary: Vocabulary | null
}

/** What a model's training run suggests, used where the policy sets no thresholds of its own. */
export interface SuggestedThresholds {
  readonly review: number
  readonly deny: number
}

/** What a policy is compiled against. */
export interface PolicyWorld {
  readonly suggested: SuggestedThresholds
  /** Names that the catalog computes; null where it has faults of its own. */
  readonly features: ReadonlySet<string> | null
  /** Where the policy names none. */
  readonly vocabulary: Vocabulary | null
  /** A file that the policy names, relative to its own folder; null where there is none. */
  read(name: string): Document | null
}

const keys = ['name', 'thresholds', 'default', 'reasons'] as const
const explainedByDefault: readonly OutcomeName[] = ['deny', 'review']

/**
 * Compiles a policy document: `name`, `thresholds: { review, deny }` (absent: the model's suggestion), `default`, `reasons:
 * { for, vocabulary }`. Throws DocumentError with all its faults.
 */
export function compilePolicy(document: Document, world: PolicyWorld): Policy {
  const { suggested } = world
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], keys) ?? {}
  const name = root['name'] === undefined ? 'default' : reader.name(root['name'], ['name'])
  const fallback =
    root['default'] === undefined ? 'review' : reader.oneOf(root['default'], ['default'], outcomes)
  const own = root['thresholds']
  const thresholds = own === undefined ? suggested : readThresholds(reader, own, suggested)
  const reasons = readReasons(reader, root['reasons'], world)
  reader.finish()
  return makePolicy(name, thresholds, fallback, reasons)
}

/** The policy of a deployment that has no file: the model's own thresholds. */
export function defaultPolicy(
  suggested: SuggestedThresholds,
  vocabulary: Vocabulary | null = null,
): Policy {
  return makePolicy('default', suggested, 'review', { explained: explainedByDefault, vocabulary })
}

/** The score as every reader sees it. Rounded before any threshold, so that text and outcome cannot disagree. */
export function roundScore(score: number): number {
  return Math.round(score * scoreScale) / scoreScale
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

interface ReasonsRule {
  readonly explained: readonly OutcomeName[]
  readonly vocabulary: Vocabulary | null
}

function readReasons(reader: DocumentReader, value: unknown, world: PolicyWorld): ReasonsRule {
  if (value === undefined) return { explained: explainedByDefault, vocabulary: world.vocabulary }
  const object = reader.object(value, ['reasons'], ['for', 'vocabulary']) ?? {}
  const path = ['reasons', 'for']
  const explained =
    object['for'] === undefined
      ? explainedByDefault
      : reader.list(object['for'], path).map((item, at) => {
          return reader.oneOf(item, [...path, at], outcomes)
        })
  const named = object['vocabulary']
  if (named === undefined) return { explained, vocabulary: world.vocabulary }
  const file = reader.text(named, ['reasons', 'vocabulary'])
  const document = file === '' ? null : world.read(file)
  if (document === null) {
    reader.fault(['reasons', 'vocabulary'], 'a file beside the policy', named)
    return { explained, vocabulary: null }
  }
  try {
    return { explained, vocabulary: compileVocabulary(document, world.features) }
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    reader.adopt(error)
    return { explained, vocabulary: null }
  }
}

function makePolicy(
  name: string,
  { review, deny }: SuggestedThresholds,
  fallback: OutcomeName,
  { explained, vocabulary }: ReasonsRule,
): Policy {
  const said = new Set(outcomes.filter((outcome) => explained.includes(outcome)))
  const canonical = JSON.stringify({
    review,
    deny,
    fallback,
    explained: [...said],
    vocabulary: vocabulary?.hash ?? null,
  })
  const hash = createHash('sha256').update(canonical).digest('hex').slice(0, 16)
  return Object.freeze({ name, hash, review, deny, fallback, explained: said, vocabulary })
}
