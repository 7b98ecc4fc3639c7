// TensorFlow.js, the only place that knows it: which backend is there, and a dense network that learns on it. Loaded when a
// training begins and not before, so that no other command pays for it.
import type * as Core from '@tensorflow/tfjs-core'
import type * as Layers from '@tensorflow/tfjs-layers'
import type { Dense } from './perceptron.ts'

export const backendChoices = ['auto', 'native', 'wasm'] as const
/** `native` is @tensorflow/tfjs-node, which models/train/tfjs-node.sh builds; `auto` takes it where it loads. */
export type BackendChoice = (typeof backendChoices)[number]

export interface NetworkOptions {
  readonly inputs: number
  /** Units of each hidden layer. */
  readonly hidden: readonly number[]
  /** Loss of a fraud counts so many times. */
  readonly fraudWeight: number
  /** The first margin of every row. */
  readonly bias: number
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

/** Dense layers with ReLU between them and one margin at the end; Adam on weighted log-loss. Close it: it owns tensors. */
export class Network {
  readonly #core: typeof Core
  readonly #model: Layers.Sequential
  readonly #optimizer: Core.AdamOptimizer
  readonly #inputs: number

  constructor(core: typeof Core, layers: typeof Layers, options: NetworkOptions) {
    const { inputs, hidden, fraudWeight, bias, seed } = options
    this.#core = core
    this.#inputs = inputs
    this.#optimizer = core.train.adam()
    this.#model = layers.sequential({
      layers: [...hidden, 1].map((units, index) => {
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
    this.#model.compile({
      optimizer: this.#optimizer,
      loss: (isFraud, margin) => {
        const weight = core.add(core.mul(isFraud, fraudWeight - 1), 1)
        return core.losses.sigmoidCrossEntropy(isFraud, margin, weight)
      },
    })
  }

  set learningRate(learningRate: number) {
    // The optimizer reads it at every step but declares it protected.
    Object.assign(this.#optimizer, { learningRate })
  }

  /** One step on the first `count` rows; returns their mean loss before it. */
  async learn(rows: Float32Array, isFraud: Float32Array, count: number): Promise<number> {
    const x = this.#core.tensor2d(rows.subarray(0, count * this.#inputs), [count, this.#inputs])
    const y = this.#core.tensor2d(isFraud.subarray(0, count), [count, 1])
    const loss = await this.#model.trainOnBatch(x, y)
    this.#core.dispose([x, y])
    return typeof loss === 'number' ? loss : loss[0]!
  }

  /** Margins of the first `count` rows into `out` from `at` on. */
  margins(rows: Float32Array, count: number, out: Float64Array, at: number): void {
    this.#core.tidy(() => {
      const x = this.#core.tensor2d(rows.subarray(0, count * this.#inputs), [count, this.#inputs])
      const margin = this.#model.predictOnBatch(x) as Core.Tensor
      out.set(margin.dataSync(), at)
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
