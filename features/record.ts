// Writes records: what a transaction, reversal, decline or label leaves in each of its entities' journals (layout.ts has the
// bytes). Ids and texts only as keyed hashes: no raw id is ever in a record or a key.
import assert from 'node:assert'
import { matches } from './condition.ts'
import type { EntityPlan } from './entity-plan.ts'
import { messageRoom, SipHash } from './hash.ts'
import { fingerprintAt, identityAt, sourceAt } from './journal.ts'
import { type Column, degreeUnits, filterMask, nowhere } from './layout.ts'
import { numberOf } from './number.ts'
import type { Observation } from './observation.ts'
import type { Plan } from './plan.ts'
import { Kind, type Transaction } from './transaction.ts'

const two32 = 2 ** 32
/** Room for the texts of nearly every transaction. */
const textBytes = 16_384

/** Writes the records and keys of a row. One per pipeline: it owns scratch memory. */
export class Encoder {
  readonly #plan: Plan
  readonly #sip: SipHash
  readonly #text: TextBuffer
  readonly #kindTexts: readonly Uint8Array[]
  /** Every column of some journal, once, and its hash in the present row. */
  readonly #columns: readonly Column[]
  readonly #hashes: Uint32Array
  /** Per journal and column: its place in `#columns`. */
  readonly #columnsOf: readonly Int32Array[]

