// Drives the pipeline from Kafka to Kafka: batches of what is already there, outboxes that are not waited for, offsets
// committed behind acknowledgements, and the rules of rebalance, failure and stop.
//
// Everything that belongs to one assignment lies in an Epoch. A rebalance makes a new one; what is still on its way for
// an old one is dropped, since the new owner derives it again from the same messages.
import type { Clock, Log, Message, Outcome } from '../core/ports.ts'
import { Outbox, type OutboxPort } from './outbox.ts'
import type { SourceListener } from './source.ts'

/** `Pipeline.process`: rejects with an error for which `isRetriable` says whether the same batch is tried again. */
export interface Processor {
  process(messages: readonly Message[]): Promise<readonly Outcome[]>
}

export interface DriverParts {
  readonly processor: Processor
  readonly port: OutboxPort
  /** Where the decision topic ends: source offset of the last outcome, -1 when empty. */
  lastSourceOffset(partition: number): Promise<number>
  /** Where the input begins and ends, to notice a topic that was made anew; rejects with EngineError. */
  checkPosition(partition: number, next: number): Promise<void>
  /** Partitions are ours anew: whatever was remembered of them is void. */
  onAssigned(partitions: readonly number[]): void
  isRetriable(error: unknown): boolean
  readonly batchMax: number
  /** Used where more than this waits. */
  readonly backlogBatchMax: number
  readonly outboxMax: number
  readonly commitIntervalMs: number
  readonly clock: Clock
  readonly log: Log
}

/** The driver's hold on its source. */
export interface SourceControl {
  pause(): void
  resume(): void
  commit(offsets: ReadonlyMap<number, number>): Promise<void>
}

interface Epoch {
  readonly outboxes: Map<number, Outbox>
  /** Messages handed over and not yet taken. */
  queue: Message[]
  taken: number
  /** Last committed position by partition. */
  readonly committed: Map<number, number>
  /** Where each partition was gone on from. */
  resume: ReadonlyMap<number, number>
}

/** What is in hand, by partition where it can be. */
export interface Backlog {
  /** Messages fetched and not yet decided. */
  readonly waiting: number
  /** Outcomes not yet acknowledged. */
  readonly outboxes: ReadonlyMap<number, number>
  /** Offset behind the acknowledged outcomes; null where it is not known yet. */
  readonly next: ReadonlyMap<number, number | null>
}

const queueMax = 4096
const queueLow = 1024
const drainMsMax = 5000
const backoffMsMin = 100
const backoffMsMax = 2000

export class StreamDriver implements SourceListener {
  readonly #parts: DriverParts
  #source: SourceControl | null = null
  #epoch: Epoch = makeEpoch()
  /** Nothing more is fetched; what was is finished. */
  #isDraining = false
  #isStopping = false
  #wake: () => void = () => undefined
  #failure: { readonly error: unknown } | null = null
  #loop: Promise<void> = Promise.resolve()
  /** Messages of the batch at hand. */
  #inProcess = 0
  #timer: NodeJS.Timeout | null = null
  /** Decided so far, for those who watch. */
  decided = 0
  /** A first assignment knows where it goes on. */
  #isAdmitted = false

  constructor(parts: DriverParts) {
    this.#parts = parts
  }

  /** From the first assignment until the stop, whatever Kafka and Redis do meanwhile. */
  get isReady(): boolean {
    return this.#isAdmitted && !this.#isDraining
  }

  backlog(): Backlog {
    const { resume } = this.#epoch
    const outboxes = [...this.#epoch.outboxes.values()]
    return {
      waiting: this.#waiting(),
      outboxes: new Map(outboxes.map(({ partition, size }) => [partition, size])),
      next: new Map(
        outboxes.map(({ partition, acknowledged }) => [
          partition,
          acknowledged < 0 ? (resume.get(partition) ?? null) : acknowledged + 1,
        ]),
      ),
    }
  }

  /** Begins to process; resolves when stopped, rejects when it cannot go on. */
  run(source: SourceControl): Promise<void> {
    this.#source = source
    this.#timer = setInterval(() => void this.#commit(this.#epoch), this.#parts.commitIntervalMs)
    this.#loop = this.#processAll()
    return this.#loop
  }

  /** Takes no more, finishes what was handed over, sends and commits it. */
  async stop(): Promise<void> {
    this.#isDraining = true
    this.#source?.pause()
    await this.drain()
    this.#isStopping = true
    this.#wake()
    await this.#loop.catch(() => undefined)
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#commit(this.#epoch)
    await this.#close(this.#epoch)
  }

  async assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const old = this.#epoch
    const epoch = makeEpoch()
    this.#epoch = epoch
    await this.#close(old)
    this.#parts.onAssigned(partitions)
    const resume = new Map<number, number>()
    for (const partition of partitions) {
      const next = await this.#resumeAt(partition)
      resume.set(partition, next)
      const outbox = new Outbox(
        partition,
        this.#parts.port,
        () => {
          this.#wake()
        },
        (error) => {
          this.failed(error)
        },
      )
      epoch.outboxes.set(partition, outbox)
    }
    epoch.resume = resume
    this.#isAdmitted = true
    return resume
  }

