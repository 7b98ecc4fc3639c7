// Reads a file, parses and encodes its rows ahead, in a thread beside the one that decides. It changes when this is done and
// never what comes of it: batches, their order, rejects and failures are those of the file read here.
import { Worker } from 'node:worker_threads'
import type { Plan } from '../../features/plan.ts'
import type { Intake, Taken } from '../core/intake.ts'
import type { Message, Source } from '../core/ports.ts'
import { EngineError, type ErrorCode } from '../errors.ts'
import { Parcel, type Slip } from './parcel.ts'

/** Batches that may be ready before they are decided: about 5 ms of work, and 1 MB for two entities. */
export const parcelsMax = 16

/** What the thread says. Parcels are told by their place in `memories`. */
export type AheadSays =
  | { readonly kind: 'ready'; readonly terms: string; readonly memories: readonly SharedArrayBuffer[] }
  | ({ readonly kind: 'batch' } & AheadBatch)
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly reason: string; readonly cause: string }

export interface AheadBatch {
  readonly parcel: number
  readonly slip: Slip
  readonly count: number
  /** Of its first message. */
  readonly offset: number
  readonly position: number
}

/** Started at once, so that it reads while the rest is put together; `open` then says what it reads for. */
export class Ahead implements Source, Intake {
  readonly #worker: Worker
  readonly #arrived: AheadSays[] = []
  #parcels: readonly Parcel[] = []
  #wake: (() => void) | null = null
  /** The thread's own failure, beside those that it tells. */
  #failure: unknown = null
  #total: Source['total'] = null
  #current: AheadBatch | null = null
  #position = 0

  constructor(script: URL, order: object) {
    this.#worker = new Worker(script, { workerData: order })
    this.#worker.on('message', (said: AheadSays) => {
      this.#arrived.push(said)
      this.#wake?.()
    })
    this.#worker.on('error', (error) => {
      this.#failure = error
      this.#wake?.()
    })
  }

  /** `terms`: by what mapping and plan the thread is to take in. Rejects with EngineError where it has read others. */
  async open(plan: Plan, terms: string, total: Source['total']): Promise<void> {
    this.#total = total
    const said = await this.#next()
    if (said.kind === 'failed') throw failureOf(said)
    if (said.kind !== 'ready' || said.terms !== terms) {
      const what = 'expected mapping and catalog to stay as they are, found them changed'
      throw new EngineError('input_invalid', `starting to read: ${what} meanwhile`)
    }
    this.#parcels = said.memories.map((memory) => new Parcel(plan, memory))
  }

  get total(): Source['total'] {
    return this.#total
  }

  position(): number {
    return this.#position
  }

  async *batches(): AsyncIterable<readonly Message[]> {
    for (;;) {
      const said = this.#arrived.shift() ?? (await this.#next())
      if (said.kind === 'failed') throw failureOf(said)
      if (said.kind !== 'batch') return
      this.#current = said
      this.#position = said.position
      yield messagesOf(said)
      this.#current = null
      this.#worker.postMessage(said.parcel)
    }
  }

  /** Of the batch that `batches` gave last, or of its first messages. */
  parse(messages: readonly Message[], taken: Taken): void {
    const { parcel, slip } = this.#current!
    this.#parcels[parcel]!.unpack(slip, messages, taken)
  }

  encode(): void {
    // Its records came with it.
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  async #next(): Promise<AheadSays> {
    for (;;) {
      const said = this.#arrived.shift()
      if (said !== undefined) return said
      if (this.#failure !== null) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
  }
}

function messagesOf({ count, offset }: AheadBatch): Message[] {
  const messages = new Array<Message>(count)
  for (let m = 0; m < count; m++) {
    messages[m] = {
      partition: 0,
      offset: offset + m,
      key: null,
      value: null,
      timestampMs: Number.NaN,
      traceparent: null,
      answer: null,
    }
  }
  return messages
}

function failureOf({ code, reason, cause }: Extract<AheadSays, { kind: 'failed' }>): EngineError {
  return new EngineError(code, reason, cause === '' ? {} : { cause: new Error(cause) })
}
