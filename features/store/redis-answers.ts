// Answers of calls in Redis, so that any replica gives a retry the same bytes. Each in a key of its own in its primary's
// bucket, without an ordinal; it never touches a journal.
import { type Answer, type AnswerAddress, firstWord } from '../answer.ts'
import type { Keys } from './keys.ts'

/** Sends commands in one pipeline; the reply of each. Rejects with StoreError when one of them failed. */
export type RunCommands = (
  doing: string,
  commands: readonly (readonly string[])[],
) => Promise<(string | null)[]>

const fingerprintChars = 16

/** The Redis adapter of the port Answers (engine/core/ports.ts). One round trip a call. */
export class RedisAnswers {
  readonly #keys: Keys
  readonly #run: RunCommands
  readonly #horizonMs: string

  /** `horizonMs`: how long an answer is kept. */
  constructor(keys: Keys, run: RunCommands, horizonMs: number) {
    this.#keys = keys
    this.#run = run
    this.#horizonMs = String(horizonMs)
  }

  async keep(answers: readonly Answer[]): Promise<Answer[]> {
    // NX and GET together: the first writer wins, and whoever comes later is told what it wrote.
    const replies = await this.#run(
      'keeping answers',
      answers.map((answer) => {
        const value = answer.fingerprint + answer.body
        return ['set', this.#key(answer), value, 'NX', 'GET', 'PX', this.#horizonMs]
      }),
    )
    return answers.map((answer, at) => read(answer, replies[at]!) ?? answer)
  }

  async find(addresses: readonly AnswerAddress[]): Promise<(Answer | null)[]> {
    const replies = await this.#run(
      'finding answers',
      addresses.map((address) => ['get', this.#key(address)]),
    )
    return addresses.map((address, at) => read(address, replies[at]!))
  }

  #key({ primary, id }: AnswerAddress): string {
    return this.#keys.answer(this.#keys.bucketOf(firstWord(primary)), primary, id)
  }
}

function read({ primary, id }: AnswerAddress, value: string | null): Answer | null {
  if (value === null) return null
  const fingerprint = value.slice(0, fingerprintChars)
  return { primary, id, fingerprint, body: value.slice(fingerprintChars) }
}
