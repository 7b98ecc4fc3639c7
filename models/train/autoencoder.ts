// An autoencoder: layers that learn to answer with their own inputs through a narrow middle, from rows without labels. What they
// answer badly is unlike what they have seen; the mean squared error of the scaled inputs says how much.
import type { GraphSource } from '../graph/graph.ts'
import { type OutputRule, scoreOf } from '../reading.ts'
import { type Dense, denseGraph, forward, graphNode } from './dense.ts'
import { type EpochOptions, fitReconstruction } from './fit.ts'
import type { Fitted, Learner, LearningHooks, LearningRows, ScoreKind } from './fitted.ts'
import { batchRowsOf } from './network-learner.ts'
import type { RowTable } from './row-table.ts'
import { fitScaling, type InputScale, writeScaled } from './scaling.ts'
import type { Tensorflow } from './tensorflow.ts'
import { whole } from './text.ts'

/** Of the training rows' errors, evenly spaced: the score between two is linear. */
const quantileCount = 1001

export class AutoencoderLearner implements Learner {
  readonly needsLabels = false
  readonly #tensorflow: Tensorflow
  readonly #options: EpochOptions

  constructor(tensorflow: Tensorflow, options: EpochOptions) {
    this.#tensorflow = tensorflow
    this.#options = options
  }

  async fit(rows: LearningRows, hooks: LearningHooks): Promise<Fitted> {
    const { table, columns, train, validation } = rows
    const scales = fitScaling(table, train, columns)
    const options = { ...this.#options, batchRows: batchRowsOf(this.#options, train.length) }
    const data = { table, scales, train, validation }
    const { layers, best, epochs } = await fitReconstruction(this.#tensorflow, data, options, {
      stop: hooks.stop,
      epoch: ({ number, loss, quality }) => {
        hooks.progress({
          step: `autoencoder: epoch ${number}`,
          loss,
          validation: `error ${(-quality).toFixed(5)}`,
          passes: 1,
        })
      },
    })
    const { hidden, batchRows, learningRate, seed } = options
    const shape = [scales.length, ...hidden, scales.length].join('-')
    const weights = layers.reduce((sum, { kernel, bias }) => sum + kernel.length + bias.length, 0)
    const error = Number((-best.quality).toPrecision(4))
    return new FittedAutoencoder(scales, layers, errorQuantiles(scales, layers, table, train), {
      description: [
        `An autoencoder ${shape} (${whole(weights)} weights), batches of ${batchRows}, Adam at ${learningRate}, seed ${seed}, TensorFlow.js on ${this.#tensorflow.backend}; the best of`,
        `${epochs} epochs was ${best.number}, with a mean squared error of ${error} on the validation rows' scaled inputs (1 is what always answering`,
        'with the mean would have on the training rows). A row scores the share of training rows whose error is smaller.',
      ],
      facts: {
        fit: 'autoencoder',
        ...options,
        epochs,
        bestEpoch: best.number,
        validationError: error,
      },
    })
  }
}

/** Mean squared error of a row of scaled inputs; in float64. */
export function reconstructionError(layers: readonly Dense[], scaled: Float32Array): number {
  const answer = forward(layers, scaled, 0)
  let sum = 0
  for (let input = 0; input < answer.length; input++) sum += (answer[input]! - scaled[input]!) ** 2
  return sum / answer.length
}

/** A graph from raw features, absent ones imputed, to the error. */
export function autoencoderGraph(
  name: string,
  scales: readonly InputScale[],
  layers: readonly Dense[],
): GraphSource {
  const columns = scales.length
  const { nodes, initializers } = denseGraph(scales, layers, 'answer')
  const share = new Float32Array(columns).fill(1 / columns)
  initializers.push({ name: 'share', shape: [columns, 1], values: share })
  nodes.push(
    graphNode('Sub', ['answer', 'bounded'], 'difference'),
    graphNode('Mul', ['difference', 'difference'], 'square'),
    // The mean. ReduceMean adds in an order that depends on where in memory a row begins: a score would depend on its place.
    graphNode('Gemm', ['square', 'share'], 'score'),
  )
  const edges = { input: 'features', columns, output: 'score' }
  return { name, ...edges, nodes, initializers }
}

/** As float32, which is what the graph gives. */
function errorQuantiles(
  scales: readonly InputScale[],
  layers: readonly Dense[],
  table: RowTable,
  rows: Int32Array,
): number[] {
  const scaled = new Float32Array(scales.length)
  const errors = Float32Array.from(rows, (row) => {
    writeScaled(scales, table.values(row), scaled, 0)
    return reconstructionError(layers, scaled)
  }).sort()
  return Array.from({ length: quantileCount }, (_, n) => {
    const place = (n * (errors.length - 1)) / (quantileCount - 1)
    return errors[Math.round(place)]!
  })
}

class FittedAutoencoder implements Fitted {
  readonly inputs: readonly InputScale[]
  readonly output: ScoreKind
  /** Where many errors are alike, a share moves far with their last digits. */
  readonly tolerance = 1e-3
  readonly description: readonly string[]
  readonly facts: Fitted['facts']
  readonly #layers: readonly Dense[]
  readonly #scaled: Float32Array
  readonly #shareOf: (error: number) => number

  constructor(
    scales: readonly InputScale[],
    layers: readonly Dense[],
    quantiles: readonly number[],
    { description, facts }: Pick<Fitted, 'description' | 'facts'>,
  ) {
    this.inputs = scales
    this.output = { kind: 'anomaly', quantiles }
    this.description = description
    this.facts = facts
    this.#layers = layers
    this.#scaled = new Float32Array(scales.length)
    const rule: OutputRule = {
      ...{ name: 'score', column: 0, kind: 'anomaly', fraud: 1, stranger: 'higher' },
      quantiles: Float64Array.from(quantiles),
    }
    this.#shareOf = scoreOf(rule)
  }

  score(values: Float32Array): number {
    writeScaled(this.inputs, values, this.#scaled, 0)
    return this.#shareOf(reconstructionError(this.#layers, this.#scaled))
  }

  graph(name: string): GraphSource {
    return autoencoderGraph(name, this.inputs, this.#layers)
  }
}
