// What belongs to one assignment of partitions: messages that wait to be decided, outcomes on their way out. It ends as a
// whole: what is still there then is dropped, and whoever owns the partitions next derives it again.
import type { Message, Outcome } from '../core/ports.ts'
import type { Outbox } from './outbox.ts'
import { PartitionQueue } from './partition-queue.ts'

/** What is in hand, by partition where it can be. */
export interface Backlog {
  /** Messages fetched and not yet decided. */
  readonly waiting: number
  /** Outcomes not yet acknowledged. */
  readonly outboxes: ReadonlyMap<number, number>
  /** Offset behind the acknowledged outcomes; null where it is not known yet. */
  readonly next: ReadonlyMap<number, number | null>
}

export interface EpochLimits {
  /** Rows of a batch while the stream keeps up, and where more than that waits. */
  readonly batchMax: number
  readonly backlogBatchMax: number
  /** Outcomes of one partition that are not acknowledged. */
  readonly outboxMax: number
  /** How long others wait for the next fetch of a partition that has more; 0: not at all. */
  readonly orderWaitMs: number
}

/** Which partitions are fetched from now on, and which are not. */
export interface Regulation {
  readonly pause: readonly number[]
  readonly resume: readonly number[]
}

/** Shared by the partitions of which any wait; at half of its share a partition is fetched again. */
const waitingMax = 4096
/** Of messages and outcomes together; one fetch more of each partition may come when it is reached. */
const heldBytesMax = 64 * 2 ** 20
/** While so many wait, outcomes of a few batches go out together: over several partitions a batch is few of each. */
const gatherWaitingMin = 1024
const gatherBatchesMax = 4

export class Epoch {
  readonly #limits: EpochLimits
  readonly #outboxes = new Map<number, Outbox>()
  /** Last committed position by partition. */
  readonly #committed = new Map<number, number>()
  /** Where each partition was gone on from; null: where the group had committed. */
  readonly #resumed = new Map<number, number | null>()
  /** What waits, by partition; and the same in a list, which is gone through for each message. */
  readonly #queues = new Map<number, PartitionQueue>()
  readonly #listed: PartitionQueue[] = []
  readonly #givenUp: (partitions: readonly number[]) => void
  /** Since when there are messages and none may be taken. */
  #heldSinceMs: number | null = null
  #waiting = 0
  #waitingBytes = 0
  /** Batches whose outcomes are not flushed yet. */
  #gathered = 0
  #state: 'open' | 'draining' | 'ended' = 'open'

  /** `givenUp` is told of partitions whose next fetch was waited for in vain. */
  constructor(limits: EpochLimits, givenUp: (partitions: readonly number[]) => void) {
    this.#limits = limits
    this.#givenUp = givenUp
  }

  open(outbox: Outbox, resumedAt: number | null): void {
    this.#outboxes.set(outbox.partition, outbox)
    this.#resumed.set(outbox.partition, resumedAt)
    this.#queueOf(outbox.partition)
  }

  isOpen(): boolean {
    return this.#state === 'open'
  }

  hasEnded(): boolean {
    return this.#state === 'ended'
  }

  /** Messages of one partition, as a fetch brought them, and whether Kafka has more of it behind them. */
  receive(messages: readonly Message[], hasMore: boolean): void {
    const [first] = messages
    if (!this.isOpen() || first === undefined) return
    const queue = this.#queueOf(first.partition)
    for (const message of messages) {
      queue.add(message)
      this.#waitingBytes += bytesOf(message)
    }
    queue.hasMore = hasMore
    queue.isGivenUp = false
    this.#waiting += messages.length
  }

  /** What a fetch told of a partition without bringing any of it. */
  fetched(partition: number, hasMore: boolean): void {
    if (this.isOpen()) this.#queueOf(partition).hasMore = hasMore
  }

