// A batch's rows gathered into calls, by bucket and in row order. It never looks at records.
import { strict as assert } from 'node:assert'
import type { JournalPlans } from '../journal.ts'
import { type Observation, Seen } from '../observation.ts'
import { Call } from './call.ts'
import { Role } from './chain.ts'
import type { Keys } from './keys.ts'
import { rowsPerCallMax } from './store.ts'

/** What it returns is valid until it is asked for the same again. */
export class GatheredCalls {
  readonly #primary: number
  readonly #keys: Keys
  readonly #primaries: Calls
  readonly #others: Calls

  constructor({ primary, journals }: JournalPlans, keys: Keys) {
    const kinds = journals.length
    this.#primary = primary
    this.#keys = keys
    this.#primaries = new Calls(keys.buckets === 1 ? Role.all : Role.primaries, kinds, keys.buckets)
    this.#others = new Calls(Role.others, kinds, keys.buckets)
  }

  /** Every row at its primary's bucket; with one bucket, whole rows. */
  primaries(batch: Observation): readonly Call[] {
    const primary = this.#primary
    const isWhole = this.#keys.buckets === 1
    this.#primaries.begin()
    for (let row = 0; row < batch.count; row++) {
      const first = row * batch.entityCount
      assert(batch.present[first + primary] === 1)
      const bucket = this.#keys.bucketOf(batch.key[(first + primary) * 4]!)
      const call = this.#primaries.at(bucket, row, batch.partition[row]!)
      call.addSlot(first + primary)
      for (let entity = 0; isWhole && entity < batch.entityCount; entity++) {
        if (entity !== primary && batch.present[first + entity] === 1) call.addSlot(first + entity)
      }
    }
    return this.#primaries.all
  }

  /** The other entities of rows that are new or come again: a duplicate touches no other journal. */
  others(batch: Observation): readonly Call[] {
    this.#others.begin()
    for (let row = 0; row < batch.count; row++) {
      const seen = batch.seen[row]
      if (seen === Seen.duplicate || seen === Seen.conflict) continue
      const first = row * batch.entityCount
      for (let entity = 0; entity < batch.entityCount; entity++) {
        const slot = first + entity
        if (entity === this.#primary || batch.present[slot] === 0) continue
        const bucket = this.#keys.bucketOf(batch.key[slot * 4]!)
        this.#others.at(bucket, row, batch.partition[row]!).addSlot(slot)
      }
    }
    return this.#others.all
  }
}

const none = -1

/** Calls of one role, at most `rowsPerCallMax` rows each. */
class Calls {
  readonly #role: Role
  readonly #entityCount: number
  readonly #all: Call[] = []
  /** All that were ever needed at once. */
  readonly #made: Call[] = []
  #count = 0
  /** By bucket: the call that rows are added to. */
  readonly #open: Int32Array

  constructor(role: Role, entityCount: number, buckets: number) {
    this.#role = role
    this.#entityCount = entityCount
    this.#open = new Int32Array(buckets).fill(none)
  }

  begin(): void {
    for (let at = 0; at < this.#count; at++) this.#open[this.#made[at]!.bucket] = none
    this.#count = 0
  }

  get all(): readonly Call[] {
    for (let at = 0; at < this.#count; at++) this.#all[at] = this.#made[at]!
    this.#all.length = this.#count
    return this.#all
  }

  /** The call at `bucket` that `row` belongs to. */
  at(bucket: number, row: number, partition: number): Call {
    const open = this.#open[bucket]!
    if (open !== none) {
      const call = this.#made[open]!
      if (call.rows[call.rowCount - 1] === row) return call
      if (call.rowCount < rowsPerCallMax) {
        call.add(row, partition)
        return call
      }
    }
    this.#open[bucket] = this.#count
    const call = (this.#made[this.#count++] ??= new Call(this.#role, this.#entityCount))
    call.begin(bucket)
    call.add(row, partition)
    return call
  }
}
