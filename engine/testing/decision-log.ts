// One partition of a decision topic in memory, for many interleavings in little time: sends are lost, written without an
// acknowledgement, or written late, as a seed says. It asserts on every write that no offset was left out before.
import { strict as assert } from 'node:assert'
import { setImmediate } from 'node:timers/promises'
import type { Random } from '../../features/generator/random.ts'
import type { Outcome } from '../core/ports.ts'
import type { NewRecord } from '../stream/kafka.ts'
import type { OutboxPort } from '../stream/outbox.ts'

export class DecisionLog {
  /** Source offsets as they were written. */
  readonly written: number[] = []
  readonly #random: Random
  #greatest = -1
  readonly #late: Promise<void>[] = []

  constructor(random: Random) {
    this.#random = random
  }

  /** Source offset up to which all are there. */
  get greatest(): number {
    return this.#greatest
  }

  /** Offset behind the last record, as a new owner reads it. */
  async resumeAt(): Promise<number> {
    await this.#hops(3)
    return (this.written.at(-1) ?? -1) + 1
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#late)
  }

  /** What one engine writes through. One send at a time is allowed, as idempotence wants it. */
  port(faultRate: number): OutboxPort {
    let inFlight = 0
    const sendDecisions = async (_: number, records: readonly NewRecord[]): Promise<void> => {
      assert.equal(++inFlight, 1, 'two sends in flight')
      const offsets = records.map(({ headers }) => Number(headers['weir-source-offset']))
      await this.#hops(4)
      inFlight--
      if (this.#random.chance(faultRate)) await this.#fail(offsets)
      else this.#write(offsets)
    }
    const recover = async (_: number, error: unknown): Promise<number> => {
      assert.ok(error instanceof Lost, 'only lost sends are to be recovered')
      return (await this.resumeAt()) - 1
    }
    return { sendDecisions, recover, sendDeadLetters: () => Promise.resolve() }
  }

  #fail(offsets: readonly number[]): Promise<never> {
    const fate = this.#random.uniform()
    // Not written, written and not acknowledged, or still under way when the next try has been written.
    if (fate >= 0.6) this.#write(offsets)
    else if (fate >= 0.3) this.#late.push(this.#writeLate(offsets))
    return Promise.reject(new Lost())
  }

  async #writeLate(offsets: readonly number[]): Promise<void> {
    await this.#hops(40)
    this.#write(offsets)
  }

  #write(offsets: readonly number[]): void {
    for (const offset of offsets) {
      assert.ok(offset <= this.#greatest + 1, `${offset} after ${this.#greatest}: a gap`)
      this.#greatest = Math.max(this.#greatest, offset)
      this.written.push(offset)
    }
  }

  async #hops(most: number): Promise<void> {
    for (let left = this.#random.below(most); left >= 0; left--) await setImmediate()
  }
}

class Lost extends Error {}

/** The decision on a message that nothing is known of. */
export function plainDecision(partition: number, offset: number): Outcome {
  return {
    type: 'decision',
    partition,
    offset,
    outcome: 'approve',
    rung: 'full',
    earlier: 'nobody',
    key: String(offset),
    value: '{}',
    traceparent: null,
    reject: null,
    source: null,
  }
}
