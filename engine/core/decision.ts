// The decision record, weir.decision/1 (docs/decision.schema.json), as JSON text. What is written here is what a
// subscriber reads, a replay repeats byte for byte, and an analyst compares: a change of a core field is a new version.
import type { Feature } from '../../features/catalog.ts'
import type { Model, ModelInput } from '../../models/model.ts'
import { evidenceMax } from './limits.ts'
import type { OutcomeName, Policy } from './policy.ts'

export const decisionSchema = 'weir.decision/1'

/** How complete a decision is, the best first. */
export const rungs = ['full', 'no-challenger', 'stale', 'rules', 'stand-in'] as const
export type Rung = (typeof rungs)[number]

const whole = '"rung":"full","degraded":[]'
const noScore = '"rung":"rules","degraded":["score"]'
const standInRung = (lacksModel: boolean) =>
  `"rung":"stand-in","degraded":${lacksModel ? '["features"]' : '["features","score"]'}`

/** What is known of a transaction that is answered without the pipeline. */
export interface StandIn {
  readonly id: string
  readonly tenant: string
  readonly timeMs: number
  readonly hasNoRate: boolean
  readonly partition: number
  readonly offset: number
  readonly outcome: OutcomeName
}

/** Who decided: fixed from start-up or swap to the next swap. */
export interface Deciders {
  readonly model: Pick<Model, 'name' | 'version' | 'hash' | 'scorer'> | null
  readonly policy: Policy
  readonly catalogHash: string
  readonly mappingHash: string
  readonly engineVersion: string
  readonly mode: 'stream' | 'replay' | 'serve' | 'bench'
  /** Name of the source: a topic, or `file`. */
  readonly source: string
}

/** What one transaction's decision says beyond its features. Owned by the pipeline, filled again per row. */
export class Verdict {
  id = ''
  tenant = ''
  timeMs = 0
  outcome: OutcomeName = 'approve'
  /** Rounded; NaN when there is none. */
  score = Number.NaN
  /** How much older than the newest record of its own primary view, ms; 0 when in order. */
  lateMs = 0
  hasNoRate = false
  historySinceMs = 0
  /** There is a model, and it gave no number for this transaction. */
  lacksScore = false
  partition = 0
  offset = 0
  /** Indexes into the model's inputs, strongest first; -1 behind the last. */
  readonly evidence = new Int16Array(evidenceMax)
}

/** Per-stage latency of the batch that a decision came in, µs: the same for its rows. */
export interface Latency {
  parse: number
  encode: number
  observe: number
  fold: number
  score: number
  /** Not known yet while documents are written: only metrics have it. */
  decide: number
}

/** Fields that are not the decision core: they may differ between a live decision and its replay. */
export const nonCoreFields = [
  'mode',
  'latency_us',
  'source',
  'engine',
  'history_since_ms',
  'warming',
] as const

/** The core of a decision's JSON text: what live, redelivery and `--as-decided` replay must agree on, as JSON text. */
export function decisionCore(text: string): string {
  const decision = JSON.parse(text) as Record<string, unknown>
  for (const field of nonCoreFields) Reflect.deleteProperty(decision, field)
  return JSON.stringify(decision)
}

/** Writes outcome documents. All that does not change per transaction is text made once, here. */
export class DecisionWriter {
  readonly #featureKeys: readonly string[]
  readonly #featureNames: readonly string[]
  readonly #inputs: readonly ModelInput[]
  /** Feature index of each model input. */
  readonly #inputAt: readonly number[]
  readonly #ordinalKeys: readonly string[]
  readonly #core: string
  readonly #standInRung: string
  readonly #deciders: Deciders
  /** What scored when `#tail` was written. */
  #scorer: string | null
  #tail: string
  readonly #source: string
  /** How far back each windowed feature reaches, ms, descending; and the JSON lists of the first k names. */
  readonly #reachesMs: Float64Array
  readonly #warming: readonly string[]

