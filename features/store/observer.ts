// How a batch is observed in Redis: one call per bucket and sixteen rows, pipelined in order, repeated until the chain agrees.
// Journals that were read are held, so that only what is new comes back; correctness never rests on what is held.
import { strict as assert } from 'node:assert'
import { randomFillSync } from 'node:crypto'
import type { JournalPlans } from '../journal.ts'
import { type Observation, Seen } from '../observation.ts'
import type { View } from '../view.ts'
import { Call } from './call.ts'
import { Chains, Role } from './chain.ts'
import { Journals } from './journals.ts'
import { Keys } from './keys.ts'
import { Packer } from './packer.ts'
import { rowsPerCallMax, StoreError } from './store.ts'
import { type Answer, Unpacker } from './unpacker.ts'

export interface ObserverOptions {
  readonly plans: JournalPlans
  /** Fixed per deployment; 1 on a single Redis, where a whole row is then one atomic call. */
  readonly buckets: number
  /** How long Redis keeps a journal that nothing touches. */
  readonly ttlMs: number
  readonly heldBytesMax: number
  /** Names the stream that offsets belong to; another name is another chain. */
  readonly chain: string
  readonly log: StoreLog
}

/** What the store says to operators. */
export interface StoreLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The way to Redis. Rejects, or answers in a failed call's place, with StoreError. */
export interface Wire {
  /** Sends `calls` packed commands at once; each one's reply or failure in its place. */
  send(packed: Buffer, calls: number): Promise<(Buffer | StoreError)[]>
  /** Fields of hashes; null where there is none. */
  readFields(
    wanted: readonly { readonly key: string; readonly field: string }[],
  ): Promise<(string | null)[]>
  /** True when the failure came of a missing function that is there again, so that the call can be repeated. */
  restore(failure: StoreError): Promise<boolean>
}

/** Redis may be written to by others between two calls: this often a batch is sent again before the caller hears of it. */
const attemptsMax = 8
const randomBytes = 4096
const incarnationBytes = 8

export class Observer {
  readonly journals: Journals
  readonly keys: Keys
  readonly #options: ObserverOptions
  readonly #wire: Wire
  readonly #packer: Packer
  readonly #unpacker: Unpacker
  readonly #chains: Chains
  readonly #ttlS: number
  readonly #observations = new Map<Observation, number>()
  /** Buckets that have lost records: their history starts anew with the next call. */
  readonly #renewed = new Set<number>()
  #isStale = false
  #isObserving = false
  #recordsOf: Uint8Array | null = null
  #words: Uint32Array = new Uint32Array(0)
  readonly #random = new Uint8Array(randomBytes)
  #randomAt = randomBytes

  constructor(options: ObserverOptions, wire: Wire) {
    this.#options = options
    this.#wire = wire
    this.keys = new Keys(options.plans, options.buckets)
    this.journals = new Journals(options.plans, options.heldBytesMax, 'forget')
    this.#packer = new Packer(options.plans, this.keys, this.journals)
    this.#unpacker = new Unpacker(options.plans, this.journals)
    this.#chains = new Chains(options.chain)
    this.#ttlS = Math.max(1, Math.ceil(options.ttlMs / 1000))
  }

