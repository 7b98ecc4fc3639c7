// The decision record, weir.decision/1 (docs/decision.schema.json), as JSON text. What is written here is what a
// subscriber reads, a replay repeats byte for byte, and an analyst compares: a change of a core field is a new version.
import type { Feature } from '../../features/catalog.ts'
import { contributionScale, reasonsMax } from './limits.ts'
import type { Seat } from './lineup.ts'
import type { OutcomeName } from './policy.ts'
import type { Found } from './reasons.ts'
import type { Rung } from './rung.ts'
import type { Scoring } from './scoring.ts'

export const decisionSchema = 'weir.decision/1'

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

/** What decisions say beside the lineup: fixed from the start. */
export interface Deciders {
  readonly catalogHash: string
  readonly mappingHash: string
  readonly engineVersion: string
  readonly mode: 'stream' | 'replay' | 'serve' | 'bench'
  /** Name of the source: a topic, or `file`. */
  readonly source: string
  /** False leaves the values of features out, but for those in evidence. */
  readonly hasFeatures?: boolean
}

/** What one transaction's decision says beyond its features. Owned by the pipeline, filled again per row. */
export class Verdict {
  id = ''
  tenant = ''
  timeMs = 0
  /** Its row in the batch, and the seat that decides it. */
  row = 0
  seat = 0
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

/** What a seat's decisions say beyond the transaction. */
interface SeatText {
  readonly core: string
  /** Of `scores`: all before the number. */
  readonly score: string
  /** By input: its feature's index, and the text of its mean. */
  readonly features: readonly number[]
  readonly means: readonly string[]
  /** Of each reason, all before the feature. */
  readonly reasons: readonly string[]
}

/** Writes outcome documents. All that does not change per transaction is text made once, here. */
export class DecisionWriter {
  readonly #featureTexts: readonly FeatureText[]
  readonly #featureNames: readonly string[]
  readonly #ordinalKeys: readonly string[]
  readonly #scoring: Scoring
  readonly #seats: readonly SeatText[]
  readonly #standInRung: string
  readonly #deciders: Deciders
  /** By seat, what scores, and the text with it. */
  readonly #scorers: (string | null)[]
  readonly #tails: string[]
  readonly #source: string
  /** How far back each windowed feature reaches, ms, descending; and the JSON lists of the first k names. */
  readonly #reachesMs: Float64Array
  readonly #warming: readonly string[]
  /** Of the batch: challengers that were left out, as JSON strings with commas. */
  #leftOut = ''

