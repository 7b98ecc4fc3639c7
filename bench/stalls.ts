// How long this machine keeps a process from running though it wants to: what every latency measured on it holds, whatever is
// measured. Nothing but a loop that reads the clock; it must run in a process that has nothing else to do.

/** What an instant chosen at random had to wait until the process ran again, µs. */
export interface Stalls {
  /** One in a hundred instants waited at least so long; likewise the others. */
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
}

/** Spins for `ms`; the gaps between two looks at the clock are the stalls. */
export function probeStalls(ms: number): Stalls {
  const gapsUs: number[] = []
  const began = process.hrtime.bigint()
  const end = began + BigInt(Math.round(ms * 1e6))
  let last = began
  while (last < end) {
    const now = process.hrtime.bigint()
    const gapUs = Number(now - last) / 1000
    // Most are a call of the clock, too short for any latency to hold.
    if (gapUs > shortestUs) gapsUs.push(gapUs)
    last = now
  }
  return stallsOf(gapsUs, Number(last - began) / 1000)
}

const shortestUs = 5

/** Of gaps within `totalUs`. An instant in a gap waits for the rest of it, so long gaps count by their length. */
export function stallsOf(gapsUs: readonly number[], totalUs: number): Stalls {
  return {
    p50Us: waitAt(gapsUs, totalUs * 0.5),
    p99Us: waitAt(gapsUs, totalUs * 0.01),
    p999Us: waitAt(gapsUs, totalUs * 0.001),
    maxUs: Math.max(0, ...gapsUs),
  }
}

/** The wait that instants of no more than `overUs` exceed: what the gaps have beyond it sums up to just that. */
function waitAt(gapsUs: readonly number[], overUs: number): number {
  const falling = [...gapsUs.toSorted((a, b) => b - a), 0]
  let sumUs = 0
  for (let count = 1; count < falling.length; count++) {
    sumUs += falling[count - 1]!
    const waitUs = (sumUs - overUs) / count
    if (waitUs >= falling[count]!) return waitUs
  }
  return 0
}
