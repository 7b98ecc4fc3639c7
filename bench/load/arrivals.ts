// Which outcomes a reader has seen and when, and what is wrong with them: lost, doubled, out of order. A reader that ignores
// source offsets not above the last one it saw, as every subscriber of the decision topic may.

export interface Faults {
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
}

/** One partition. */
class PartitionArrivals {
  #atNs = new Float64Array(2 ** 16)
  #last = -1
  seen = 0
  doubled = 0
  reordered = 0

  add(offset: number, arrivedNs: number): void {
    if (offset >= this.#atNs.length) {
      const larger = new Float64Array(2 * Math.max(offset, this.#atNs.length))
      larger.set(this.#atNs)
      this.#atNs = larger
    }
    if (this.#atNs[offset] !== 0) {
      this.doubled++
      return
    }
    if (offset < this.#last) this.reordered++
    this.#last = Math.max(this.#last, offset)
    this.#atNs[offset] = arrivedNs
    this.seen++
  }

  at(offset: number): number {
    return this.#atNs[offset] ?? 0
  }
}

export class Arrivals {
  readonly #partitions: readonly PartitionArrivals[]

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, () => new PartitionArrivals())
  }

  /** `offset`: of the transaction that an outcome answers. */
  add(partition: number, offset: number, arrivedNs: number): void {
    this.#partitions[partition]!.add(offset, arrivedNs)
  }

  /** When the outcome of a transaction was first seen; 0: not yet. */
  at(partition: number, offset: number): number {
    return this.#partitions[partition]!.at(offset)
  }

  /** True when so many different outcomes of each partition are there. */
  has(counts: readonly number[]): boolean {
    return this.#partitions.every(({ seen }, partition) => seen >= counts[partition]!)
  }

  /** Over all, with so many transactions in each partition. */
  faults(counts: readonly number[]): Faults {
    const faults = { lost: 0, doubled: 0, reordered: 0 }
    for (const [partition, arrivals] of this.#partitions.entries()) {
      for (let offset = 0; offset < counts[partition]!; offset++) {
        if (arrivals.at(offset) === 0) faults.lost++
      }
      faults.doubled += arrivals.doubled
      faults.reordered += arrivals.reordered
    }
    return faults
  }
}
