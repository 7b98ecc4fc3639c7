// Scores with ONNX Runtime, after the admission gate. It and session.ts are the only importers of onnxruntime-node.
import assert from 'node:assert'
import { Tensor } from 'onnxruntime-node'
import { type Candidate, type ParseDocument, readCandidate } from './gate.ts'
import { type Model, ModelError, type ModelInput, type Thresholds } from './model.ts'
import { type OutputRule, scoreOf } from './reading.ts'
import { type OnAttempt, ProviderSession } from './session.ts'
import { type OnTrial, tryModel } from './trial.ts'

export interface OpenOptions {
  /** Most rows of one call. The scores of a padded model may depend on it: all engines of a deployment use the same. */
  readonly rowMax?: number
  /** Tried in this order, one at a time: the runtime does not fall back by itself. */
  readonly providers?: readonly string[]
  /** Told of each provider that is asked to run the model, or fails while it scores. */
  readonly onAttempt?: OnAttempt
  /** For the latency check; null where a model may take its time (replay). */
  readonly monotonicUs?: (() => number) | null
}

const rowMaxDefault = 64

/**
 * Opens a model folder through the whole gate. `definitions`: the catalog's feature definitions by name. Throws
 * ModelRefusal with all that was expected and found; then nothing stays open.
 */
export async function openModel(
  folder: string,
  definitions: ReadonlyMap<string, string>,
  parse: ParseDocument,
  options: OpenOptions = {},
): Promise<Model> {
  const rowMax = options.rowMax ?? rowMaxDefault
  assert(Number.isSafeInteger(rowMax) && rowMax > 0, 'a call has at least one row')
  const candidate = readCandidate(folder, definitions, parse)
  const { file, bytes, golden, manifest } = candidate
  const { providers = ['cpu'], onAttempt = () => undefined } = options
  const session = await ProviderSession.open(file, bytes, providers, onAttempt)
  const model = new OnnxModel(candidate, session, rowMax)
  try {
    const monotonicUs = options.monotonicUs ?? null
    await tryModel(model, { file, golden, tolerance: manifest.tolerance, monotonicUs })
    return model
  } catch (error) {
    await model.close()
    throw error
  }
}

class OnnxModel implements OnTrial {
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  readonly #input: string
  readonly #output: OutputRule
  readonly #scoreOf: (value: number) => number
  readonly #session: ProviderSession
  readonly #tensors = new Map<number, Tensor>()
  #isPadded = false
  #isScoring = false
  #isClosed = false

  constructor({ manifest, hash }: Candidate, session: ProviderSession, rowMax: number) {
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
    this.#session = session
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
      tensor = new Tensor('float32', this.rows.subarray(0, count * columns), [count, columns])
      this.#tensors.set(count, tensor)
    }
    return tensor
  }
}
