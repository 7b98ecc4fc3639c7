// The simplest store there is, for tests of the fold: every journal whole in one buffer, nothing compacted, no repeats.

import { blockRecords, type JournalPlan } from '../journal.ts'
import type { Observation } from '../observation.ts'
import type { Plan } from '../plan.ts'
import { Head, State } from '../running-plan.ts'
import { type Hops, View, type Views } from '../view.ts'

/** float64s before the running sums. */
const margin = 3

interface WholeJournal {
  bytes: Buffer
  count: number
  readonly width: number
  /** Running sums: for so many records from `base` on. */
  running: Float64Array
  capacity: number
  base: number
}

/** Appends each row's records and shows the views at their ordinals. `base` lies at a hop boundary when asked to. */
export class WholeJournals implements Views {
  readonly #plan: Plan
  readonly #journals: WholeJournal[] = []
  readonly #handles = new Map<string, number>()
  /** Records that are summed before the view is handed out, as a store's compaction would: at most one cap behind. */
  compact = false
  /** Views come with blocks, as from a store that holds a longer journal. */
  sum = false
  /** And with running sums. */
  run = false

  constructor(plan: Plan) {
    this.#plan = plan
  }

  append(batch: Observation): void {
    const kinds = this.#plan.journals.length
    for (let slot = 0; slot < batch.count * kinds; slot++) {
      batch.handle[slot] = -1
      batch.ordinal[slot] = -1
      if (batch.present[slot] === 0) continue
      const key = `${slot % kinds} ${batch.key.subarray(slot * 4, slot * 4 + 4).join(' ')}`
      let handle = this.#handles.get(key)
      if (handle === undefined) {
        handle = this.#journals.length
        this.#handles.set(key, handle)
        const { width } = this.#plan.journals[slot % kinds]!
        const running = new Float64Array(0)
        this.#journals.push({
          bytes: Buffer.alloc(0),
          count: 0,
          width,
          running,
          capacity: 0,
          base: 0,
        })
      }
      const journal = this.#journals[handle]!
      const at = slot * batch.recordStride
      const record = batch.records.subarray(at, at + journal.width)
      journal.bytes = Buffer.concat([journal.bytes, record])
      batch.handle[slot] = handle * kinds + (slot % kinds)
      batch.ordinal[slot] = journal.count++
    }
  }

  view(handle: number, ordinal: number, out: View): void {
    const kinds = this.#plan.journals.length
    const { bytes, width, count } = this.#journals[Math.floor(handle / kinds)]!
    const plan = this.#plan.journals[handle % kinds]!
    out.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    out.ordinal = ordinal
    out.count = count
    out.hopsCached = null
    out.hopsThrough = 0
    const boundary = Math.max(0, Math.floor(ordinal / plan.cap) - 2) * plan.cap
    out.base = this.compact ? boundary : 0
    out.start = out.base * width
    out.blocks = this.sum ? this.#blocks(handle, out) : null
    out.blocksAt = 0
    out.running = null
    if (this.run) this.#show(this.#journals[Math.floor(handle / kinds)]!, plan, out)
    out.hops = out.base === 0 ? null : this.#sum(handle, out.base)
  }

  /** Whether the journal's running sums are those of a transaction at `timeMs`. */
  isCarried(handle: number, timeMs: number): boolean {
    const { running } = this.#journals[Math.floor(handle / this.#plan.journals.length)]!
    return running[margin + Head.state] === State.live && running[margin + Head.nowMs] === timeMs
  }

  /** In memory of their own, begun anew where the journal outgrows it or is compacted. */
  #show(journal: WholeJournal, plan: JournalPlan, out: View): void {
    if (journal.count - out.base > journal.capacity || journal.base !== out.base) {
      journal.capacity = Math.max(4, 2 * (journal.count - out.base))
      journal.base = out.base
      // What a store hands over has been used before.
      const floats = plan.runningBytes(journal.capacity) / 8
      journal.running = new Float64Array(floats + margin).fill(Number.NaN)
      journal.running[margin] = 0
    }
    out.running = journal.running
    out.runningHalves = new Uint16Array(journal.running.buffer)
    out.runningAt = margin
    out.runningCapacity = journal.capacity
    out.runningOf = plan
  }

  #blocks(handle: number, view: View): Float64Array {
    const plan = this.#plan.journals[handle % this.#plan.journals.length]!
    const count = Math.floor((view.ordinal - view.base) / blockRecords)
    const blocks = new Float64Array(count * plan.blockFloats)
    for (let block = 0; block < count; block++) {
      const start = view.start + block * blockRecords * plan.width
      plan.sumBlock(view.data, start, blocks, block * plan.blockFloats)
    }
    return blocks
  }

  #sum(handle: number, count: number): Hops {
    const kinds = this.#plan.journals.length
    const { bytes } = this.#journals[Math.floor(handle / kinds)]!
    const plan = this.#plan.journals[handle % kinds]!
    const hops = new Float64Array(plan.hopFloats)
    plan.clearHops(hops)
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    plan.addToHops(hops, data, 0, count)
    return hops
  }
}
