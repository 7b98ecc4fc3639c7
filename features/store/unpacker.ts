// The receiving end of observe.lua, whose head has the layout: places the bytes of replies by ordinal and answers the rows.
import { strict as assert } from 'node:assert'
import type { JournalPlan, JournalPlans } from '../journal.ts'
import { type Observation, Seen } from '../observation.ts'
import type { Call } from './call.ts'
import { Role } from './chain.ts'
import type { Journals } from './journals.ts'
import { noteBringer, noteFirst } from './source.ts'
import { StoreError } from './store.ts'
import { unpackSums } from './whole.ts'

const headBytes = 9
const countBytes = 8
/** Incarnation, base, bytes of sums. */
const wholeBytes = 20
const generationBytes = 4
/** How Redis has taken a call: nothing was written; each row has its answer; or all records are new, which says as much. */
const Status = { answered: 0, refused: 1, added: 2 } as const
/** How a journal comes back, in bits: to be compacted; with its count, since it is not what is held. */
const Read = { none: 0, suffix: 1, whole: 2, wanted: 4, counted: 8 } as const

/** How Redis answered: `refused` means that nothing was written. `stored` is per source partition of the call. */
export interface Answer {
  readonly refused: boolean
  /** Event time, ms, from which the bucket knows everything; -1 when it is empty. */
  readonly sinceMs: number
  readonly stored: readonly number[]
  /** A journal has not all that was held of it, and is no other one: Redis went back. */
  readonly isBehind: boolean
  /** Journals that are to be compacted. */
  readonly wanted: readonly Wanted[]
}

/** A journal that Redis asks to be compacted, as long as it is of this generation. */
export interface Wanted {
  readonly journal: number
  /** Of the journal's first record in the batch. */
  readonly slot: number
  readonly generation: number
}

const nothingWanted: readonly Wanted[] = []

export class Unpacker {
  readonly #plans: JournalPlans
  readonly #journals: Journals
  /** Journals found to be others than those that calls in flight name, and what took their place. */
  readonly #replaced = new Map<number, number>()
  #words: Uint32Array = new Uint32Array(0)
  #isBehind = false
  #wanted: readonly Wanted[] = nothingWanted

  constructor(plans: JournalPlans, journals: Journals) {
    this.#plans = plans
    this.#journals = journals
  }

  /** Begins a pipeline for rows of a batch whose records are `words`. */
  begin(words: Uint32Array): void {
    this.#words = words
  }

  /** Reads a reply, places its bytes and answers the rows of the call. A refusal answers none. */
  unpack(call: Call, batch: Observation, reply: Buffer): Answer {
    const data = new DataView(reply.buffer, reply.byteOffset, reply.byteLength)
    const status = data.getUint8(0)
    const sinceMs = data.getFloat64(1, true)
    let at = headBytes
    const stored: number[] = []
    for (; stored.length < call.partitionCount; at += 8) stored.push(data.getFloat64(at, true))
    this.#isBehind = false
    this.#wanted = nothingWanted
    if (status !== Status.refused) {
      const answers = at + call.journalCount
      const isAdded = status === Status.added
      const rows = isAdded ? 0 : call.rowCount + call.slotCount * 8
      this.#place(call, batch, data, at, answers + rows)
      if (isAdded) this.#add(call, batch, sinceMs)
      else this.#answer(call, batch, data, answers, sinceMs)
    }
    const refused = status === Status.refused
    return { refused, sinceMs, stored, isBehind: this.#isBehind, wanted: this.#wanted }
  }

  /** The calls are over, answered or not. */
  unpin(calls: readonly Call[]): void {
    for (const call of calls) {
      for (let place = 0; place < call.journalCount; place++) {
        this.#journals.unpin(call.journals[place]!)
      }
      call.journalCount = 0
    }
    if (this.#replaced.size > 0) this.#replaced.clear()
  }

  /** Places the bytes of a reply, whose journals begin at `modes` and go on at `from`. */
  #place(call: Call, batch: Observation, data: DataView, modes: number, from: number): void {
    const count = call.journalCount
    let whole = from
    let generation = 0
    let text = 0
    for (let place = 0; place < count; place++) {
      const read = data.getUint8(modes + place)
      if ((read & Read.counted) !== 0) whole += countBytes
      if ((read & Read.whole) !== 0) generation += wholeBytes
      if ((read & Read.wanted) !== 0) text += generationBytes
    }
    generation += whole
    text += generation
    let counted = from
    for (let place = 0; place < count; place++) {
      const read = data.getUint8(modes + place)
      call.befores[place] = call.held[place]!
      if (read === Read.none) continue
      if ((read & Read.counted) !== 0) {
        call.befores[place] = data.getFloat64(counted, true)
        counted += countBytes
      }
      const before = call.befores[place]!
      if ((read & Read.whole) !== 0) {
        text = this.#placeWhole(call, place, batch, data, whole, text, before)
        whole += wholeBytes
      } else {
        const width = this.#plan(batch, call.firstSlots[place]!).width
        this.#placeSuffix(call.journals[place]!, call.held[place]!, data, text, before, width)
        text += (before - call.held[place]!) * width
      }
      if ((read & Read.wanted) === 0) continue
      this.#want(call, place, data.getUint32(generation, true))
      generation += generationBytes
    }
    assert(text === data.byteLength)
  }

  #want(call: Call, place: number, generation: number): void {
    const wanted = { journal: call.journals[place]!, slot: call.firstSlots[place]!, generation }
    this.#wanted = [...this.#wanted, wanted]
  }

