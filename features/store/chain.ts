// Where each source partition stands in each bucket, as far as this process knows: what it may state as a predecessor.

/** With several buckets, primaries and other entities are written by separate calls and have a chain each. */
export const Role = { all: 0, primaries: 0, others: 1 } as const
export type Role = (typeof Role)[keyof typeof Role]

/** Stated as a predecessor: offsets count from here on, whatever Redis has stored. Answered: it is to be stated. */
export const anew = -2

/** Offsets, -1 for none: the last that Redis has confirmed, and the last once all calls in flight have been applied. */
export interface Position {
  acknowledged: number
  expected: number
}

/** Whose position it is. */
export interface Place {
  readonly bucket: number
  readonly role: Role
  readonly partition: number
}

const partitionsMax = 65_536

export class Chains {
  readonly #primaries: string
  readonly #others: string
  readonly #positions = new Map<number, Position>()

  /** `name` is of the stream that offsets belong to: topic, or what else tells it from a recreated one. */
  constructor(name: string) {
    this.#primaries = `p:${name}:`
    this.#others = `o:${name}:`
  }

  /** Before the partition, the field of a bucket's chain. */
  prefix(role: Role): string {
    return role === Role.others ? this.#others : this.#primaries
  }

  field({ role, partition }: Place): string {
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

  /** All places that Redis has told of, also those of partitions that others own by now: it may never have less. */
  known(): Place[] {
    const places: Place[] = []
    for (const [key, { acknowledged }] of this.#positions) {
      if (acknowledged !== anew) places.push(placeOf(key))
    }
    return places
  }
}

function keyOf(bucket: number, role: Role, partition: number): number {
  return (bucket * 2 + role) * partitionsMax + partition
}

function placeOf(key: number): Place {
  const pair = Math.floor(key / partitionsMax)
  return {
    bucket: Math.floor(pair / 2),
    role: pair % 2 === 0 ? Role.all : Role.others,
    partition: key % partitionsMax,
  }
}
