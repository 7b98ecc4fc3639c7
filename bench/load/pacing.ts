// Waits for a moment without using the processor: a thread that sleeps in `Atomics.wait` is woken within some tens of µs of
// it, where a timer of Node is late by a millisecond and spinning takes a core from what is measured.

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
