// Scores with ONNX Runtime, after the admission gate. The only importer of onnxruntime-node.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { checkModel, modelBytesMax, refusal } from './gate.ts'
import { type Manifest, type OutputRule, readGolden, readManifest } from './manifest.ts'
import { type Model, ModelError, type ModelInput, type Thresholds } from './model.ts'

export interface OpenOptions {
  /** Most rows of one call. */
  readonly rowMax?: number
  /** Tried in this order, one at a time: the runtime does not fall back by itself. */
  readonly providers?: readonly string[]
}

const rowMaxDefault = 64
const warmUpRounds = 20

/**
 * Opens a model folder through the whole gate. `definitions`: the catalog's feature definitions by name. Throws
 * ModelError or DocumentError that names all that was expected and found; then nothing stays open.
 */
export async function openModel(
  folder: string,
  definitions: ReadonlyMap<string, string>,
  options: OpenOptions = {},
): Promise<Model> {
  const manifest = readManifest(folder)
  const file = join(folder, 'model.onnx')
  const bytes = readModel(file)
  checkModel(file, bytes, manifest, definitions)
  const golden = readGolden(folder, manifest.inputs.length)
  const session = await openSession(file, bytes, options.providers ?? ['cpu'])
  const rowMax = options.rowMax ?? rowMaxDefault
  try {
    const model = new OnnxModel(manifest, session, rowMax)
    await model.checkBatches(file, golden.rows)
    await model.checkGolden(file, golden.rows, golden.scores)
    await model.warmUp()
    return model
  } catch (error) {
    await session.release()
    throw error
  }
}

function readModel(file: string): Buffer {
  try {
    const { size } = statSync(file)
    if (size > modelBytesMax) {
      throw refusal(file, [`expected at most ${modelBytesMax} bytes, found ${size}`])
    }
    return readFileSync(file)
  } catch (cause) {
    if (cause instanceof ModelError) throw cause
    throw new ModelError(`reading ${file}`, cause)
  }
}

/** One thread: a call blocks the loop for as long as it computes, and a pool of threads only makes that unsteady. */
async function openSession(
  file: string,
  bytes: Buffer,
  providers: readonly string[],
): Promise<InferenceSession> {
  const causes: unknown[] = []
  for (const provider of providers) {
    try {
      return await InferenceSession.create(bytes, {
        executionProviders: [provider],
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        extra: {
          session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } },
        },
      })
    } catch (cause) {
      causes.push(cause)
    }
  }
  const message = causes.map((cause) => (cause as Error).message).join('; ')
  throw new ModelError(
    `${file}: expected a model that runs on ${providers.join(' or ')}, found: ${message}`,
    causes[0],
  )
}

class OnnxModel implements Model {
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  /** True when batches of different sizes gave different bits: then every call has `rowMax` rows. */
  isPadded = false
  readonly #tolerance: number
  readonly #input: string
  readonly #output: OutputRule
  readonly #session: InferenceSession
  readonly #tensors = new Map<number, Tensor>()

  constructor(manifest: Manifest, session: InferenceSession, rowMax: number) {
    this.name = manifest.name
    this.version = manifest.version
    this.hash = manifest.sha256
    this.inputs = manifest.inputs
    this.thresholds = manifest.thresholds
    this.rowMax = rowMax
    this.rows = new Float32Array(rowMax * manifest.inputs.length)
    this.#tolerance = manifest.tolerance
    this.#input = manifest.input
    this.#output = manifest.output
    this.#session = session
  }

  async score(count: number, out: Float64Array): Promise<void> {
    const { name, column, transform } = this.#output
    try {
      const rows = this.isPadded ? this.rowMax : count
      const results = await this.#session.run({ [this.#input]: this.#tensor(rows) }, [name])
      const data = results[name]!.data as Float32Array
      const columns = data.length / rows
      for (let row = 0; row < count; row++) {
        const value = data[row * columns + column]!
        out[row] = transform === 'sigmoid' ? 1 / (1 + Math.exp(-value)) : value
      }
    } catch (cause) {
      throw new ModelError(`scoring ${count} rows with ${this.name} ${this.version}`, cause)
    }
  }

  async close(): Promise<void> {
    await this.#session.release()
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

  /** Row by row and in batches a score must be the same bits; where it is not, every call is padded to one shape. */
  async checkBatches(file: string, rows: readonly (readonly (number | null)[])[]): Promise<void> {
    const sizes = [1, 16, 64].filter((size) => size <= this.rowMax)
    const out = new Float64Array(this.rowMax)
    const first = new Map<number, number>()
    for (const size of sizes) {
      for (let row = 0; row < size; row++) this.#write(rows[row % rows.length]!, row)
      await this.score(size, out)
      for (let row = 0; row < size; row++) {
        const expected = first.get(row % rows.length)
        if (expected === undefined) first.set(row % rows.length, out[row]!)
        else if (!Object.is(expected, out[row])) this.isPadded = true
      }
    }
    const wrong = [...first.values()].find((score) => Number.isNaN(score))
    if (wrong !== undefined) {
      throw refusal(file, ['golden rows: expected a number for each score, found NaN'])
    }
  }

  /** The scores that the training run saw. */
  async checkGolden(
    file: string,
    rows: readonly (readonly (number | null)[])[],
    scores: readonly number[],
  ): Promise<void> {
    const out = new Float64Array(this.rowMax)
    for (let start = 0; start < rows.length; start += this.rowMax) {
      const count = Math.min(this.rowMax, rows.length - start)
      for (let row = 0; row < count; row++) this.#write(rows[start + row]!, row)
      await this.score(count, out)
      for (let row = 0; row < count; row++) {
        const expected = scores[start + row]!
        if (Math.abs(out[row]! - expected) <= this.#tolerance) continue
        const place = `golden row ${start + row}`
        throw refusal(file, [
          `${place}: expected ${expected} ± ${this.#tolerance}, found ${out[row]!}`,
        ])
      }
    }
  }

  /** Lets the runtime allocate for every batch size that will come. */
  async warmUp(): Promise<void> {
    const out = new Float64Array(this.rowMax)
    for (let round = 0; round < warmUpRounds; round++) {
      await this.score(1, out)
      await this.score(this.rowMax, out)
    }
  }

  #write(values: readonly (number | null)[], row: number): void {
    for (const [input, { imputation }] of this.inputs.entries()) {
      this.rows[row * this.inputs.length + input] = values[input] ?? imputation
    }
  }
}
