// What the project wants of its figures, as data, and what was measured of it. A goal is met or missed only where the figures
// may be claimed, or where every single run says the same.
import type { VariantResult } from '../results.ts'
import { type Figure, figureOf, runsMin } from './statistics.ts'
import { cell, show } from './words.ts'

/** A variant and one of its measures. */
export type Place = readonly [variant: string, measure: string]

export interface Goal {
  readonly goal: string
  /** Summed up. */
  readonly of: readonly Place[]
  /** What that is divided by: a peer, a floor. */
  readonly per?: readonly Place[]
  /** Exactly one of them. */
  readonly atMost?: number
  readonly atLeast?: number
}

export const goals: readonly Goal[] = [
  {
    goal: 'in process at least 40,000 decisions a second and core',
    of: [['pipeline', 'decisions_per_second']],
    atLeast: 40_000,
  },
  {
    goal: 'replay of twelve features at least 150,000 transactions a second',
    of: [['replay', 'transactions_per_second']],
    atLeast: 150_000,
  },
  {
    goal: 'Redis at most 20 CPU-µs a decision',
    of: [['store/batches-of-16', 'redis_cpu_us_per_decision']],
    atMost: 20,
  },
  {
    goal: 'sidecar p50 on TCP at most 2.5 times an empty node:http server’s',
    of: [['sidecar', 'weir_tcp_p50_us']],
    per: [['sidecar', 'null_tcp_p50_us']],
    atMost: 2.5,
  },
]

export interface Judged {
  readonly goal: Goal
  readonly measured: string
  readonly verdict: 'met' | 'missed' | 'too noisy to say' | 'not measured'
}

export function judge(goal: Goal, variants: readonly VariantResult[]): Judged {
  const above = figuresOf(goal.of, variants)
  const below = goal.per === undefined ? [] : figuresOf(goal.per, variants)
  if (above === null || below === null) {
    return { goal, measured: '', verdict: 'not measured' }
  }
  const all = [...above, ...below]
  const share = (pick: (figure: Figure) => number, pickBelow = pick): number =>
    sum(above.map(pick)) / (below.length === 0 ? 1 : sum(below.map(pickBelow)))
  const middle = share(({ median }) => median)
  const [low, high] = [
    share(
      ({ lowest }) => lowest,
      ({ highest }) => highest,
    ),
    share(
      ({ highest }) => highest,
      ({ lowest }) => lowest,
    ),
  ]
  const holds = (value: number): boolean =>
    goal.atMost === undefined ? value >= goal.atLeast! : value <= goal.atMost
  const isClaimed = all.every(({ refusal }) => refusal === null)
  const isPlain = holds(low) === holds(high) && all.every(({ values }) => values.length >= runsMin)
  const measured = isClaimed ? show(middle) : `${show(low)} … ${show(high)}`
  if (!isClaimed && !isPlain) return { goal, measured, verdict: 'too noisy to say' }
  return { goal, measured, verdict: holds(middle) ? 'met' : 'missed' }
}

/** A table of all goals. */
export function formatGoals(variants: readonly VariantResult[]): string[] {
  const rows = goals.map((goal) => {
    const { measured, verdict } = judge(goal, variants)
    const where = goal.of.map(([variant, measure]) => `${variant}: ${measure}`).join(' + ')
    const per = (goal.per ?? []).map(([variant, measure]) => `${variant}: ${measure}`).join(' + ')
    const source = per === '' ? where : `${where} / ${per}`
    return `| ${cell(goal.goal)} | ${measured} | ${verdict} | ${cell(source)} |`
  })
  return ['| goal | measured | | from |', '|---|---:|---|---|', ...rows]
}

/** Null where one of them was not measured. */
function figuresOf(places: readonly Place[], variants: readonly VariantResult[]): Figure[] | null {
  const figures = places.map(([name, measure]) => {
    const variant = variants.find((one) => one.name === name)
    return variant === undefined ? null : figureOf(variant, measure)
  })
  return figures.every((figure) => figure !== null) ? figures : null
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
