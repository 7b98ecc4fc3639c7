// Dense layers as plain numbers: what they make of scaled inputs, without TensorFlow.js, and the ONNX nodes that do the same from
// raw features on.
import type { GraphNode, Initializer } from '../graph/graph.ts'
import { boundDeviations, type InputScale } from './scaling.ts'

/** One dense layer: `kernel` is [inputs, outputs], row by row. */
export interface Dense {
  readonly inputs: number
  readonly outputs: number
  readonly kernel: Float32Array
  readonly bias: Float32Array
}

/** What the layers, with ReLU between them, give for a row of scaled inputs that begins at `at`; in float64. */
export function forward(layers: readonly Dense[], scaled: Float32Array, at: number): Float64Array {
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
  return values as Float64Array
}

export interface DenseGraph {
  readonly nodes: GraphNode[]
  readonly initializers: Initializer[]
}

/** From `features`, absent ones imputed, by the steps of scaling.ts to `bounded`, and through the layers to `output`. */
export function denseGraph(
  scales: readonly InputScale[],
  layers: readonly Dense[],
  output: string,
): DenseGraph {
  const vector = (of: string, values: Iterable<number>): Initializer => {
    const floats = Float32Array.from(values)
    return { name: of, shape: [floats.length], values: floats }
  }
  const scalar = (of: string, value: number): Initializer => {
    return { name: of, shape: [], values: Float32Array.of(value) }
  }
  const means = scales.map(({ mean }) => mean)
  const factors = scales.map(({ factor }) => factor)
  const initializers: Initializer[] = [
    vector('mean', means),
    vector('factor', factors),
    scalar('lowest', -boundDeviations),
    scalar('highest', boundDeviations),
  ]
  const nodes: GraphNode[] = [
    graphNode('Asinh', ['features'], 'tamed'),
    graphNode('Sub', ['tamed', 'mean'], 'centred'),
    graphNode('Mul', ['centred', 'factor'], 'scaled'),
    graphNode('Clip', ['scaled', 'lowest', 'highest'], 'bounded'),
  ]
  let below = 'bounded'
  for (const [index, { inputs, outputs, kernel, bias }] of layers.entries()) {
    const isLast = index + 1 === layers.length
    const sum = isLast ? output : `sum_${index}`
    initializers.push({ name: `kernel_${index}`, shape: [inputs, outputs], values: kernel })
    initializers.push({ name: `bias_${index}`, shape: [outputs], values: bias })
    nodes.push(graphNode('Gemm', [below, `kernel_${index}`, `bias_${index}`], sum))
    if (!isLast) nodes.push(graphNode('Relu', [sum], `hidden_${index}`))
    below = `hidden_${index}`
  }
  return { nodes, initializers }
}

export function graphNode(operator: string, inputs: readonly string[], output: string): GraphNode {
  return { operator, domain: '', inputs, outputs: [output], attributes: {} }
}
