// Waits for a moment without using the processor: a thread that sleeps in `Atomics.wait` wakes about 0.1 ms behind it. On two
// cores, for 1,000 moments a second: 3 % of a core; timers of Node take as much and are 0.6 ms late; spinning takes what is
// left, 22 % of a core where all else is busy, and what it takes is missing in what is measured.

const cell = new Int32Array(new SharedArrayBuffer(4))

/** ns of a clock that all processes of a machine share. */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}

/** Blocks this thread; returns the time at its end. */
export function sleepUntil(ns: number): number {
  for (;;) {
    const now = nowNs()
    if (now >= ns) return now
    Atomics.wait(cell, 0, 0, (ns - now) / 1e6)
  }
}
