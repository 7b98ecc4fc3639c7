// Scores with ONNX Runtime, after the admission gate. It and session.ts are the only importers of onnxruntime-node.
import assert from 'node:assert'
import type { Tensor } from 'onnxruntime-node'
import type { Candidate } from './gate.ts'
import { assertExplainable, ModelError, type ModelInput, type Thresholds } from './model.ts'
import { occlude } from './occlusion.ts'
import { type OutputRule, scoreOf } from './reading.ts'
import { type OnAttempt, ProviderSession, type Runtime } from './session.ts'
import type { PathAttribution } from './trees/attribution.ts'
import type { OnTrial } from './trial.ts'

export interface RunTerms {
  readonly rowMax: number
  /** Tried in this order. */
  readonly providers: readonly string[]
  readonly onAttempt: OnAttempt
}

/**
 * A session of the candidate's model on the first of `providers` that takes it, not yet tried. `paths`: divides its
 * margins where it ends at one. Throws ModelRefusal.
 */
export async function openOnnx(
  runtime: Runtime,
  candidate: Candidate,
  { rowMax, providers, onAttempt }: RunTerms,
  paths: PathAttribution | null = null,
): Promise<OnTrial> {
  const { file, bytes } = candidate
  const session = await ProviderSession.open(runtime, file, bytes, providers, onAttempt)
  return new OnnxModel(runtime, candidate, session, paths, rowMax)
}

class OnnxModel implements OnTrial {
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  readonly attribution: 'path' | 'occlusion'
  readonly #input: string
  readonly #output: OutputRule
  readonly #scoreOf: (value: number) => number
  readonly #runtime: Runtime
  readonly #session: ProviderSession
  readonly #paths: PathAttribution | null
  readonly #tensors = new Map<number, Tensor>()
  #isPadded = false
  #isScoring = false
  #isClosed = false

  constructor(
    runtime: Runtime,
    { manifest, hash }: Candidate,
    session: ProviderSession,
    paths: PathAttribution | null,
    rowMax: number,
  ) {
    this.name = manifest.name
    this.version = manifest.version
    this.hash = hash
    this.inputs = manifest.inputs
    this.thresholds = manifest.thresholds
    this.rowMax = rowMax
    this.rows = new Float32Array(rowMax * manifest.inputs.length)
    this.#input = manifest.input
    this.#output = manifest.output
    this.#scoreOf = scoreOf(manifest.output)
    this.attribution = paths === null ? 'occlusion' : 'path'
    this.#runtime = runtime
    this.#session = session
    this.#paths = paths
  }

  get scorer(): string {
    return this.#session.provider
  }

  pad(): void {
    this.#isPadded = true
  }

  async score(count: number, out: Float64Array): Promise<void> {
    assert(count > 0 && count <= this.rowMax && count <= out.length, `cannot score ${count} rows`)
    assert(!this.#isScoring, 'one call at a time: the rows of the first would be overwritten')
    this.#isScoring = true
    try {
      const { name } = this.#output
      const rows = this.#isPadded ? this.rowMax : count
      const results = await this.#session.run({ [this.#input]: this.#tensor(rows) }, [name])
      this.#read(results[name] as Tensor, rows, count, out)
    } catch (cause) {
      throw new ModelError(`scoring ${count} rows with ${this.name} ${this.version}`, cause)
    } finally {
      this.#isScoring = false
    }
  }

  async explain(rows: Float32Array, count: number, out: Float64Array): Promise<void> {
    if (this.#paths === null) return occlude(this, rows, count, out)
    assertExplainable(this, rows, count, out)
    assert(!this.#isScoring, 'one call at a time')
    if (this.#isClosed) throw new ModelError(`${this.name} ${this.version} is closed`)
    this.#paths.explain(rows, count, out)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#session.release()
  }

  #read({ dims, type, data }: Tensor, rows: number, count: number, out: Float64Array): void {
    const { column, kind } = this.#output
    const columns = dims[1] ?? 1
    const isType = type === 'float32' || (kind === 'label' && type === 'int64')
    if (!isType || dims[0] !== rows || dims.length > 2 || column >= columns) {
      const expected = `float32 [${rows}, more than ${column}]`
      throw new TypeError(`expected an output ${expected}, found ${type} [${dims.join(', ')}]`)
    }
    const values = data as Float32Array | BigInt64Array
    for (let row = 0; row < count; row++) {
      out[row] = this.#scoreOf(Number(values[row * columns + column]!))
    }
  }

  /** The tensor of a batch size: a view of `rows`, made once. */
  #tensor(count: number): Tensor {
    let tensor = this.#tensors.get(count)
    if (tensor === undefined) {
      const columns = this.inputs.length
      tensor = new this.#runtime.Tensor('float32', this.rows.subarray(0, count * columns), [
        count,
        columns,
      ])
      this.#tensors.set(count, tensor)
    }
    return tensor
  }
}