  constructor(
    features: readonly Feature[],
    entityKinds: readonly string[],
    scoring: Scoring,
    deciders: Deciders,
  ) {
    this.#featureNames = features.map((feature) => JSON.stringify(feature.name))
    const written = deciders.hasFeatures === false ? [] : this.#featureNames
    this.#featureTexts = written.map((name, i) => featureText(`${i === 0 ? '' : ','}${name}:`))
    this.#ordinalKeys = entityKinds.map((kind) => `${JSON.stringify(kind)}:`)
    this.#scoring = scoring
    const { seats } = scoring.lineup
    const tail = `"catalog":{"hash":"${deciders.catalogHash}"},"mapping":{"hash":"${deciders.mappingHash}"}`
    this.#seats = seats.map((seat, at) => seatText(seat, at, scoring, tail))
    this.#standInRung = standInRung(seats[0]!.model === null)
    this.#deciders = deciders
    this.#scorers = seats.map(scorerOf)
    this.#tails = seats.map((seat) => tailOf(deciders, scorerOf(seat)))
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
    found: Found,
    rows: Float64Array,
    approximate: Uint8Array,
    at: number,
    ordinals: Float64Array,
    ordinalAt: number,
    latency: string | null,
  ): string {
    let text = `{"schema":"${decisionSchema}","type":"decision","id":${quote(verdict.id)},"tenant":"${verdict.tenant}","time_ms":${verdict.timeMs},"outcome":"${verdict.outcome}","score":${number(verdict.score)},`
    if (this.#seats.length > 1) text += this.#scores(verdict.row)
    text += `"evidence":[${this.#evidence(verdict, found, rows, at)}],"rung":"${this.rungOf(verdict)}","degraded":[${this.#degraded(verdict)}],"late_ms":${verdict.lateMs},"no_rate":${verdict.hasNoRate},"approximate":[`
    text += this.#approximate(approximate, at)
    text += `]${this.#seats[verdict.seat]!.core},"features":{`
    for (let f = 0; f < this.#featureTexts.length; f++) {
      const value = rows[at + f]!
      const { key, counts, absent } = this.#featureTexts[f]!
      // Most features are small counts or absent: then key and value are one text that was made before.
      const count = value | 0
      if (count === value && count >= 0 && count < countsMax) text += counts[count]!
      else text += Number.isFinite(value) ? key + String(value) : absent
    }
    text += '},"ordinals":{'
    let separator = ''
    for (let e = 0; e < this.#ordinalKeys.length; e++) {
      const ordinal = ordinals[ordinalAt + e]!
      if (ordinal < 0) continue
      text += separator + this.#ordinalKeys[e]! + String(ordinal)
      separator = ','
    }
    text += `},"history_since_ms":${verdict.historySinceMs},"warming":${this.#warmingList(verdict)}${this.#tails[verdict.seat]!}`
    if (latency !== null) text += `,"latency_us":${latency}`
    return `${text},"source":${this.#sourceText(verdict.partition, verdict.offset)}}`
  }

  /**
   * A decision without store or model, because the answer was due: the configured outcome, no features, no score. Nothing
   * is known of the history, so it begins with the transaction and every window is warming.
   */
  standIn({ id, tenant, timeMs, hasNoRate, partition, offset, outcome }: StandIn): string {
    return `{"schema":"${decisionSchema}","type":"decision","id":${quote(id)},"tenant":"${tenant}","time_ms":${timeMs},"outcome":"${outcome}","score":null,"evidence":[],${this.#standInRung},"late_ms":0,"no_rate":${hasNoRate},"approximate":[]${this.#seats[0]!.core},"features":{},"ordinals":{},"history_since_ms":${timeMs},"warming":${this.#warming.at(-1)!}${this.#tails[0]!},"source":${this.#sourceText(partition, offset)}}`
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

  #sourceText(partition: number, offset: number): string {
    return `${this.#source}${partition},"offset":${offset}}`
  }

  /** Before the decisions of a batch whose scores are there. */
  begin(): void {
    const { absent, lineup } = this.#scoring
    for (let seat = 0; seat < this.#scorers.length; seat++) {
      const scorer = scorerOf(lineup.seats[seat]!)
      if (scorer === this.#scorers[seat]) continue
      this.#scorers[seat] = scorer
      this.#tails[seat] = tailOf(this.#deciders, scorer)
    }
    this.#leftOut = absent.map((name) => JSON.stringify(`challenger ${name}`)).join(',')
  }

  rungOf({ lacksScore }: Verdict): Rung {
    if (lacksScore) return 'rules'
    return this.#leftOut === '' ? 'full' : 'no-challenger'
  }

  #degraded({ lacksScore }: Verdict): string {
    if (!lacksScore) return this.#leftOut
    return this.#leftOut === '' ? '"score"' : `"score",${this.#leftOut}`
  }

  /** Of every model, side by side. */
  #scores(row: number): string {
    let text = '"scores":['
    for (let seat = 0; seat < this.#seats.length; seat++) {
      text += `${this.#seats[seat]!.score}${number(this.#scoring.scoreOf(seat, row))}}`
    }
    return `${text}],`
  }

  #evidence({ row, seat }: Verdict, found: Found, rows: Float64Array, at: number): string {
    const { features, means, reasons } = this.#seats[seat]!
    let text = ''
    for (let place = row * reasonsMax; place < (row + 1) * reasonsMax; place++) {
      const reason = found.reason[place]!
      if (reason < 0) break
      const input = found.input[place]!
      const feature = features[input]!
      const contribution = Math.round(found.contribution[place]! * contributionScale)
      if (text !== '') text += ','
      text += `${reasons[reason]!},"feature":${this.#featureNames[feature]!},"value":${number(rows[at + feature]!)},"mean":${means[input]!},"contribution":${number(contribution / contributionScale)}}`
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

function scorerOf({ model }: Seat): string | null {
  return model && model.scorer
}

function tailOf({ engineVersion, mode }: Deciders, scorer: string | null): string {
  return `,"engine":${JSON.stringify({ version: engineVersion, scorer })},"mode":"${mode}"`
}

function seatText({ model, policy }: Seat, at: number, scoring: Scoring, tail: string): SeatText {
  const named = model && { name: model.name, version: model.version, hash: model.hash }
  const policyText = JSON.stringify({ name: policy.name, hash: policy.hash })
  const role = at === 0 ? 'champion' : 'challenger'
  const score = JSON.stringify({ ...named, role }).slice(0, -1)
  return {
    core: `,"model":${JSON.stringify(named)},"policy":${policyText},${tail}`,
    score: `${at === 0 ? '' : ','}${score},"score":`,
    features: scoring.inputsAt(at),
    means: (model?.inputs ?? []).map(({ mean }) => number(mean)),
    reasons: scoring.reasonsOf(at).reasons.map((reason) => JSON.stringify(reason).slice(0, -1)),
  }
}

/** Counts below it are written from a table: more is more memory, and hardly ever met. */
const countsMax = 64

/** A feature's key in the document, and what stands there for the most frequent of its values, key included. */
interface FeatureText {
  readonly key: string
  readonly counts: readonly string[]
  readonly absent: string
}

function featureText(key: string): FeatureText {
  const counts = Array.from({ length: countsMax }, (_, count) => flat(`${key}${count}`))
  return { key: flat(key), counts, absent: flat(`${key}null`) }
}

/** The same text in one piece: one put together is walked each time that it becomes part of another. */
function flat(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
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
