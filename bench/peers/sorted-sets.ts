// Windows the way most use Redis: a sorted set per entity, scored by time, read whole for the longest window and summed by the
// client. Tuned: one set serves all five windows, members are 15 bytes and carry time and amount, so that no scores come back;
// what is too old is removed by one transaction of sixteen; one round trip a batch. It knows nothing of Weir.
import {
  entityKinds,
  latenessMsMax,
  type StandardTransaction,
  windows,
} from '../standard/transactions.ts'
import { Packer, type RedisPipe, type ReplyReader } from './redis-pipe.ts'
import { featuresPerEntity, type RedisWay, type Traffic } from './redis-way.ts'

/** Amount, time, number of the transaction. */
const memberBytes = 15
const longestMs = windows.at(-1)!.ms
const keptMs = longestMs + latenessMsMax
const ttlMs = String(keptMs)
/** One of so many transactions removes what is too old and renews the expiry. */
const trimEvery = 16
const fillRows = 256

export interface SortedSetOptions {
  /** The whole batch as one atomic step; without it, other clients' commands come in between. */
  readonly isMulti: boolean
}

export class SortedSets implements RedisWay {
  readonly #pipe: RedisPipe
  readonly #isMulti: boolean
  readonly #packer = new Packer()
  readonly #sums: MemberSums

  constructor(pipe: RedisPipe, { isMulti }: SortedSetOptions) {
    this.#pipe = pipe
    this.#isMulti = isMulti
    this.#sums = new MemberSums()
  }

  /** Sets are the same whether they were read meanwhile or not. */
  async fill(history: readonly StandardTransaction[]): Promise<void> {
    for (let first = 0; first < history.length; first += fillRows) {
      const packer = this.#packer
      packer.begin()
      for (const transaction of history.slice(first, first + fillRows)) {
        for (let kind = 0; kind < entityKinds.length; kind++)
          this.#add(transaction, kind, keyOf(transaction, kind))
      }
      await this.#pipe.run(packer.packed(), packer.commands, nobody)
    }
  }

  async observe(batch: readonly StandardTransaction[], out: Float64Array): Promise<void> {
    const packer = this.#packer
    packer.begin()
    if (this.#isMulti) one(packer, 'MULTI')
    const sums = this.#sums
    sums.begin(batch, out)
    for (let row = 0; row < batch.length; row++) {
      const transaction = batch[row]!
      for (let kind = 0; kind < entityKinds.length; kind++) {
        const key = keyOf(transaction, kind)
        this.#add(transaction, kind, key)
        sums.readBy(packer.commands - (this.#isMulti ? 1 : 0), row, kind)
        packer.command(4)
        packer.text('ZRANGEBYSCORE')
        packer.text(key)
        packer.text(`(${transaction.timeMs - longestMs}`)
        packer.text(String(transaction.timeMs))
      }
    }
    const commands = packer.commands - (this.#isMulti ? 1 : 0)
    if (this.#isMulti) one(packer, 'EXEC')
    await this.#pipe.run(packer.packed(), commands, sums, this.#isMulti)
    sums.end()
  }

  #add(transaction: StandardTransaction, kind: number, key: string): void {
    const packer = this.#packer
    const { timeMs, amountMinor } = transaction
    const number = Number(transaction.id.slice(2))
    packer.command(4)
    packer.text('ZADD')
    packer.text(key)
    packer.text(String(timeMs))
    const { bytes, at } = packer.raw(memberBytes)
    bytes.writeUInt32LE(amountMinor, at)
    bytes.writeUIntLE(timeMs, at + 4, 6)
    bytes.writeUIntLE(number, at + 10, 5)
    if ((number + kind) % trimEvery !== 0) return
    packer.command(4)
    packer.text('ZREMRANGEBYSCORE')
    packer.text(key)
    packer.text('-inf')
    packer.text(String(timeMs - keptMs))
    packer.command(3)
    packer.text('PEXPIRE')
    packer.text(key)
    packer.text(ttlMs)
  }

  rewind(): void {
    // Nothing tells a repeat from a first time.
  }

  isMarked(): boolean {
    return false
  }

  get traffic(): Traffic {
    return this.#pipe
  }

  close(): Promise<void> {
    this.#pipe.close()
    return Promise.resolve()
  }
}

/** Adds each member to the shortest window that has it; longer ones are summed up at the end. */
class MemberSums implements ReplyReader {
  #out: Float64Array = new Float64Array(0)
  #batch: readonly StandardTransaction[] = []
  /** By command: 1 + place of the entity in `out`, 0 where nothing is to be read. */
  #places = new Int32Array(64)
  #command = -1
  #place = 0
  #timeMs = 0

  begin(batch: readonly StandardTransaction[], out: Float64Array): void {
    this.#batch = batch
    this.#out = out.fill(0, 0, batch.length * entityKinds.length * featuresPerEntity)
    this.#places.fill(0)
    this.#command = -1
  }

  readBy(command: number, row: number, kind: number): void {
    if (command >= this.#places.length) {
      const larger = new Int32Array(2 * command)
      larger.set(this.#places)
      this.#places = larger
    }
    this.#places[command] = 1 + row * entityKinds.length + kind
  }

  bulk(command: number, bytes: Buffer, start: number): void {
    if (command !== this.#command) {
      this.#command = command
      const entity = this.#places[command]! - 1
      this.#place = entity * featuresPerEntity
      this.#timeMs = this.#batch[Math.floor(entity / entityKinds.length)]!.timeMs
    }
    const amount = uint32(bytes, start)
    const ageMs =
      this.#timeMs -
      (uint32(bytes, start + 4) + bytes[start + 8]! * 2 ** 32 + bytes[start + 9]! * 2 ** 40)
    let window = 0
    while (ageMs >= windows[window]!.ms) window++
    const at = this.#place + 2 * window
    this.#out[at]! += 1
    this.#out[at + 1]! += amount
  }

  end(): void {
    const out = this.#out
    const entities = this.#batch.length * entityKinds.length
    for (let entity = 0; entity < entities; entity++) {
      const first = entity * featuresPerEntity
      for (let at = first + 2; at < first + featuresPerEntity; at++) out[at]! += out[at - 2]!
    }
  }
}

const nobody: ReplyReader = { bulk: () => undefined }

function uint32(bytes: Buffer, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  )
}

function one(packer: Packer, name: string): void {
  packer.command(1)
  packer.text(name)
}

function keyOf({ entities }: StandardTransaction, kind: number): string {
  return `${entityKinds[kind]![0]!}:${entities[kind]!}`
}
