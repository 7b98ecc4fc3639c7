// A fitted network as plain numbers: scores rows without TensorFlow.js, which is how golden rows are scored, and becomes an
// ONNX graph that takes raw features.
import type { GraphSource } from '../graph/graph.ts'
import { type Dense, denseGraph, forward, graphNode } from './dense.ts'
import type { InputScale } from './scaling.ts'

/** ReLU between the layers, a sigmoid behind the last, which has one output. */
export interface Perceptron {
  readonly layers: readonly Dense[]
}

/** The layers of a network that learnt with frauds weighing more, with the last bias set right: scores are probabilities again. */
export function unweighted(layers: readonly Dense[], fraudWeight: number): Perceptron {
  const last = layers.at(-1)!
  const bias = last.bias.map((value) => value - Math.log(fraudWeight))
  return { layers: [...layers.slice(0, -1), { ...last, bias }] }
}

/** Probability of fraud of a row of scaled inputs that begins at `at`; in float64. */
export function perceptronScore({ layers }: Perceptron, scaled: Float32Array, at: number): number {
  return 1 / (1 + Math.exp(-forward(layers, scaled, at)[0]!))
}

/** A graph from raw features, absent ones imputed, to the probability of fraud. */
export function perceptronGraph(
  name: string,
  scales: readonly InputScale[],
  { layers }: Perceptron,
): GraphSource {
  const { nodes, initializers } = denseGraph(scales, layers, 'margin')
  nodes.push(graphNode('Sigmoid', ['margin'], 'score'))
  const edges = { input: 'features', columns: scales.length, output: 'score' }
  return { name, ...edges, nodes, initializers }
}
