// Answers in this process' memory: the first to an address stays, until the horizon or until newer ones need its room.
import type { Answer, AnswerAddress } from '../../features/answer.ts'
import type { Answers, Clock } from '../core/ports.ts'

export interface KeptOptions {
  readonly horizonMs: number
  /** Bound of all answers together, about; the oldest go first. */
  readonly bytesMax: number
  readonly clock: Clock
}

interface Kept {
  readonly answer: Answer
  readonly untilUs: number
}

/** What a kept answer costs besides its texts, about. */
const entryBytes = 400

export class KeptAnswers implements Answers {
  readonly #options: KeptOptions
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  constructor(options: KeptOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#kept.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(address: AnswerAddress): Answer | null {
    const kept = this.#kept.get(keyOf(address))
    return kept === undefined || kept.untilUs <= this.#nowUs ? null : kept.answer
  }

  /** Keeps the answer unless its address has one, and returns what is kept there. */
  first(answer: Answer): Answer {
    const before = this.get(answer)
    if (before !== null) return before
    const key = keyOf(answer)
    this.#drop(key)
    this.#kept.set(key, { answer, untilUs: this.#nowUs + this.#options.horizonMs * 1000 })
    this.#bytes += bytesOf(answer)
    this.#makeRoom()
    return answer
  }

  keep(answers: readonly Answer[]): Promise<Answer[]> {
    return Promise.resolve(answers.map((answer) => this.first(answer)))
  }

  find(addresses: readonly AnswerAddress[]): Promise<(Answer | null)[]> {
    return Promise.resolve(addresses.map((address) => this.get(address)))
  }

  #makeRoom(): void {
    for (const [key, { untilUs }] of this.#kept) {
      const isOver = this.#bytes > this.#options.bytesMax && this.#kept.size > 1
      if (!isOver && untilUs > this.#nowUs) return
      this.#drop(key)
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    this.#bytes -= bytesOf(kept.answer)
  }

  get #nowUs(): number {
    return this.#options.clock.monotonicUs()
  }
}

function keyOf({ primary, id }: AnswerAddress): string {
  return `${primary}.${id}`
}

function bytesOf({ body }: Answer): number {
  return entryBytes + body.length
}
