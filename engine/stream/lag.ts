// How far acknowledged outcomes are behind the ends of their partitions. Asked by whoever scrapes, so it never rejects and
// never takes long: while the brokers do not answer, the last known stands.
import type { Range } from './partition-reader.ts'

export interface LagParts {
  /** Where a partition begins and ends; may reject and may hang. */
  range(partition: number): Promise<Range>
  /** Offset behind the acknowledged outcomes of each partition that is ours; null where it is not known yet. */
  next(): ReadonlyMap<number, number | null>
}

const answerMsMax = 1000

export class Lag {
  readonly #parts: LagParts
  #ranges: ReadonlyMap<number, Range> = new Map()
  /** One question at a time, however many scrape. */
  #asking: Promise<void> | null = null

  constructor(parts: LagParts) {
    this.#parts = parts
  }

  /** Messages by partition, of those that are ours and whose end is known. */
  async measure(): Promise<ReadonlyMap<number, number>> {
    this.#asking ??= this.#ask()
    let timer: NodeJS.Timeout | undefined
    const elapsed = new Promise((resolve) => (timer = setTimeout(resolve, answerMsMax)))
    await Promise.race([this.#asking, elapsed])
    clearTimeout(timer)
    const lags = new Map<number, number>()
    for (const [partition, next] of this.#parts.next()) {
      const range = this.#ranges.get(partition)
      if (range !== undefined)
        lags.set(partition, Math.max(0, range.end - Math.max(range.first, next ?? 0)))
    }
    return lags
  }

  async #ask(): Promise<void> {
    try {
      const partitions = [...this.#parts.next().keys()]
      const ranges = partitions.map(async (partition) => {
        return [partition, await this.#parts.range(partition)] as const
      })
      this.#ranges = new Map(await Promise.all(ranges))
    } catch {
      // What was known stands: that brokers are away is told by sends and fetches.
    } finally {
      this.#asking = null
    }
  }
}
