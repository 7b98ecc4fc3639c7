// One call on its way: what is known of it, and its reply, which is given once and never changed.
import type { Answer } from '../../features/answer.ts'
import type { Message, Outcome } from '../core/ports.ts'
import type { Known } from './intake.ts'
import type { Reply } from './reply.ts'

export class Call {
  readonly known: Known
  readonly message: Message
  readonly reply: Promise<Reply>
  /** Decided, and not yet known to be the first answer to its address. */
  candidate: Answer | null = null
  /** What it was answered; null without one, or for a call that gets no decision. */
  answer: Answer | null = null
  isAnswered = false
  /** Its records are in the journals. */
  isCounted = false
  /** Who brought its transaction before. */
  earlier: Outcome['earlier'] = 'nobody'
  /** Until when it waits for another replica's answer, on the monotonic clock. */
  readonly patienceUs: number
  readonly #resolve: (reply: Reply) => void

  constructor(known: Known, message: Message, patienceUs: number) {
    this.patienceUs = patienceUs
    this.known = known
    this.message = message
    const { promise, resolve } = withResolvers<Reply>()
    this.reply = promise
    this.#resolve = resolve
  }

  /** The first reply is the reply. */
  send(reply: Reply): void {
    if (this.isAnswered) return
    this.isAnswered = true
    this.#resolve(reply)
  }
}

/** Node 20 has no Promise.withResolvers. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
