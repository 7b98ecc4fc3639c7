// What `weir stream` says at the end of a generated stream: decisions against the planted fraud, as text for a person.
// The truth comes from the generator, beside the rows; nothing that decides ever sees it.
import type { Feature } from '../../features/catalog.ts'
import type { GeneratedTransaction } from '../../features/generator/generator.ts'
import type { Outcome } from '../core/ports.ts'
import { columns, count, duration, money, percent } from './text.ts'

/** Of the stream, at its beginning: its windows are all but empty, which no deployment with history has. */
export const warmupShare = 0.5

/** What is compared of a generated transaction. */
export type Planted = Pick<GeneratedTransaction, 'pattern' | 'timeMs'> & {
  readonly row: Pick<GeneratedTransaction['row'], 'amount' | 'card'>
}

interface Truth {
  readonly pattern: string | null
  readonly amountMinor: number
  readonly card: string
  readonly timeMs: number
}

/** Transactions by what became of them, with their money. */
class Fates {
  readonly count = { approve: 0, review: 0, deny: 0 }
  readonly minor = { approve: 0, review: 0, deny: 0 }

  add(outcome: 'approve' | 'review' | 'deny', amountMinor: number): void {
    this.count[outcome]++
    this.minor[outcome] += amountMinor
  }

  get all(): number {
    return this.count.approve + this.count.review + this.count.deny
  }

  get allMinor(): number {
    return this.minor.approve + this.minor.review + this.minor.deny
  }
}

interface Example {
  readonly title: string
  readonly amountMinor: number
  readonly decision: string
}

/** Compares each outcome with its truth, in their order. Memory does not grow with the stream. */
export class Comparison {
  readonly #features: ReadonlyMap<string, Feature>
  readonly #warmup: number
  #waiting: Truth[] = []
  #taken = 0
  #seen = 0
  #firstMs = Number.NaN
  #warmMs = Number.NaN
  #lastMs = Number.NaN
  readonly #patterns = new Map<string, Fates>()
  readonly #honest = new Fates()
  readonly #hurt = { review: new Set<string>(), deny: new Set<string>() }
  /** The costliest of each: pattern caught, `missed`, `honest`. */
  readonly #examples = new Map<string, Example>()

  /** `messages`: how long the stream will be. */
  constructor(features: readonly Feature[], messages: number) {
    this.#features = new Map(features.map((feature) => [feature.name, feature]))
    this.#warmup = Math.floor(messages * warmupShare)
  }

  expect({ pattern, row, timeMs }: Planted): void {
    // Two decimals, always: the generator writes them so.
    const amountMinor = Number(row.amount.replace('.', ''))
    this.#waiting.push({ pattern, amountMinor, card: row.card, timeMs })
  }

