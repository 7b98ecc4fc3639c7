// The only reader of a clock. Everything else is handed the time.
import type { Clock } from './core/ports.ts'

/** The machine's clocks: wall time in ms UTC, and a monotonic one in µs that never steps back. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => Number(process.hrtime.bigint() / 1000n),
}
