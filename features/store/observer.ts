// How a batch is observed in Redis: one call per bucket and sixteen rows, pipelined in order, repeated until the chain agrees.
// Journals that were read are held, so that only what is new comes back; correctness never rests on what is held.
import { strict as assert } from 'node:assert'
import { randomFillSync } from 'node:crypto'
import type { JournalPlans } from '../journal.ts'
import type { Observation } from '../observation.ts'
import type { View } from '../view.ts'
import type { Call } from './call.ts'
import { GatheredCalls } from './calls.ts'
import { anew, Chains, type Place, type Role } from './chain.ts'
import { Compactor } from './compactor.ts'
import { History } from './history.ts'
import { Journals } from './journals.ts'
import { Keys } from './keys.ts'
import { Packer } from './packer.ts'
import { StoreError } from './store.ts'
import { type Answer, Unpacker } from './unpacker.ts'
import type { Failure, StoreLog, Wire } from './wire.ts'

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

/** Redis may be written to by others between two calls: this often a batch is sent again before the caller hears of it. */
const attemptsMax = 8
const randomBytes = 4096
const incarnationBytes = 8

export class Observer {
  readonly journals: Journals
  readonly keys: Keys
  readonly history: History
  readonly compactor: Compactor
  readonly #options: ObserverOptions
  readonly #wire: Wire
  readonly #packer: Packer
  readonly #gathered: GatheredCalls
  readonly #unpacker: Unpacker
  readonly #chains: Chains
  readonly #ttlS: number
  readonly #observations = new Map<Observation, number>()
  /** Buckets that have lost records: their history starts anew with the next call. */
  readonly #renewed = new Set<number>()
  /** By bucket: the connection behind which all its positions are known to hold; null when they are to be read again. */
  readonly #verified: (object | null)[]
  /** Losses noticed, and those after which all was begun anew: what is held is of no use, what was answered may rest on it. */
  #losses = 0
  #lossesHandled = 0
  /** Journals that calls named since the start, and those of which something was held. */
  journalReads = 0
  heldReads = 0
  #isObserving = false
  #recordsOf: Uint8Array | null = null
  #words: Uint32Array = new Uint32Array(0)
  readonly #random = new Uint8Array(randomBytes)
  #randomAt = randomBytes
  readonly #incarnation = new Uint8Array(incarnationBytes)

