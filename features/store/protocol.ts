// The caller's end of observe.lua, whose head has the layout: packs calls with what is held, and places what comes back.
import { strict as assert } from 'node:assert'
import type { JournalPlans } from '../journal.ts'
import { type Observation, Seen } from '../observation.ts'
import { type Position, Role } from './chain.ts'
import type { Journals } from './journals.ts'
import type { Keys } from './keys.ts'
import { noteFirst } from './source.ts'
import { StoreError } from './store.ts'

export const functionName = 'observe_v1'
export const libraryName = 'weir_observe_v1'
const layoutVersion = 1

const headBytes = 30
const partitionBytes = 20
const journalBytes = 34
const rowBytes = 11
const slotBytes = 10
const replyHeadBytes = 9
const replyJournalBytes = 21
/** How a journal comes back. */
const Read = { none: 0, suffix: 1, whole: 2 } as const

/** Rows of a batch for one bucket, and what was stated when they were packed. */
export class Call {
  readonly bucket: number
  readonly role: Role
  readonly rows: number[] = []
  /** Slots in row order, the primary first. */
  readonly slots: number[] = []
  /** Per row: how many slots. */
  readonly slotsOf: number[] = []
  /** Source partitions, their positions, and the last offset of each. */
  readonly partitions: number[] = []
  readonly positions: Position[] = []
  readonly lasts: number[] = []
  /** Numbers of journals, pinned from packing until `unpin`; and the ordinal that each is held up to. */
  readonly journals: number[] = []
  readonly held: number[] = []
  /** Per slot: place in `journals`. */
  readonly journalOf: number[] = []

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

/** What a call states beside its rows. */
export interface Statement {
  readonly chainKey: string
  readonly prefix: string
  readonly renew: boolean
  readonly sinceMs: number
  readonly ttlS: number
  /** Eight random bytes: a journal made by this call is told by them from one that was there before. */
  readonly incarnation: Uint8Array
}

/** How Redis answered: `refused` means that nothing was written. `stored` is per source partition of the call. */
export interface Answer {
  readonly refused: boolean
  /** Event time, ms, from which the bucket knows everything; -1 when it is empty. */
  readonly sinceMs: number
  readonly stored: readonly number[]
}

export class Protocol {
  readonly #plans: JournalPlans
  readonly #keys: Keys
  readonly #journals: Journals
  readonly #placeOf = new Map<number, number>()
  /** Journals found to be others than those that calls in flight name, and what took their place. */
  readonly #replaced = new Map<number, number>()
  #recordsOf: Uint8Array | null = null
  #words: Uint32Array = new Uint32Array(0)

  constructor(plans: JournalPlans, keys: Keys, journals: Journals) {
    this.#plans = plans
    this.#keys = keys
    this.#journals = journals
  }

  /** Packs a call as one command of the wire protocol. Advances what its partitions expect and pins its journals. */
  pack(call: Call, batch: Observation, statement: Statement): Buffer {
    this.#open(call, batch)
    this.#state(call, batch)
    const keysBytes = this.#keyBytes(call, batch)
    let argument = headBytes + call.partitions.length * partitionBytes
    argument += call.journals.length * journalBytes + call.rows.length * rowBytes
    for (const slot of call.slots) argument += slotBytes + this.#width(batch, slot)
    const keyCount = call.journals.length + 1
    const start = `*${keyCount + 5}\r\n$5\r\nFCALL\r\n${bulk(functionName)}${bulk(String(keyCount))}${bulk(statement.chainKey)}`
    const middle = `${bulk(statement.prefix)}$${argument}\r\n`
    const startBytes = Buffer.byteLength(start)
    const middleBytes = Buffer.byteLength(middle)
    const out = Buffer.allocUnsafe(startBytes + keysBytes + middleBytes + argument + 2)
    out.write(start, 0)
    let at = this.#writeKeys(out, startBytes, call, batch)
    at += out.write(middle, at)
    at = this.#writeArgument(out, at, call, batch, statement)
    at += out.write('\r\n', at)
    assert(at === out.length)
    return out
  }

  /** Reads a reply, places its bytes and answers the rows of the call. A refusal answers none. */
  unpack(call: Call, batch: Observation, reply: Buffer): Answer {
    const data = new DataView(reply.buffer, reply.byteOffset, reply.byteLength)
    const refused = data.getUint8(0) === 1
    const sinceMs = data.getFloat64(1, true)
    let at = replyHeadBytes
    const stored: number[] = []
    for (; stored.length < call.partitions.length; at += 8) stored.push(data.getFloat64(at, true))
    if (refused) return { refused, sinceMs, stored }
    const rows = this.#place(call, batch, data, at)
    this.#answer(call, batch, data, rows, sinceMs)
    return { refused, sinceMs, stored }
  }

  /** The calls are over, answered or not. */
  unpin(calls: readonly Call[]): void {
    for (const call of calls) {
      for (const journal of call.journals) this.#journals.unpin(journal)
      call.journals.length = 0
    }
    this.#replaced.clear()
  }

