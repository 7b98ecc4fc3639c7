// A fitted network as plain numbers: scores rows without TensorFlow.js, which is how golden rows are scored, and becomes an
// ONNX graph that takes raw features.
import type { GraphNode, GraphSource, Initializer } from '../graph.ts'
import { boundDeviations, type InputScale } from './scaling.ts'

/** One dense layer: `kernel` is [inputs, outputs], row by row. */
export interface Dense {
  readonly inputs: number
  readonly outputs: number
  readonly kernel: Float32Array
  readonly bias: Float32Array
}

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
  let values: Float32Array | Float64Array = scaled.subarray(at, at + layers[0]!.inputs)
  for (const [index, { inputs, outputs, kernel, bias }] of layers.entries()) {
    const sums = Float64Array.from(bias)
    for (let input = 0; input < inputs; input++) {
      const value = values[input]!
      if (value === 0) continue
      const first = input * outputs
      for (let output = 0; output < outputs; output++) {
        sums[output]! += value * kernel[first + output]!
      }
    }
    if (index + 1 < layers.length) {
      for (let output = 0; output < outputs; output++) if (sums[output]! < 0) sums[output] = 0
    }
    values = sums
  }
  return 1 / (1 + Math.exp(-values[0]!))
}

/** A graph from raw features, absent ones imputed, to the probability of fraud: the steps of scaling.ts, then the layers. */
export function perceptronGraph(
  name: string,
  scales: readonly InputScale[],
  { layers }: Perceptron,
): GraphSource {
  const columns = scales.length
  const vector = (of: string, values: Iterable<number>): Initializer => {
    const floats = Float32Array.from(values)
    return { name: of, shape: [floats.length], values: floats }
  }
  const scalar = (of: string, value: number): Initializer => {
    return { name: of, shape: [], values: Float32Array.of(value) }
  }
  const initializers: Initializer[] = [
    vector(
      'mean',
      scales.map(({ mean }) => mean),
    ),
    vector(
      'factor',
      scales.map(({ factor }) => factor),
    ),
    scalar('lowest', -boundDeviations),
    scalar('highest', boundDeviations),
  ]
  const nodes: GraphNode[] = [
    node('Asinh', ['features'], 'tamed'),
    node('Sub', ['tamed', 'mean'], 'centred'),
    node('Mul', ['centred', 'factor'], 'scaled'),
    node('Clip', ['scaled', 'lowest', 'highest'], 'bounded'),
  ]
  let below = 'bounded'
  for (const [index, { inputs, outputs, kernel, bias }] of layers.entries()) {
    const isLast = index + 1 === layers.length
    const sum = isLast ? 'margin' : `sum_${index}`
    initializers.push({ name: `kernel_${index}`, shape: [inputs, outputs], values: kernel })
    initializers.push({ name: `bias_${index}`, shape: [outputs], values: bias })
    nodes.push(node('Gemm', [below, `kernel_${index}`, `bias_${index}`], sum))
    if (!isLast) nodes.push(node('Relu', [sum], `hidden_${index}`))
    below = `hidden_${index}`
  }
  nodes.push(node('Sigmoid', ['margin'], 'score'))
  return { name, input: 'features', columns, output: 'score', nodes, initializers }
}

function node(operator: string, inputs: readonly string[], output: string): GraphNode {
  return { operator, domain: '', inputs, outputs: [output], attributes: {} }
}