  async observe(batch: Observation): Promise<void> {
    assert(!this.#isObserving, 'one observe at a time')
    assert(!this.#observations.has(batch), 'a batch is released before it is observed again')
    this.#isObserving = true
    this.#observations.set(batch, this.journals.begin())
    this.#clearAnswers(batch)
    try {
      const isAtomic = this.keys.buckets === 1
      await this.#run(this.#primaryCalls(batch, isAtomic), batch)
      if (!isAtomic) await this.#run(this.#otherCalls(batch), batch)
    } catch (error) {
      this.release(batch)
      throw error
    } finally {
      this.#isObserving = false
    }
  }

  release(batch: Observation): void {
    const slots = batch.count * batch.entityCount
    for (let slot = 0; slot < slots; slot++) {
      if (batch.handle[slot]! < 0) continue
      this.journals.unpin(batch.handle[slot]!)
      batch.handle[slot] = -1
    }
    const observation = this.#observations.get(batch)
    if (observation === undefined) return
    this.journals.end(observation)
    this.#observations.delete(batch)
  }

  view(handle: number, ordinal: number, out: View): void {
    this.journals.view(handle, ordinal, out)
  }

  reset(partitions: readonly number[]): void {
    this.#chains.forget(partitions)
  }

  #clearAnswers(batch: Observation): void {
    const slots = batch.count * batch.entityCount
    batch.handle.fill(-1, 0, slots)
    batch.ordinal.fill(-1, 0, slots)
    batch.applied.fill(0, 0, slots)
    batch.firstPartition.fill(-1, 0, batch.count)
    batch.firstOffset.fill(-1, 0, batch.count)
    batch.historySinceMs.fill(Number.NEGATIVE_INFINITY, 0, batch.count)
  }

  /** Every row at its primary's bucket; with one bucket, whole rows. */
  #primaryCalls(batch: Observation, isWhole: boolean): Call[] {
    const { primary } = this.#options.plans
    const grouped = new Calls(isWhole ? Role.all : Role.primaries)
    for (let row = 0; row < batch.count; row++) {
      const first = row * batch.entityCount
      assert(batch.present[first + primary] === 1)
      const bucket = this.keys.bucketOf(batch.key[(first + primary) * 4]!)
      const call = grouped.at(bucket, row, batch.partition[row]!)
      call.addSlot(first + primary)
      for (let entity = 0; isWhole && entity < batch.entityCount; entity++) {
        if (entity !== primary && batch.present[first + entity] === 1) call.addSlot(first + entity)
      }
    }
    return grouped.all
  }

  /** The other entities of rows that are new or come again: a duplicate touches no other journal. */
  #otherCalls(batch: Observation): Call[] {
    const grouped = new Calls(Role.others)
    for (let row = 0; row < batch.count; row++) {
      const seen = batch.seen[row]
      if (seen === Seen.duplicate || seen === Seen.conflict) continue
      const first = row * batch.entityCount
      for (let entity = 0; entity < batch.entityCount; entity++) {
        const slot = first + entity
        if (entity === this.#options.plans.primary || batch.present[slot] === 0) continue
        const bucket = this.keys.bucketOf(batch.key[slot * 4]!)
        grouped.at(bucket, row, batch.partition[row]!).addSlot(slot)
      }
    }
    return grouped.all
  }

  /** Sends calls until each is answered. What was refused goes again, in order, on what Redis said it has. */
  async #run(calls: readonly Call[], batch: Observation): Promise<void> {
    let pending = calls
    for (let attempt = 0; pending.length > 0; attempt++) {
      if (attempt === attemptsMax) {
        throw new StoreError('observing: offsets kept changing; is a partition read twice?', true)
      }
      if (this.#isStale) this.journals.clear()
      this.#isStale = false
      await this.#readPositions(pending)
      try {
        const words = this.#wordsOf(batch)
        this.#packer.begin(words)
        this.#unpacker.begin(words)
        for (const call of pending) this.#pack(call, batch)
        const replies = await this.#wire.send(this.#packer.packed, pending.length)
        pending = await this.#settle(pending, batch, replies)
      } finally {
        for (const call of calls) {
          for (const position of call.positions) position.expected = position.acknowledged
        }
        this.#unpacker.unpin(calls)
      }
    }
  }

