// What a store must answer, written as plainly as can be: an array of records per journal, searched from its end.
import { hopBoundary, type JournalPlans } from '../journal.ts'
import { Seen } from '../observation.ts'
import { recordOf, type Shown, type TestRow } from './journal-rows.ts'

export interface NaiveAnswer {
  readonly seen: Seen
  readonly first: { readonly partition: number; readonly offset: number }
  /** Per entity; null without a record. */
  readonly slots: readonly ({ ordinal: number; applied: boolean; shown: Shown } | null)[]
}

interface Entry {
  readonly row: TestRow
  readonly record: Buffer
  /** Partition and offset of the message that it names: its own, or the one that adopted it. */
  source: { readonly partition: number; readonly offset: number }
}

const nowhere = { partition: -1, offset: -1 }

export class NaiveStore {
  readonly #plans: JournalPlans
  readonly #journals = new Map<string, Entry[]>()
  readonly #last = new Map<number, number>()

  constructor(plans: JournalPlans) {
    this.#plans = plans
  }

  observe(row: TestRow): NaiveAnswer {
    const wasApplied = row.partition >= 0 && row.offset <= (this.#last.get(row.partition) ?? -1)
    if (row.partition >= 0 && !wasApplied) this.#last.set(row.partition, row.offset)
    const slots: NaiveAnswer['slots'][number][] = []
    let seen: Seen = Seen.fresh
    let first = nowhere
    for (const entity of this.#plans.journals.keys()) {
      if (row.entities[entity] == null || seen >= Seen.duplicate) {
        slots.push(null)
        continue
      }
      const hasPrimaryLeft = slots[this.#plans.primary]?.applied === true
      const wasCalled = seen === Seen.adopted || (seen === Seen.redelivery && row.partition < 0)
      const wasThere = wasApplied || (entity !== this.#plans.primary && wasCalled)
      const { entry, ...slot } = this.#put(row, entity, wasThere, hasPrimaryLeft)
      slots.push(slot)
      if (entity !== this.#plans.primary) continue
      seen = slot.applied ? Seen.redelivery : this.#compare(row, entry)
      if (seen === Seen.adopted) entry!.source = row
      const isCallAgain = seen === Seen.redelivery && row.partition < 0
      if (seen >= Seen.duplicate || (isCallAgain && entry!.row.partition >= 0))
        first = entry!.source
    }
    return { seen, first, slots }
  }

  /** Bytes of all records, for tests that count. */
  count(row: TestRow, entity: number): number {
    return this.#journal(row, entity).length
  }

  #journal(row: TestRow, entity: number): Entry[] {
    const key = `${row.tenant}/${entity}/${row.entities[entity]}`
    const journal = this.#journals.get(key) ?? []
    this.#journals.set(key, journal)
    return journal
  }

  #put(row: TestRow, entity: number, wasApplied: boolean, hasPrimaryLeft: boolean) {
    const plan = this.#plans.journals[entity]!
    const journal = this.#journal(row, entity)
    const record = recordOf(row, plan)
    const shown = (ordinal: number): Shown => {
      const boundary = hopBoundary(ordinal, plan.cap)
      const hops = new Float64Array(plan.hopFloats)
      for (const old of journal.slice(0, boundary)) {
        const data = new DataView(old.record.buffer, old.record.byteOffset)
        if (plan.hopFloats > 0) plan.addToHops(hops, data, 0, 1)
      }
      const bytes = Buffer.concat(journal.slice(boundary, ordinal).map((entry) => entry.record))
      return { hops: boundary === 0 ? null : [...hops], bytes: bytes.toString('hex') }
    }
    for (let at = journal.length - 1; at >= hopBoundary(journal.length, plan.cap); at--) {
      const entry = journal[at]!
      if (entry.record.compare(record, 8, 16, 8, 16) === 0) {
        return { entry, ordinal: at, applied: false, shown: shown(at) }
      }
    }
    const ordinal = journal.length
    const mayHaveLeft = hasPrimaryLeft || hopBoundary(ordinal, plan.cap) > 0
    if (wasApplied && mayHaveLeft) {
      return { entry: null, ordinal, applied: true, shown: shown(ordinal) }
    }
    journal.push({ row, record, source: row })
    return { entry: null, ordinal, applied: false, shown: shown(ordinal) }
  }

  #compare(row: TestRow, entry: Entry | null): Seen {
    if (entry === null) return Seen.fresh
    const isSame = (entry.row.content ?? entry.row.id) === (row.content ?? row.id)
    const hasSource = row.partition >= 0
    const { partition, offset } = entry.source
    const isOwn = partition === row.partition && offset === row.offset
    if (!hasSource) return isSame ? Seen.redelivery : Seen.conflict
    if (isOwn) return entry.row.partition < 0 ? Seen.adopted : Seen.redelivery
    if (partition < 0 && isSame) return Seen.adopted
    return isSame ? Seen.duplicate : Seen.conflict
  }
}
