// Random batches for stores: few entities, so that journals grow long; messages come again, twice, and under another's id.
import type { TestRow } from './journal-rows.ts'

/** Numbers from 0 to `below`, exclusive, the same for the same seed (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** `count` batches. Offsets ascend within a partition, but for stretches that are delivered again. */
export function* randomRows(seed: number, count: number): Generator<TestRow[]> {
  const random = randomOf(seed)
  const sent: TestRow[] = []
  const next = [0, 0, 0]
  for (let batch = 0; batch < count; batch++) {
    if (sent.length > 0 && random(6) === 0) {
      // A partition goes back to an earlier offset.
      const partition = random(next.length)
      const from = Math.max(0, next[partition]! - 1 - random(30))
      const again = sent.filter((row) => row.partition === partition && row.offset >= from)
      for (let at = 0; at < again.length; at += 50) yield again.slice(at, at + 50)
      continue
    }
    const rows = Array.from({ length: 1 + random(40) }, () => randomRow(random, sent, next))
    sent.push(...rows)
    yield rows
  }
}

function randomRow(
  random: (below: number) => number,
  sent: readonly TestRow[],
  next: number[],
): TestRow {
  const partition = random(12) === 0 ? -1 : random(next.length)
  const source = { partition, offset: -1 }
  if (partition >= 0) {
    next[partition]! += 1 + random(3)
    source.offset = next[partition]!
  }
  const timeMs = 1.7e12 + random(1e9)
  const earlier = sent.length > 0 && random(10) === 0 ? sent[random(sent.length)]! : null
  if (earlier !== null) {
    const content = random(3) === 0 ? `other ${random(1e6)}` : (earlier.content ?? earlier.id)
    return { ...earlier, ...source, timeMs, content }
  }
  return {
    ...source,
    tenant: random(5) === 0 ? 'two' : 'one',
    timeMs,
    id: `tx${random(1e9)}`,
    entities: [
      `card${random(6)}`,
      random(8) === 0 ? null : `shop${random(3)}`,
      random(3) === 0 ? null : `phone${random(40)}`,
      random(2) === 0 ? null : `ip${random(5)}`,
    ],
  }
}
