// A model file on a provider of ONNX Runtime: the first of a list that takes it, and the next one when that fails while it
// scores. The runtime does not fall back by itself. Knows nothing of what goes in or comes out.
import type { InferenceSession, OnnxValue, Tensor } from 'onnxruntime-node'
import { Faults, wholeFile } from './faults.ts'
import { ModelRefusal } from './model.ts'

/** What of onnxruntime-node is used here. */
export type Runtime = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor'>

/** An error where the package, or its library for this machine, is not there. */
export async function loadRuntime(): Promise<Runtime | Error> {
  try {
    return await import('onnxruntime-node')
  } catch (cause) {
    return cause as Error
  }
}

/** The refusal of a model that needs the runtime where there is none. */
export function runtimeRefusal(cause: Error, file: string): ModelRefusal {
  const faults = new Faults(file)
  const hint = 'without it only tree models run, whose score is a sum over trees or its sigmoid'
  faults.add(wholeFile, 'onnxruntime-node, to run this model on', cause.message, hint)
  return new ModelRefusal(faults.list)
}

/** A provider was asked to run a model, or failed while it ran it. */
export interface ProviderAttempt {
  readonly provider: string
  readonly during: 'opening' | 'scoring'
  /** What it says; null: from now on it runs the model. */
  readonly failure: string | null
}

export type OnAttempt = (attempt: ProviderAttempt) => void

type Feeds = Readonly<Record<string, Tensor>>

export class ProviderSession {
  readonly #runtime: Runtime
  #bytes: Uint8Array
  readonly #providers: readonly string[]
  readonly #onAttempt: OnAttempt
  /** By provider: what was opened; null where it was tried in vain or has been left. */
  readonly #sessions: (InferenceSession | null)[] = []
  #at = 0
  #isReleased = false

  private constructor(
    runtime: Runtime,
    bytes: Uint8Array,
    providers: readonly string[],
    onAttempt: OnAttempt,
  ) {
    this.#runtime = runtime
    this.#bytes = bytes
    this.#providers = providers
    this.#onAttempt = onAttempt
  }

  /** Throws ModelRefusal with what every provider said when none of them takes the model. `file` is for faults. */
  static async open(
    runtime: Runtime,
    file: string,
    bytes: Uint8Array,
    providers: readonly string[],
    onAttempt: OnAttempt,
  ): Promise<ProviderSession> {
    const faults = new Faults(file)
    const session = new ProviderSession(runtime, bytes, providers, (attempt) => {
      const { provider, failure } = attempt
      if (failure !== null) faults.add(wholeFile, `a model that runs on ${provider}`, failure)
      onAttempt(attempt)
    })
    for (const [at, provider] of providers.entries()) {
      session.#at = at
      if ((await session.#session(at)) === null) continue
      // A model can be large, and nobody opens it again.
      if (at === providers.length - 1) session.#bytes = noBytes
      onAttempt({ provider, during: 'opening', failure: null })
      return session
    }
    if (providers.length === 0) faults.add(wholeFile, 'a provider to run it on', 'none')
    throw new ModelRefusal(faults.list)
  }

  /** The provider that runs the model. */
  get provider(): string {
    return this.#providers[this.#at]!
  }

  /**
   * Runs the model. Where the provider fails, the following ones are tried, and the first that runs these feeds stays.
   * When none does, it is these feeds that are at fault: rejects with the first failure, and the provider stays.
   */
  async run(
    feeds: Feeds,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, OnnxValue>>> {
    const session = this.#sessions[this.#at]
    if (!session) throw new Error('the session was released')
    try {
      return await session.run(feeds, outputs)
    } catch (cause) {
      const results = await this.#runNext(feeds, outputs, textOf(cause))
      if (this.#isReleased) await this.release()
      if (results === null) throw cause
      return results
    }
  }

  async release(): Promise<void> {
    this.#isReleased = true
    await releaseAll(this.#sessions.splice(0))
  }

  /** On the first of the following providers that can; null, and nothing has changed, where none can. */
  async #runNext(
    feeds: Feeds,
    outputs: readonly string[],
    failure: string,
  ): Promise<Readonly<Record<string, OnnxValue>> | null> {
    for (let at = this.#at + 1; at < this.#providers.length && !this.#isReleased; at++) {
      const session = await this.#session(at)
      const results = (await session?.run(feeds, outputs).catch(() => null)) ?? null
      if (results === null) continue
      this.#onAttempt({ provider: this.provider, during: 'scoring', failure })
      this.#onAttempt({ provider: this.#providers[at]!, during: 'scoring', failure: null })
      const left = this.#sessions.splice(0, at, ...Array<null>(at).fill(null))
      this.#at = at
      await releaseAll(left)
      return results
    }
    return null
  }

  /** The session of a provider, opened once; null where that fails. */
  async #session(at: number): Promise<InferenceSession | null> {
    const known = this.#sessions[at]
    if (known !== undefined) return known
    const provider = this.#providers[at]!
    try {
      this.#sessions[at] = await openSession(this.#runtime, this.#bytes, provider)
    } catch (cause) {
      this.#sessions[at] = null
      this.#onAttempt({ provider, during: 'opening', failure: textOf(cause) })
    }
    return this.#sessions[at]
  }
}

/** One thread: a call blocks the loop for as long as it computes, and a pool of threads only makes that unsteady. */
function openSession(
  { InferenceSession }: Runtime,
  bytes: Uint8Array,
  provider: string,
): Promise<InferenceSession> {
  return InferenceSession.create(bytes, {
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
}

/** What has failed may fail again when it is released, and nothing follows from that. */
async function releaseAll(sessions: readonly (InferenceSession | null)[]): Promise<void> {
  await Promise.allSettled(
    sessions.flatMap((session) => (session === null ? [] : [session.release()])),
  )
}

const noBytes = new Uint8Array(0)

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.trim() : String(cause)
}