  /**
   * What is already there, as one batch, the oldest of all partitions first: an entity that has transactions in several
   * partitions then counts them as they were made, also where a backlog is read. A partition that has more in Kafka and
   * nothing here may have the oldest: nothing is taken until its next fetch is here, or `orderWaitMs` are over. Empty while
   * draining, or while outcomes are not acknowledged fast enough. `nowMs` never goes back.
   */
  take(nowMs: number): readonly Message[] {
    if (!this.isOpen() || this.#isBlocked()) return []
    const { batchMax, backlogBatchMax } = this.#limits
    const waiting = this.#waiting
    const count = Math.min(waiting, waiting > backlogBatchMax ? backlogBatchMax : batchMax)
    const batch: Message[] = []
    while (batch.length < count) {
      const queue = this.#oldest()
      if (queue !== null) {
        const message = queue.take()
        this.#waitingBytes -= bytesOf(message)
        batch.push(message)
      } else if (batch.length > 0 || !this.#giveUp(nowMs)) break
    }
    if (batch.length > 0 || count === 0) this.#heldSinceMs = null
    this.#waiting -= batch.length
    return batch
  }

  /** How long messages may still wait for the next fetch of another partition; null while none do. */
  heldMsLeft(nowMs: number): number | null {
    if (this.#heldSinceMs === null) return null
    return Math.max(0, this.#heldSinceMs + this.#limits.orderWaitMs - nowMs)
  }

  /**
   * Hands outcomes to their outboxes; returns how many, none when the epoch has ended. In a backlog they may wait there for those
   * of the next batches, until `flush`.
   */
  publish(outcomes: readonly Outcome[]): number {
    if (this.hasEnded()) return 0
    for (const outcome of outcomes) this.#outboxes.get(outcome.partition)?.add(outcome)
    this.#gathered++
    const isBacklog = this.isOpen() && this.#waiting >= gatherWaitingMin
    if (!isBacklog || this.#gathered >= gatherBatchesMax) this.flush()
    return outcomes.length
  }

  /** To be called when no batch follows at once: all that was published is sent. */
  flush(): void {
    this.#gathered = 0
    for (const outbox of this.#outboxes.values()) outbox.flush()
  }

  /**
   * What has changed of what is to be fetched. Partition by partition, so that one of which much waits never keeps one that
   * others wait for from being fetched: where nothing waits, it is fetched.
   */
  regulate(): Regulation {
    const pause: number[] = []
    const resume: number[] = []
    let filled = 0
    for (const { isEmpty } of this.#listed) if (!isEmpty) filled++
    const share = waitingMax / Math.max(1, filled)
    const bytes = this.#heldBytes
    for (const queue of this.#listed) {
      const { partition, size, isPaused } = queue
      if (!isPaused && size > 0 && (size > share || bytes > heldBytesMax)) pause.push(partition)
      else if (isPaused && (size === 0 || (size < share / 2 && bytes < heldBytesMax / 2)))
        resume.push(partition)
      else continue
      queue.isPaused = !isPaused
    }
    return { pause, resume }
  }

  /** Outcomes on their way. */
  get unacknowledged(): number {
    let count = 0
    for (const { size } of this.#outboxes.values()) count += size
    return count
  }

  backlog(): Backlog {
    const outboxes = [...this.#outboxes.values()]
    const next = ({ partition, acknowledged }: Outbox): number | null =>
      acknowledged < 0 ? (this.#resumed.get(partition) ?? null) : acknowledged + 1
    return {
      waiting: this.#waiting,
      outboxes: new Map(outboxes.map(({ partition, size }) => [partition, size])),
      next: new Map(outboxes.map((outbox) => [outbox.partition, next(outbox)])),
    }
  }

  /** Where acknowledged outcomes end, by partition, where that is not committed yet. */
  uncommitted(): Map<number, number> {
    const offsets = new Map<number, number>()
    for (const { partition, acknowledged } of this.#outboxes.values()) {
      const next = acknowledged + 1
      if (next > 0 && this.#committed.get(partition) !== next) offsets.set(partition, next)
    }
    return offsets
  }

  committed(offsets: ReadonlyMap<number, number>): void {
    for (const [partition, next] of offsets) this.#committed.set(partition, next)
  }

  /** From here on nothing more is taken; what was is finished. */
  drain(): void {
    if (!this.isOpen()) return
    this.#state = 'draining'
    this.flush()
  }

  /** Drops everything. Sends that are in flight go on; `Outbox.close` tells when they have ended. */
  end(): void {
    this.#state = 'ended'
    this.#queues.clear()
    this.#listed.length = 0
    this.#waiting = 0
    this.#waitingBytes = 0
    for (const outbox of this.#outboxes.values()) void outbox.close()
  }

  /** The queue whose next message has the least time; null while that of another is not known. */
  #oldest(): PartitionQueue | null {
    let oldest: PartitionQueue | null = null
    for (const queue of this.#listed) {
      if (queue.isEmpty) {
        if (queue.isAwaited && this.#limits.orderWaitMs > 0) return null
      } else if (oldest === null || queue.nextMs < oldest.nextMs) oldest = queue
    }
    return oldest
  }

  /** True when it was waited long enough: until more of them comes, those partitions hold nobody up. */
  #giveUp(nowMs: number): boolean {
    this.#heldSinceMs ??= nowMs
    if (nowMs - this.#heldSinceMs < this.#limits.orderWaitMs) return false
    const awaited = this.#listed.filter(({ isAwaited }) => isAwaited)
    for (const queue of awaited) queue.isGivenUp = true
    this.#givenUp(awaited.map(({ partition }) => partition))
    return true
  }

  #queueOf(partition: number): PartitionQueue {
    let queue = this.#queues.get(partition)
    if (queue === undefined) {
      queue = new PartitionQueue(partition)
      this.#queues.set(partition, queue)
      this.#listed.push(queue)
    }
    return queue
  }

  get #heldBytes(): number {
    let bytes = this.#waitingBytes
    for (const outbox of this.#outboxes.values()) bytes += outbox.bytes
    return bytes
  }

  #isBlocked(): boolean {
    let bytes = 0
    for (const outbox of this.#outboxes.values()) {
      if (outbox.size > this.#limits.outboxMax) return true
      bytes += outbox.bytes
    }
    return bytes > heldBytesMax
  }
}

/** Of what surrounds key and value. */
const messageBytesMore = 200

function bytesOf({ key, value }: Message): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + messageBytesMore
}
