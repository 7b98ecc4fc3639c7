// How a score is read from what a model gives: the rule in its manifest, and the arithmetic of each kind of output.
import type { DocumentReader } from '../features/document.ts'
import { probability } from './model.ts'

/** What the numbers of an output are. */
export const outputKinds = ['probability', 'margin', 'label', 'anomaly'] as const
export type OutputKind = (typeof outputKinds)[number]

export interface OutputRule {
  readonly name: string
  /** Column of an output [N, columns]: 1 for the second of two class probabilities. */
  readonly column: number
  /** A margin is the logit of a probability, a label is a class, an anomaly says how strange a row is. */
  readonly kind: OutputKind
  /** The label that means fraud. */
  readonly fraud: number
  /** Whether higher or lower anomalies are the stranger ones. */
  readonly stranger: 'higher' | 'lower'
  /** Of the anomalies of the training rows, evenly spaced from 0 to 1, ascending. */
  readonly quantiles: Float64Array
}

const quantilesMin = 2
const quantilesMax = 10_001
const labelMax = 1_000_000

const keys = ['name', 'column', 'kind', 'fraud', 'stranger', 'quantiles'] as const

/** Reads `output` of a manifest; leaves its faults with `reader`. */
export function readOutputRule(reader: DocumentReader, value: unknown): OutputRule {
  const output = reader.object(value, ['output'], keys) ?? {}
  const kind = reader.oneOf(output['kind'] ?? 'probability', ['output', 'kind'], outputKinds)
  const only = (key: string, owner: OutputKind): void => {
    if (output[key] === undefined || kind === owner) return
    reader.fault(['output', key], `none, for only kind: ${owner} has it`, output[key])
  }
  only('fraud', 'label')
  only('stranger', 'anomaly')
  only('quantiles', 'anomaly')
  const isAnomaly = kind === 'anomaly'
  return {
    name: reader.text(output['name'], ['output', 'name']),
    column: reader.integer(output['column'] ?? 0, ['output', 'column'], 0, 1000),
    kind,
    fraud:
      kind === 'label'
        ? reader.integer(output['fraud'] ?? 1, ['output', 'fraud'], -labelMax, labelMax)
        : 1,
    stranger: isAnomaly
      ? reader.oneOf(output['stranger'] ?? 'higher', ['output', 'stranger'], [
          'higher',
          'lower',
        ] as const)
      : 'higher',
    quantiles: isAnomaly ? readQuantiles(reader, output['quantiles']) : new Float64Array(),
  }
}

function readQuantiles(reader: DocumentReader, value: unknown): Float64Array {
  const path = ['output', 'quantiles']
  const list = reader.list(value, path)
  const quantiles = new Float64Array(list.length)
  for (const [at, one] of list.entries()) {
    if (!Number.isFinite(one)) {
      reader.fault([...path, at], 'a number', one)
      return quantiles
    }
    quantiles[at] = one as number
    if (at > 0 && quantiles[at] < quantiles[at - 1]!) {
      reader.fault([...path, at], `at least the one before it (${quantiles[at - 1]!})`, one)
      return quantiles
    }
  }
  if (Array.isArray(value) && (list.length < quantilesMin || list.length > quantilesMax)) {
    reader.fault(path, `${quantilesMin} to ${quantilesMax} numbers`, list.length)
  }
  return quantiles
}

/** A score of one value, by `rule`: 0…1, or NaN where the model gave no such number. Chosen once, called per row. */
export function scoreOf(rule: OutputRule): (value: number) => number {
  switch (rule.kind) {
    case 'probability':
      return probability
    case 'margin':
      return sigmoid
    case 'label':
      return (label) => (Number.isNaN(label) ? label : Number(label === rule.fraud))
    case 'anomaly':
      return (anomaly) => shareBelow(rule, anomaly)
  }
}

/** In float64, for whatever computed the margin: the same margin is the same score. */
export function sigmoid(margin: number): number {
  return 1 / (1 + Math.exp(-margin))
}

/**
 * The share of training rows that are less strange, linear between the quantiles; of many alike, those are not less strange
 * than each other. So it is about evenly spread over ordinary transactions, whatever the model's own scale is.
 */
function shareBelow({ quantiles, stranger }: OutputRule, anomaly: number): number {
  if (Number.isNaN(anomaly)) return anomaly
  const last = quantiles.length - 1
  return stranger === 'higher'
    ? placeOf(quantiles, anomaly, 1) / last
    : 1 - placeOf(quantiles, anomaly, -1) / last
}

/** Where `value` would stand in `ascending`: before its equals where `side` is 1, behind them where it is -1. */
function placeOf(ascending: Float64Array, value: number, side: 1 | -1): number {
  const last = ascending.length - 1
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >> 1
    const one = ascending[middle]!
    if (one < value || (one === value && side === -1)) low = middle + 1
    else high = middle
  }
  if (low === 0) return 0
  if (low > last) return last
  const before = ascending[low - 1]!
  return low - 1 + (value - before) / (ascending[low]! - before)
}