  #placeSuffix(
    journal: number,
    held: number,
    data: DataView,
    text: number,
    before: number,
    width: number,
  ): void {
    // A call before this one in the pipeline may have placed some of it already.
    const count = this.#journals.count(journal)
    if (before === count) return
    if (before < count) this.#giveUp(journal)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    this.#journals.extend(journal, bytes, text + (count - held) * width, before - count)
  }

  /** Returns where the next journal's bytes begin. */
  #placeWhole(
    call: Call,
    place: number,
    batch: Observation,
    data: DataView,
    at: number,
    text: number,
    count: number,
  ): number {
    const journals = this.#journals
    const named = call.journals[place]!
    const low = data.getUint32(at, true)
    const high = data.getUint32(at + 4, true)
    const base = data.getFloat64(at + 8, true)
    const start = text + data.getUint32(at + 16, true)
    const plan = this.#plan(batch, call.firstSlots[place]!)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    // Where others have compacted beyond all that is held, the whole comes from a journal that lacks nothing.
    const lacksHeld = call.held[place]! > base || count < call.forgotten[place]!
    if (lacksHeld && journals.isIncarnation(named, low, high)) this.#isBehind = true
    const successor = this.#replaced.get(named)
    let journal = successor ?? named
    const held = journals.count(journal)
    // Filled by a call before this one in the pipeline, which could not be named in this one yet.
    const isFilled = held > base && (successor !== undefined || call.held[place] === 0)
    if (isFilled && journals.isIncarnation(journal, low, high) && count >= held) {
      journals.extend(journal, bytes, start + (held - base) * plan.width, count - held)
    } else {
      const hops = base === 0 ? null : unpackSums(plan, bytes.subarray(text, start))
      if (held > 0) journal = journals.detach(journal)
      journals.setIncarnation(journal, low, high)
      journals.fill(journal, { bytes, start, count, base, hops })
    }
    if (journal !== named) {
      this.#replaced.set(named, journal)
      journals.pin(journal)
      journals.unpin(named)
      call.journals[place] = journal
    }
    return start + (count - base) * plan.width
  }

  #answer(call: Call, batch: Observation, data: DataView, from: number, sinceMs: number): void {
    const values = from + call.rowCount
    let at = 0
    for (let index = 0; index < call.rowCount; index++) {
      const row = call.rows[index]!
      const seen = data.getUint8(from + index) as Seen
      if (call.role !== Role.others) batch.seen[row] = seen
      batch.historySinceMs[row] = Math.max(batch.historySinceMs[row]!, sinceMs)
      const isOther = seen === Seen.duplicate || seen === Seen.conflict
      for (let slot = 0; slot < call.slotsOf[index]!; slot++, at++) {
        if (isOther && slot > 0) continue
        this.#answerSlot(call, batch, at, data.getFloat64(values + at * 8, true))
      }
      if (seen === Seen.adopted) this.#adopt(batch, row)
      if (isOther) this.#note(noteFirst, batch, row)
      else if (seen === Seen.redelivery && batch.partition[row]! < 0)
        this.#note(noteBringer, batch, row)
    }
  }

  /** All records are new: each follows the one before it in its journal. */
  #add(call: Call, batch: Observation, sinceMs: number): void {
    for (let index = 0; index < call.rowCount; index++) {
      const row = call.rows[index]!
      if (call.role !== Role.others) batch.seen[row] = Seen.fresh
      batch.historySinceMs[row] = Math.max(batch.historySinceMs[row]!, sinceMs)
    }
    for (let at = 0; at < call.slotCount; at++) {
      this.#answerSlot(call, batch, at, call.befores[call.journalOf[at]!]!++)
    }
  }

  /** What is held may be older than the adoption: appended or read by a call before this one, or by a row. */
  #adopt(batch: Observation, row: number): void {
    const slot = row * batch.entityCount + this.#plans.primary
    const word = (slot * batch.recordStride) >>> 2
    this.#journals.adopt(batch.handle[slot]!, batch.ordinal[slot]!, this.#words, word)
  }

  #answerSlot(call: Call, batch: Observation, at: number, value: number): void {
    const journals = this.#journals
    const slot = call.slots[at]!
    const journal = call.journals[call.journalOf[at]!]!
    if (value < 0) {
      batch.ordinal[slot] = -1 - value
      batch.applied[slot] = 1
    } else {
      const count = journals.count(journal)
      if (value > count) this.#giveUp(journal)
      if (value === count) journals.append(journal, this.#words, (slot * batch.recordStride) >>> 2)
      batch.ordinal[slot] = value
    }
    journals.pin(journal)
    batch.handle[slot] = journal
  }

  #note(note: typeof noteFirst, batch: Observation, row: number): void {
    const slot = row * batch.entityCount + this.#plans.primary
    const journal = batch.handle[slot]!
    const start = this.#journals.recordStart(journal, batch.ordinal[slot]!)
    note(batch, row, this.#journals.recordView(journal), start)
  }

  /** Redis has gone back or on between two calls of one pipeline: what is held is of no use. */
  #giveUp(journal: number): never {
    this.#journals.drop(journal)
    throw new StoreError('observing: a journal changed between two calls; send again', true)
  }

  #plan(batch: Observation, slot: number): JournalPlan {
    return this.#plans.journals[slot % batch.entityCount]!
  }
}
