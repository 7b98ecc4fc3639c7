// The port of a scorer. One adapter serves ONNX (onnx.ts), another walks trees itself (trees/tree-model.ts).
import assert from 'node:assert'
import { DocumentError } from '../features/document.ts'

/** One named number a model reads, in its order. */
export interface ModelInput {
  readonly feature: string
  /** Definition hash of the feature as the model was trained on it. */
  readonly definition: string
  /** What stands for an absent value; NaN where the model handles absence itself. */
  readonly imputation: number
  /** Over the training rows, for evidence. */
  readonly mean: number
  readonly deviation: number
  /** What stands for an ordinary transaction in explanations. */
  readonly baseline: number
}

export interface Thresholds {
  /** A score at or above it is at least this outcome. */
  readonly review: number
  readonly deny: number
}

export interface Model {
  readonly name: string
  readonly version: number
  /** sha256 of manifest.json, hex. It names the model file's own, so it pins all that a score and its evidence depend on. */
  readonly hash: string
  /** What computes it: `trees` is the walker, else the provider of ONNX Runtime: `cpu`, `cuda`, `webgpu`… */
  readonly scorer: string
  readonly inputs: readonly ModelInput[]
  /** What the training run suggests; a policy decides. */
  readonly thresholds: Thresholds
  /** The most rows of one call. */
  readonly rowMax: number
  /** Owned by the model: the caller writes row r's inputs at r * inputs.length before `score`. */
  readonly rows: Float32Array
  /**
   * Scores the first `count` rows into the first `count` places of `out`: the probability of fraud, 0…1, unrounded, or NaN
   * where the model gave no such number. A row's score depends on that row alone, to the bit: not on its place, on `count`,
   * nor on the other rows. Rejects with ModelError; `out` is then unspecified. One call at a time: a second is refused.
   */
  score(count: number, out: Float64Array): Promise<void>
  /** How `explain` divides a margin among the inputs. */
  readonly attribution: 'path' | 'occlusion'
  /**
   * Divides the margins of `count` rows among the inputs: out[r * inputs.length + i] is what input i added to row r's.
   * `rows` is laid out as `this.rows`, imputed, and not `this.rows`, which may be overwritten. The same bits each time.
   * Not during a `score`, nor two at once. Rejects with ModelError.
   */
  explain(rows: Float32Array, count: number, out: Float64Array): Promise<void>
  /** Gives the memory back. May be called again; `score` rejects afterwards. */
  close(): Promise<void>
}

/** An admitted model failed while scoring. */
export class ModelError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ModelError'
  }
}

/** A model folder failed the admission gate. Says everything that is wrong with it. */
export class ModelRefusal extends DocumentError {
  override readonly name = 'ModelRefusal'
}

/** What every `explain` asks of its arguments. */
export function assertExplainable(
  model: Pick<Model, 'inputs' | 'rows'>,
  rows: Float32Array,
  count: number,
  out: Float64Array,
): void {
  const size = count * model.inputs.length
  assert(count > 0 && size <= rows.length && size <= out.length, `cannot explain ${count} rows`)
  assert(rows !== model.rows, 'rows of its own would be overwritten while they are explained')
}

/** Float32 sums of shares end a little beyond 0…1. */
const rangeSlack = 1e-6

/** What a model gave as a probability; NaN for a number that is none. */
export function probability(value: number): number {
  if (value >= 0 && value <= 1) return value
  if (value >= -rangeSlack && value <= 1 + rangeSlack) return value < 0.5 ? 0 : 1
  return Number.NaN
}
