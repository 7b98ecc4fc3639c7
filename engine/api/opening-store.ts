// A store that may be away when the sidecar starts: calls are answered meanwhile, and it is opened as soon as it is there.
// A store that is there and unfit is refused at once.
import type { Answer, AnswerAddress } from '../../features/answer.ts'
import type { Observation } from '../../features/observation.ts'
import { type Store, StoreError, type StoreStats } from '../../features/store/store.ts'
import type { View } from '../../features/view.ts'
import type { Answers, Log } from '../core/ports.ts'

export interface Opened {
  readonly store: Store
  readonly answers: Answers
}

const retryPauseMs = 1000

export class OpeningStore implements Store, Answers {
  readonly #attempt: () => Promise<Opened>
  readonly #log: Log
  #opened: Opened | null = null
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  private constructor(attempt: () => Promise<Opened>, log: Log) {
    this.#attempt = attempt
    this.#log = log
  }

  /** Tries once before it resolves. Rejects with StoreError when a person must act first. */
  static async open(attempt: () => Promise<Opened>, log: Log): Promise<OpeningStore> {
    const opening = new OpeningStore(attempt, log)
    try {
      opening.#opened = await attempt()
    } catch (error) {
      if (!(error instanceof StoreError && error.retriable)) throw error
      log.warn({ error }, 'the store is away: decisions stand in')
      opening.#later()
    }
    return opening
  }

  get isOpen(): boolean {
    return this.#opened !== null
  }

  async observe(batch: Observation): Promise<void> {
    // The caller releases what was rejected, by then perhaps in a store that has never seen it: nothing is pinned.
    if (this.#opened === null) batch.handle.fill(-1)
    await this.#require().store.observe(batch)
  }

  release(batch: Observation): void {
    this.#opened?.store.release(batch)
  }

  view(handle: number, ordinal: number, out: View): void {
    this.#require().store.view(handle, ordinal, out)
  }

  stats(): StoreStats {
    return this.#opened?.store.stats() ?? nothing
  }

  async keep(answers: readonly Answer[]): Promise<Answer[]> {
    return this.#require().answers.keep(answers)
  }

  async find(addresses: readonly AnswerAddress[]): Promise<(Answer | null)[]> {
    return this.#require().answers.find(addresses)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#opened?.store.close()
  }

  #require(): Opened {
    if (this.#opened === null) throw new StoreError('the store has not been opened yet', true)
    return this.#opened
  }

  #later(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#attempt().then(
        (opened) => {
          this.#opened = opened
          this.#log.warn({}, 'the store is there')
          if (this.#isClosed) void opened.store.close()
        },
        (error: unknown) => {
          // Unfit by now or still away: a restart would not mend it, and calls are answered all the while.
          if (!(error instanceof StoreError && error.retriable)) {
            this.#log.error({ error }, 'the store is unfit: decisions stand in')
          }
          this.#later()
        },
      )
    }, retryPauseMs)
  }
}

const nothing: StoreStats = {
  calls: 0,
  roundTrips: 0,
  bytesSent: 0,
  bytesReceived: 0,
  journalReads: 0,
  heldReads: 0,
  heldJournals: 0,
  heldBytes: 0,
  losses: 0,
  compactions: 0,
  failedCompactions: 0,
  isAway: true,
}
