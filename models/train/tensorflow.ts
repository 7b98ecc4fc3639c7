// TensorFlow.js, the only place that knows it: which backend is there, and a dense network that learns on it. Loaded when a
// training begins and not before, so that no other command pays for it.
import type * as Core from '@tensorflow/tfjs-core'
import type * as Layers from '@tensorflow/tfjs-layers'
import type { Dense } from './dense.ts'

export const backendChoices = ['auto', 'native', 'wasm'] as const
/** `native` is @tensorflow/tfjs-node, which models/train/tfjs-node.sh builds; `auto` takes it where it loads. */
export type BackendChoice = (typeof backendChoices)[number]

/**
 * What a network learns: the margin of a row's being fraud, on log-loss in which a fraud counts `fraudWeight` times, beginning at
 * `bias` for every row; or its own inputs again, on their mean squared error.
 */
export type Goal =
  | { readonly kind: 'fraud'; readonly fraudWeight: number; readonly bias: number }
  | { readonly kind: 'inputs' }

export interface NetworkOptions {
  readonly inputs: number
  /** Units of each hidden layer. */
  readonly hidden: readonly number[]
  readonly goal: Goal
  readonly seed: number
}

export interface Tensorflow {
  /** `native` or `wasm`. */
  readonly backend: string
  /** Why the native backend was not taken; null when it was, or was not asked for. */
  readonly declined: string | null
  network(options: NetworkOptions): Network
}

/** Opens a backend. Rejects where the one that was asked for does not load. */
export async function openTensorflow(choice: BackendChoice): Promise<Tensorflow> {
  let declined: string | null = null
  if (choice !== 'wasm') {
    try {
      return await open('native', nativePackage, 'tensorflow', null)
    } catch (error) {
      if (choice === 'native') throw error
      declined = reasonOf(error)
    }
  }
  return open('wasm', '@tensorflow/tfjs-backend-wasm', 'wasm', declined)
}

/** Why a package did not load, in a line. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ERR_MODULE_NOT_FOUND') return 'it is not installed'
  return message.split('\n')[0]!
}

/** An optional peer: without it in node_modules there are no types of it either. */
const nativePackage: string = '@tensorflow/tfjs-node'

async function open(
  backend: string,
  packageName: string,
  engine: string,
  declined: string | null,
): Promise<Tensorflow> {
  // The layers bring the gradients, which the core alone does not register under Node.
  const core = await import('@tensorflow/tfjs-core')
  const layers = await import('@tensorflow/tfjs-layers')
  await import(packageName)
  if (!(await core.setBackend(engine))) throw new Error(`${packageName} does not start`)
  await core.ready()
  return { backend, declined, network: (options) => new Network(core, layers, options) }
}

/** Dense layers with ReLU between them, and Adam. Close it: it owns tensors. */
export class Network {
  readonly #core: typeof Core
  readonly #model: Layers.Sequential
  readonly #optimizer: Core.AdamOptimizer
  readonly #inputs: number
  /** Numbers of an answer. */
  readonly outputs: number

  constructor(core: typeof Core, layers: typeof Layers, options: NetworkOptions) {
    const { inputs, hidden, goal, seed } = options
    this.#core = core
    this.#inputs = inputs
    this.outputs = goal.kind === 'fraud' ? 1 : inputs
    const bias = goal.kind === 'fraud' ? goal.bias : 0
    this.#optimizer = core.train.adam()
    this.#model = layers.sequential({
      layers: [...hidden, this.outputs].map((units, index) => {
        const isLast = index === hidden.length
        return layers.layers.dense({
          units,
          ...(index === 0 ? { inputShape: [inputs] } : {}),
          activation: isLast ? 'linear' : 'relu',
          kernelInitializer: layers.initializers.glorotUniform({ seed: seed + index }),
          biasInitializer: layers.initializers.constant({ value: isLast ? bias : 0 }),
        })
      }),
    })
    this.#model.compile({ optimizer: this.#optimizer, loss: lossOf(core, goal) })
  }

  set learningRate(learningRate: number) {
    // The optimizer reads it at every step but declares it protected.
    Object.assign(this.#optimizer, { learningRate })
  }

  /** One step on the first `count` rows, `targets` being what it should answer; returns their mean loss before it. */
  async learn(rows: Float32Array, targets: Float32Array, count: number): Promise<number> {
    const { outputs } = this
    const x = this.#core.tensor2d(rows.subarray(0, count * this.#inputs), [count, this.#inputs])
    const y = this.#core.tensor2d(targets.subarray(0, count * outputs), [count, outputs])
    const loss = await this.#model.trainOnBatch(x, y)
    this.#core.dispose([x, y])
    return typeof loss === 'number' ? loss : loss[0]!
  }

  /** Answers to the first `count` rows into `out` from `at` on. */
  answer(rows: Float32Array, count: number, out: Float64Array, at: number): void {
    this.#core.tidy(() => {
      const x = this.#core.tensor2d(rows.subarray(0, count * this.#inputs), [count, this.#inputs])
      const answers = this.#model.predictOnBatch(x) as Core.Tensor
      out.set(answers.dataSync(), at)
    })
  }

  /** A copy of its layers as they are now. */
  layers(): Dense[] {
    return this.#model.layers.map((layer) => {
      // Not to be disposed: they are the layer's own.
      const [kernel, bias] = layer.getWeights() as [Core.Tensor, Core.Tensor]
      const [inputs, outputs] = kernel.shape as [number, number]
      return {
        inputs,
        outputs,
        kernel: Float32Array.from(kernel.dataSync()),
        bias: Float32Array.from(bias.dataSync()),
      }
    })
  }

  close(): void {
    this.#model.dispose()
    this.#optimizer.dispose()
  }
}

type Loss = (targets: Core.Tensor, answers: Core.Tensor) => Core.Tensor

function lossOf(core: typeof Core, goal: Goal): Loss {
  if (goal.kind === 'inputs')
    return (inputs, answers) => core.losses.meanSquaredError(inputs, answers)
  return (isFraud, margin) => {
    const weight = core.add(core.mul(isFraud, goal.fraudWeight - 1), 1)
    return core.losses.sigmoidCrossEntropy(isFraud, margin, weight)
  }
}
