// A model in a thread of its own: it goes through the gate there, and its rows go there by shared memory. Costs a round trip
// between threads a batch; what it spares is the time in which nothing else could be decided.
import assert from 'node:assert'
import { Worker } from 'node:worker_threads'
import type { Fault } from '../../features/document.ts'
import {
  type Model,
  ModelError,
  type ModelInput,
  ModelRefusal,
  type Thresholds,
} from '../../models/model.ts'
import type { Tried } from '../../models/open.ts'
import { TreeModel, type TreePlan } from '../../models/trees/tree-model.ts'

/** What the gate holds a model against. */
export interface AdmissionTerms {
  /** The catalog's feature definitions, by name. */
  readonly definitions: ReadonlyMap<string, string>
  readonly providers: readonly string[]
  readonly rowMax: number
}

/** To the thread, at its start. */
export interface ThreadOrder {
  readonly folder: string
  readonly definitions: readonly (readonly [string, string])[]
  readonly providers: readonly string[]
  readonly rowMax: number
}

/** Everything of a model that can be told. */
export type ModelFacts = Pick<
  Model,
  'name' | 'version' | 'hash' | 'inputs' | 'thresholds' | 'rowMax' | 'scorer' | 'attribution'
>

/** What the thread says. */
export type ThreadReply =
  | {
      readonly kind: 'admitted'
      readonly facts: ModelFacts
      readonly tried: Tried
      readonly madeMs: number
      /** Rows, then scores and contributions. */
      readonly rows: SharedArrayBuffer
      readonly out: SharedArrayBuffer
    }
  | { readonly kind: 'trees'; readonly plan: TreePlan }
  | { readonly kind: 'refused'; readonly faults: readonly Fault[] }
  | { readonly kind: 'failed'; readonly reason: string }
  /** By what: a provider that fails is left for the next. */
  | { readonly kind: 'done'; readonly scorer: string }

/** What is asked of it afterwards; it answers `done` or `failed`. */
export interface ThreadCall {
  readonly what: 'score' | 'explain'
  readonly count: number
}

/** A gate that takes longer has met something that it does not know. */
const gateMsMax = 60_000

export class RemoteModel implements Model {
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly inputs: readonly ModelInput[]
  readonly thresholds: Thresholds
  readonly rowMax: number
  readonly rows: Float32Array
  scorer: string
  readonly attribution: Model['attribution']
  /** What the gate found, for whoever makes it again elsewhere. */
  readonly tried: Tried
  /** What making it took there once it was tried, ms: so long a thread is blocked. */
  readonly madeMs: number
  readonly #thread: Thread
  readonly #shared: Float32Array
  readonly #out: Float64Array
  #isBusy = false

  /**
   * The model in its thread; of trees that score by themselves one that is made here of what was read there. Rejects with
   * ModelRefusal, or ModelError where the gate itself failed; then nothing stays open.
   */
  static async open(folder: string, terms: AdmissionTerms): Promise<RemoteModel | TreeModel> {
    const { definitions, providers, rowMax } = terms
    const thread = new Thread({ folder, definitions: [...definitions], providers, rowMax })
    try {
      const reply = await thread.next(gateMsMax)
      if (reply.kind === 'refused') throw new ModelRefusal(reply.faults)
      if (reply.kind === 'trees') {
        await thread.end()
        return new TreeModel(reply.plan)
      }
      if (reply.kind !== 'admitted') throw new ModelError(`trying ${folder}: ${reasonOf(reply)}`)
      return new RemoteModel(thread, reply)
    } catch (error) {
      await thread.end()
      throw error
    }
  }

  private constructor(thread: Thread, reply: Extract<ThreadReply, { kind: 'admitted' }>) {
    const { facts, tried, madeMs, rows, out } = reply
    this.name = facts.name
    this.version = facts.version
    this.hash = facts.hash
    this.inputs = facts.inputs
    this.thresholds = facts.thresholds
    this.rowMax = facts.rowMax
    this.scorer = facts.scorer
    this.attribution = facts.attribution
    this.tried = tried
    this.madeMs = madeMs
    this.rows = new Float32Array(facts.rowMax * facts.inputs.length)
    this.#thread = thread
    this.#shared = new Float32Array(rows)
    this.#out = new Float64Array(out)
  }

  async score(count: number, out: Float64Array): Promise<void> {
    assert(count > 0 && count <= this.rowMax && count <= out.length, `cannot score ${count} rows`)
    await this.#call('score', this.rows, count)
    out.set(this.#out.subarray(0, count))
  }

  async explain(rows: Float32Array, count: number, out: Float64Array): Promise<void> {
    assert(count > 0 && count <= this.rowMax, `cannot explain ${count} rows`)
    await this.#call('explain', rows, count)
    out.set(this.#out.subarray(0, count * this.inputs.length))
  }

  close(): Promise<void> {
    return this.#thread.end()
  }

  async #call(what: ThreadCall['what'], rows: Float32Array, count: number): Promise<void> {
    assert(!this.#isBusy, 'one call at a time: the rows of the first would be overwritten')
    this.#isBusy = true
    try {
      this.#shared.set(rows.subarray(0, count * this.inputs.length))
      this.#thread.send({ what, count })
      const reply = await this.#thread.next(null)
      if (reply.kind !== 'done') throw new ModelError(`${what} by ${this.name}: ${reasonOf(reply)}`)
      this.scorer = reply.scorer
    } finally {
      this.#isBusy = false
    }
  }
}

function reasonOf(reply: ThreadReply): string {
  return reply.kind === 'failed' ? reply.reason : `an answer out of turn (${reply.kind})`
}

/** A worker that answers each call with one message, or has ended. */
class Thread {
  readonly #worker: Worker
  #settle: ((reply: ThreadReply) => void) | null = null
  /** Why it can answer nothing any more. */
  #ended: string | null = null

  constructor(order: ThreadOrder) {
    this.#worker = new Worker(new URL('model-thread.js', import.meta.url), { workerData: order })
    this.#worker.on('message', (reply: ThreadReply) => this.#settle?.(reply))
    this.#worker.on('error', (error) => {
      this.#end(error instanceof Error ? error.message : String(error))
    })
    this.#worker.on('exit', (code) => {
      this.#end(`its thread has ended with ${code}`)
    })
  }

  send(call: ThreadCall): void {
    this.#worker.postMessage(call)
  }

  /** The next message; `failed` where there will be none, or none within `msMax`. */
  next(msMax: number | null): Promise<ThreadReply> {
    if (this.#ended !== null) return Promise.resolve({ kind: 'failed', reason: this.#ended })
    this.#worker.ref()
    return new Promise((resolve) => {
      const late = (): void => {
        this.#settle?.({ kind: 'failed', reason: `no verdict within ${msMax} ms` })
      }
      const timer = msMax === null ? undefined : setTimeout(late, msMax)
      this.#settle = (reply) => {
        this.#settle = null
        clearTimeout(timer)
        // A process that waits for nothing else may end.
        this.#worker.unref()
        resolve(reply)
      }
    })
  }

  async end(): Promise<void> {
    this.#end('it is closed')
    await this.#worker.terminate()
  }

  #end(reason: string): void {
    this.#ended ??= reason
    this.#settle?.({ kind: 'failed', reason: this.#ended })
  }
}
