// The rows that a model is trained and judged on, as numbers in typed arrays: features as the engine computed them, and
// beside them what the row's label says. It holds no ids, and never more than it was allowed.
import { SipHash } from '../../features/hash.ts'
import { type Transaction, Verdict } from '../../features/transaction.ts'

/** Rows of one chunk: the table grows by these, so that nothing is ever copied. */
const chunkRows = 65_536
/** Of a row besides its features: five float64 and a byte. */
const factBytes = 41

interface Chunk {
  readonly values: Float32Array
  readonly timeMs: Float64Array
  readonly labelMs: Float64Array
  readonly amountMinor: Float64Array
  readonly customer: Float64Array
  readonly identity: Float64Array
  readonly verdict: Uint8Array
}

/** A verdict and when it was known. */
export interface Label {
  readonly verdict: Verdict
  readonly atMs: number
}

/** Rows in order of arrival. Append only, but for labels that come as messages of their own. */
export class RowTable {
  /** Features of a row. */
  readonly columns: number
  /** The most rows that its memory holds. */
  readonly rowsMax: number
  count = 0
  readonly #primary: number
  readonly #chunks: Chunk[] = []
  readonly #hashes = new IdHash()

  /** `primary`: index of the entity whose owner is a customer; `bytesMax`: memory of all rows. */
  constructor(columns: number, primary: number, bytesMax: number) {
    this.columns = columns
    this.rowsMax = Math.floor(bytesMax / (columns * Float32Array.BYTES_PER_ELEMENT + factBytes))
    this.#primary = primary
  }

  /**
   * Appends a transaction with the features from `rows[at]` on; its label is its own unless another truth is known.
   * False, and nothing appended, when the table is full.
   */
  add(
    transaction: Transaction,
    rows: Float64Array,
    at: number,
    truth: Verdict = transaction.verdict,
  ): boolean {
    if (this.count === this.rowsMax) return false
    const place = this.count % chunkRows
    if (place === 0) this.#chunks.push(makeChunk(this.columns))
    const chunk = this.#chunks.at(-1)!
    const first = place * this.columns
    for (let column = 0; column < this.columns; column++) {
      chunk.values[first + column] = rows[at + column]!
    }
    const { tenant, entities, timeMs, labelMs, amountMinor } = transaction
    chunk.timeMs[place] = timeMs
    chunk.labelMs[place] = labelMs
    chunk.amountMinor[place] = amountMinor
    chunk.verdict[place] = truth
    chunk.customer[place] = this.#hashes.of(tenant, entities[this.#primary] ?? '')
    chunk.identity[place] = this.identityOf(transaction)
    this.count++
    return true
  }

  /** The same number for a transaction and for the messages that name it. */
  identityOf({ tenant, entities, id }: Transaction): number {
    return this.#hashes.of(tenant, entities[this.#primary] ?? '', id)
  }

  /** Gives rows the labels of messages that named them, by `identityOf`. Returns how many messages named no row. */
  setLabels(labels: ReadonlyMap<number, Label>): number {
    let unknown = labels.size
    if (unknown === 0) return 0
    for (let row = 0; row < this.count; row++) {
      const chunk = this.#chunk(row)
      const place = row % chunkRows
      const label = labels.get(chunk.identity[place]!)
      if (label === undefined) continue
      unknown--
      // The latest verdict wins; a row without a label has NaN here.
      if (chunk.labelMs[place]! > label.atMs) continue
      chunk.verdict[place] = label.verdict
      chunk.labelMs[place] = label.atMs
    }
    return unknown
  }

  /** A view of the row's features, NaN for absent. */
  values(row: number): Float32Array {
    const first = (row % chunkRows) * this.columns
    return this.#chunk(row).values.subarray(first, first + this.columns)
  }

  timeMs(row: number): number {
    return this.#chunk(row).timeMs[row % chunkRows]!
  }

  /** When the label was known; NaN without one. */
  labelMs(row: number): number {
    return this.#chunk(row).labelMs[row % chunkRows]!
  }

  /** NaN when absent. */
  amountMinor(row: number): number {
    return this.#chunk(row).amountMinor[row % chunkRows]!
  }

  /** A number for the owner of the primary entity: equal for equal owners. */
  customer(row: number): number {
    return this.#chunk(row).customer[row % chunkRows]!
  }

  isLabelled(row: number): boolean {
    return this.#chunk(row).verdict[row % chunkRows] !== Verdict.none
  }

  isFraud(row: number): boolean {
    return this.#chunk(row).verdict[row % chunkRows] === Verdict.fraud
  }

  #chunk(row: number): Chunk {
    return this.#chunks[Math.floor(row / chunkRows)]!
  }
}

function makeChunk(columns: number): Chunk {
  return {
    values: new Float32Array(chunkRows * columns),
    timeMs: new Float64Array(chunkRows),
    labelMs: new Float64Array(chunkRows),
    amountMinor: new Float64Array(chunkRows),
    customer: new Float64Array(chunkRows),
    identity: new Float64Array(chunkRows),
    verdict: new Uint8Array(chunkRows),
  }
}

/** 53 bits of a hash of texts, so that no id is kept. Two of ten million rows share one once in a hundred tables. */
class IdHash {
  readonly #sip = new SipHash(new Uint8Array(16))

  of(...parts: readonly string[]): number {
    const bytes = Buffer.from(parts.map((part) => `${part.length}:${part}`).join(''))
    this.#sip.hash64(bytes, bytes.length)
    return (this.#sip.w1 >>> 11) * 2 ** 32 + (this.#sip.w0 >>> 0)
  }
}
