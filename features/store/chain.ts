// Where each source partition stands in each bucket, as far as this process knows: what it may state as a predecessor.

/** With several buckets, primaries and other entities are written by separate calls and have a chain each. */
export const Role = { all: 0, primaries: 0, others: 1 } as const
export type Role = (typeof Role)[keyof typeof Role]

/** Offsets, -1 for none: the last that Redis has confirmed, and the last once all calls in flight have been applied. */
export interface Position {
  acknowledged: number
  expected: number
}

const partitionsMax = 65_536

export class Chains {
  readonly #name: string
  readonly #positions = new Map<number, Position>()

  /** `name` is of the stream that offsets belong to: topic, or what else tells it from a recreated one. */
  constructor(name: string) {
    this.#name = name
  }

  /** Before the partition, the field of a bucket's chain. */
  prefix(role: Role): string {
    return `${role === Role.others ? 'o' : 'p'}:${this.#name}:`
  }

  field(role: Role, partition: number): string {
    return this.prefix(role) + String(partition)
  }

  get(bucket: number, role: Role, partition: number): Position | undefined {
    return this.#positions.get(keyOf(bucket, role, partition))
  }

  /** What Redis says it has stored is where everything goes on from. */
  set(bucket: number, role: Role, partition: number, stored: number): void {
    const key = keyOf(bucket, role, partition)
    const position = this.#positions.get(key)
    if (position === undefined) {
      this.#positions.set(key, { acknowledged: stored, expected: stored })
    } else {
      position.acknowledged = stored
      position.expected = stored
    }
  }

  forget(partitions: readonly number[]): void {
    for (const key of this.#positions.keys()) {
      if (partitions.includes(key % partitionsMax)) this.#positions.delete(key)
    }
  }

  forgetBucket(bucket: number): void {
    for (const key of this.#positions.keys()) {
      if (Math.floor(key / (2 * partitionsMax)) === bucket) this.#positions.delete(key)
    }
  }
}

function keyOf(bucket: number, role: Role, partition: number): number {
  return (bucket * 2 + role) * partitionsMax + partition
}
