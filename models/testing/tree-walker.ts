// A second opinion on a forest: the model folder's trees walked one by one over typed arrays, read by a decoder that is
// not ours. The oracle of the shipped model's test and the second adapter of the port; it knows one shape of graph only.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../manifest.ts'
import { type Model, ModelError, type ModelInput, type Thresholds } from '../model.ts'
import { onnx } from './model-files.ts'

const absent = -1

/** One node an index: a leaf has column -1 and its weight as value. */
class Forest {
  readonly #column: Int32Array
  readonly #value: Float32Array
  readonly #left: Int32Array
  readonly #right: Int32Array
  readonly #isAbsentLeft: Uint8Array
  readonly #roots: readonly number[]
  readonly #base: number

  constructor(bytes: Buffer) {
    const { graph } = onnx.ModelProto.decode(bytes)
    const [forest, sigmoid] = graph!.node!
    assert.deepEqual([forest!.opType, sigmoid!.opType], ['TreeEnsembleRegressor', 'Sigmoid'])
    const named = new Map(forest!.attribute!.map((one) => [one.name, one]))
    const ints = (name: string): number[] => named.get(name)!.ints!.map(Number)
    const numbers = (name: string): number[] => named.get(name)!.floats!
    const trees = ints('nodes_treeids')
    const ids = ints('nodes_nodeids')
    const placeOf = new Map(ids.map((id, at) => [`${trees[at]!}/${id}`, at]))
    const place = (id: number, at: number): number => placeOf.get(`${trees[at]!}/${id}`)!
    const modes = named.get('nodes_modes')!.strings!.map((text) => Buffer.from(text).toString())
    assert.deepEqual([...new Set(modes)].sort(), ['BRANCH_LEQ', 'LEAF'])
    this.#column = Int32Array.from(ints('nodes_featureids'))
    this.#value = Float32Array.from(numbers('nodes_values'))
    this.#left = Int32Array.from(ints('nodes_truenodeids').map(place))
    this.#right = Int32Array.from(ints('nodes_falsenodeids').map(place))
    this.#isAbsentLeft = Uint8Array.from(ints('nodes_missing_value_tracks_true'))
    this.#roots = trees.flatMap((tree, at) => (at === 0 || tree !== trees[at - 1] ? [at] : []))
    for (const [at, mode] of modes.entries()) if (mode === 'LEAF') this.#column[at] = absent
    const leafIds = ints('target_nodeids')
    const leafWeights = numbers('target_weights')
    for (const [leaf, tree] of ints('target_treeids').entries()) {
      this.#value[placeOf.get(`${tree}/${leafIds[leaf]!}`)!] = leafWeights[leaf]!
    }
    this.#base = numbers('base_values')[0]!
  }

  score(rows: Float32Array, start: number): number {
    let margin = this.#base
    for (const root of this.#roots) {
      let at = root
      while (this.#column[at] !== absent) {
        const value = rows[start + this.#column[at]!]!
        const isLeft = Number.isNaN(value)
          ? this.#isAbsentLeft[at] === 1
          : value <= this.#value[at]!
        at = isLeft ? this.#left[at]! : this.#right[at]!
      }
      margin += this.#value[at]!
    }
    return 1 / (1 + Math.exp(-margin))
  }
}

/** Trusts its folder: only the gate may not. */
export class TreeWalker implements Model {
  readonly name: string
  readonly version: number
  readonly hash = 'walked'
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  readonly #forest: Forest
  #isScoring = false
  #isClosed = false

  constructor(folder: string, manifest: Manifest, rowMax: number) {
    this.name = manifest.name
    this.version = manifest.version
    this.inputs = manifest.inputs
    this.thresholds = manifest.thresholds
    this.rowMax = rowMax
    this.rows = new Float32Array(rowMax * manifest.inputs.length)
    this.#forest = new Forest(readFileSync(join(folder, 'model.onnx')))
  }

  async score(count: number, out: Float64Array): Promise<void> {
    assert.ok(count > 0 && count <= this.rowMax && count <= out.length)
    assert.ok(!this.#isScoring)
    this.#isScoring = true
    await Promise.resolve()
    this.#isScoring = false
    if (this.#isClosed) throw new ModelError('closed')
    const columns = this.inputs.length
    for (let row = 0; row < count; row++) out[row] = this.#forest.score(this.rows, row * columns)
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }
}
