// What the features of the standard work are, by plain lists: every window filtered afresh. It must stay too simple to be
// wrong, and never looks at what an engine keeps.
import type { StandardTransaction } from './transactions.ts'
import { windows } from './transactions.ts'

interface HandRecord {
  readonly timeMs: number
  readonly amountMinor: number
}

/** Fed with the transactions in the order of the topic. */
export class StandardOracle {
  readonly #records = new Map<string, HandRecord[]>()

  /** Counts it as a transaction that later ones see. */
  add({ timeMs, amountMinor, entities }: StandardTransaction): void {
    for (const [kind, id] of entities.entries()) {
      const key = `${kind} ${id}`
      const records = this.#records.get(key)
      if (records === undefined) this.#records.set(key, [{ timeMs, amountMinor }])
      else records.push({ timeMs, amountMinor })
    }
  }

  /** Of a transaction before it is added, itself included, in the order of `featureNames`: records of (t − W, t] before it. */
  features({ timeMs, amountMinor, entities }: StandardTransaction): number[] {
    return entities.flatMap((id, kind) => {
      const records = this.#records.get(`${kind} ${id}`) ?? []
      return windows.flatMap(({ ms }) => {
        const counted = records.filter((r) => timeMs - ms < r.timeMs && r.timeMs <= timeMs)
        const sum = counted.reduce((total, r) => total + r.amountMinor, amountMinor)
        return [counted.length + 1, sum]
      })
    })
  }
}

const prime = 0x01000193n
const mask = (1n << 32n) - 1n

/** 8 hex digits of forty features: FNV-1a over 32 bits, a whole number at a time. What peers write instead of all of them. */
export function fingerprint(features: readonly number[]): string {
  let hash = 0x811c9dc5n
  for (const value of features) hash = ((hash ^ (BigInt(value) & mask)) * prime) & mask
  return hash.toString(16).padStart(8, '0')
}
