// Opens a model folder: through the gate, to whoever scores it best, on trial. A tree model is opened twice, on ONNX Runtime
// and on our own walker; as their scores are the same bits, which of them stays is a matter of speed alone.
import assert from 'node:assert'
import { type Candidate, type ParseDocument, readCandidate } from './gate.ts'
import type { Model } from './model.ts'
import { openOnnx, type RunTerms } from './onnx.ts'
import { isSame, type Timing, timingOf } from './scorers.ts'
import {
  loadRuntime,
  type OnAttempt,
  type ProviderAttempt,
  type Runtime,
  runtimeRefusal,
} from './session.ts'
import { expectationsOf, PathAttribution } from './trees/attribution.ts'
import { readTrees, type Trees } from './trees/candidate.ts'
import { edgeRows } from './trees/edge-rows.ts'
import { planOf, TreeModel } from './trees/tree-model.ts'
import {
  latencyUsMax,
  type OnTrial,
  probesOf,
  replayLatencyUsMax,
  type TrialTerms,
  tryAgain,
  tryModel,
} from './trial.ts'

export interface OpenOptions {
  /** Most rows of one call. The scores of a padded model may depend on it: all engines of a deployment use the same. */
  readonly rowMax?: number
  /** Tried in this order, one at a time: the runtime does not fall back by itself. */
  readonly providers?: readonly string[]
  /** Told of each provider that is asked to run the model, or fails while it scores. */
  readonly onAttempt?: OnAttempt
  /** For the latency check; null: any speed will do. */
  readonly monotonicUs?: (() => number) | null
  /** True where a model may take its time. What scores it must not depend on the time that it took, then. */
  readonly isForReplay?: boolean
}

const rowMaxDefault = 64

/** What was measured of each scorer that gives the same bits; null where there is none, or no clock. */
export interface Admission {
  readonly trees: Timing | null
  readonly onnxruntime: Timing | null
}

/** What a trial found. */
export interface Tried {
  /** The walker, the runtime up to the margin, or the runtime with the whole graph. */
  readonly kind: 'trees' | 'margin' | 'whole'
  readonly isPadded: boolean
  readonly admission: Admission
}

export interface AdmittedModel extends Model {
  readonly tried: Tried
  /** What it was made of. */
  readonly candidate: Candidate
}

/**
 * Opens a model folder through the whole gate. `definitions`: the catalog's feature definitions by name. Throws
 * ModelRefusal with all that was expected and found; then nothing stays open.
 */
export async function openModel(
  folder: string,
  definitions: ReadonlyMap<string, string>,
  parse: ParseDocument,
  options: OpenOptions = {},
): Promise<AdmittedModel> {
  const rowMax = options.rowMax ?? rowMaxDefault
  assert(Number.isSafeInteger(rowMax) && rowMax > 0, 'a call has at least one row')
  const candidate = readCandidate(folder, definitions, parse)
  const opening = new Opening(candidate, rowMax, options)
  return opening.admit(async (terms) => {
    const { model, kind, admission } = await opening.choose()
    await opening.keep(model)
    const isPadded = await tryModel(model, terms)
    return Object.assign(model, { candidate, tried: { kind, isPadded, admission } })
  })
}

/**
 * Makes a model again that has passed its trial, without its folder: also in another thread, for both are plain data. Only its
 * golden rows are tried. Throws ModelRefusal; then nothing stays open.
 */
export async function openTried(
  candidate: Candidate,
  tried: Tried,
  options: OpenOptions = {},
): Promise<AdmittedModel> {
  // Whoever was sent it has an array instead of a buffer.
  const { buffer, byteOffset, length } = candidate.bytes
  const own = { ...candidate, bytes: Buffer.from(buffer, byteOffset, length) }
  const opening = new Opening(own, options.rowMax ?? rowMaxDefault, options)
  return opening.admit(async (terms) => {
    const model = await opening.again(tried)
    await opening.keep(model)
    await tryAgain(model, terms)
    return Object.assign(model, { candidate: own, tried })
  })
}

interface Choice {
  readonly model: OnTrial
  readonly kind: Tried['kind']
  readonly admission: Admission
}

const unmeasured: Admission = { trees: null, onnxruntime: null }

/** What is opened of one candidate, until one of it is chosen. */
class Opening {
  readonly #candidate: Candidate
  readonly #terms: RunTerms
  /** Takes the time of scorers; null where the clock must not choose among them. */
  readonly #monotonicUs: (() => number) | null
  readonly #trialUs: (() => number) | null
  readonly #latencyUsMax: number
  /** With what is to be done once it stays. */
  readonly #open = new Map<OnTrial, () => void>()

