// The sending end of observe.lua, whose head has the layout: packs calls as commands of Redis' wire protocol, with a claim to
// what is held. All calls of a pipeline lie in one buffer, used again once every reply is in.
import { strict as assert } from 'node:assert'
import type { JournalPlans } from '../journal.ts'
import { isCallsRepeat, type Observation, Seen } from '../observation.ts'
import type { Call } from './call.ts'
import { Role } from './chain.ts'
import type { Journals } from './journals.ts'
import type { Keys } from './keys.ts'
import { rowsPerCallMax } from './store.ts'

const functionName = 'observe_v2'
export const libraryName = 'weir_observe_v2'
const layoutVersion = 2

const headBytes = 36
const partitionBytes = 20
const journalBytes = 30
const rowBytes = 12
const slotBytes = 2
const hintBytes = 10
/** What the slots of a row are, as observe.lua has it. */
const Shape = { others: 0, primaryFirst: 1, leftPrimary: 2, called: 3 } as const
const shapes = 4
const hintSteps = 8
const outBytes = 1 << 16
const newline = 0x0a0d
/** Records are moved as words: their bytes stay as they are. */
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

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

export class Packer {
  readonly #plans: JournalPlans
  readonly #keys: Keys
  readonly #journals: Journals
  /** A hash table from journals to their places in the present call, plus one: at most half full. */
  readonly #places: Int32Array
  #words: Uint32Array = new Uint32Array(0)
  #out = Buffer.alloc(0)
  #data = new DataView(this.#out.buffer)
  #to = 0

