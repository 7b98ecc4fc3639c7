// Function calls on their way to Redis and back: which rows and slots each is for, and what it was packed with.
import type { Position, Role } from './chain.ts'
import { rowsPerCallMax } from './store.ts'

/** Rows of a batch for one bucket, and what was stated when they were packed. */
export class Call {
  readonly bucket: number
  readonly role: Role
  /** Where its bytes lie among those of a pipeline. */
  start = 0
  end = 0
  readonly rows: number[] = []
  /** Slots in row order, the primary first. */
  readonly slots: number[] = []
  /** Per row: how many slots. */
  readonly slotsOf: number[] = []
  /** Source partitions, their positions, and the last offset of each. */
  readonly partitions: number[] = []
  readonly positions: Position[] = []
  readonly lasts: number[] = []
  /** Numbers of journals, pinned from packing until `unpin`; the first slot of each, and the ordinal it is held up to. */
  readonly journals: number[] = []
  readonly firstSlots: number[] = []
  readonly held: number[] = []
  /** Per journal, once it is answered: how many records it has. */
  readonly befores: number[] = []
  /** Per journal: how many records of it were held that are asked for once more, because they may have been adopted. */
  readonly forgotten: number[] = []
  /** Per slot: place in `journals`; ordinal of its record in what is held, -1 where it is not there. */
  readonly journalOf: number[] = []
  readonly located: number[] = []

  constructor(bucket: number, role: Role) {
    this.bucket = bucket
    this.role = role
  }

  add(row: number): void {
    this.rows.push(row)
    this.slotsOf.push(0)
  }

  addSlot(slot: number): void {
    this.slots.push(slot)
    this.slotsOf[this.slotsOf.length - 1]!++
  }
}

/** Rows gathered into calls of one role, in row order, at most `rowsPerCallMax` each. */
export class Calls {
  readonly all: Call[] = []
  readonly #role: Role
  readonly #open = new Map<number, Call>()

  constructor(role: Role) {
    this.#role = role
  }

  /** The call at `bucket` that `row` belongs to. */
  at(bucket: number, row: number, partition: number): Call {
    let call = this.#open.get(bucket)
    if (call?.rows[call.rows.length - 1] === row) return call
    if (call === undefined || call.rows.length === rowsPerCallMax) {
      call = new Call(bucket, this.#role)
      this.#open.set(bucket, call)
      this.all.push(call)
    }
    call.add(row)
    if (partition >= 0 && !call.partitions.includes(partition)) call.partitions.push(partition)
    return call
  }
}
