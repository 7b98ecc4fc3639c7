// Where the history of a namespace begins: one instant in all of its buckets, also in those that no record has reached yet.
// Calls without a row say it, so that each bucket takes it atomically. It never touches a journal.
import type { JournalPlans } from '../journal.ts'
import { Observation } from '../observation.ts'
import { Call } from './call.ts'
import { Role } from './chain.ts'
import type { Journals } from './journals.ts'
import type { Keys } from './keys.ts'
import type { Wire } from './observer.ts'
import { Packer } from './packer.ts'
import { StoreError } from './store.ts'

export class History {
  readonly #keys: Keys
  readonly #wire: Wire
  readonly #packer: Packer
  readonly #nothing: Observation
  readonly #ttlS: number
  readonly #buckets: readonly number[]
  #hasBegun = false

  constructor(plans: JournalPlans, keys: Keys, journals: Journals, wire: Wire, ttlS: number) {
    this.#keys = keys
    this.#wire = wire
    this.#packer = new Packer(plans, keys, journals)
    this.#nothing = new Observation(0, plans.journals.length, 8)
    this.#ttlS = ttlS
    this.#buckets = Array.from({ length: keys.buckets }, (_, bucket) => bucket)
  }

  /**
   * Before the first batch of this process: history begins with it in buckets where it has not begun. One bucket's begins
   * with its first record anyway; several must not each have a beginning of their own. Rejects with StoreError.
   */
  async begin({ timeMs, count }: Observation): Promise<void> {
    if (this.#hasBegun) return
    const buckets = this.#buckets
    if (buckets.length > 1) {
      const found = await this.#wire.readFields(
        buckets.map((bucket) => ({ key: this.#keys.chain(bucket), field: 'since' })),
      )
      const unopened = buckets.filter((bucket) => found[bucket] === null)
      await this.#say(unopened, Math.min(...timeMs.subarray(0, count)), false)
    }
    this.#hasBegun = true
  }

  /** Something before `sinceMs` is missing: no bucket's history reaches further back. Rejects with StoreError. */
  async renew(sinceMs: number): Promise<void> {
    await this.#say(this.#buckets, sinceMs, true)
  }

  async #say(buckets: readonly number[], sinceMs: number, isAnew: boolean): Promise<void> {
    if (buckets.length === 0) return
    this.#packer.begin(new Uint32Array(0))
    for (const bucket of buckets) {
      this.#packer.pack(new Call(bucket, Role.all), this.#nothing, {
        chainKey: this.#keys.chain(bucket),
        prefix: '',
        renew: isAnew,
        sinceMs,
        ttlS: this.#ttlS,
        incarnation: new Uint8Array(8),
      })
    }
    const replies = await this.#wire.send(this.#packer.packed, buckets.length)
    const failure = replies.find((reply) => reply instanceof StoreError)
    if (failure === undefined) return
    this.#packer.abandon()
    if (!(await this.#wire.restore(failure))) throw failure
    await this.#say(buckets, sinceMs, isAnew)
  }
}
