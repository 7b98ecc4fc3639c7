// Generated rows as a source: each is serialised as the JSON message that a payment system would have sent.
import type { Message, Source } from '../core/ports.ts'
import { makeMessage } from './file-source.ts'

/** Rows of an iterable, at most `count` of them, as messages of one partition with row numbers for offsets. */
export class RowSource implements Source {
  readonly total: { readonly unit: 'messages'; readonly size: number }
  readonly #rows: Iterable<object>
  readonly #batchMax: number
  readonly #partition: number
  #position = 0

  constructor(rows: Iterable<object>, count: number, batchMax: number, partition: number) {
    this.total = { unit: 'messages', size: count }
    this.#rows = rows
    this.#batchMax = batchMax
    this.#partition = partition
  }

  position(): number {
    return this.#position
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous, generating is not
  async *batches(): AsyncIterable<readonly Message[]> {
    let batch: Message[] = []
    for (const row of this.#rows) {
      if (this.#position === this.total.size) break
      const value = Buffer.from(JSON.stringify(row))
      batch.push(makeMessage(this.#partition, this.#position, value))
      this.#position++
      if (batch.length < this.#batchMax) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