  /** Finds the call's journals and pins each once. */
  #open(call: Call, batch: Observation): void {
    this.#wordsOf(batch)
    this.#placeOf.clear()
    call.held.length = 0
    call.journalOf.length = 0
    assert(call.journals.length === 0)
    for (const slot of call.slots) {
      const row = Math.floor(slot / batch.entityCount)
      const tenant = this.#journals.tenant(batch.tenant[row]!)
      const journal = this.#journals.open(tenant, slot % batch.entityCount, batch.key, slot * 4)
      let place = this.#placeOf.get(journal)
      if (place === undefined) {
        place = call.journals.length
        this.#placeOf.set(journal, place)
        this.#journals.pin(journal)
        call.journals.push(journal)
        call.held.push(this.#journals.count(journal))
      }
      call.journalOf.push(place)
    }
  }

  /** What the call's partitions come to; from here on, calls behind this one expect that it is applied. */
  #state(call: Call, batch: Observation): void {
    call.lasts.length = 0
    for (let place = 0; place < call.partitions.length; place++) call.lasts.push(-1)
    for (const row of call.rows) {
      const place = call.partitions.indexOf(batch.partition[row]!)
      if (place !== -1) call.lasts[place] = Math.max(call.lasts[place]!, batch.offset[row]!)
    }
  }

