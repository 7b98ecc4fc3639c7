// A network as the port has it: fitted by fit.ts, scored and written by perceptron.ts. The same with no hidden layer is a
// logistic regression.
import type { GraphSource } from '../graph/graph.ts'
import { type FitOptions, fitNetwork } from './fit.ts'
import type {
  Fitted,
  FittedInput,
  Learner,
  LearningHooks,
  LearningRows,
  ScoreKind,
} from './fitted.ts'
import { type Perceptron, perceptronGraph, perceptronScore } from './perceptron.ts'
import { fitScaling, type InputScale, writeScaled } from './scaling.ts'
import type { Tensorflow } from './tensorflow.ts'
import { whole } from './text.ts'

/** Of an epoch, where there are rows enough. */
const batchesMin = 64

export class NetworkLearner implements Learner {
  readonly needsLabels = true
  readonly #tensorflow: Tensorflow
  readonly #name: string
  readonly #options: FitOptions

  constructor(tensorflow: Tensorflow, name: string, options: FitOptions) {
    this.#tensorflow = tensorflow
    this.#name = name
    this.#options = options
  }

  /** A straight line of the same inputs. It has no valleys to miss: ten times the rate, or it would take as many epochs more. */
  static logistic(tensorflow: Tensorflow, options: FitOptions): NetworkLearner {
    const straight = { ...options, hidden: [], learningRate: 10 * options.learningRate }
    return new NetworkLearner(tensorflow, 'logistic regression', straight)
  }

  async fit(rows: LearningRows, hooks: LearningHooks): Promise<Fitted> {
    const { table, columns, train, validation } = rows
    const scales = fitScaling(table, train, columns)
    const options = { ...this.#options, batchRows: batchRowsOf(this.#options, train.length) }
    const data = { table, scales, train, validation }
    const fit = await fitNetwork(this.#tensorflow, data, options, {
      stop: hooks.stop,
      epoch: ({ number, loss, quality }) => {
        hooks.progress({
          step: `${this.#name}: epoch ${number}`,
          loss,
          validation: `average precision ${quality.toFixed(4)}`,
          passes: 1,
        })
      },
    })
    const { hidden, batchRows, learningRate, fraudWeight, seed } = options
    const { best, epochs, perceptron } = fit
    const shape = [scales.length, ...hidden, 1].join('-')
    const weights = perceptron.layers.reduce(
      (sum, { kernel, bias }) => sum + kernel.length + bias.length,
      0,
    )
    return new FittedNetwork(scales, perceptron, {
      description: [
        `A network ${shape} (${whole(weights)} weights), batches of ${batchRows}, Adam at ${learningRate}, a fraud weighing ${fraudWeight}, seed ${seed}, TensorFlow.js on`,
        `${this.#tensorflow.backend}; the best of ${epochs} epochs was ${best.number}, with a validation average precision of ${best.quality.toFixed(3)}.`,
      ],
      facts: {
        ...options,
        epochs,
        bestEpoch: best.number,
        validationAveragePrecision: Number(best.quality.toFixed(4)),
      },
    })
  }
}

/** A short history has few batches an epoch, unless they are small. */
export function batchRowsOf({ batchRows }: { readonly batchRows: number }, rows: number): number {
  return Math.min(batchRows, Math.max(32, Math.ceil(rows / batchesMin)))
}

export class FittedNetwork implements Fitted {
  readonly inputs: readonly FittedInput[]
  readonly output: ScoreKind = { kind: 'probability' }
  readonly tolerance = 1e-5
  readonly description: readonly string[]
  readonly facts: Fitted['facts']
  readonly #scales: readonly InputScale[]
  readonly #perceptron: Perceptron
  readonly #scaled: Float32Array

  constructor(
    scales: readonly InputScale[],
    perceptron: Perceptron,
    { description, facts }: Pick<Fitted, 'description' | 'facts'>,
  ) {
    this.inputs = scales
    this.description = description
    this.facts = facts
    this.#scales = scales
    this.#perceptron = perceptron
    this.#scaled = new Float32Array(scales.length)
  }

  score(values: Float32Array): number {
    writeScaled(this.#scales, values, this.#scaled, 0)
    return perceptronScore(this.#perceptron, this.#scaled, 0)
  }

  graph(name: string): GraphSource {
    return perceptronGraph(name, this.#scales, this.#perceptron)
  }
}
