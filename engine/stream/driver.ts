// Drives the pipeline from Kafka to Kafka: batches of what is already there, outboxes that are not waited for, offsets
// committed behind acknowledgements, and the rules of rebalance, failure and stop.
//
// Everything that belongs to one assignment lies in an Epoch. A rebalance ends it and makes a new one.
import type { Clock, Log, Message, Outcome } from '../core/ports.ts'
import { Change, within } from './deadline.ts'
import { type Backlog, Epoch, type EpochLimits } from './epoch.ts'
import { Outbox, type OutboxPort } from './outbox.ts'
import type { SourceControl, SourceListener } from './source.ts'

/** `Pipeline.process`: rejects with an error for which `isRetriable` says whether the same batch is tried again. */
export interface Processor {
  process(messages: readonly Message[]): Promise<readonly Outcome[]>
}

export interface DriverParts extends EpochLimits {
  readonly processor: Processor
  readonly port: OutboxPort
  /** Offset to read a partition on from; null: where the group has committed. Rejects like `Processor`. */
  resumeAt(partition: number): Promise<number | null>
  /**
   * Called with where partitions are read on, before they are: makes the store whole up to there, without deciding. Returns
   * early once `isOpen` is false. Never called while `process` is under way. Rejects like `Processor`.
   */
  prepare(positions: ReadonlyMap<number, number | null>, isOpen: () => boolean): Promise<void>
  /** Partitions are ours anew: whatever was remembered of them is void. Never called while `process` is under way. */
  onAssigned(partitions: readonly number[]): void
  isRetriable(error: unknown): boolean
  readonly sendBatchMax: number
  readonly commitIntervalMs: number
  /** How long what is under way may take to end when partitions are taken away, or at a stop. */
  readonly drainMsMax: number
  readonly clock: Clock
  readonly log: Log
}

const commitMsMax = 1000
const backoffMsMin = 100
const backoffMsMax = 2000

export class StreamDriver implements SourceListener {
  readonly #parts: DriverParts
  readonly #changed = new Change()
  /** The last outbox of each partition: whoever sends next waits until nothing of it is in flight. */
  readonly #outboxes = new Map<number, Outbox>()
  #source: SourceControl | null = null
  #epoch: Epoch
  #isStopping = false
  /** A first assignment knows where it goes on. */
  #isAdmitted = false
  /** A batch is being decided. */
  #isBusy = false
  #failure: { readonly error: unknown } | null = null
  #loop: Promise<void> = Promise.resolve()
  #committing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  /** Decided so far, for those who watch. */
  decided = 0
  #givenUp = 0

  constructor(parts: DriverParts) {
    this.#parts = parts
    this.#epoch = this.#makeEpoch()
  }

  /** From the first assignment until the stop, whatever Kafka and Redis do meanwhile. */
  get isReady(): boolean {
    return this.#isAdmitted && !this.#isStopping
  }

