// The adapter that walks a tree model itself. It knows nothing of ONNX Runtime.
import assert from 'node:assert'
import type { Manifest } from '../manifest.ts'
import { assertExplainable, ModelError, type ModelInput, type Thresholds } from '../model.ts'
import { scoreOf } from '../reading.ts'
import type { OnTrial } from '../trial.ts'
import { type Expectations, expectationsOf, PathAttribution } from './attribution.ts'
import type { Ensemble } from './ensemble.ts'
import { layoutOf, Walker, type WalkerLayout } from './walker.ts'

/** All that the model is made of, as plain data: it may be sent to another thread and made there. */
export interface TreePlan {
  /** Reads a score from the ensemble's sum. */
  readonly manifest: Manifest
  /** sha256 of the folder's manifest. */
  readonly hash: string
  readonly ensemble: Ensemble
  readonly layout: WalkerLayout
  readonly expectations: Expectations
  readonly rowMax: number
}

/** `covers`: of all nodes, above zero. */
export function planOf(
  { manifest, hash }: Pick<TreePlan, 'manifest' | 'hash'>,
  ensemble: Ensemble,
  covers: Float64Array,
  rowMax: number,
): TreePlan {
  const expectations = expectationsOf(ensemble, covers)
  return { manifest, hash, ensemble, layout: layoutOf(ensemble), expectations, rowMax }
}

export class TreeModel implements OnTrial {
  readonly plan: TreePlan
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  readonly scorer = 'trees'
  readonly attribution = 'path'
  readonly #bits: Int32Array
  readonly #scoreOf: (margin: number) => number
  readonly #paths: PathAttribution
  /** Null once closed. */
  #walker: Walker | null
  #isBusy = false
  /** Awaited while busy, until the caller has gone on: what is refused at once must not depend on who computes. */
  readonly #gone = Promise.resolve()

  constructor(plan: TreePlan) {
    const { manifest, hash, ensemble, layout, expectations, rowMax } = plan
    this.plan = plan
    this.name = manifest.name
    this.version = manifest.version
    this.hash = hash
    this.inputs = manifest.inputs
    this.thresholds = manifest.thresholds
    this.rowMax = rowMax
    this.rows = new Float32Array(rowMax * manifest.inputs.length)
    this.#bits = new Int32Array(this.rows.buffer)
    this.#scoreOf = scoreOf(manifest.output)
    this.#paths = new PathAttribution(ensemble, expectations)
    this.#walker = new Walker(ensemble, rowMax, layout)
  }

  /** A walk is the same in every company. */
  pad(): void {}

  async score(count: number, out: Float64Array): Promise<void> {
    assert(count > 0 && count <= this.rowMax && count <= out.length, `cannot score ${count} rows`)
    const walker = this.#begin()
    try {
      const margins = walker.walk(this.#bits, count)
      for (let row = 0; row < count; row++) out[row] = this.#scoreOf(margins[row]!)
      await this.#gone
    } finally {
      this.#isBusy = false
    }
  }

  async explain(rows: Float32Array, count: number, out: Float64Array): Promise<void> {
    assertExplainable(this, rows, count, out)
    this.#begin()
    try {
      this.#paths.explain(rows, count, out)
      await this.#gone
    } finally {
      this.#isBusy = false
    }
  }

  close(): Promise<void> {
    this.#walker = null
    return Promise.resolve()
  }

  #begin(): Walker {
    assert(!this.#isBusy, 'one call at a time: the rows of the first would be overwritten')
    if (this.#walker === null) throw new ModelError(`${this.name} ${this.version} is closed`)
    this.#isBusy = true
    return this.#walker
  }
}
