// From what each input added to a score to the reasons that a decision gives: codes of a vocabulary, which says each in words
// for investigators and, approved, for whoever must be told.
import { createHash } from 'node:crypto'
import { closest, type Document, DocumentReader } from '../../features/document.ts'
import type { ModelInput } from '../../models/model.ts'
import { reasonsMax } from './limits.ts'

export interface Reason {
  readonly code: string
  /** For investigators. */
  readonly text: string | null
  /** The code that may leave the house; null: none was approved. */
  readonly outward: string | null
}

/** A compiled vocabulary. Immutable. */
export interface Vocabulary {
  readonly name: string
  /** 16 hex digits over all that it says. */
  readonly hash: string
  readonly byFeature: ReadonlyMap<string, Reason>
}

const codePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/
const codeRule = '1 to 32 of letters, digits, dot, dash and underscore'
const textMax = 200

/**
 * Compiles `name` and `reasons: [{ code, text, outward, features }]`. `features`: names that the catalog computes; null where it has
 * faults of its own. Throws
 * DocumentError with all faults.
 */
export function compileVocabulary(
  document: Document,
  features: ReadonlySet<string> | null,
): Vocabulary {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], ['name', 'reasons']) ?? {}
  const name = reader.name(root['name'], ['name'])
  const byFeature = new Map<string, Reason>()
  const codes = new Set<string>()
  for (const [at, item] of reader.list(root['reasons'], ['reasons']).entries()) {
    const path = ['reasons', at]
    const object = reader.object(item, path, ['code', 'text', 'outward', 'features']) ?? {}
    const code = readCode(reader, object['code'], [...path, 'code'])
    if (code !== '' && codes.has(code)) {
      reader.fault([...path, 'code'], 'a code that no other reason has', code)
    }
    codes.add(code)
    const outward = object['outward'] ?? null
    const reason: Reason = {
      code,
      text: readText(reader, object['text'], [...path, 'text']),
      outward: outward === null ? null : readCode(reader, outward, [...path, 'outward']),
    }
    const named = reader.list(object['features'], [...path, 'features'])
    if (features?.has(code) === true && !named.includes(code)) {
      const expected =
        'a code that is no feature of another reason: without a reason, its name is its code'
      reader.fault([...path, 'code'], expected, code)
    }
    for (const [index, feature] of named.entries()) {
      const here = [...path, 'features', index]
      const known = reader.name(feature, here)
      if (known === '') continue
      if (features !== null && !features.has(known)) {
        const near = closest(known, [...features])
        const hint = near === null ? null : `did you mean ${near}?`
        reader.fault(here, 'a feature of the catalog', known, hint)
      } else if (byFeature.has(known)) {
        reader.fault(here, 'a feature under one reason', `${known} under two`)
      }
      byFeature.set(known, reason)
    }
  }
  reader.finish()
  const canonical = JSON.stringify([...byFeature].sort(([a], [b]) => (a < b ? -1 : 1)))
  const hash = createHash('sha256').update(canonical).digest('hex').slice(0, 16)
  return Object.freeze({ name, hash, byFeature })
}

function readCode(reader: DocumentReader, value: unknown, path: (string | number)[]): string {
  const code = reader.text(value, path)
  if (code !== '' && !codePattern.test(code)) reader.fault(path, codeRule, code)
  return code
}

function readText(reader: DocumentReader, value: unknown, path: (string | number)[]): string {
  const text = reader.text(value, path)
  if (text.length > textMax) {
    reader.fault(path, `at most ${textMax} characters`, `${text.length}`)
  }
  return text
}

/**
 * The strongest reasons of a row. Contributions of inputs under one code add up; only what speaks for fraud is a reason. An
 * input that the vocabulary does not have is its own code.
 */
export class Reasons {
  readonly reasons: readonly Reason[]
  /** By input, its reason. */
  readonly #reasonOf: Int16Array
  readonly #sums: Float64Array
  /** By reason, the input that added most. */
  readonly #strongest: Int16Array

  constructor(inputs: readonly ModelInput[], vocabulary: Vocabulary | null) {
    const reasons: Reason[] = []
    this.#reasonOf = Int16Array.from(inputs, ({ feature }) => {
      const known = vocabulary?.byFeature.get(feature)
      const at = known === undefined ? -1 : reasons.indexOf(known)
      if (at >= 0) return at
      return reasons.push(known ?? { code: feature, text: null, outward: null }) - 1
    })
    this.reasons = reasons
    this.#sums = new Float64Array(reasons.length)
    this.#strongest = new Int16Array(reasons.length)
  }

  /**
   * `contributions[at …]` are those of a row's inputs. Fills `out` from `outAt` on, strongest first, ties to the earlier
   * input; what is left of its `reasonsMax` places has no reason (-1).
   */
  find(contributions: Float64Array, at: number, out: Found, outAt: number): void {
    const sums = this.#sums.fill(0)
    const strongest = this.#strongest.fill(-1)
    for (let input = 0; input < this.#reasonOf.length; input++) {
      const reason = this.#reasonOf[input]!
      const contribution = contributions[at + input]!
      sums[reason]! += contribution
      const before = strongest[reason]!
      if (before < 0 || contribution > contributions[at + before]!) strongest[reason] = input
    }
    for (let place = 0; place < reasonsMax; place++) {
      let best = -1
      for (let reason = 0; reason < sums.length; reason++) {
        if (sums[reason]! > 0 && (best < 0 || sums[reason]! > sums[best]!)) best = reason
      }
      out.reason[outAt + place] = best
      if (best < 0) continue
      out.input[outAt + place] = strongest[best]!
      out.contribution[outAt + place] = sums[best]!
      sums[best] = 0
    }
  }
}

/** Reasons of several rows, `reasonsMax` places each. */
export class Found {
  /** Index into `Reasons.reasons`; -1 behind the last. */
  readonly reason: Int16Array
  readonly input: Int16Array
  /** To the margin (log-odds), of all inputs under the code. */
  readonly contribution: Float64Array

  constructor(rows: number) {
    this.reason = new Int16Array(rows * reasonsMax).fill(-1)
    this.input = new Int16Array(rows * reasonsMax)
    this.contribution = new Float64Array(rows * reasonsMax)
  }
}