  constructor(plans: JournalPlans, keys: Keys, journals: Journals) {
    this.#plans = plans
    this.#keys = keys
    this.#journals = journals
    const slotsMax = rowsPerCallMax * plans.journals.length
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * slotsMax)))
  }

  /** Begins a pipeline for rows of a batch whose records are `words`. */
  begin(words: Uint32Array): void {
    this.#words = words
    this.#to = 0
  }

  /** Bytes packed since `begin`. */
  get length(): number {
    return this.#to
  }

  /** What was packed since `begin`. Valid until the next one. */
  get packed(): Buffer {
    return this.#out.subarray(0, this.#to)
  }

  /** The buffer may still be on its way to the network: the next pipeline gets another. */
  abandon(): void {
    this.#out = Buffer.alloc(0)
  }

  /** Packs a call. Advances what its partitions expect and pins its journals. */
  pack(call: Call, batch: Observation, statement: Statement): void {
    this.#open(call, batch)
    this.#reach(call, batch)
    let argument = headBytes + call.partitionCount * partitionBytes
    argument += call.journalCount * journalBytes + call.rowCount * rowBytes
    argument += call.slotCount * slotBytes + this.#hints(call) * hintBytes
    let records = 0
    for (let at = 0; at < call.slotCount; at++) records += this.#width(batch, call.slots[at]!)
    argument += records
    const keyCount = call.journalCount + 1
    const start = `*${keyCount + 5}\r\n$5\r\nFCALL\r\n${bulk(functionName)}${bulk(String(keyCount))}${bulk(statement.chainKey)}`
    const middle = `${bulk(statement.prefix)}$${argument}\r\n`
    this.#reserve(3 * (start.length + middle.length) + keyCount * this.#keys.bulkMax + argument)
    this.#to += this.#out.write(start, this.#to)
    for (let place = 0; place < call.journalCount; place++) {
      const slot = call.firstSlots[place]!
      const tenant = batch.tenant[Math.floor(slot / batch.entityCount)]!
      const entity = slot % batch.entityCount
      const { key } = batch
      this.#to = this.#keys.writeBulk(
        this.#out,
        this.#to,
        tenant,
        entity,
        call.bucket,
        key,
        slot * 4,
      )
    }
    this.#to += this.#out.write(middle, this.#to)
    const end = this.#to + argument
    this.#writeArgument(call, batch, statement, records)
    assert(this.#to === end)
    this.#data.setUint16(this.#to, newline, true)
    this.#to += 2
  }

  /** Finds the call's journals, pins each once, and looks for the rows' records in what is held of them. */
  #open(call: Call, batch: Observation): void {
    this.#places.fill(0)
    assert(call.journalCount === 0)
    for (let at = 0; at < call.slotCount; at++) {
      const slot = call.slots[at]!
      const row = Math.floor(slot / batch.entityCount)
      const tenant = this.#journals.tenant(batch.tenant[row]!)
      const journal = this.#journals.open(tenant, slot % batch.entityCount, batch.key, slot * 4)
      const place = this.#placeIn(call, journal)
      if (place === call.journalCount) {
        this.#journals.pin(journal)
        call.journals[place] = journal
        call.firstSlots[place] = slot
        call.held[place] = this.#journals.count(journal)
        call.forgotten[place] = 0
        call.journalCount++
      }
      call.journalOf[at] = place
      const isHeld = call.held[place]! > 0
      const word = (slot * batch.recordStride) >>> 2
      call.located[at] = isHeld ? this.#journals.locate(journal, this.#words, word) : -1
    }
    for (let at = 0; at < call.slotCount; at++) this.#forgetSourceless(call, batch, at)
  }

  /** The place of a journal in the call; the next one where it has none yet. */
  #placeIn(call: Call, journal: number): number {
    const mask = this.#places.length - 1
    let slot = journal & mask
    while (true) {
      const place = this.#places[slot]! - 1
      if (place === -1) {
        this.#places[slot] = call.journalCount + 1
        return call.journalCount
      }
      if (call.journals[place] === journal) return place
      slot = (slot + 1) & mask
    }
  }

  /**
   * A record that was appended without a source may name a message by now: what is held of its journal says nothing to a row
   * with a source, and the whole is asked for.
   */
  #forgetSourceless(call: Call, batch: Observation, at: number): void {
    const slot = call.slots[at]!
    const place = call.journalOf[at]!
    const isPrimary = slot % batch.entityCount === this.#plans.primary
    if (!isPrimary || call.held[place] === 0 || call.located[at] === -1) return
    if (batch.partition[Math.floor(slot / batch.entityCount)]! < 0) return
    const journal = call.journals[place]!
    if (!this.#journals.lacksSource(journal, call.located[at]!)) return
    const anew = this.#journals.detach(journal)
    this.#journals.pin(anew)
    this.#journals.unpin(journal)
    call.journals[place] = anew
    call.forgotten[place] = call.held[place]!
    call.held[place] = 0
  }

  /** How far the call takes each of its partitions. */
  #reach(call: Call, batch: Observation): void {
    call.lasts.fill(-1)
    for (let at = 0; at < call.rowCount; at++) {
      const row = call.rows[at]!
      const place = call.placeOf(batch.partition[row]!)
      if (place !== -1) call.lasts[place] = Math.max(call.lasts[place]!, batch.offset[row]!)
    }
  }

  #reserve(bytes: number): void {
    if (this.#to + bytes <= this.#out.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(outBytes, 2 * (this.#to + bytes)))
    this.#out.copy(larger, 0, 0, this.#to)
    this.#out = larger
    this.#data = new DataView(larger.buffer)
  }

  #writeArgument(call: Call, batch: Observation, statement: Statement, records: number): void {
    const data = this.#data
    let to = this.#to
    data.setUint8(to, layoutVersion)
    data.setUint8(to + 1, statement.renew ? 1 : 0)
    data.setUint16(to + 2, call.partitionCount, true)
    data.setUint16(to + 4, call.journalCount, true)
    data.setUint16(to + 6, call.rowCount, true)
    data.setUint16(to + 8, call.slotCount, true)
    data.setUint16(to + 10, this.#hints(call), true)
    data.setUint32(to + 12, records, true)
    data.setUint32(to + 16, statement.ttlS, true)
    data.setFloat64(to + 20, statement.sinceMs, true)
    this.#out.set(statement.incarnation, to + 28)
    to = this.#writePartitions(call, to + headBytes)
    to = this.#writeJournals(call, batch, to)
    for (let at = 0; at < call.rowCount; at++, to += rowBytes) {
      const row = call.rows[at]!
      data.setUint16(to, call.placeOf(batch.partition[row]!) + 1, true)
      data.setFloat64(to + 2, batch.offset[row]!, true)
      data.setUint16(to + 10, call.slotsOf[at]! * shapes + this.#shape(call, batch, row), true)
    }
    for (let at = 0; at < call.slotCount; at++, to += slotBytes) {
      data.setUint16(to, call.journalOf[at]! + 1, true)
    }
    for (let at = 0; at < call.slotCount; at++) {
      if (!this.#isHinted(call, at)) continue
      data.setUint16(to, at + 1, true)
      data.setFloat64(to + 2, this.#hint(call, batch, at), true)
      to += hintBytes
    }
    for (let at = 0; at < call.slotCount; at++) {
      const slot = call.slots[at]!
      const first = (slot * batch.recordStride) >>> 2
      const last = first + (this.#width(batch, slot) >>> 2)
      for (let word = first; word < last; word++, to += 4) {
        data.setUint32(to, this.#words[word]!, isLittleEndian)
      }
    }
    this.#to = to
  }

  #writePartitions(call: Call, from: number): number {
    let to = from
    for (let at = 0; at < call.partitionCount; at++, to += partitionBytes) {
      const position = call.positions[at]!
      this.#data.setUint32(to, call.partitions[at]!, true)
      this.#data.setFloat64(to + 4, position.expected, true)
      this.#data.setFloat64(to + 12, call.lasts[at]!, true)
      position.expected = Math.max(position.expected, call.lasts[at]!)
    }
    return to
  }

  #writeJournals(call: Call, batch: Observation, from: number): number {
    let to = from
    for (let place = 0; place < call.journalCount; place++, to += journalBytes) {
      const plan = this.#plans.journals[call.firstSlots[place]! % batch.entityCount]!
      const held = call.held[place]!
      this.#data.setUint16(to, plan.width, true)
      this.#data.setUint32(to + 2, plan.cap, true)
      this.#data.setFloat64(to + 6, held, true)
      if (held > 0) this.#journals.writeClaim(call.journals[place]!, this.#data, to + 14)
      else this.#out.fill(0, to + 14, to + journalBytes)
    }
    return to
  }

  #hints(call: Call): number {
    let count = 0
    for (let at = 0; at < call.slotCount; at++) if (this.#isHinted(call, at)) count++
    return count
  }

  /** Whether the held part of a journal has the record already. */
  #isHinted(call: Call, at: number): boolean {
    return call.located[at] !== -1 && call.held[call.journalOf[at]!] !== 0
  }

  /** The record's ordinal there, and what it says. */
  #hint(call: Call, batch: Observation, at: number): number {
    const slot = call.slots[at]!
    const { primary } = this.#plans
    const entity = slot % batch.entityCount
    const ordinal = call.located[at]!
    if (entity !== primary) return ordinal * hintSteps + Seen.redelivery
    const word = (slot * batch.recordStride) >>> 2
    const journal = call.journals[call.journalOf[at]!]!
    return ordinal * hintSteps + this.#journals.compare(journal, ordinal, this.#words, word)
  }

  #shape(call: Call, batch: Observation, row: number): number {
    if (call.role !== Role.others) return Shape.primaryFirst
    if (batch.applied[row * batch.entityCount + this.#plans.primary] === 1) return Shape.leftPrimary
    const isRepeat = isCallsRepeat(batch.seen[row] as Seen, batch.partition[row]!)
    return isRepeat ? Shape.called : Shape.others
  }

  #width(batch: Observation, slot: number): number {
    return this.#plans.journals[slot % batch.entityCount]!.width
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}