  received(messages: readonly Message[]): void {
    const { queue } = this.#epoch
    for (const message of messages) queue.push(message)
    if (this.#waiting() > queueMax) this.#source?.pause()
    this.#wake()
  }

  /** Waits until everything handed over is acknowledged and committed, at most 5 s. */
  async drain(): Promise<void> {
    const epoch = this.#epoch
    const until = this.#parts.clock.monotonicUs() + drainMsMax * 1000
    while (this.#unfinished(epoch) > 0 && this.#parts.clock.monotonicUs() < until) {
      if (this.#failure !== null || epoch !== this.#epoch) return
      await sleep(5)
    }
    await this.#commit(epoch)
  }

  failed(error: unknown): void {
    this.#failure ??= { error }
    this.#wake()
  }

  async #resumeAt(partition: number): Promise<number> {
    for (let backoffMs = backoffMsMin; ; backoffMs = Math.min(backoffMsMax, backoffMs * 2)) {
      try {
        const next = (await this.#parts.lastSourceOffset(partition)) + 1
        await this.#parts.checkPosition(partition, next)
        return next
      } catch (error) {
        if (!this.#parts.isRetriable(error) || this.#isStopping) throw error
        this.#parts.log.warn({ error, partition }, 'finding the position failed, trying again')
        await sleep(backoffMs)
      }
    }
  }

  #waiting(): number {
    return this.#epoch.queue.length - this.#epoch.taken
  }

  /** Messages whose outcome is not acknowledged yet. */
  #unfinished(epoch: Epoch): number {
    let count = epoch.queue.length - epoch.taken + this.#inProcess
    for (const { size } of epoch.outboxes.values()) count += size
    return count
  }

  async #processAll(): Promise<void> {
    while (!this.#isStopping) {
      if (this.#failure !== null) throw this.#failure.error
      const epoch = this.#epoch
      const batch = this.#isFull(epoch) ? [] : this.#take(epoch)
      if (batch.length === 0) {
        await this.#signal()
        continue
      }
      this.#inProcess = batch.length
      const outcomes = await this.#process(batch, epoch)
      this.#inProcess = 0
      if (outcomes === null || epoch !== this.#epoch) continue
      for (const outcome of outcomes) epoch.outboxes.get(outcome.partition)?.add(outcome)
      for (const outbox of epoch.outboxes.values()) outbox.flush()
      this.decided += outcomes.length
    }
  }

  /** What is already there: few while the stream keeps up, more where there is a backlog. */
  #take(epoch: Epoch): readonly Message[] {
    const waiting = epoch.queue.length - epoch.taken
    const { batchMax, backlogBatchMax } = this.#parts
    const count = Math.min(waiting, waiting > backlogBatchMax ? backlogBatchMax : batchMax)
    const batch = epoch.queue.slice(epoch.taken, epoch.taken + count)
    epoch.taken += count
    if (epoch.taken > queueLow) {
      epoch.queue.splice(0, epoch.taken - count)
      epoch.taken = count
    }
    if (this.#waiting() < queueLow && !this.#isDraining) this.#source?.resume()
    return batch
  }

  #isFull(epoch: Epoch): boolean {
    for (const { size } of epoch.outboxes.values()) if (size > this.#parts.outboxMax) return true
    return false
  }

  /** Null when the assignment changed meanwhile. Retried for as long as the error says so: nothing is published then. */
  async #process(batch: readonly Message[], epoch: Epoch): Promise<readonly Outcome[] | null> {
    for (let backoffMs = backoffMsMin; ; backoffMs = Math.min(backoffMsMax, backoffMs * 2)) {
      try {
        return await this.#parts.processor.process(batch)
      } catch (error) {
        if (!this.#parts.isRetriable(error)) throw error
        this.#parts.log.warn({ error, messages: batch.length }, 'deciding failed, trying again')
        await sleep(backoffMs)
        if (epoch !== this.#epoch || this.#isStopping) return null
      }
    }
  }

  async #commit(epoch: Epoch): Promise<void> {
    const offsets = new Map<number, number>()
    for (const { partition, acknowledged } of epoch.outboxes.values()) {
      const next = acknowledged + 1
      if (acknowledged >= 0 && epoch.committed.get(partition) !== next) offsets.set(partition, next)
    }
    if (epoch !== this.#epoch || offsets.size === 0) return
    await this.#source?.commit(offsets)
    for (const [partition, next] of offsets) epoch.committed.set(partition, next)
  }

  async #close(epoch: Epoch): Promise<void> {
    await Promise.all([...epoch.outboxes.values()].map((outbox) => outbox.close()))
  }

  #signal(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

function makeEpoch(): Epoch {
  return { outboxes: new Map(), queue: [], taken: 0, committed: new Map(), resume: new Map() }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
