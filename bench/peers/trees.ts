// The standard model's trees in the plain form that bench/peers/java reads: TreeScorer.java says which.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GraphNode } from '../../models/graph/graph.ts'
import { depth, standardGraph, trees } from '../standard/standard.ts'

const all = 2 ** (depth + 1) - 1
const inner = 2 ** depth - 1

interface PlainTrees {
  readonly features: readonly number[]
  readonly thresholds: readonly number[]
  readonly leaves: readonly number[]
}

export function writeTrees(folder: string): void {
  const { features, thresholds, leaves } = plainTrees()
  const isInner = (_: number, at: number): boolean => at % all < inner
  const parts = [
    Int32Array.of(trees, depth),
    Int32Array.from(features.filter(isInner)),
    Float32Array.from(thresholds.filter(isInner)),
    Float32Array.from(leaves),
  ]
  writeFileSync(
    join(folder, 'trees.bin'),
    Buffer.concat(parts.map(({ buffer }) => Buffer.from(buffer))),
  )
}

/** What the standard model's own thresholds make of a row: node by node, for checks. */
export function outcomeBy(
  row: readonly number[],
  { features, thresholds, leaves } = plainTrees(),
): string {
  let margin = 0
  for (let tree = 0; tree < trees; tree++) {
    let place = 0
    while (place < inner) {
      const node = tree * all + place
      const isLeft = Math.fround(row[features[node]!]!) <= Math.fround(thresholds[node]!)
      place = 2 * place + (isLeft ? 1 : 2)
    }
    margin = Math.fround(margin + leaves[tree * (inner + 1) + place - inner]!)
  }
  const score = Math.round(1e6 / (1 + Math.exp(-margin))) / 1e6
  return score >= 0.99 ? 'deny' : score >= 0.9 ? 'review' : 'approve'
}

export function plainTrees(): PlainTrees {
  const { attributes } = standardGraph().nodes[0]!
  return {
    features: numbers(attributes['nodes_featureids'], 'ints'),
    thresholds: numbers(attributes['nodes_values'], 'floats'),
    leaves: numbers(attributes['target_weights'], 'floats'),
  }
}

function numbers(
  attribute: GraphNode['attributes'][string] | undefined,
  type: 'ints' | 'floats',
): readonly number[] {
  if (attribute !== undefined && type in attribute) {
    return (attribute as Readonly<Record<typeof type, readonly number[]>>)[type]
  }
  throw new Error(
    `expected ${type} of the standard model's trees, found ${JSON.stringify(attribute)}`,
  )
}
