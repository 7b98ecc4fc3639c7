// What a decision costs, looked up in the results of `weir bench`: for each figure the first of several places that has it, all of
// them of one work. It says where each came from, and what is missing; it never mixes works or guesses.

import { shipped } from '../../engine/assemble.ts'
import { readDocument } from '../../engine/document.ts'
import { compileCatalogs } from '../../features/catalogs.ts'
import { figureOf } from '../report/statistics.ts'
import type { Results, VariantResult } from '../results.ts'
import { type ByteCosts, type CallCosts, callsPerDecision, type HeldCosts } from './model.ts'

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

const streams = ['ledger/kafka', 'stream/backlog']
const stores = ['ledger/redis', 'store/batches']

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

  /** What one more call to Redis costs, from one bucket and many, each on as much of the same work; null where it was not measured. */
  perCall(): { readonly costs: CallCosts; readonly from: string } | null {
    const variant = this.#variants.find(({ name }) => name.startsWith('capacity/shards'))
    if (variant === undefined) return null
    const value = (measure: string): number => figureOf(variant, measure)?.median ?? Number.NaN
    const [batch, buckets, entities] = ['decision_batch', 'buckets', 'entities'].map(value)
    const calls =
      callsPerDecision(batch!, buckets!, entities!) - callsPerDecision(batch!, 1, entities!)
    const more = (measure: string): number =>
      Math.max(0, value(`${measure}_of_4`) - value(`${measure}_of_one_bucket`)) / calls
    const costs = {
      engineUs: more('engine_cpu_us_per_decision'),
      redisUs: more('redis_cpu_us_per_decision'),
      bytesToRedis: more('bytes_to_redis_per_decision'),
    }
    if (Object.values(costs).some(Number.isNaN)) return null
    return { costs, from: sourceOf(variant, 'of 4 shards less of one bucket, by calls') }
  }

  /** What a byte from Redis costs, by journals that are held and others that come back whole; null where it was not measured. */
  perByte(): { readonly costs: ByteCosts; readonly from: string } | null {
    const both = this.held()
    if (both === null) return null
    const { held, cold } = both
    const bytes = cold.bytesFromRedis - held.bytesFromRedis
    const costs = {
      engineUs: (cold.engineUs - held.engineUs) / bytes,
      redisUs: (cold.redisUs - held.redisUs) / bytes,
    }
    return { costs, from: 'store/windows-cold less store/windows-held' }
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

/** As a run says it; else the ledger is of the standard work, and all else of the shipped catalog. */
function shapeOf(variant: VariantResult): Shape {
  const entities = figureOf(variant, 'entities')?.median
  const features = figureOf(variant, 'features')?.median
  if (entities !== undefined && features !== undefined) return { entities, features }
  return variant.name.startsWith('ledger/') ? standard : shippedShape
}

const shippedCatalog = compileCatalogs([readDocument(shipped.catalog)])
const shippedShape: Shape = {
  entities: new Set(shippedCatalog.features.flatMap(({ entity }) => entity ?? [])).size,
  features: shippedCatalog.features.length,
}

/** As the variant's name says it. */
function batchOf({ name }: VariantResult): number | null {
  const batch = /-(\d+)$/.exec(name)?.[1]
  return batch === undefined ? null : Number(batch)
}
