// Messages of one partition that wait to be decided, in its order, and what is known of more: told by fetches, never guessed
// from times.
import type { Message } from '../core/ports.ts'

export class PartitionQueue {
  readonly partition: number
  #messages: Message[] = []
  #taken = 0
  /** Kafka has more of it behind these; also before the first fetch has told. */
  hasMore = true
  /** Its next fetch was waited for in vain. */
  isGivenUp = false
  /** Its source was told to fetch no more of it. */
  isPaused = false

  constructor(partition: number) {
    this.partition = partition
  }

  get size(): number {
    return this.#messages.length - this.#taken
  }

  get isEmpty(): boolean {
    return this.#taken === this.#messages.length
  }

  /** Nothing is here, and something is to come that may be older than what others have. */
  get isAwaited(): boolean {
    return this.hasMore && !this.isGivenUp && this.isEmpty
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
    else if (this.#taken >= takenMax) this.#messages.splice(0, this.#taken)
    else return message
    this.#taken = 0
    return message
  }
}

/** Places of taken messages that are kept until they go at once. */
const takenMax = 1024