  constructor(candidate: Candidate, rowMax: number, options: OpenOptions) {
    this.#candidate = candidate
    const { providers = ['cpu'], onAttempt = () => undefined } = options
    this.#terms = { rowMax, providers, onAttempt }
    this.#trialUs = options.monotonicUs ?? null
    this.#monotonicUs = options.isForReplay === true ? null : this.#trialUs
    this.#latencyUsMax = options.isForReplay === true ? replayLatencyUsMax : latencyUsMax
  }

  /** Runs a trial under the terms of the options; nothing stays open where it throws. */
  async admit(trial: (terms: TrialTerms) => Promise<AdmittedModel>): Promise<AdmittedModel> {
    const { file, golden, manifest } = this.#candidate
    const { tolerance } = manifest
    const terms = { monotonicUs: this.#trialUs, latencyUsMax: this.#latencyUsMax }
    try {
      return await trial({ file, golden, tolerance, ...terms })
    } catch (error) {
      await this.keep(null)
      throw error
    }
  }

  /** The scorer that is to stay. */
  async choose(): Promise<Choice> {
    const trees = readTrees(this.#candidate)
    const runtime = await loadRuntime()
    if (runtime instanceof Error) {
      if (trees === null) throw runtimeRefusal(runtime, this.#candidate.file)
      return { model: this.#walker(trees), kind: 'trees', admission: unmeasured }
    }
    const whole = await this.#whole(runtime)
    if (trees === null) return { model: whole, kind: 'whole', admission: unmeasured }
    const walker = this.#walker(trees)
    const margin = await this.#margin(runtime, trees)
    const { golden } = this.#candidate
    const rows = [...golden.rows, ...probesOf(whole, golden), ...edgeRows(trees.ensemble)]
    if (!(await isSame(walker, margin, whole, rows))) {
      return { model: whole, kind: 'whole', admission: unmeasured }
    }
    return this.#faster(walker, margin)
  }

  /** As a trial chose, and nothing beside it. */
  async again({ kind, isPadded }: Tried): Promise<OnTrial> {
    const { file } = this.#candidate
    const trees = kind === 'whole' ? null : readTrees(this.#candidate)
    if (kind === 'trees' && trees !== null) return this.#walker(trees)
    const runtime = await loadRuntime()
    if (runtime instanceof Error) throw runtimeRefusal(runtime, file)
    const model = trees === null ? await this.#whole(runtime) : await this.#margin(runtime, trees)
    if (isPadded) model.pad()
    return model
  }

  /** Closes all others. */
  async keep(kept: OnTrial | null): Promise<void> {
    for (const [model, stay] of this.#open) {
      if (model === kept) stay()
      else await model.close()
    }
  }

  /** Without a clock the walker: it needs nobody else. */
  async #faster(walker: OnTrial, margin: OnTrial): Promise<Choice> {
    if (this.#monotonicUs === null) return { model: walker, kind: 'trees', admission: unmeasured }
    const trees = await timingOf(walker, this.#candidate.golden, this.#monotonicUs)
    const onnxruntime = await timingOf(margin, this.#candidate.golden, this.#monotonicUs)
    const isWalker = trees.aloneUs + trees.batchedUs <= onnxruntime.aloneUs + onnxruntime.batchedUs
    const admission = { trees, onnxruntime }
    return isWalker
      ? { model: walker, kind: 'trees', admission }
      : { model: margin, kind: 'margin', admission }
  }

  #walker({ manifest, ensemble, covers }: Trees): OnTrial {
    const { hash } = this.#candidate
    const { rowMax } = this.#terms
    const walker = new TreeModel(planOf({ manifest, hash }, ensemble, covers, rowMax))
    this.#open.set(walker, () => undefined)
    return walker
  }

  #whole(runtime: Runtime): Promise<OnTrial> {
    return this.#onnx((terms) => openOnnx(runtime, this.#candidate, terms))
  }

  #margin(runtime: Runtime, { manifest, graph, ensemble, covers }: Trees): Promise<OnTrial> {
    const paths = new PathAttribution(ensemble, expectationsOf(ensemble, covers))
    const cut = { ...this.#candidate, manifest, bytes: graph() }
    return this.#onnx((terms) => openOnnx(runtime, cut, terms, paths))
  }

  /** Its providers are told of once it is known to stay. */
  async #onnx(open: (terms: RunTerms) => Promise<OnTrial>): Promise<OnTrial> {
    let waiting: ProviderAttempt[] | null = []
    const onAttempt: OnAttempt = (attempt) => {
      if (waiting === null) this.#terms.onAttempt(attempt)
      else waiting.push(attempt)
    }
    const model = await open({ ...this.#terms, onAttempt })
    this.#open.set(model, () => {
      waiting?.forEach(this.#terms.onAttempt)
      waiting = null
    })
    return model
  }
}
