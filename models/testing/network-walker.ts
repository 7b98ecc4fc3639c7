// A second opinion on a network: the model folder's graph walked node by node in float64, read by a decoder that is not
// ours. The oracle of the shipped model's test and the second adapter of the port; it knows one shape of graph only.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../manifest.ts'
import { type Model, ModelError, type ModelInput, type Thresholds } from '../model.ts'
import { occlude } from '../occlusion.ts'
import { onnx } from './model-files.ts'

interface Node {
  readonly opType?: string | null
  readonly input?: readonly string[] | null
  readonly output?: readonly string[] | null
}

/** The graph's nodes one after the other, over one row, in float64. */
class Network {
  readonly #nodes: readonly Node[]
  readonly #constants = new Map<string, Float64Array>()

  constructor(bytes: Buffer) {
    const { graph } = onnx.ModelProto.decode(bytes)
    this.#nodes = graph!.node!
    for (const { name, rawData } of graph!.initializer!) {
      const floats = new Float32Array(Uint8Array.from(rawData!).buffer)
      this.#constants.set(name!, Float64Array.from(floats))
    }
  }

  score(rows: Float32Array, start: number, columns: number): number {
    const values = new Map(this.#constants)
    values.set('features', Float64Array.from(rows.subarray(start, start + columns)))
    for (const { opType, input, output } of this.#nodes) {
      const [x, a, b] = input!.map((name) => values.get(name)!) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ]
      values.set(output![0]!, compute(opType!, x, a, b))
    }
    return values.get('score')![0]!
  }
}

function compute(operator: string, x: Float64Array, a: Float64Array, b: Float64Array) {
  switch (operator) {
    case 'Asinh':
      return x.map(Math.asinh)
    case 'Sub':
      return x.map((value, at) => value - a[at]!)
    case 'Mul':
      return x.map((value, at) => value * a[at]!)
    case 'Clip':
      return x.map((value) => Math.min(b[0]!, Math.max(a[0]!, value)))
    case 'Gemm':
      return b.map((bias, out) =>
        x.reduce((sum, value, at) => sum + value * a[at * b.length + out]!, bias),
      )
    case 'Relu':
      return x.map((value) => Math.max(0, value))
    case 'Sigmoid':
      return x.map((value) => 1 / (1 + Math.exp(-value)))
    default:
      throw new ModelError(`a network has no ${operator}`)
  }
}

/** Trusts its folder: only the gate may not. */
export class NetworkWalker implements Model {
  readonly name: string
  readonly version: number
  readonly hash = 'walked'
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  readonly scorer = 'walked'
  readonly attribution = 'occlusion'
  readonly #network: Network
  #isScoring = false
  #isClosed = false

  constructor(folder: string, manifest: Manifest, rowMax: number) {
    this.name = manifest.name
    this.version = manifest.version
    this.inputs = manifest.inputs
    this.thresholds = manifest.thresholds
    this.rowMax = rowMax
    this.rows = new Float32Array(rowMax * manifest.inputs.length)
    this.#network = new Network(readFileSync(join(folder, 'model.onnx')))
  }

  async score(count: number, out: Float64Array): Promise<void> {
    assert.ok(count > 0 && count <= this.rowMax && count <= out.length)
    assert.ok(!this.#isScoring)
    this.#isScoring = true
    await Promise.resolve()
    this.#isScoring = false
    if (this.#isClosed) throw new ModelError('closed')
    const columns = this.inputs.length
    for (let row = 0; row < count; row++)
      out[row] = this.#network.score(this.rows, row * columns, columns)
  }

  explain(rows: Float32Array, count: number, out: Float64Array): Promise<void> {
    return occlude(this, rows, count, out)
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }
}
