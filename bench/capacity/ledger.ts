// What a decision costs, looked up in the results of `weir bench`: for each figure the first of several places that has it, all of
// them of one work. It says where each came from, and what is missing; it never mixes works or guesses.

import { shipped } from '../../engine/assemble.ts'
import { readDocument } from '../../engine/document.ts'
import { compileCatalogs } from '../../features/catalogs.ts'
import { figureOf } from '../report/statistics.ts'
import type { Results, VariantResult } from '../results.ts'
import type { HeldCosts } from './model.ts'

/** How many kinds of entities and features a work has. */
export interface Shape {
  readonly entities: number
  readonly features: number
}

export interface Found {
  readonly value: number
  /** Variant, measure, date and commit. */
  readonly from: string
}

/** Which measures a figure may be, in variants whose names begin so; the first that is there. */
interface Wanted {
  readonly measures: readonly string[]
  readonly of: readonly string[]
}

const streams = ['ledger/stream', 'ledger/kafka', 'stream/backlog']
const stores = ['ledger/redis', 'ledger/', 'store/batches-of-64', 'store/batches-of-16']

export const figures = {
  engineUs: {
    measures: ['engine_cpu_us_per_decision', 'engine_cpu_us_per_outcome'],
    of: streams,
  },
  redisUs: {
    measures: ['redis_cpu_us_per_decision', 'redis_cpu_us_per_outcome'],
    of: [...streams, ...stores],
  },
  bytesToRedis: { measures: ['bytes_to_redis_per_decision'], of: [...streams, ...stores] },
  bytesFromRedis: { measures: ['bytes_from_redis_per_decision'], of: [...streams, ...stores] },
  transactionBytes: { measures: ['bytes_from_kafka_per_decision'], of: streams },
  decisionBytes: {
    measures: ['bytes_to_kafka_per_decision', 'decision_bytes'],
    of: [...streams, ...stores],
  },
} as const satisfies Record<string, Wanted>

export type FigureName = keyof typeof figures

/** The standard work's, by definition (bench/standard/). */
const standard: Shape = { entities: 4, features: 40 }

export class Ledger {
  readonly machine: Results['machine']
  readonly #variants: readonly VariantResult[]

  constructor({ machine, variants }: Results) {
    this.machine = machine
    this.#variants = variants
  }

  /** Works of which an engine's costs with Kafka were measured. */
  shapes(): Shape[] {
    const all = this.#variants
      .filter((variant) => find([variant], figures.engineUs) !== null)
      .map(shapeOf)
    return all.filter((shape, at) => all.findIndex((other) => isSame(shape, other)) === at)
  }

  /** Decision batches of a work's figures. */
  batches(shape: Shape): number[] {
    const all = this.#of(shape).flatMap((variant) => batchOf(variant) ?? [])
    return [...new Set(all)].toSorted((a, b) => a - b)
  }

  /** Null where it was not measured. `batch` null: any. */
  find(name: FigureName, shape: Shape, batch: number | null): Found | null {
    const variants = this.#of(shape)
    const fitting = variants.filter((variant) => batch === null || batchOf(variant) === batch)
    return find(fitting, figures[name])
  }

  /** With nearly all journals held and with hardly any; null where one was not measured. */
  held(): { readonly held: HeldCosts; readonly cold: HeldCosts } | null {
    const held = this.#heldOf('store/windows-held')
    const cold = this.#heldOf('store/windows-cold')
    return held === null || cold === null ? null : { held, cold }
  }

  /** What a decision costs more on a cluster than on one Redis, CPU-µs; null where it was not measured. */
  cluster(): { readonly engineUs: number; readonly redisUs: number; readonly from: string } | null {
    const variant = this.#named('capacity/shards')
    if (variant === undefined) return null
    const value = (measure: string): number => figureOf(variant, measure)?.median ?? Number.NaN
    const more = (side: string): number =>
      value(`${side}_cpu_us_per_decision_of_4`) - value(`${side}_cpu_us_per_decision_of_1`)
    const [engineUs, redisUs] = [more('engine'), more('redis')]
    return Number.isNaN(engineUs + redisUs)
      ? null
      : { engineUs, redisUs, from: sourceOf(variant, 'of 4 less of 1') }
  }

  #of(shape: Shape): VariantResult[] {
    return this.#variants.filter((variant) => isSame(shapeOf(variant), shape))
  }

  #named(name: string): VariantResult | undefined {
    return this.#variants.find((variant) => variant.name === name)
  }

  #heldOf(name: string): HeldCosts | null {
    const variant = this.#named(name)
    if (variant === undefined) return null
    const value = (measure: string): number => figureOf(variant, measure)?.median ?? Number.NaN
    const costs = {
      share: value('held_share_of_journals_read'),
      engineUs: value('observe_cpu_us_client') + value('fold_cpu_us'),
      redisUs: value('redis_cpu_us'),
      bytesFromRedis: value('bytes_from_redis'),
    }
    return Object.values(costs).some(Number.isNaN) ? null : costs
  }
}

export function isSame(one: Shape, other: Shape): boolean {
  return one.entities === other.entities && one.features === other.features
}

function find(variants: readonly VariantResult[], { measures, of }: Wanted): Found | null {
  for (const beginning of of) {
    for (const variant of variants.filter(({ name }) => name.startsWith(beginning))) {
      for (const measure of measures) {
        const figure = figureOf(variant, measure)
        if (figure !== null) return { value: figure.median, from: sourceOf(variant, measure) }
      }
    }
  }
  return null
}

function sourceOf({ name, date, commit }: VariantResult, measure: string): string {
  return `${name}: ${measure}, ${date}, ${commit}`
}

/** As a run says it, or by the work that a variant's name names; the shipped catalog's otherwise. */
function shapeOf(variant: VariantResult): Shape {
  const entities = figureOf(variant, 'entities')?.median
  const features = figureOf(variant, 'features')?.median
  if (entities !== undefined && features !== undefined) return { entities, features }
  return variant.name.includes('standard') ? standard : shippedShape
}

const shippedCatalog = compileCatalogs([readDocument(shipped.catalog)])
const shippedShape: Shape = {
  entities: new Set(shippedCatalog.features.flatMap(({ entity }) => entity ?? [])).size,
  features: shippedCatalog.features.length,
}

/** As a run says it, or the variant's name. */
function batchOf(variant: VariantResult): number | null {
  const said = figureOf(variant, 'decision_batch')?.median
  const named = /batch(?:es)?-of-(\d+)/.exec(variant.name)?.[1]
  return said ?? (named === undefined ? null : Number(named))
}
