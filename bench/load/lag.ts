// How many transactions wait for their outcome over time, from when each was due and when its outcome was seen, and whether
// they become more. Computed afterwards: nothing is asked of anybody while it is measured.

export interface LagSample {
  /** Since the beginning. */
  readonly seconds: number
  readonly transactions: number
}

/** Due and seen times in any order, ns of one clock; `seen` 0: never. At every `stepNs` from `fromNs` to `toNs`. */
export function lagSamples(
  dueNs: Float64Array,
  seenNs: Float64Array,
  fromNs: number,
  toNs: number,
  stepNs: number,
): LagSample[] {
  const due = dueNs.toSorted()
  const seen = seenNs.filter((ns) => ns !== 0).sort()
  const samples: LagSample[] = []
  let dueCount = 0
  let seenCount = 0
  for (let at = fromNs; at <= toNs; at += stepNs) {
    while (dueCount < due.length && due[dueCount]! <= at) dueCount++
    while (seenCount < seen.length && seen[seenCount]! <= at) seenCount++
    samples.push({ seconds: (at - fromNs) / 1e9, transactions: dueCount - seenCount })
  }
  return samples
}

/** Transactions per second, by least squares; 0 where there are fewer than two samples. */
export function slopeOf(samples: readonly LagSample[]): number {
  const count = samples.length
  if (count < 2) return 0
  const meanX = samples.reduce((sum, { seconds }) => sum + seconds, 0) / count
  const meanY = samples.reduce((sum, { transactions }) => sum + transactions, 0) / count
  let both = 0
  let squares = 0
  for (const { seconds, transactions } of samples) {
    both += (seconds - meanX) * (transactions - meanY)
    squares += (seconds - meanX) ** 2
  }
  return both / squares
}
