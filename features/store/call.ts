// One function call on its way to Redis and back: which rows and slots it is for, and what it was packed with.
import type { Position, Role } from './chain.ts'

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
