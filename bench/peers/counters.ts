// Windows as counters in Lua: one call a batch, totals and panes kept in Redis (counters.lua). Windows move by panes, a sixtieth
// of their width, so that what they count differs from the exact windows near the far edge. It knows nothing of Weir.
import { readFile } from 'node:fs/promises'
import {
  entityKinds,
  latenessMsMax,
  type StandardTransaction,
  windows,
} from '../standard/transactions.ts'
import { Packer, type RedisPipe, type ReplyReader } from './redis-pipe.ts'
import { featureCount, type RedisWay, type Traffic } from './redis-way.ts'

const functionName = 'rival_counters_v1'
const rowBytes = 16
/** Of an answer: a count and a sum. */
const pairBytes = 12
const fillRows = 64
const ttlMs = String(windows.at(-1)!.ms + latenessMsMax)

export class Counters implements RedisWay {
  readonly #pipe: RedisPipe
  readonly #packer = new Packer()
  readonly #fillOut = new Float64Array(fillRows * featureCount)

  private constructor(pipe: RedisPipe) {
    this.#pipe = pipe
  }

  static async open(pipe: RedisPipe): Promise<Counters> {
    const code = await readFile(
      new URL(import.meta.resolve('#root/bench/peers/counters.lua')),
      'utf8',
    )
    const packer = new Packer()
    packer.begin()
    packer.command(4)
    for (const part of ['FUNCTION', 'LOAD', 'REPLACE', code]) packer.text(part)
    await pipe.run(packer.packed(), 1, { bulk: () => undefined })
    return new Counters(pipe)
  }

  async fill(history: readonly StandardTransaction[]): Promise<void> {
    for (let first = 0; first < history.length; first += fillRows) {
      await this.observe(history.slice(first, first + fillRows), this.#fillOut)
    }
  }

  observe(batch: readonly StandardTransaction[], out: Float64Array): Promise<void> {
    const packer = this.#packer
    packer.begin()
    const keys = batch.length * entityKinds.length
    packer.command(6 + keys)
    packer.text('FCALL')
    packer.text(functionName)
    packer.text(String(keys))
    for (const { entities } of batch) {
      for (const [kind, id] of entities.entries()) packer.text(`${entityKinds[kind]![0]!}:${id}`)
    }
    packer.text(ttlMs)
    const widths = packer.raw(8 * windows.length)
    for (const [at, { ms }] of windows.entries()) widths.bytes.writeDoubleLE(ms, widths.at + 8 * at)
    const rows = packer.raw(rowBytes * batch.length)
    for (const [row, { timeMs, amountMinor }] of batch.entries()) {
      rows.bytes.writeDoubleLE(timeMs, rows.at + row * rowBytes)
      rows.bytes.writeDoubleLE(amountMinor, rows.at + row * rowBytes + 8)
    }
    return this.#pipe.run(packer.packed(), 1, readerInto(out))
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

function readerInto(out: Float64Array): ReplyReader {
  return {
    bulk: (_, bytes, start, end) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      for (let at = start, place = 0; at < end; at += pairBytes) {
        out[place++] = view.getUint32(at, true)
        out[place++] = view.getFloat64(at + 4, true)
      }
    },
  }
}