  constructor(
    features: readonly Feature[],
    inputs: readonly ModelInput[],
    inputAt: readonly number[],
    entityKinds: readonly string[],
    deciders: Deciders,
  ) {
    this.#featureNames = features.map((feature) => JSON.stringify(feature.name))
    this.#featureKeys = this.#featureNames.map((name, i) => `${i === 0 ? '' : ','}${name}:`)
    this.#inputs = inputs
    this.#inputAt = inputAt
    this.#ordinalKeys = entityKinds.map((kind) => `${JSON.stringify(kind)}:`)
    const { model, policy } = deciders
    const modelText = JSON.stringify(model && pick(model))
    this.#deciders = deciders
    this.#standInRung = standInRung(model === null)
    const policyText = JSON.stringify({ name: policy.name, hash: policy.hash })
    this.#core = `,"model":${modelText},"policy":${policyText},"catalog":{"hash":"${deciders.catalogHash}"},"mapping":{"hash":"${deciders.mappingHash}"}`
    this.#scorer = scorerOf(deciders)
    this.#tail = tailOf(deciders)
    this.#source = `{"name":${JSON.stringify(deciders.source)},"partition":`
    const windowed = features.filter((feature) => feature.windowMs > 0)
    const byReach = windowed
      .map((feature) => ({ name: feature.name, reachMs: feature.windowMs + feature.delayMs }))
      .sort((a, b) => b.reachMs - a.reachMs)
    this.#reachesMs = Float64Array.from(byReach, (feature) => feature.reachMs)
    this.#warming = Array.from({ length: byReach.length + 1 }, (_, count) =>
      JSON.stringify(byReach.slice(0, count).map((feature) => feature.name)),
    )
  }

  /**
   * A decision. `rows[at …]` are its features, `approximate[at …]` their marks, `ordinals[ordinalAt …]` one per entity
   * kind (-1: the transaction has none). `latency` null leaves it out (replay).
   */
  decision(
    verdict: Verdict,
    rows: Float64Array,
    approximate: Uint8Array,
    at: number,
    ordinals: Float64Array,
    ordinalAt: number,
    latency: string | null,
  ): string {
    let text = `{"schema":"${decisionSchema}","type":"decision","id":${quote(verdict.id)},"tenant":"${verdict.tenant}","time_ms":${verdict.timeMs},"outcome":"${verdict.outcome}","score":${number(verdict.score)},"evidence":[`
    text += this.#evidence(verdict, rows, at)
    text += `],${verdict.lacksScore ? noScore : whole},"late_ms":${verdict.lateMs},"no_rate":${verdict.hasNoRate},"approximate":[`
    text += this.#approximate(approximate, at)
    text += `]${this.#core},"features":{`
    for (let f = 0; f < this.#featureKeys.length; f++) {
      text += this.#featureKeys[f]! + number(rows[at + f]!)
    }
    text += '},"ordinals":{'
    let separator = ''
    for (let e = 0; e < this.#ordinalKeys.length; e++) {
      const ordinal = ordinals[ordinalAt + e]!
      if (ordinal < 0) continue
      text += separator + this.#ordinalKeys[e]! + String(ordinal)
      separator = ','
    }
    text += `},"history_since_ms":${verdict.historySinceMs},"warming":${this.#warmingList(verdict)}${this.#tailText()}`
    if (latency !== null) text += `,"latency_us":${latency}`
    return `${text},"source":${this.#sourceText(verdict.partition, verdict.offset)}}`
  }

  /**
   * A decision without store or model, because the answer was due: the configured outcome, no features, no score. Nothing
   * is known of the history, so it begins with the transaction and every window is warming.
   */
  standIn({ id, tenant, timeMs, hasNoRate, partition, offset, outcome }: StandIn): string {
    return `{"schema":"${decisionSchema}","type":"decision","id":${quote(id)},"tenant":"${tenant}","time_ms":${timeMs},"outcome":"${outcome}","score":null,"evidence":[],${this.#standInRung},"late_ms":0,"no_rate":${hasNoRate},"approximate":[]${this.#core},"features":{},"ordinals":{},"history_since_ms":${timeMs},"warming":${this.#warming.at(-1)!}${this.#tailText()},"source":${this.#sourceText(partition, offset)}}`
  }

  /** Another message with the id of a transaction that was already decided. `answer`: one that was given all the same. */
  duplicate(
    id: string,
    tenant: string,
    partition: number,
    offset: number,
    firstPartition: number,
    firstOffset: number,
    answer: string | null,
  ): string {
    const given = answer === null ? '' : `,"answer":${answer}`
    const first = firstPartition < 0 ? 'null' : this.#sourceText(firstPartition, firstOffset)
    return `{"schema":"${decisionSchema}","type":"duplicate","id":${quote(id)},"tenant":"${tenant}","first":${first}${given},"source":${this.#sourceText(partition, offset)}}`
  }

  /** A label, reversal or decline that is now in the journals. */
  recorded(id: string, tenant: string, kind: string, partition: number, offset: number): string {
    return `{"schema":"${decisionSchema}","type":"recorded","kind":"${kind}","id":${quote(id)},"tenant":"${tenant}","source":${this.#sourceText(partition, offset)}}`
  }

  rejected(
    id: string | null,
    reject: { reason: string; field: string; expected: string; found: string },
    partition: number,
    offset: number,
  ): string {
    const { reason, field, expected, found } = reject
    const why = JSON.stringify({ reason, field, expected, found }).slice(1, -1)
    return `{"schema":"${decisionSchema}","type":"rejected","id":${id === null ? 'null' : quote(id)},${why},"source":${this.#sourceText(partition, offset)}}`
  }

  /** A model whose provider fails goes on elsewhere, and says so from then on. */
  #tailText(): string {
    const scorer = scorerOf(this.#deciders)
    if (scorer !== this.#scorer) {
      this.#scorer = scorer
      this.#tail = tailOf(this.#deciders)
    }
    return this.#tail
  }

  #sourceText(partition: number, offset: number): string {
    return `${this.#source}${partition},"offset":${offset}}`
  }

  #evidence(verdict: Verdict, rows: Float64Array, at: number): string {
    let text = ''
    for (const input of verdict.evidence) {
      if (input < 0) break
      const { mean, deviation } = this.#inputs[input]!
      const feature = this.#inputAt[input]!
      const value = rows[at + feature]!
      const deviations = Math.round(((value - mean) / deviation) * 100) / 100
      if (text !== '') text += ','
      text += `{"feature":${this.#featureNames[feature]!},"value":${number(value)},"mean":${number(mean)},"deviations":${number(deviations)}}`
    }
    return text
  }

  #approximate(approximate: Uint8Array, at: number): string {
    let text = ''
    for (let f = 0; f < this.#featureNames.length; f++) {
      if (approximate[at + f] === 0) continue
      text += text === '' ? this.#featureNames[f]! : `,${this.#featureNames[f]!}`
    }
    return text
  }

  /** Features whose window begins before the history does. */
  #warmingList(verdict: Verdict): string {
    const knownMs = verdict.timeMs - verdict.historySinceMs
    let count = 0
    while (count < this.#reachesMs.length && this.#reachesMs[count]! > knownMs) count++
    return this.#warming[count]!
  }
}

function pick({ name, version, hash }: NonNullable<Deciders['model']>) {
  return { name, version, hash }
}

function scorerOf({ model }: Deciders): string | null {
  return model && model.scorer
}

function tailOf(deciders: Deciders): string {
  const engine = { version: deciders.engineVersion, scorer: scorerOf(deciders) }
  return `,"engine":${JSON.stringify(engine)},"mode":"${deciders.mode}"`
}

/** The stages as JSON text, whole µs. */
export function latencyText(latency: Omit<Latency, 'decide'>): string {
  return `{"parse":${latency.parse},"encode":${latency.encode},"observe":${latency.observe},"fold":${latency.fold},"score":${latency.score}}`
}

/** A finite number as JSON has it, null for anything else. -0 becomes 0. */
function number(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null'
}

const plain = /^[\w .:@+/-]*$/

/** Most ids need no escapes: a test is cheaper than the general way. */
function quote(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}
