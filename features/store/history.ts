// Where the history of a namespace begins: one instant in all of its buckets, also in those that no record has reached yet.
// Calls without a row say it, so that each bucket takes it atomically. It never touches a journal.
import type { JournalPlans } from '../journal.ts'
import { Observation } from '../observation.ts'
import { Call } from './call.ts'
import { Role } from './chain.ts'
import type { Journals } from './journals.ts'
import type { Keys } from './keys.ts'
import { Packer } from './packer.ts'
import { StoreError } from './store.ts'
import type { Failure, PackedCall, Wire } from './wire.ts'

export class History {
  readonly #keys: Keys
  readonly #wire: Wire
  readonly #packer: Packer
  readonly #nothing: Observation
  readonly #call: Call
  readonly #ttlS: number
  readonly #buckets: readonly number[]
  /** True once `begin` has nothing to do. */
  hasBegun = false

  constructor(plans: JournalPlans, keys: Keys, journals: Journals, wire: Wire, ttlS: number) {
    this.#keys = keys
    this.#wire = wire
    this.#packer = new Packer(plans, keys, journals)
    this.#nothing = new Observation(0, plans.journals.length, 8)
    this.#call = new Call(Role.all, plans.journals.length)
    this.#ttlS = ttlS
    this.#buckets = Array.from({ length: keys.buckets }, (_, bucket) => bucket)
  }

  /**
   * Before the first batch of this process: history begins with it in buckets where it has not begun. One bucket's begins
   * with its first record anyway; several must not each have a beginning of their own. Rejects with StoreError.
   */
  async begin({ timeMs, count }: Observation): Promise<void> {
    if (this.hasBegun) return
    const buckets = this.#buckets
    if (buckets.length > 1) {
      const found = await this.#wire.run(
        'reading where history begins',
        buckets.map((bucket) => ['hget', this.#keys.chain(bucket), 'since']),
      )
      const unopened = buckets.filter((bucket) => found[bucket] === null)
      await this.#say(unopened, Math.min(...timeMs.subarray(0, count)), false)
    }
    this.hasBegun = true
  }

  /** Something before `sinceMs` is missing: no bucket's history reaches further back. Rejects with StoreError. */
  async renew(sinceMs: number): Promise<void> {
    await this.#say(this.#buckets, sinceMs, true)
  }

  /** Sends until every bucket has taken it. */
  async #say(buckets: readonly number[], sinceMs: number, isAnew: boolean): Promise<void> {
    let pending = buckets
    for (let repeats = 0; pending.length > 0; repeats++) {
      const replies = await this.#wire.send(...this.#pack(pending, sinceMs, isAnew))
      const failures = pending.flatMap((bucket, at): Failure[] => {
        const error = replies[at]!
        return error instanceof StoreError ? [{ bucket, error }] : []
      })
      if (failures.length > 0) {
        this.#packer.abandon()
        await this.#wire.mend(failures, repeats)
      }
      pending = failures.map(({ bucket }) => bucket)
    }
  }

  #pack(buckets: readonly number[], sinceMs: number, isAnew: boolean): [Buffer, PackedCall[]] {
    this.#packer.begin(new Uint32Array(0))
    const calls = buckets.map((bucket) => {
      const start = this.#packer.length
      this.#call.begin(bucket)
      this.#packer.pack(this.#call, this.#nothing, {
        chainKey: this.#keys.chain(bucket),
        prefix: '',
        renew: isAnew,
        sinceMs,
        ttlS: this.#ttlS,
        incarnation: new Uint8Array(8),
      })
      return { bucket, start, end: this.#packer.length }
    })
    return [this.#packer.packed, calls]
  }
}
