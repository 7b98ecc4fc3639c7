// The port of a scorer. One adapter serves ONNX (onnx.ts); another may walk the trees itself.

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
}

export interface Thresholds {
  /** A score at or above it is at least this outcome. */
  readonly review: number
  readonly deny: number
}

export interface Model {
  readonly name: string
  readonly version: number
  /** sha256 of model.onnx, hex. */
  readonly hash: string
  readonly inputs: readonly ModelInput[]
  /** What the training run suggests; a policy decides. */
  readonly thresholds: Thresholds
  /** The most rows of one call. */
  readonly rowMax: number
  /** Owned by the model: the caller writes row r's inputs at r * inputs.length before `score`. */
  readonly rows: Float32Array
  /**
   * Scores the first `count` rows into `out` (probability of fraud, 0…1, unrounded).
   * Rejects with ModelError; `out` is then unspecified. One call at a time.
   */
  score(count: number, out: Float64Array): Promise<void>
  close(): Promise<void>
}

export class ModelError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ModelError'
  }
}