  #pack(call: Call, batch: Observation): void {
    let sinceMs = Number.POSITIVE_INFINITY
    for (const row of call.rows) sinceMs = Math.min(sinceMs, batch.timeMs[row]!)
    call.positions.length = 0
    for (const partition of call.partitions) {
      call.positions.push(this.#chains.get(call.bucket, call.role, partition)!)
    }
    this.#packer.pack(call, batch, {
      chainKey: this.keys.chain(call.bucket),
      prefix: this.#chains.prefix(call.role),
      renew: this.#renewed.has(call.bucket),
      sinceMs,
      ttlS: this.#ttlS,
      incarnation: this.#incarnation(),
    })
  }

  /** Takes in the replies of `calls`; returns those to send again. Rejects with the first failure after all are in. */
  async #settle(
    calls: readonly Call[],
    batch: Observation,
    replies: readonly (Buffer | StoreError)[],
  ): Promise<Call[]> {
    const again: Call[] = []
    let failure: StoreError | null = null
    for (let at = 0; at < calls.length; at++) {
      const call = calls[at]!
      const reply = replies[at]!
      if (reply instanceof StoreError) {
        failure ??= reply
        this.#packer.abandon()
        again.push(call)
        continue
      }
      const answer = this.#unpacker.unpack(call, batch, reply)
      this.#follow(call, answer)
      if (answer.refused) again.push(call)
    }
    if (failure !== null && !(await this.#wire.restore(failure))) throw failure
    return again
  }

  /** Learns from Redis where the call's partitions stand, and notices when it has less than it had. */
  #follow(call: Call, answer: Answer): void {
    if (!answer.refused) this.#renewed.delete(call.bucket)
    for (let at = 0; at < call.partitions.length; at++) {
      const partition = call.partitions[at]!
      const stored = answer.stored[at]!
      const known = this.#chains.get(call.bucket, call.role, partition)
      if (known !== undefined && stored < known.acknowledged) {
        this.#lost(call, partition, known.acknowledged, answer, stored)
      }
      this.#chains.set(call.bucket, call.role, partition, stored)
    }
  }

  #lost(call: Call, partition: number, expected: number, answer: Answer, stored: number): void {
    this.#options.log.error(
      {
        bucket: call.bucket,
        chain: this.#options.chain,
        partition,
        expectedOffset: expected,
        foundOffset: stored,
        isEmpty: answer.sinceMs === -1,
      },
      'Redis has lost records of a bucket: its history starts anew',
    )
    // Once per bucket: its other positions are as wrong, and are read again.
    this.#chains.forgetBucket(call.bucket)
    this.#renewed.add(call.bucket)
    this.#isStale = true
  }

  /** Asks for the positions of partitions that are new here. */
  async #readPositions(calls: readonly Call[]): Promise<void> {
    const wanted = new Map<string, { call: Call; partition: number }>()
    for (const call of calls) {
      for (const partition of call.partitions) {
        if (this.#chains.get(call.bucket, call.role, partition) !== undefined) continue
        wanted.set(`${call.bucket}:${partition}`, { call, partition })
      }
    }
    if (wanted.size === 0) return
    const list = [...wanted.values()]
    const stored = await this.#wire.readFields(
      list.map(({ call, partition }) => ({
        key: this.keys.chain(call.bucket),
        field: this.#chains.field(call.role, partition),
      })),
    )
    for (const [at, { call, partition }] of list.entries()) {
      this.#chains.set(call.bucket, call.role, partition, Number(stored[at] ?? -1))
    }
  }

  /** The batch's records as words; made anew only for another batch. */
  #wordsOf(batch: Observation): Uint32Array {
    if (batch.records !== this.#recordsOf) {
      assert(batch.recordStride % 8 === 0)
      const { buffer, byteOffset, byteLength } = batch.records
      this.#words = new Uint32Array(buffer, byteOffset, byteLength >>> 2)
      this.#recordsOf = batch.records
    }
    return this.#words
  }

  #incarnation(): Uint8Array {
    if (this.#randomAt === randomBytes) {
      randomFillSync(this.#random)
      this.#randomAt = 0
    }
    this.#randomAt += incarnationBytes
    return this.#random.subarray(this.#randomAt - incarnationBytes, this.#randomAt)
  }
}

/** Rows gathered into calls of one role, in row order, at most `rowsPerCallMax` each. */
class Calls {
  readonly all: Call[] = []
  readonly #role: Role
  readonly #open = new Map<number, Call>()

  constructor(role: Role) {
    this.#role = role
  }

  /** The call at `bucket` that `row` belongs to. */
  at(bucket: number, row: number, partition: number): Call {
    let call = this.#open.get(bucket)
    if (call?.rows[call.rows.length - 1] === row) return call
    if (call === undefined || call.rows.length === rowsPerCallMax) {
      call = new Call(bucket, this.#role)
      this.#open.set(bucket, call)
      this.all.push(call)
    }
    call.add(row)
    if (partition >= 0 && !call.partitions.includes(partition)) call.partitions.push(partition)
    return call
  }
}
