// The standard model's trees in the plain form that bench/peers/java reads: TreeScorer.java says which.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GraphNode } from '../../models/graph/graph.ts'
import { depth, standardGraph, trees } from '../standard/standard.ts'

export function writeTrees(folder: string): void {
  const attributes = standardGraph().nodes[0]!.attributes
  const all = 2 ** (depth + 1) - 1
  const inner = 2 ** depth - 1
  const features = numbers(attributes['nodes_featureids'], 'ints')
  const thresholds = numbers(attributes['nodes_values'], 'floats')
  const leaves = numbers(attributes['target_weights'], 'floats')
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
