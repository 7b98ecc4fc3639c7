// Rows whose values lie on the thresholds of an ensemble or right beside them: where two readings of one tree would part.
import { Random } from '../../features/generator/random.ts'
import { type Ensemble, floatBefore } from './ensemble.ts'

/** As many as are worth the time of an opening. */
const rowsMax = 64

/** Each value a threshold of its input, the float32 below, or none at all; 0 for an input that no tree asks for. */
export function edgeRows({ columns, child, feature, threshold }: Ensemble): number[][] {
  const random = Random.of(0, 'edges')
  const edges: number[][] = Array.from({ length: columns }, () => [])
  for (const [node, first] of child.entries()) {
    if (first === 0) continue
    const value = threshold[node]!
    edges[feature[node]!]!.push(value, floatBefore(value), Number.NaN)
  }
  return Array.from({ length: rowsMax }, () =>
    edges.map((values) => values[Math.floor(random.uniform() * values.length)] ?? 0),
  )
}