  /** `hashKey`: 16 bytes, the same for all engines of a deployment and for a replay that is to be compared with it. */
  constructor(plan: Plan, hashKey: Uint8Array) {
    this.#plan = plan
    this.#sip = new SipHash(hashKey)
    this.#text = new TextBuffer()
    this.#kindTexts = plan.journals.map(({ kind }) => Buffer.from(kind))
    const all = plan.journals.flatMap(({ layout }) => layout.columns)
    const names = [...new Set(all.map(({ name }) => name))]
    this.#columns = names.map((name) => all.find((column) => column.name === name)!)
    this.#hashes = new Uint32Array(names.length * 2)
    this.#columnsOf = plan.journals.map(({ layout }) =>
      Int32Array.from(layout.columns, ({ name }) => names.indexOf(name)),
    )
  }

  /**
   * Fills `present`, `key` and `records` of `row`. The pipeline has set tenant, partition, offset and timeMs of the row.
   * Costs a hash per entity, per different column and two more.
   */
  encode(transaction: Transaction, row: number, batch: Observation): void {
    const { journals } = this.#plan
    const data = batch.recordData
    const first = row * journals.length
    this.#identity(transaction, row, batch)
    const identity0 = this.#sip.w0
    const identity1 = this.#sip.w1
    this.#named(transaction)
    const named0 = this.#sip.w0
    const named1 = this.#sip.w1
    this.#hashColumns(transaction)
    for (let e = 0; e < journals.length; e++) {
      const entity = journals[e]!
      const slot = first + e
      const isPresent = this.#key(batch.tenant[row]!, e, transaction)
      batch.present[slot] = isPresent ? 1 : 0
      if (!isPresent) continue
      batch.key[slot * 4] = this.#sip.w0
      batch.key[slot * 4 + 1] = this.#sip.w1
      batch.key[slot * 4 + 2] = this.#sip.w2
      batch.key[slot * 4 + 3] = this.#sip.w3
      const at = slot * batch.recordStride
      data.setUint32(at, transaction.timeMs % two32, true)
      data.setUint16(at + 4, Math.floor(transaction.timeMs / two32), true)
      data.setUint8(at + 6, transaction.kind)
      data.setUint8(at + 7, transaction.verdict)
      if (entity.filters.length > 0) this.#filter(transaction, entity, data, at)
      data.setUint32(at + identityAt, identity0, true)
      data.setUint32(at + identityAt + 4, identity1, true)
      if (entity.layout.named >= 0) {
        data.setUint32(at + entity.layout.named, named0, true)
        data.setUint32(at + entity.layout.named + 4, named1, true)
        data.setFloat64(at + entity.layout.own, transaction.atMs, true)
      }
      this.#content(transaction, entity, this.#columnsOf[e]!, data, at)
      if (entity.isPrimary) this.#source(transaction, row, batch, data, at)
    }
  }

  #hashColumns({ entities, fields }: Transaction): void {
    for (let c = 0; c < this.#columns.length; c++) {
      const { isEntity, index } = this.#columns[c]!
      this.#column((isEntity ? entities : fields)[index]!)
      this.#hashes[c * 2] = this.#sip.w0
      this.#hashes[c * 2 + 1] = this.#sip.w1
    }
  }

  #content(
    transaction: Transaction,
    { layout }: EntityPlan,
    columns: Int32Array,
    data: DataView,
    at: number,
  ): void {
    if (layout.amount >= 0) data.setFloat64(at + layout.amount, transaction.amountMinor, true)
    if (layout.label >= 0) data.setFloat64(at + layout.label, transaction.labelMs, true)
    if (layout.location >= 0) this.#location(transaction, data, at + layout.location)
    for (const { index, at: place } of layout.numbers) {
      data.setFloat64(at + place, numberOf(transaction.fields[index]!), true)
    }
    for (let c = 0; c < columns.length; c++) {
      const to = at + layout.columns[c]!.at
      data.setUint32(to, this.#hashes[columns[c]! * 2]!, true)
      data.setUint32(to + 4, this.#hashes[columns[c]! * 2 + 1]!, true)
    }
  }

  #filter(transaction: Transaction, { filters }: EntityPlan, data: DataView, at: number): void {
    let word = data.getInt32(at + 4, true)
    for (let filter = 0; filter < filters.length; filter++) {
      if (matches(filters[filter]!, transaction)) word |= filterMask(filter)
    }
    data.setInt32(at + 4, word, true)
  }

  #location({ latitude, longitude }: Transaction, data: DataView, at: number): void {
    const isAbsent = Number.isNaN(latitude) || Number.isNaN(longitude)
    data.setInt32(at, isAbsent ? nowhere : Math.round(latitude * degreeUnits), true)
    data.setInt32(at + 4, isAbsent ? nowhere : Math.round(longitude * degreeUnits), true)
  }

  /** Fingerprint and source message, in the primary's record alone. */
  #source(
    transaction: Transaction,
    row: number,
    batch: Observation,
    data: DataView,
    at: number,
  ): void {
    this.#fingerprint(transaction)
    data.setUint32(at + fingerprintAt, this.#sip.w0, true)
    data.setUint32(at + fingerprintAt + 4, this.#sip.w1, true)
    const partition = batch.partition[row]!
    const offset = batch.offset[row]!
    const isKnown = partition >= 0
    assert(partition < 0xffff, 'a source has fewer than 65,535 partitions')
    data.setUint16(at + sourceAt, isKnown ? partition : 0xffff, true)
    data.setUint32(at + sourceAt + 2, isKnown ? offset % two32 : 0xffffffff, true)
    data.setUint16(at + sourceAt + 6, isKnown ? Math.floor(offset / two32) : 0xffff, true)
  }

  /** Kind of record, tenant, primary and id; for reversals and declines their own time, for labels verdict and arrival. */
  #identity(transaction: Transaction, row: number, batch: Observation): void {
    const text = this.#text
    text.clear()
    text.byte(transaction.kind)
    text.add(batch.tenant[row]!)
    text.add(transaction.entities[this.#plan.schema.primary] ?? null)
    text.add(transaction.id)
    if (transaction.kind !== Kind.transaction) {
      doubles[0] = transaction.atMs
      text.doubles(1)
      text.byte(transaction.verdict)
    }
    this.#sip.hash64(text.bytes, text.length)
  }

  /** Identity of the transaction itself, whatever kind of message this is. */
  #named(transaction: Transaction): void {
    if (transaction.kind === Kind.transaction) return
    const text = this.#text
    text.clear()
    text.byte(Kind.transaction)
    text.add(transaction.tenant)
    text.add(transaction.entities[this.#plan.schema.primary] ?? null)
    text.add(transaction.id)
    this.#sip.hash64(text.bytes, text.length)
  }

  /** Hashes the id of journal `e`'s entity, or of the several that it is made of; false where one is absent. */
  #key(tenant: string, e: number, { entities }: Transaction): boolean {
    const { schemaIndexes } = this.#plan.journals[e]!
    const text = this.#text
    text.clear()
    text.raw(this.#kindTexts[e]!)
    text.add(tenant)
    for (const index of schemaIndexes) {
      const id = entities[index] ?? null
      if (id === null) return false
      text.add(id)
    }
    this.#sip.hash128(text.bytes, text.length)
    return true
  }

  /** Hash of a column's text; zero for an absent one. */
  #column(value: string | null): void {
    if (value === null) {
      this.#sip.w0 = 0
      this.#sip.w1 = 0
      return
    }
    const text = this.#text
    text.clear()
    text.add(value)
    this.#sip.hash64(text.bytes, text.length)
  }

  /** The mapped transaction without its label and its arrival: equal content, equal fingerprint. */
  #fingerprint(transaction: Transaction): void {
    const text = this.#text
    text.clear()
    text.byte(transaction.kind)
    doubles[0] = transaction.timeMs
    doubles[1] = transaction.amountMinor
    doubles[2] = transaction.latitude
    doubles[3] = transaction.longitude
    doubles[4] = transaction.atMs
    text.doubles(transaction.kind === Kind.transaction ? 4 : 5)
    // No iterators: what is allocated here is allocated for every transaction.
    const { entities, fields } = transaction
    for (let e = 0; e < entities.length; e++) text.add(entities[e]!)
    for (let f = 0; f < fields.length; f++) text.add(fields[f]!)
    this.#sip.hash64(text.bytes, text.length)
  }
}

// Numbers on their way into a text: each would become an object where it is handed on as an argument.
const doubles = new Float64Array(5)
const doubleBytes = new Uint8Array(doubles.buffer)

/** Values one after another, each text with its length first, so that no two lists look alike. They lie where they are hashed. */
class TextBuffer {
  bytes = messageRoom(textBytes)
  length = 0

  clear(): void {
    this.length = 0
  }

  byte(value: number): void {
    this.#reserve(1)
    this.bytes[this.length++] = value
  }

  /** The first `count` of `doubles`. */
  doubles(count: number): void {
    this.#reserve(8 * count)
    for (let i = 0; i < 8 * count; i++) this.bytes[this.length++] = doubleBytes[i]!
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length + 1)
    this.byte(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** Null and the empty text differ. */
  add(text: string | null): void {
    if (text === null) {
      this.#reserve(4)
      this.#size(0xffffffff)
      this.length += 4
      return
    }
    this.#reserve(4 + text.length * 3)
    const from = this.length + 4
    const end = text.length <= 48 ? this.#ascii(text, from) : -1
    const written = end >= 0 ? end - from : this.bytes.write(text, from, 'utf8')
    this.#size(written)
    this.length = from + written
  }

  /** In four bytes, the least significant first. */
  #size(value: number): void {
    const { bytes, length } = this
    bytes[length] = value
    bytes[length + 1] = value >>> 8
    bytes[length + 2] = value >>> 16
    bytes[length + 3] = value >>> 24
  }

  /** Copies short ASCII text without a native call; -1 where it is not ASCII. */
  #ascii(text: string, from: number): number {
    const { bytes } = this
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return -1
      bytes[from + i] = code
    }
    return from + text.length
  }

  #reserve(more: number): void {
    // Whoever hashes something longer leaves an empty buffer here.
    if (this.length + more > this.bytes.length - 8) this.bytes = messageRoom(this.length + more)
  }
}
