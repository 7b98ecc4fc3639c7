// What belongs to one assignment of partitions: messages that wait to be decided, outcomes on their way out. It ends as a
// whole: what is still there then is dropped, and whoever owns the partitions next derives it again.
import { strict as assert } from 'node:assert'
import type { Message, Outcome } from '../core/ports.ts'
import type { Outbox } from './outbox.ts'

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
}

const waitingMax = 4096
const waitingLow = 1024
/** Of messages and outcomes together; one fetch more may come when it is reached. */
const heldBytesMax = 64 * 2 ** 20

export class Epoch {
  readonly #limits: EpochLimits
  readonly #outboxes = new Map<number, Outbox>()
  /** Last committed position by partition. */
  readonly #committed = new Map<number, number>()
  /** Where each partition was gone on from; null: where the group had committed. */
  readonly #resumed = new Map<number, number | null>()
  /** What waits, by partition; and the same in a list, which is gone through for each message. */
  readonly #queues = new Map<number, Queue>()
  readonly #listed: Queue[] = []
  #waiting = 0
  #waitingBytes = 0
  #state: 'open' | 'draining' | 'ended' = 'open'

  constructor(limits: EpochLimits) {
    this.#limits = limits
  }

  open(outbox: Outbox, resumedAt: number | null): void {
    this.#outboxes.set(outbox.partition, outbox)
    this.#resumed.set(outbox.partition, resumedAt)
  }

  isOpen(): boolean {
    return this.#state === 'open'
  }

  hasEnded(): boolean {
    return this.#state === 'ended'
  }

  receive(messages: readonly Message[]): void {
    if (!this.isOpen()) return
    for (const message of messages) {
      let queue = this.#queues.get(message.partition)
      if (queue === undefined) {
        queue = new Queue()
        this.#queues.set(message.partition, queue)
        this.#listed.push(queue)
      }
      queue.add(message)
      this.#waitingBytes += bytesOf(message)
    }
    this.#waiting += messages.length
  }

  /**
   * What is already there, as one batch, the oldest of all partitions first: an entity that has transactions in several
   * partitions then counts them as they were made, also where a backlog is read. Empty while draining, or while outcomes are
   * not acknowledged fast enough.
   */
  take(): readonly Message[] {
    if (!this.isOpen() || this.#isBlocked()) return []
    const { batchMax, backlogBatchMax } = this.#limits
    const waiting = this.#waiting
    const count = Math.min(waiting, waiting > backlogBatchMax ? backlogBatchMax : batchMax)
    const batch: Message[] = []
    while (batch.length < count) {
      const message = this.#oldest().take()
      this.#waitingBytes -= bytesOf(message)
      batch.push(message)
    }
    this.#waiting -= count
    return batch
  }

  /** Hands outcomes to their outboxes; returns how many, none when the epoch has ended. */
  publish(outcomes: readonly Outcome[]): number {
    if (this.hasEnded()) return 0
    for (const outcome of outcomes) this.#outboxes.get(outcome.partition)?.add(outcome)
    for (const outbox of this.#outboxes.values()) outbox.flush()
    return outcomes.length
  }

  /** More is here than should be: to be fetched no further. */
  get isOverfull(): boolean {
    return this.#waiting > waitingMax || this.#heldBytes > heldBytesMax
  }

  /** To be fetched again. */
  get isLow(): boolean {
    return this.#waiting < waitingLow && this.#heldBytes < heldBytesMax / 2
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
    if (this.isOpen()) this.#state = 'draining'
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

  /** Of the queues that have any, the one whose next message has the least time. */
  #oldest(): Queue {
    let oldest: Queue | null = null
    for (const queue of this.#listed) {
      if (queue.isEmpty) continue
      if (oldest === null || queue.nextMs < oldest.nextMs) oldest = queue
    }
    assert(oldest !== null, 'fewer messages than were counted')
    return oldest
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

/** Messages of one partition, in its order. */
class Queue {
  #messages: Message[] = []
  #taken = 0

  get isEmpty(): boolean {
    return this.#taken === this.#messages.length
  }

  /** When the next one was written, by the topic's clock. */
  get nextMs(): number {
    return this.#messages[this.#taken]!.timestampMs
  }

  add(message: Message): void {
    this.#messages.push(message)
  }

  take(): Message {
    const message = this.#messages[this.#taken++]!
    if (this.isEmpty) this.#messages = []
    else if (this.#taken >= waitingLow) this.#messages.splice(0, this.#taken)
    else return message
    this.#taken = 0
    return message
  }
}
