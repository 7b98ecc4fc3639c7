// A model in a thread of its own: it goes through the gate there, and its rows go there by shared memory. Costs a round trip
// between threads a batch; what it spares is the time in which nothing else could be decided. A thread that has died, or does
// not answer, is replaced.
import assert from 'node:assert'
import { Worker } from 'node:worker_threads'
import type { Fault } from '../../features/document.ts'
import type { Candidate } from '../../models/gate.ts'
import {
  type Model,
  ModelError,
  type ModelInput,
  ModelRefusal,
  type Thresholds,
} from '../../models/model.ts'
import type { Tried } from '../../models/open.ts'
import { TreeModel, type TreePlan } from '../../models/trees/tree-model.ts'
import { latencyUsMax } from '../../models/trial.ts'

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
      /** What it is made of, where making it takes no time to speak of; null for what is better left where it is. */
      readonly small: Candidate | null
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

/** A call that takes so long beyond what the gate allows its rows gets no answer any more. */
const callMsMax = 1000

/** From the end of one thread's opening to the next one's: what ends each of them must not keep a core busy. */
const renewalMsMin = 5000

const threadScript = new URL('model-thread.js', import.meta.url)

/** A thread that has admitted the model, and what it shares. */
type Reopen = (signal: AbortSignal) => Promise<Line | TreePlan>

interface Line {
  readonly thread: Thread
  readonly facts: ModelFacts
  readonly tried: Tried
  readonly small: Candidate | null
  readonly rows: Float32Array
  readonly out: Float64Array
}

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
  /** What it is made of, where it is quickly made; null for what is better left in its thread. */
  readonly small: Candidate | null
  readonly #reopen: Reopen
  readonly #closing = new AbortController()
  #line: Line
  /** Null where another thread may be made. */
  #renewal: Promise<void> | null = null
  #isBusy = false

  /**
   * The model in its thread; of trees that score by themselves one that is made here of what was read there. Rejects with
   * ModelRefusal, or ModelError where the gate itself failed or was aborted; then nothing stays open. `script`: what the thread
   * runs.
   */
  static async open(
    folder: string,
    { definitions, providers, rowMax }: AdmissionTerms,
    signal: AbortSignal | null = null,
    script: URL = threadScript,
  ): Promise<RemoteModel | TreeModel> {
    const order = { folder, definitions: [...definitions], providers, rowMax }
    const reopen: Reopen = (closing) => openLine(order, script, closing)
    const opened = await openLine(order, script, signal)
    return 'thread' in opened ? new RemoteModel(opened, reopen) : new TreeModel(opened)
  }

  private constructor(line: Line, reopen: Reopen) {
    const { facts, tried, small } = line
    this.name = facts.name
    this.version = facts.version
    this.hash = facts.hash
    this.inputs = facts.inputs
    this.thresholds = facts.thresholds
    this.rowMax = facts.rowMax
    this.scorer = facts.scorer
    this.attribution = facts.attribution
    this.tried = tried
    this.small = small
    this.rows = new Float32Array(facts.rowMax * facts.inputs.length)
    this.#line = line
    this.#reopen = reopen
  }

  async score(count: number, out: Float64Array): Promise<void> {
    assert(count > 0 && count <= this.rowMax && count <= out.length, `cannot score ${count} rows`)
    const scores = await this.#call('score', this.rows, count)
    out.set(scores.subarray(0, count))
  }

  async explain(rows: Float32Array, count: number, out: Float64Array): Promise<void> {
    assert(count > 0 && count <= this.rowMax, `cannot explain ${count} rows`)
    const contributions = await this.#call('explain', rows, count)
    out.set(contributions.subarray(0, count * this.inputs.length))
  }

  /** Resolves once there is no thread of it. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#renewal
    await this.#line.thread.end()
  }

  async #call(what: ThreadCall['what'], rows: Float32Array, count: number): Promise<Float64Array> {
    assert(!this.#isBusy, 'one call at a time: the rows of the first would be overwritten')
    const { thread, rows: shared, out } = this.#line
    const width = this.inputs.length
    // An explanation may score each row once for each input.
    const scored = what === 'score' ? count : count * (width + 1)
    this.#isBusy = true
    try {
      shared.set(rows.subarray(0, count * width))
      thread.send({ what, count })
      const reply = await thread.next(callMsMax + (scored * latencyUsMax) / 1000)
      if (reply.kind !== 'done') throw new ModelError(`${what} by ${this.name}: ${reasonOf(reply)}`)
      this.scorer = reply.scorer
      return out
    } finally {
      this.#isBusy = false
      if (thread.hasEnded && !this.#closing.signal.aborted) this.#renewal ??= this.#renew()
    }
  }

  /** Another thread for the same model; without one every call fails, and a later one asks again. */
  async #renew(): Promise<void> {
    const { signal } = this.#closing
    try {
      const line = await this.#reopen(signal)
      // What is there now may be another model, and trees hold no thread.
      if ('thread' in line && line.facts.hash === this.hash) this.#line = line
      else if ('thread' in line) await line.thread.end()
    } catch {
      // Each call says why the thread before has ended.
    }
    const again = (): void => {
      this.#renewal = null
    }
    if (!signal.aborted) setTimeout(again, renewalMsMin).unref()
  }
}

async function openLine(
  order: ThreadOrder,
  script: URL,
  signal: AbortSignal | null,
): Promise<Line | TreePlan> {
  const { folder } = order
  const thread = new Thread(order, script)
  const abort = (): void => {
    void thread.end()
  }
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort)
  try {
    const reply = await thread.next(gateMsMax)
    if (reply.kind === 'refused') throw new ModelRefusal(reply.faults)
    if (reply.kind === 'trees') {
      await thread.end()
      return reply.plan
    }
    if (reply.kind !== 'admitted') throw new ModelError(`trying ${folder}: ${reasonOf(reply)}`)
    const { facts, tried, small, rows, out } = reply
    const shared = { rows: new Float32Array(rows), out: new Float64Array(out) }
    return { thread, facts, tried, small, ...shared }
  } catch (error) {
    await thread.end()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
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

  constructor(order: ThreadOrder, script: URL) {
    this.#worker = new Worker(script, { workerData: order })
    this.#worker.on('message', (reply: ThreadReply) => this.#settle?.(reply))
    this.#worker.on('error', (error) => {
      this.#end(error instanceof Error ? error.message : String(error))
    })
    this.#worker.on('exit', (code) => {
      this.#end(`its thread has ended with ${code}`)
    })
  }

  get hasEnded(): boolean {
    return this.#ended !== null
  }

  send(call: ThreadCall): void {
    this.#worker.postMessage(call)
  }

  /** The next message; `failed` where there will be none. A thread without one within `msMax` is ended: it must not come later. */
  next(msMax: number): Promise<ThreadReply> {
    if (this.#ended !== null) return Promise.resolve({ kind: 'failed', reason: this.#ended })
    this.#worker.ref()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#end(`no answer within ${msMax} ms`)
        void this.#worker.terminate()
      }, msMax)
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
    // Whoever waits for its end may have nothing else to do.
    this.#worker.ref()
    await this.#worker.terminate()
  }

  #end(reason: string): void {
    this.#ended ??= reason
    this.#settle?.({ kind: 'failed', reason: this.#ended })
  }
}
