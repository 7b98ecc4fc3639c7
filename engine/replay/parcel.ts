// A batch that was taken in by one thread, on its way to the one that decides: numbers and records in memory that both see,
// texts as one. What is unpacked must be what was packed, to the bit: a replay may not depend on who parsed.
import type { Plan } from '../../features/plan.ts'
import type { Kind, Reject, Transaction, Verdict } from '../../features/transaction.ts'
import type { Taken } from '../core/intake.ts'
import { batchRowsMax } from '../core/limits.ts'
import type { Message } from '../core/ports.ts'

/** Of a batch, what is not in the memory of its parcel. */
export interface Slip {
  /** One for all rows, or one each. */
  readonly tenants: readonly string[]
  /** Ids, entities and fields of all rows, one after another; null where nobody asked for texts. */
  readonly texts: string | null
  /** With their place in the batch. */
  readonly rejects: readonly (readonly [number, Reject])[]
}

const numbersPerRow = 7
const flagsPerRow = 3
const absent = -1

/** Memory for one batch. Made by one thread, and by the other over the same `memory`; used by one of them at a time. */
export class Parcel {
  readonly memory: SharedArrayBuffer
  readonly #numbers: Float64Array
  readonly #rowOf: Int32Array
  /** Per row its texts' lengths in UTF-16 units; -1 for an absent one. */
  readonly #lengths: Int32Array
  readonly #keys: Uint32Array
  readonly #records: Uint8Array
  readonly #flags: Uint8Array
  readonly #present: Uint8Array

  constructor({ schema, journals, recordStride }: Plan, memory: SharedArrayBuffer | null) {
    const slots = batchRowsMax * journals.length
    const texts = batchRowsMax * (1 + schema.entities.length + schema.fields.length)
    const words = batchRowsMax + texts + slots * 4
    const bytes = slots * recordStride + batchRowsMax * flagsPerRow + slots
    const buffer =
      memory ?? new SharedArrayBuffer(batchRowsMax * numbersPerRow * 8 + words * 4 + bytes)
    let at = 0
    const place = (size: number): number => {
      at += size
      return at - size
    }
    const count = batchRowsMax * numbersPerRow
    this.memory = buffer
    this.#numbers = new Float64Array(buffer, place(count * 8), count)
    this.#rowOf = new Int32Array(buffer, place(batchRowsMax * 4), batchRowsMax)
    this.#lengths = new Int32Array(buffer, place(texts * 4), texts)
    this.#keys = new Uint32Array(buffer, place(slots * 16), slots * 4)
    this.#records = new Uint8Array(buffer, place(slots * recordStride), slots * recordStride)
    this.#flags = new Uint8Array(
      buffer,
      place(batchRowsMax * flagsPerRow),
      batchRowsMax * flagsPerRow,
    )
    this.#present = new Uint8Array(buffer, place(slots), slots)
  }

  /** Packs what was taken in of `count` messages; with texts only where somebody needs them. */
  pack({ batch, transactions, rowOf, rejects }: Taken, count: number, hasTexts: boolean): Slip {
    const rows = batch.count
    const slots = rows * batch.entityCount
    this.#rowOf.set(rowOf.subarray(0, count))
    this.#keys.set(batch.key.subarray(0, slots * 4))
    this.#present.set(batch.present.subarray(0, slots))
    this.#records.set(batch.records.subarray(0, slots * batch.recordStride))
    for (let row = 0; row < rows; row++) this.#packRow(transactions[row]!, row)
    const tenants = batch.tenant.slice(0, rows)
    const refused: [number, Reject][] = []
    if (rows < count) {
      for (let m = 0; m < count; m++) {
        const reject = rejects[m] ?? null
        if (reject !== null) refused.push([m, reject])
      }
    }
    return {
      tenants: tenants.every((tenant) => tenant === tenants[0]) ? tenants.slice(0, 1) : tenants,
      texts: hasTexts ? this.#packTexts(transactions, rows) : null,
      rejects: refused,
    }
  }

  /** Fills `taken` with the first `messages` of the batch. Without texts, those of its transactions are empty or absent. */
  unpack({ tenants, texts, rejects }: Slip, messages: readonly Message[], taken: Taken): void {
    const { batch, transactions } = taken
    for (const [m, reject] of rejects) if (m < messages.length) taken.refuse(m, reject)
    batch.count = 0
    for (let m = 0; m < messages.length; m++) {
      const row = this.#rowOf[m]!
      if (row < 0) continue
      const transaction = transactions[row]!
      transaction.tenant = tenants[tenants.length > 1 ? row : 0]!
      this.#unpackRow(transaction, row)
      taken.admit(m, messages[m]!, transaction)
    }
    const slots = batch.count * batch.entityCount
    batch.key.set(this.#keys.subarray(0, slots * 4))
    batch.present.set(this.#present.subarray(0, slots))
    batch.records.set(this.#records.subarray(0, slots * batch.recordStride))
    if (texts !== null) this.#unpackTexts(texts, transactions, batch.count)
  }

  #packRow(transaction: Transaction, row: number): void {
    const numbers = this.#numbers
    const at = row * numbersPerRow
    numbers[at] = transaction.timeMs
    numbers[at + 1] = transaction.atMs
    numbers[at + 2] = transaction.receivedMs
    numbers[at + 3] = transaction.amountMinor
    numbers[at + 4] = transaction.latitude
    numbers[at + 5] = transaction.longitude
    numbers[at + 6] = transaction.labelMs
    const flags = row * flagsPerRow
    this.#flags[flags] = transaction.kind
    this.#flags[flags + 1] = transaction.verdict
    this.#flags[flags + 2] = transaction.hasNoRate ? 1 : 0
  }

  #unpackRow(transaction: Transaction, row: number): void {
    const numbers = this.#numbers
    const at = row * numbersPerRow
    transaction.timeMs = numbers[at]!
    transaction.atMs = numbers[at + 1]!
    transaction.receivedMs = numbers[at + 2]!
    transaction.amountMinor = numbers[at + 3]!
    transaction.latitude = numbers[at + 4]!
    transaction.longitude = numbers[at + 5]!
    transaction.labelMs = numbers[at + 6]!
    const flags = row * flagsPerRow
    transaction.kind = this.#flags[flags]! as Kind
    transaction.verdict = this.#flags[flags + 1]! as Verdict
    transaction.hasNoRate = this.#flags[flags + 2] === 1
  }

  #packTexts(transactions: readonly Transaction[], rows: number): string {
    let texts = ''
    let at = 0
    const add = (text: string | null): void => {
      this.#lengths[at++] = text === null ? absent : text.length
      if (text !== null) texts += text
    }
    for (let row = 0; row < rows; row++) {
      const { id, entities, fields } = transactions[row]!
      add(id)
      for (const text of entities) add(text)
      for (const text of fields) add(text)
    }
    return texts
  }

  #unpackTexts(texts: string, transactions: readonly Transaction[], rows: number): void {
    let at = 0
    let from = 0
    const next = (): string | null => {
      const length = this.#lengths[at++]!
      if (length === absent) return null
      from += length
      return texts.substring(from - length, from)
    }
    for (let row = 0; row < rows; row++) {
      const transaction = transactions[row]!
      const { entities, fields } = transaction
      transaction.id = next() ?? ''
      for (let e = 0; e < entities.length; e++) entities[e] = next()
      for (let f = 0; f < fields.length; f++) fields[f] = next()
    }
  }
}
