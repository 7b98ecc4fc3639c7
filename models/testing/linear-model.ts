// A model that is its formula: the sigmoid of a weighted sum of its inputs. For tests of what is done with scores.
import assert from 'node:assert'
import { type Model, ModelError, type ModelInput, type Thresholds } from '../model.ts'

export interface LinearOptions {
  readonly name: string
  /** By feature. */
  readonly weights: Readonly<Record<string, number>>
  readonly version?: number
  readonly bias?: number
  readonly thresholds?: Thresholds
  readonly rowMax?: number
  readonly scorer?: string
  /** Asked before each call; throw to fail it. */
  readonly before?: () => void | Promise<void>
  /** The same, of explanations alone. */
  readonly beforeExplain?: () => void
}

export class LinearModel implements Model {
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  scorer: string
  readonly attribution = 'path'
  isClosed = false
  calls = 0
  readonly #options: LinearOptions
  readonly #weights: readonly number[]

  constructor(options: LinearOptions) {
    const { name, weights, version = 1, rowMax = 64 } = options
    this.#options = options
    this.name = name
    this.version = version
    this.scorer = options.scorer ?? 'formula'
    this.hash = `${name}-${version}`
    this.inputs = Object.keys(weights).map((feature) => {
      return { feature, definition: '', imputation: 0, mean: 0, deviation: 1, baseline: 0 }
    })
    this.#weights = Object.values(weights)
    this.thresholds = options.thresholds ?? { review: 0.5, deny: 0.9 }
    this.rowMax = rowMax
    this.rows = new Float32Array(rowMax * this.inputs.length)
  }

  async score(count: number, out: Float64Array): Promise<void> {
    assert(!this.isClosed, 'closed under a call')
    this.calls++
    await this.#begin()
    const width = this.inputs.length
    for (let row = 0; row < count; row++) {
      let margin = this.#options.bias ?? 0
      for (let input = 0; input < width; input++) {
        margin += this.#weights[input]! * this.rows[row * width + input]!
      }
      out[row] = 1 / (1 + Math.exp(-margin))
    }
  }

  async explain(rows: Float32Array, count: number, out: Float64Array): Promise<void> {
    await this.#begin(this.#options.beforeExplain)
    const width = this.inputs.length
    for (let at = 0; at < count * width; at++) out[at] = this.#weights[at % width]! * rows[at]!
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }

  async #begin(further?: () => void): Promise<void> {
    try {
      await this.#options.before?.()
      further?.()
    } catch (cause) {
      throw new ModelError(`scoring with ${this.name}`, cause)
    }
    if (this.isClosed) throw new ModelError(`${this.name} is closed`)
  }
}