  compare({ outcome, value }: Pick<Outcome, 'outcome' | 'value'>): void {
    const truth = this.#waiting[this.#taken++]!
    if (this.#taken === 4096) {
      this.#waiting = this.#waiting.slice(this.#taken)
      this.#taken = 0
    }
    if (this.#seen === 0) this.#firstMs = truth.timeMs
    if (this.#seen === this.#warmup) this.#warmMs = truth.timeMs
    this.#lastMs = truth.timeMs
    if (this.#seen++ < this.#warmup || outcome === null) return
    const { pattern, amountMinor, card } = truth
    if (pattern === null) {
      this.#honest.add(outcome, amountMinor)
      if (outcome === 'approve') return
      this.#hurt[outcome].add(card)
      if (outcome === 'deny') this.#keep('honest', 'honest, denied', amountMinor, value)
      return
    }
    const fates = this.#patterns.get(pattern) ?? new Fates()
    this.#patterns.set(pattern, fates)
    fates.add(outcome, amountMinor)
    if (outcome === 'approve') this.#keep('missed', `${pattern}, missed`, amountMinor, value)
    else this.#keep(pattern, `${pattern}, ${past[outcome]}`, amountMinor, value)
  }

  /** The whole comparison; empty where nothing was counted. */
  lines(): string[] {
    const fraud = new Fates()
    for (const { count: of, minor } of this.#patterns.values()) {
      for (const outcome of outcomes) {
        fraud.count[outcome] += of[outcome]
        fraud.minor[outcome] += minor[outcome]
      }
    }
    if (fraud.all + this.#honest.all === 0) return []
    return [
      '',
      'Against the fraud that the generator planted, which the model is not told',
      ...this.#warmupLines().map((line) => `  ${line}`),
      '',
      ...this.#table(fraud),
      '',
      ...this.#sums(fraud),
      '',
      ...this.#exampleLines(),
    ]
  }

  #warmupLines(): string[] {
    const longestMs = Math.max(...[...this.#features.values()].map((f) => f.windowMs + f.delayMs))
    const wholeMs = this.#lastMs - this.#firstMs
    const filled = `The first ${count(this.#warmup)} transactions (${duration(this.#warmMs - this.#firstMs)}) fill the windows and are not counted.`
    if (longestMs <= this.#warmMs - this.#firstMs) return [filled]
    return [
      filled,
      `Windows of ${duration(longestMs)} are never full in a stream of ${duration(wholeMs)}: what they count is still too low.`,
    ]
  }

  #table(fraud: Fates): string[] {
    const rows = [...this.#patterns].sort(([a], [b]) => (a < b ? -1 : 1))
    const cells = [...rows, ['all', fraud] as const].map(([name, fates]) => {
      const caught = fates.count.deny + fates.count.review
      return [
        name,
        count(fates.all),
        count(fates.count.deny),
        count(fates.count.review),
        count(fates.count.approve),
        percent(caught, fates.all),
      ]
    })
    const head = ['fraud', 'planted', 'denied', 'reviewed', 'missed', 'recall']
    return columns([head, ...cells]).map((line) => `  ${line}`)
  }

  #sums(fraud: Fates): string[] {
    const honest = this.#honest
    const stopped = (fates: Fates): number => fates.count.deny + fates.count.review
    const hurt = (outcome: 'review' | 'deny'): string => {
      const share = percent(honest.count[outcome], honest.all)
      return `${count(honest.count[outcome])} transactions of ${count(this.#hurt[outcome].size)} cards ${past[outcome]} (${share})`
    }
    const all = stopped(fraud) + stopped(honest)
    const denied = fraud.count.deny + honest.count.deny
    return [
      `  Precision        ${percent(fraud.count.deny, denied)} of what was denied is fraud; ${percent(stopped(fraud), all)} of what was denied or reviewed`,
      `  Money saved      ${money(fraud.minor.deny)} EUR denied, ${money(fraud.minor.review)} held for review; ${money(fraud.minor.approve)} lost of ${money(fraud.allMinor)}`,
      `  Honest, hurt     ${hurt('deny')}`,
      `                   ${hurt('review')}`,
    ]
  }

  #keep(key: string, title: string, amountMinor: number, decision: string): void {
    const kept = this.#examples.get(key)
    if (kept === undefined || amountMinor > kept.amountMinor) {
      this.#examples.set(key, { title, amountMinor, decision })
    }
  }

  /** Three patterns that were caught, one fraud that was missed, one honest customer: the costliest of each. */
  #exampleLines(): string[] {
    const caught = [...this.#examples.keys()].filter((key) => key !== 'missed' && key !== 'honest')
    const keys = [...caught.sort().slice(0, 3), 'missed', 'honest']
    const examples = keys.flatMap((key) => this.#examples.get(key) ?? [])
    if (examples.length === 0) return []
    const decisions = examples.map(({ decision }) => JSON.parse(decision) as Decision)
    const evidence = columns(decisions.flatMap((decision) => this.#evidenceRows(decision)))
    return [
      'Examples: the costliest of their kind, and why (what each reason adds to the log-odds of fraud)',
      ...examples.flatMap((example, index) => {
        const decision = decisions[index]!
        return [exampleHead(example, decision), ...evidence.splice(0, decision.evidence.length)]
      }),
    ]
  }

  #evidenceRows({ evidence }: Decision): string[][] {
    return evidence.map(({ code, feature, value, mean, contribution }) => [
      `    +${contribution.toFixed(2)} ${code}`,
      feature,
      this.#value(feature, value),
      'usually',
      this.#value(feature, mean),
    ])
  }

  /** In the unit of the feature. */
  #value(name: string, value: number | null): string {
    const feature = this.#features.get(name)
    if (value === null) return 'absent'
    if (feature?.value === 'amount' || feature?.of === 'amount') return `${money(value)} EUR`
    if (feature?.aggregate === 'since_last') return duration(value)
    if (feature?.aggregate === 'fraud_rate') return percent(value, 1)
    return Number.isInteger(value) ? count(value) : value.toFixed(2)
  }
}

function exampleHead({ title, amountMinor }: Example, { id, score, time_ms }: Decision): string {
  const time = new Date(time_ms).toISOString().slice(0, 16).replace('T', ' ')
  const scored = score === null ? 'no score' : `score ${score.toFixed(3)}`
  return `  ${title}: ${scored}, ${money(amountMinor)} EUR, ${time}, ${id}`
}

const outcomes = ['approve', 'review', 'deny'] as const
const past = { review: 'reviewed', deny: 'denied' } as const

/** What an example shows of the decision record. */
interface Decision {
  readonly id: string
  readonly score: number | null
  readonly time_ms: number
  readonly evidence: readonly {
    readonly code: string
    readonly feature: string
    readonly value: number | null
    readonly mean: number | null
    readonly contribution: number
  }[]
}
