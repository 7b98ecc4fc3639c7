// Reads a file, parses and encodes its rows ahead, in a thread beside the one that decides. It changes when this is done and
// never what comes of it: batches, their order, rejects and failures are those of the file read here.
import { Worker } from 'node:worker_threads'
import type { Plan } from '../../features/plan.ts'
import type { Intake, Taken } from '../core/intake.ts'
import type { Message, Source } from '../core/ports.ts'
import { EngineError, type ErrorCode } from '../errors.ts'
import { Parcel, type Slip } from './parcel.ts'

/** Batches that may be ready before they are decided: some 40 ms of work, and 2 MB for two entities. */
export const parcelsMax = 32

/** What the thread says. */
export type AheadSays =
  | {
      readonly kind: 'ready'
      readonly terms: string
      readonly memories: readonly SharedArrayBuffer[]
    }
  | ({ readonly kind: 'batch' } & AheadBatch)
  | { readonly kind: 'end' }
  | {
      readonly kind: 'failed'
      readonly code: ErrorCode
      readonly reason: string
      readonly cause: string
    }

export interface AheadBatch {
  /** Parcels are used in turn: the place of this one in `memories`. */
  readonly parcel: number
  readonly slip: Slip
  readonly count: number
  /** Of its first message. */
  readonly offset: number
  readonly position: number
}

/** How many batches were used, as both threads see it. A thread that is woken for each would do nothing else. */
export class Turns {
  readonly memory: SharedArrayBuffer
  readonly #released: Int32Array
  #taken = 0

  constructor(memory = new SharedArrayBuffer(4)) {
    this.memory = memory
    this.#released = new Int32Array(memory)
  }

  /** One more was used; whoever waits goes on once half of the parcels are free. */
  release(): void {
    const released = Atomics.add(this.#released, 0, 1) + 1
    if (released % (parcelsMax / 2) === 0) Atomics.notify(this.#released, 0)
  }

  /** True if there is a parcel that nobody uses. */
  get isFree(): boolean {
    return this.#isFreeAt(Atomics.load(this.#released, 0))
  }

  /** The next parcel that nobody uses; the thread stands still until there is one. */
  take(): number {
    let released = Atomics.load(this.#released, 0)
    while (!this.#isFreeAt(released)) {
      Atomics.wait(this.#released, 0, released)
      released = Atomics.load(this.#released, 0)
    }
    const parcel = (this.#taken & 0x7fffffff) % parcelsMax
    this.#taken = (this.#taken + 1) | 0
    return parcel
  }

  /** Both counts go on beyond 2^31. */
  #isFreeAt(released: number): boolean {
    return ((this.#taken - released) | 0) < parcelsMax
  }
}

/** Started at once, so that it reads while the rest is put together; `open` then says what it reads for. */
export class Ahead implements Source, Intake {
  readonly #worker: Worker
  readonly #turns = new Turns()
  readonly #arrived: AheadSays[] = []
  #parcels: readonly Parcel[] = []
  #wake: (() => void) | null = null
  /** The thread's own failure, beside those that it tells. */
  #failure: Error | null = null
  #total: Source['total'] = null
  #current: AheadBatch | null = null
  #position = 0

  /** `script` is handed `order` and the memory of its `turns`. */
  constructor(script: URL, order: object) {
    const turns = this.#turns.memory
    this.#worker = new Worker(script, { workerData: { ...order, turns } })
    this.#worker.on('message', (said: AheadSays) => {
      this.#arrived.push(said)
      this.#wake?.()
    })
    this.#worker.on('error', (error) => {
      this.#failure = error instanceof Error ? error : new Error(String(error))
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
      this.#turns.release()
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
