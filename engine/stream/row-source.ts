// Generated rows as a source: lines of JSON, each the message that a payment system would have sent.
import type { Message, Source } from '../core/ports.ts'
import { makeMessage } from './file-source.ts'

/** Lines of an iterable, at most `count` of them, as messages of one partition with row numbers for offsets. */
export class RowSource implements Source {
  readonly total: { readonly unit: 'messages'; readonly size: number }
  readonly #lines: Iterable<string>
  readonly #batchMax: number
  readonly #partition: number
  #position = 0

  constructor(lines: Iterable<string>, count: number, batchMax: number, partition: number) {
    this.total = { unit: 'messages', size: count }
    this.#lines = lines
    this.#batchMax = batchMax
    this.#partition = partition
  }

  position(): number {
    return this.#position
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous, generating is not
  async *batches(): AsyncIterable<readonly Message[]> {
    let batch: Message[] = []
    for (const line of this.#lines) {
      if (this.#position === this.total.size) break
      const value = Buffer.from(line)
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
