// Compacts journals in Redis that their replies ask for: sums in the place of their oldest records. Off the answer path, a few
// at a time. No answer may depend on whether, when or by whom it is done; a failure is counted, said, and left to the next one.
import { setImmediate } from 'node:timers/promises'
import type { JournalPlans } from '../journal.ts'
import type { Observation } from '../observation.ts'
import type { Journals } from './journals.ts'
import type { Keys } from './keys.ts'
import { StoreError } from './store.ts'
import type { Wanted } from './unpacker.ts'
import { packSums } from './whole.ts'
import type { PackedCall, StoreLog, Wire } from './wire.ts'

/** Waiting at a time. What finds no place is asked for again by one of the next replies. */
const waitingMax = 4
const layoutVersion = 1
const headBytes = 43

/** A pinned journal. */
interface Waiting {
  readonly journal: number
  readonly bucket: number
  /** Behind which it was read: what is held was compared with that Redis only. */
  readonly connection: object
  readonly entity: number
  readonly key: string
  readonly generation: number
}

/** What is to be sent of a journal, read off before it was unpinned. */
interface Compaction {
  readonly waiting: Waiting
  readonly head: Buffer
  readonly hops: Float64Array
}

export class Compactor {
  /** Journals compacted, and attempts that failed, since the start. */
  done = 0
  failed = 0
  readonly #plans: JournalPlans
  readonly #keys: Keys
  readonly #journals: Journals
  readonly #wire: Wire
  readonly #log: StoreLog
  #waiting: Waiting[] = []
  #running: Promise<void> | null = null
  /** Rises when what is held turns out to be of no use. */
  #epoch = 0
  #isClosed = false
  #isFailing = false

  constructor(plans: JournalPlans, keys: Keys, journals: Journals, wire: Wire, log: StoreLog) {
    this.#plans = plans
    this.#keys = keys
    this.#journals = journals
    this.#wire = wire
    this.#log = log
  }

  /** Takes note of a journal that is held as Redis has it, and pins it. */
  want({ journal, slot, generation }: Wanted, batch: Observation): void {
    if (this.#isClosed || this.#waiting.length === waitingMax) return
    if (this.#waiting.some((other) => other.journal === journal)) return
    const entity = slot % batch.entityCount
    const tenant = batch.tenant[Math.floor(slot / batch.entityCount)]!
    const key = this.#keys.journal(tenant, entity, batch.key, slot * 4)
    const bucket = this.#keys.bucketOf(batch.key[slot * 4]!)
    const connection = this.#wire.connection(bucket)
    this.#journals.pin(journal)
    this.#waiting.push({ journal, bucket, connection, entity, key, generation })
  }

  /** Begins with what waits, unless some are under way: then the next batch's does. */
  start(): void {
    if (this.#waiting.length === 0 || this.#running !== null) return
    this.#running = this.#run().finally(() => {
      this.#running = null
    })
  }

  /** Redis has lost records, or there may be another one: nothing that waits or is under way is sent any more. */
  forget(): void {
    this.#epoch++
    for (const { journal } of this.#waiting.splice(0)) this.#journals.unpin(journal)
  }

  /** Resolves when nothing is under way; the connection must be closed before. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.forget()
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      // The answers of the batch that asked go out first.
      await setImmediate()
      const epoch = this.#epoch
      const compactions = this.#waiting.splice(0).map((waiting) => this.#take(waiting))
      const packed: { readonly waiting: Waiting; readonly bytes: Buffer }[] = []
      for (const compaction of compactions) {
        if (compaction === null) continue
        packed.push({ waiting: compaction.waiting, bytes: await pack(compaction) })
      }
      if (epoch === this.#epoch) await this.#send(packed)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #send(
    packed: readonly { readonly waiting: Waiting; readonly bytes: Buffer }[],
  ): Promise<void> {
    const sent = packed.filter(({ waiting: { bucket, connection } }) => {
      return connection === this.#wire.connection(bucket)
    })
    if (sent.length === 0) return
    let end = 0
    const calls = sent.map(({ waiting: { bucket }, bytes }): PackedCall => {
      end += bytes.length
      return { bucket, start: end - bytes.length, end }
    })
    const bytes = Buffer.concat(sent.map((compaction) => compaction.bytes))
    const replies = await this.#wire.send(bytes, calls)
    for (const [at, reply] of replies.entries()) await this.#settle(reply, calls[at]!.bucket)
  }

  #take(waiting: Waiting): Compaction | null {
    const { journal, entity, generation } = waiting
    try {
      const summary = this.#journals.summary(journal)
      if (summary === null) return null
      const { width, cap } = this.#plans.journals[entity]!
      const head = Buffer.alloc(headBytes)
      head.writeUInt8(layoutVersion, 0)
      head.writeUInt16LE(width, 1)
      head.writeUInt32LE(cap, 3)
      head.writeUInt32LE(generation, 7)
      this.#journals.writeClaim(journal, new DataView(head.buffer, head.byteOffset), 11)
      head.writeDoubleLE(this.#journals.count(journal), 27)
      head.writeDoubleLE(summary.base, 35)
      return { waiting, head, hops: summary.hops }
    } finally {
      this.#journals.unpin(journal)
    }
  }

  async #settle(reply: Buffer | StoreError, bucket: number): Promise<void> {
    if (reply instanceof StoreError) {
      this.#fail(reply)
      // Where something helps, the next one will not fail of the same.
      await this.#wire.mend([{ bucket, error: reply }], 0).catch(() => undefined)
      return
    }
    this.#isFailing = false
    // Else another engine was faster, or the journal is gone.
    if (reply.toString() === '1') this.done++
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return
    this.failed++
    const reason = error instanceof Error ? error.message : String(error)
    if (!this.#isFailing) this.#log.warn({ reason }, 'journals stay long: compacting them failed')
    this.#isFailing = true
  }
}

async function pack({ waiting: { key }, head, hops }: Compaction): Promise<Buffer> {
  const sums = await packSums(hops)
  const start =
    `*5\r\n$5\r\nFCALL\r\n$10\r\ncompact_v2\r\n$1\r\n1\r\n$${key.length}\r\n${key}\r\n` +
    `$${head.length + sums.length}\r\n`
  return Buffer.concat([Buffer.from(start), head, sums, Buffer.from('\r\n')])
}