  constructor(options: ObserverOptions, wire: Wire) {
    this.#options = options
    this.#wire = wire
    this.keys = new Keys(options.plans, options.buckets)
    this.#verified = Array.from({ length: options.buckets }, (_, at) => wire.connection(at))
    this.journals = new Journals(options.plans, options.heldBytesMax, 'forget')
    this.#packer = new Packer(options.plans, this.keys, this.journals)
    this.#unpacker = new Unpacker(options.plans, this.journals)
    this.#gathered = new GatheredCalls(options.plans, this.keys)
    this.compactor = new Compactor(options.plans, this.keys, this.journals, wire, options.log)
    this.#chains = new Chains(options.chain)
    this.#ttlS = Math.max(1, Math.ceil(options.ttlMs / 1000))
    this.history = new History(options.plans, this.keys, this.journals, wire, this.#ttlS)
  }

  async observe(batch: Observation): Promise<void> {
    assert(!this.#isObserving, 'one observe at a time')
    assert(!this.#observations.has(batch), 'a batch is released before it is observed again')
    this.#isObserving = true
    this.#observations.set(batch, this.journals.begin())
    this.#clearAnswers(batch)
    try {
      if (!this.history.hasBegun) await this.history.begin(batch)
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        if (this.#hasLost()) this.#beginAnew(batch)
        await this.#run(this.#gathered.primaries(batch), batch)
        if (this.keys.buckets > 1 && !this.#hasLost()) {
          await this.#run(this.#gathered.others(batch), batch)
        }
        if (!this.#hasLost()) return
      }
      throw new StoreError('observing: Redis keeps losing records', true)
    } catch (error) {
      this.release(batch)
      throw error
    } finally {
      this.#isObserving = false
    }
  }

  release(batch: Observation): void {
    this.#unpinAnswers(batch)
    const observation = this.#observations.get(batch)
    if (observation === undefined) return
    this.journals.end(observation)
    this.#observations.delete(batch)
    this.compactor.start()
  }

  /** Noticed since the start. */
  get losses(): number {
    return this.#losses
  }

  view(handle: number, ordinal: number, out: View): void {
    this.journals.view(handle, ordinal, out)
  }

  /** Whenever Redis turns out to have lost records: what was answered before may rest on them. */
  #beginAnew(batch: Observation): void {
    this.#unpinAnswers(batch)
    this.#clearAnswers(batch)
    this.journals.clear()
    this.#verified.fill(null)
    this.compactor.forget()
    this.#lossesHandled = this.#losses
  }

  #hasLost(): boolean {
    return this.#losses > this.#lossesHandled
  }

  #unpinAnswers(batch: Observation): void {
    const slots = batch.count * batch.entityCount
    for (let slot = 0; slot < slots; slot++) {
      if (batch.handle[slot]! < 0) continue
      this.journals.unpin(batch.handle[slot]!)
      batch.handle[slot] = -1
    }
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

  /** Sends calls until each is answered, or records were lost. What was refused goes again, in order, on what Redis said it has. */
  async #run(calls: readonly Call[], batch: Observation): Promise<void> {
    let pending = calls
    let refusals = 0
    for (let repeats = 0; pending.length > 0; repeats++) {
      if (refusals === attemptsMax) {
        throw new StoreError('observing: offsets kept changing; is a partition read twice?', true)
      }
      if (!this.#isPositioned(pending)) await this.#readPositions(pending)
      if (this.#hasLost()) return
      try {
        const words = this.#wordsOf(batch)
        this.#packer.begin(words)
        this.#unpacker.begin(words)
        for (const call of pending) this.#pack(call, batch)
        const replies = await this.#wire.send(this.#packer.packed, pending)
        const { again, failures } = this.#settle(pending, batch, replies)
        pending = again
        if (failures.length > 0) await this.#wire.mend(failures, repeats)
        else refusals++
      } finally {
        for (const call of calls) {
          for (let at = 0; at < call.partitionCount; at++) {
            const position = call.positions[at]
            if (position !== undefined) position.expected = position.acknowledged
          }
        }
        this.#unpacker.unpin(calls)
      }
      if (this.#hasLost()) return
    }
  }

  #pack(call: Call, batch: Observation): void {
    const isRenewed = this.#renewed.has(call.bucket)
    let [sinceMs, untilMs] = [Infinity, -Infinity]
    for (let at = 0; at < call.rowCount; at++) {
      sinceMs = Math.min(sinceMs, batch.timeMs[call.rows[at]!]!)
      untilMs = Math.max(untilMs, batch.timeMs[call.rows[at]!]!)
    }
    for (let at = 0; at < call.partitionCount; at++) {
      call.positions[at] = this.#chains.get(call.bucket, call.role, call.partitions[at]!)!
    }
    call.start = this.#packer.length
    this.#packer.pack(call, batch, {
      chainKey: this.keys.chain(call.bucket),
      prefix: this.#chains.prefix(call.role),
      renew: isRenewed,
      // After a loss, what is older than the newest of these transactions may be missing.
      sinceMs: isRenewed ? untilMs : sinceMs,
      ttlS: this.#ttlS,
      incarnation: this.#nextIncarnation(),
    })
    call.end = this.#packer.length
    this.journalReads += call.journalCount
    for (let at = 0; at < call.journalCount; at++) if (call.held[at]! > 0) this.heldReads++
  }

  /** Takes in the replies of `calls`; returns those to send again, and which of them failed. */
  #settle(
    calls: readonly Call[],
    batch: Observation,
    replies: readonly (Buffer | StoreError)[],
  ): { readonly again: Call[]; readonly failures: Failure[] } {
    const again: Call[] = []
    const failures: Failure[] = []
    for (let at = 0; at < calls.length; at++) {
      const call = calls[at]!
      const reply = replies[at]!
      if (reply instanceof StoreError) {
        failures.push({ bucket: call.bucket, error: reply })
        this.#packer.abandon()
        again.push(call)
        continue
      }
      const answer = this.#unpacker.unpack(call, batch, reply)
      this.#follow(call, answer)
      // Behind another connection by now, what is held was not compared with what is there.
      if (this.#isVerified(call.bucket)) {
        for (const wanted of answer.wanted) this.compactor.want(wanted, batch)
      }
      if (answer.refused) again.push(call)
    }
    return { again, failures }
  }