  /** `givenUp`: how often a partition was waited for in vain, since the start. */
  backlog(): Backlog & { readonly givenUp: number } {
    return { ...this.#epoch.backlog(), givenUp: this.#givenUp }
  }

  /** Begins to process; resolves when stopped, rejects when it cannot go on. */
  run(source: SourceControl): Promise<void> {
    this.#source = source
    this.#scheduleCommit()
    this.#loop = this.#processAll()
    return this.#loop
  }

  /** Takes no more, finishes what it has begun, commits it. Within `drainMsMax` and a second, whatever happens. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.revoked()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  async assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number | null>> {
    this.#end(this.#epoch)
    const epoch = this.#makeEpoch()
    this.#epoch = epoch
    // Nothing waits any more: only the source can bring it again.
    this.#source?.resume(partitions)
    const resume = new Map<number, number | null>()
    while (this.#isBusy && epoch.isOpen()) await this.#changed.next()
    if (!epoch.isOpen() || this.#isStopping) return resume
    this.#parts.onAssigned(partitions)
    const positions = await Promise.all(
      partitions.map(async (partition) => {
        await this.#outboxes.get(partition)?.close()
        return this.#resumeAt(partition, epoch)
      }),
    )
    if (!epoch.isOpen()) return resume
    this.#isAdmitted = true
    await this.#prepare(new Map(partitions.map((one, at) => [one, positions[at] ?? null])), epoch)
    if (!epoch.isOpen()) return resume
    for (const [index, partition] of partitions.entries()) {
      const outbox = new Outbox(
        partition,
        this.#parts.port,
        {
          acknowledged: () => {
            this.#changed.tell()
          },
          failed: (error) => {
            this.failed(error)
          },
        },
        this.#parts.sendBatchMax,
      )
      this.#outboxes.set(partition, outbox)
      const position = positions[index] ?? null
      epoch.open(outbox, position)
      resume.set(partition, position)
    }
    return resume
  }

  received(messages: readonly Message[], hasMore: boolean): void {
    this.#epoch.receive(messages, hasMore)
    this.#regulate(this.#epoch)
    this.#changed.tell()
  }

  fetched(partition: number, hasMore: boolean): void {
    this.#epoch.fetched(partition, hasMore)
    if (!hasMore) this.#changed.tell()
  }

  /** Waits until what was begun is acknowledged and committed, at most `drainMsMax` and a second; drops the rest. */
  async revoked(): Promise<void> {
    const epoch = this.#epoch
    epoch.drain()
    this.#changed.tell()
    await within(this.#parts.drainMsMax, this.#finished(epoch))
    await within(commitMsMax, this.#commit(epoch))
    this.#end(epoch)
  }

  failed(error: unknown): void {
    this.#failure ??= { error }
    this.#changed.tell()
  }

  async #processAll(): Promise<void> {
    while (!this.#isStopping) {
      if (this.#failure !== null) throw this.#failure.error
      const epoch = this.#epoch
      const batch = epoch.take(this.#nowMs())
      this.#regulate(epoch)
      if (batch.length === 0) {
        epoch.flush()
        const heldMs = epoch.heldMsLeft(this.#nowMs())
        if (heldMs === null) await this.#changed.next()
        else await within(heldMs, this.#changed.next())
        continue
      }
      this.#isBusy = true
      try {
        const outcomes = await this.#process(batch, epoch)
        this.decided += epoch.publish(outcomes)
      } finally {
        this.#isBusy = false
        this.#changed.tell()
      }
    }
  }

  /** Retried for as long as the error says so, since nothing is published then; given up when the partitions go. */
  async #process(batch: readonly Message[], epoch: Epoch): Promise<readonly Outcome[]> {
    for (let backoffMs = backoffMsMin; ; backoffMs = Math.min(backoffMsMax, backoffMs * 2)) {
      try {
        return await this.#parts.processor.process(batch)
      } catch (error) {
        if (!this.#parts.isRetriable(error)) throw error
        this.#parts.log.warn({ error, messages: batch.length }, 'deciding failed, trying again')
        epoch.flush()
        await within(backoffMs, this.#closed(epoch))
        if (!epoch.isOpen()) return []
      }
    }
  }

  async #resumeAt(partition: number, epoch: Epoch): Promise<number | null> {
    const position = await this.#insist(epoch, 'finding the position', () =>
      this.#parts.resumeAt(partition),
    )
    return position ?? null
  }

  async #prepare(positions: ReadonlyMap<number, number | null>, epoch: Epoch): Promise<void> {
    this.#isBusy = true
    try {
      await this.#insist(epoch, 'recording before deciding', () =>
        this.#parts.prepare(positions, () => epoch.isOpen()),
      )
    } finally {
      this.#isBusy = false
      this.#changed.tell()
    }
  }

  /** Retries for as long as the error says so; null when the epoch closes meanwhile. */
  async #insist<T>(epoch: Epoch, doing: string, work: () => Promise<T>): Promise<T | null> {
    for (let backoffMs = backoffMsMin; ; backoffMs = Math.min(backoffMsMax, backoffMs * 2)) {
      try {
        return await work()
      } catch (error) {
        if (!epoch.isOpen()) return null
        if (!this.#parts.isRetriable(error)) throw error
        this.#parts.log.warn({ error }, `${doing} failed, trying again`)
        await within(backoffMs, this.#closed(epoch))
      }
    }
  }

  /** Lets the source fetch each partition or not, by what is here already. */
  #regulate(epoch: Epoch): void {
    const { pause, resume } = epoch.regulate()
    if (pause.length > 0) this.#source?.pause(pause)
    if (resume.length > 0) this.#source?.resume(resume)
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicUs() / 1000
  }

  #makeEpoch(): Epoch {
    const { orderWaitMs, log } = this.#parts
    return new Epoch(this.#parts, (partitions) => {
      this.#givenUp += partitions.length
      log.warn({ partitions, orderWaitMs }, 'more of these does not come: others are not held up')
    })
  }

  #end(epoch: Epoch): void {
    epoch.end()
    this.#changed.tell()
  }

  /** Resolves when nothing of the epoch is under way any more. */
  async #finished(epoch: Epoch): Promise<void> {
    while (!epoch.hasEnded() && this.#failure === null) {
      if (!this.#isBusy && epoch.unacknowledged === 0) return
      await this.#changed.next()
    }
  }

  /** Resolves when nothing more is taken from the epoch. */
  async #closed(epoch: Epoch): Promise<void> {
    while (epoch.isOpen()) await this.#changed.next()
  }

  #scheduleCommit(): void {
    this.#timer = setTimeout(() => {
      void this.#commit(this.#epoch).then(() => {
        if (this.#timer !== null) this.#scheduleCommit()
      })
    }, this.#parts.commitIntervalMs)
  }

  /** One commit at a time: an older one must not come last. */
  #commit(epoch: Epoch): Promise<void> {
    this.#committing = this.#committing.then(async () => {
      const offsets = epoch.uncommitted()
      if (epoch !== this.#epoch || epoch.hasEnded() || offsets.size === 0) return
      if ((await this.#source?.commit(offsets)) === true) epoch.committed(offsets)
    })
    return this.#committing
  }
}