  #keyBytes(call: Call, batch: Observation): number {
    let bytes = 0
    let next = 0
    for (let at = 0; at < call.slots.length; at++) {
      if (call.journalOf[at] !== next) continue
      next++
      const slot = call.slots[at]!
      const row = Math.floor(slot / batch.entityCount)
      const entity = slot % batch.entityCount
      const length = this.#keys.journalLength(batch.tenant[row]!, entity, call.bucket)
      bytes += 5 + String(length).length + length
    }
    return bytes
  }

  #writeKeys(out: Buffer, from: number, call: Call, batch: Observation): number {
    const keys = this.#keys
    let to = from
    let next = 0
    for (let at = 0; at < call.slots.length; at++) {
      // Journals are numbered in the order of their first slots.
      if (call.journalOf[at] !== next) continue
      next++
      const slot = call.slots[at]!
      const tenant = batch.tenant[Math.floor(slot / batch.entityCount)]!
      const entity = slot % batch.entityCount
      to += out.write(`$${keys.journalLength(tenant, entity, call.bucket)}\r\n`, to, 'latin1')
      to = keys.writeJournal(out, to, tenant, entity, call.bucket, batch.key, slot * 4)
      out[to++] = 13
      out[to++] = 10
    }
    return to
  }

  #writeArgument(
    out: Buffer,
    from: number,
    call: Call,
    batch: Observation,
    statement: Statement,
  ): number {
    const data = new DataView(out.buffer, out.byteOffset, out.byteLength)
    data.setUint8(from, layoutVersion)
    data.setUint8(from + 1, statement.renew ? 1 : 0)
    data.setUint16(from + 2, call.partitions.length, true)
    data.setUint16(from + 4, call.journals.length, true)
    data.setUint16(from + 6, call.rows.length, true)
    data.setUint16(from + 8, call.slots.length, true)
    data.setUint32(from + 10, statement.ttlS, true)
    data.setFloat64(from + 14, statement.sinceMs, true)
    out.set(statement.incarnation, from + 22)
    let to = this.#writePartitions(data, from + headBytes, call)
    to = this.#writeJournals(out, data, to, call, batch)
    for (let at = 0; at < call.rows.length; at++, to += rowBytes) {
      const row = call.rows[at]!
      data.setUint16(to, call.partitions.indexOf(batch.partition[row]!) + 1, true)
      data.setFloat64(to + 2, batch.offset[row]!, true)
      const hasPrimary = call.role === Role.others ? 0 : 1
      data.setUint8(to + 10, call.slotsOf[at]! * 2 + hasPrimary)
    }
    for (let at = 0; at < call.slots.length; at++, to += slotBytes) {
      data.setUint16(to, call.journalOf[at]! + 1, true)
      data.setFloat64(to + 2, this.#hint(call, batch, at), true)
    }
    for (const slot of call.slots) {
      const start = slot * batch.recordStride
      const width = this.#width(batch, slot)
      out.set(batch.records.subarray(start, start + width), to)
      to += width
    }
    return to
  }

  #writePartitions(data: DataView, from: number, call: Call): number {
    let to = from
    for (let at = 0; at < call.partitions.length; at++, to += partitionBytes) {
      const position = call.positions[at]!
      data.setUint32(to, call.partitions[at]!, true)
      data.setFloat64(to + 4, position.expected, true)
      data.setFloat64(to + 12, call.lasts[at]!, true)
      position.expected = Math.max(position.expected, call.lasts[at]!)
    }
    return to
  }

  #writeJournals(
    out: Buffer,
    data: DataView,
    from: number,
    call: Call,
    batch: Observation,
  ): number {
    let to = from
    for (let at = 0; at < call.slots.length; at++) {
      const place = call.journalOf[at]!
      if (place !== (to - from) / journalBytes) continue
      const plan = this.#plans.journals[call.slots[at]! % batch.entityCount]!
      data.setUint16(to, plan.width, true)
      data.setUint32(to + 2, plan.cap, true)
      data.setFloat64(to + 6, call.held[place]!, true)
      if (call.held[place]! > 0) this.#journals.writeClaim(call.journals[place]!, out, to + 14)
      else out.fill(0, to + 14, to + journalBytes)
      to += journalBytes
    }
    return to
  }

  /** Where the held part of a journal has the record already: its ordinal and what it says; -1 when it has not. */
  #hint(call: Call, batch: Observation, at: number): number {
    const place = call.journalOf[at]!
    if (call.held[place] === 0) return -1
    const slot = call.slots[at]!
    const word = (slot * batch.recordStride) >>> 2
    const journal = call.journals[place]!
    const ordinal = this.#journals.locate(journal, this.#words, word)
    if (ordinal === -1) return -1
    if (slot % batch.entityCount !== this.#plans.primary) return ordinal * 4 + Seen.redelivery
    return ordinal * 4 + this.#journals.compare(journal, ordinal, this.#words, word)
  }

  /** Places the bytes of a reply; returns where its rows begin. */
  #place(call: Call, batch: Observation, data: DataView, from: number): number {
    const rows = from + call.journals.length * replyJournalBytes
    let text = rows + call.rows.length + call.slots.length * 8
    let next = 0
    for (let at = 0; at < call.slots.length; at++) {
      const place = call.journalOf[at]!
      if (place !== next) continue
      next++
      const head = from + place * replyJournalBytes
      const read = data.getUint8(head)
      const before = data.getFloat64(head + 1, true)
      if (read === Read.none) continue
      const width = this.#width(batch, call.slots[at]!)
      if (read === Read.suffix) {
        this.#placeSuffix(call.journals[place]!, call.held[place]!, data, text, before, width)
        text += (before - call.held[place]!) * width
      } else {
        this.#placeWhole(call, place, data, head, text, width)
        text += before * width
      }
    }
    assert(text === data.byteLength)
    return rows
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
    if (before < count) this.#giveUp(journal)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    this.#journals.extend(journal, bytes, text + (count - held) * width, before - count)
  }

  #placeWhole(
    call: Call,
    place: number,
    data: DataView,
    head: number,
    text: number,
    width: number,
  ): void {
    const journals = this.#journals
    const named = call.journals[place]!
    const before = data.getFloat64(head + 1, true)
    const generation = data.getUint32(head + 9, true)
    const low = data.getUint32(head + 13, true)
    const high = data.getUint32(head + 17, true)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    const successor = this.#replaced.get(named)
    let journal = successor ?? named
    const count = journals.count(journal)
    // Filled by a call before this one in the pipeline, which could not be named in this one yet.
    const isFilled = count > 0 && (successor !== undefined || call.held[place] === 0)
    if (isFilled && journals.isIncarnation(journal, generation, low, high) && before >= count) {
      journals.extend(journal, bytes, text + count * width, before - count)
    } else {
      if (count > 0) journal = journals.detach(journal)
      journals.setIncarnation(journal, generation, low, high)
      journals.fill(journal, bytes, text, before)
    }
    if (journal === named) return
    this.#replaced.set(named, journal)
    journals.pin(journal)
    journals.unpin(named)
    call.journals[place] = journal
  }

  #answer(call: Call, batch: Observation, data: DataView, from: number, sinceMs: number): void {
    const values = from + call.rows.length
    let at = 0
    for (let index = 0; index < call.rows.length; index++) {
      const row = call.rows[index]!
      const seen = data.getUint8(from + index) as Seen
      if (call.role !== Role.others) batch.seen[row] = seen
      batch.historySinceMs[row] = Math.max(batch.historySinceMs[row]!, sinceMs)
      const isOther = seen === Seen.duplicate || seen === Seen.conflict
      for (let slot = 0; slot < call.slotsOf[index]!; slot++, at++) {
        if (isOther && slot > 0) continue
        this.#answerSlot(call, batch, at, data.getFloat64(values + at * 8, true))
      }
      if (isOther) this.#noteFirst(batch, row)
    }
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

  #noteFirst(batch: Observation, row: number): void {
    const slot = row * batch.entityCount + this.#plans.primary
    const journal = batch.handle[slot]!
    const start = this.#journals.recordStart(journal, batch.ordinal[slot]!)
    noteFirst(batch, row, this.#journals.recordView(journal), start)
  }

  /** Redis has gone back or on between two calls of one pipeline: what is held is of no use. */
  #giveUp(journal: number): never {
    this.#journals.drop(journal)
    throw new StoreError('observing: a journal changed between two calls; send again', true)
  }

  #width(batch: Observation, slot: number): number {
    return this.#plans.journals[slot % batch.entityCount]!.width
  }

  /** The batch's records as words; made anew only for another batch. */
  #wordsOf(batch: Observation): void {
    if (batch.records === this.#recordsOf) return
    assert(batch.recordStride % 8 === 0)
    const { buffer, byteOffset, byteLength } = batch.records
    this.#words = new Uint32Array(buffer, byteOffset, byteLength >>> 2)
    this.#recordsOf = batch.records
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}