  /** Learns from Redis where the call's partitions stand. */
  #follow({ bucket, role, partitions, partitionCount }: Call, answer: Answer): void {
    if (!answer.refused) this.#renewed.delete(bucket)
    if (answer.isBehind) {
      this.#noteLoss(
        bucket,
        {},
        'Redis has less of a journal than it had: the history of its bucket starts anew',
      )
    }
    for (let at = 0; at < partitionCount; at++) {
      this.#learn(bucket, role, partitions[at]!, answer.stored[at]!)
    }
  }

  /** Notices when Redis has less than it had. */
  #learn(bucket: number, role: Role, partition: number, stored: number): void {
    const known = this.#chains.get(bucket, role, partition)
    if (known !== undefined && stored < known.acknowledged) {
      this.#noteLoss(
        bucket,
        { partition, expectedOffset: known.acknowledged, foundOffset: stored },
        stored === anew
          ? 'a bucket lacks records of offsets it has: lost, or offsets began anew. Its history starts anew'
          : 'Redis has lost records of a bucket: its history starts anew',
      )
    }
    this.#chains.set(bucket, role, partition, stored)
  }

  /** Said once per bucket, however much of it is wrong. */
  #noteLoss(bucket: number, found: object, message: string): void {
    const { chain, log } = this.#options
    this.#losses++
    if (!this.#renewed.has(bucket)) log.error({ bucket, chain, ...found }, message)
    this.#renewed.add(bucket)
  }

  /** Whether all that calls state is known of what is behind the present connections. */
  #isPositioned(calls: readonly Call[]): boolean {
    for (const { bucket, role, partitions, partitionCount } of calls) {
      if (!this.#isVerified(bucket)) return false
      for (let at = 0; at < partitionCount; at++) {
        if (this.#chains.get(bucket, role, partitions[at]!) === undefined) return false
      }
    }
    return true
  }

  /** Asks for the positions of partitions that are new here, and for all behind a connection that is new. */
  async #readPositions(calls: readonly Call[]): Promise<void> {
    do {
      const connections = this.#unverified(calls)
      if (connections.size > 0) {
        this.compactor.forget()
        await this.#wire.check([...connections.keys()])
        await this.#read(this.#chains.known().filter(({ bucket }) => connections.has(bucket)))
        for (const [bucket, connection] of connections) this.#verified[bucket] = connection
      }
      await this.#read(this.#unknown(calls))
      // Nothing is awaited between this and the sending.
    } while (calls.some(({ bucket }) => !this.#isVerified(bucket)))
  }

  #isVerified(bucket: number): boolean {
    return this.#wire.connection(bucket) === this.#verified[bucket]
  }

  /** Connections of `calls` behind which something else may be by now, with all the buckets that are there. */
  #unverified(calls: readonly Call[]): Map<number, object> {
    const found = new Map<number, object>()
    const connections = new Set<object>()
    for (const { bucket } of calls) {
      if (!this.#isVerified(bucket)) connections.add(this.#wire.connection(bucket))
    }
    if (connections.size === 0) return found
    for (let bucket = 0; bucket < this.keys.buckets; bucket++) {
      const connection = this.#wire.connection(bucket)
      if (connections.has(connection) && !this.#isVerified(bucket)) found.set(bucket, connection)
    }
    return found
  }

  #unknown(calls: readonly Call[]): Place[] {
    const places = new Map<string, Place>()
    for (const { bucket, role, partitions, partitionCount } of calls) {
      for (const partition of partitions.subarray(0, partitionCount)) {
        if (this.#chains.get(bucket, role, partition) !== undefined) continue
        places.set(`${bucket}:${partition}`, { bucket, role, partition })
      }
    }
    return [...places.values()]
  }

  async #read(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return
    const stored = await this.#wire.run(
      'reading offsets',
      places.map((place) => ['hget', this.keys.chain(place.bucket), this.#chains.field(place)]),
    )
    for (const [at, { bucket, role, partition }] of places.entries()) {
      this.#learn(bucket, role, partition, Number(stored[at] ?? -1))
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

  /** Valid until the next. */
  #nextIncarnation(): Uint8Array {
    if (this.#randomAt === randomBytes) {
      randomFillSync(this.#random)
      this.#randomAt = 0
    }
    for (let byte = 0; byte < incarnationBytes; byte++) {
      this.#incarnation[byte] = this.#random[this.#randomAt++]!
    }
    return this.#incarnation
  }
}
