// Scores with ONNX Runtime, after the admission gate. The only importer of onnxruntime-node.
import assert from 'node:assert'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { Faults, wholeFile } from './faults.ts'
import { type Candidate, type ParseDocument, readCandidate } from './gate.ts'
import { type Model, ModelError, type ModelInput, ModelRefusal, type Thresholds } from './model.ts'
import { type OutputRule, scoreOf } from './reading.ts'
import { type OnTrial, tryModel } from './trial.ts'

export interface OpenOptions {
  /** Most rows of one call. The scores of a padded model may depend on it: all engines of a deployment use the same. */
  readonly rowMax?: number
  /** Tried in this order, one at a time: the runtime does not fall back by itself. */
  readonly providers?: readonly string[]
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
  const { file, golden, manifest } = candidate
  const session = await openSession(candidate, options.providers ?? ['cpu'])
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

/** One thread: a call blocks the loop for as long as it computes, and a pool of threads only makes that unsteady. */
async function openSession(
  { file, bytes }: Candidate,
  providers: readonly string[],
): Promise<InferenceSession> {
  const faults = new Faults(file)
  for (const provider of providers) {
    try {
      return await InferenceSession.create(bytes, {
        executionProviders: [provider],
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        // What it has to say, it throws.
        logSeverityLevel: 4,
        extra: {
          session: {
            intra_op: { allow_spinning: '0' },
            inter_op: { allow_spinning: '0' },
            // Else bytes that say so are read as another format than the one that the gate has seen.
            load_model_format: 'ONNX',
          },
        },
      })
    } catch (cause) {
      faults.add(wholeFile, `a model that runs on ${provider}`, (cause as Error).message)
    }
  }
  if (providers.length === 0) faults.add(wholeFile, 'a provider to run it on', 'none')
  throw new ModelRefusal(faults.list)
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
  readonly #session: InferenceSession
  readonly #tensors = new Map<number, Tensor>()
  #isPadded = false
  #isScoring = false
  #isClosed = false

  constructor({ manifest, hash }: Candidate, session: InferenceSession, rowMax: number) {
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
      this.#read(results[name]!, rows, count, out)
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
