// Function calls on their way to Redis and back: which rows and slots each is for, and what it was packed with. Sized once and
// filled anew: what a batch needs of them is no garbage.
import type { Position, Role } from './chain.ts'
import { rowsPerCallMax } from './store.ts'

/** Rows of a batch for one bucket, and what was stated when they were packed. Of each column, as many as its count says. */
export class Call {
  bucket = 0
  role: Role
  /** Where its bytes lie among those of a pipeline. */
  start = 0
  end = 0
  rowCount = 0
  readonly rows = new Int32Array(rowsPerCallMax)
  /** Per row: how many slots. */
  readonly slotsOf = new Int32Array(rowsPerCallMax)
  /** Source partitions, their positions, and the last offset of each. */
  partitionCount = 0
  readonly partitions = new Int32Array(rowsPerCallMax)
  readonly positions: Position[] = []
  readonly lasts = new Float64Array(rowsPerCallMax)
  /** Slots in row order, the primary first. */
  slotCount = 0
  readonly slots: Int32Array
  /** Per slot: place in `journals`; ordinal of its record in what is held, -1 where it is not there. */
  readonly journalOf: Int32Array
  readonly located: Float64Array
  /** Numbers of journals, pinned from packing until `unpin`; the first slot of each, and the ordinal it is held up to. */
  journalCount = 0
  readonly journals: Int32Array
  readonly firstSlots: Int32Array
  readonly held: Float64Array
  /** Per journal, once it is answered: how many records it has. */
  readonly befores: Float64Array
  /** Per journal: how many records of it were held that are asked for once more, because they may have been adopted. */
  readonly forgotten: Float64Array

  constructor(role: Role, entityCount: number) {
    const slotsMax = rowsPerCallMax * entityCount
    this.role = role
    this.slots = new Int32Array(slotsMax)
    this.journalOf = new Int32Array(slotsMax)
    this.located = new Float64Array(slotsMax)
    this.journals = new Int32Array(slotsMax)
    this.firstSlots = new Int32Array(slotsMax)
    this.held = new Float64Array(slotsMax)
    this.befores = new Float64Array(slotsMax)
    this.forgotten = new Float64Array(slotsMax)
  }

  /** Empties it, for another batch. */
  begin(bucket: number): void {
    this.bucket = bucket
    this.rowCount = 0
    this.partitionCount = 0
    this.slotCount = 0
    this.journalCount = 0
  }

  add(row: number, partition: number): void {
    this.rows[this.rowCount] = row
    this.slotsOf[this.rowCount++] = 0
    if (partition >= 0 && this.placeOf(partition) === -1) {
      this.partitions[this.partitionCount++] = partition
    }
  }

  addSlot(slot: number): void {
    this.slots[this.slotCount++] = slot
    this.slotsOf[this.rowCount - 1]!++
  }

  /** Of a partition; -1 where the call has none of its rows. */
  placeOf(partition: number): number {
    for (let place = 0; place < this.partitionCount; place++) {
      if (this.partitions[place] === partition) return place
    }
    return -1
  }
}
