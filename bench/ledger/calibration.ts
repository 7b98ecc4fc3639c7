// A fixed piece of work in plain JavaScript, over typed arrays, text and maps as the engine does it: what this CPU is worth
// right now. Figures divided by it can be compared between runs and machines. It never calls Weir's code, so no change of the
// engine changes it, and itself it must not change: every figure ever kept as a ratio is of this kernel.
import assert from 'node:assert'

export interface Calibration {
  /** CPU-µs that one unit of work took: the median of `units` of them. */
  readonly us: number
  /** Half of the units lay in a span this wide, as a share of the median: how steady the CPU was meanwhile. */
  readonly spread: number
  readonly units: number
}

/** Some 4 ms each on a CPU of 2023. */
const units = 25
/** Compiled and in cache before any is counted. */
const warmUpUnits = 10
const rounds = 200
const recordCount = 512
const recordBytes = 40

/** What one unit must come to; the same with and without a compiler (node --jitless). */
const expected = 2_623_638_661

/**
 * Takes 100 to 200 ms of CPU, and stands for this CPU at this moment alone: a busy sibling core, a lower clock or a slower
 * memory show in it. Throws an AssertionError where the work comes to another result than everywhere else.
 */
export function calibrate(): Calibration {
  for (let unit = 0; unit < warmUpUnits; unit++) work()
  const took = Array.from({ length: units }, () => {
    const before = process.cpuUsage()
    const sum = work()
    const { user, system } = process.cpuUsage(before)
    assert.equal(sum, expected, 'the calibration kernel came to another result than everywhere')
    return user + system
  }).sort((a, b) => a - b)
  const us = took[units >> 1]!
  return { us, spread: (took[(units * 3) >> 2]! - took[units >> 2]!) / us, units }
}

/** One unit: it takes nothing and keeps nothing, so every unit is the same work. Exported for its test. */
export function work(): number {
  const counts = new Map<string, number>()
  const bytes = new Uint8Array(recordCount * recordBytes)
  const view = new DataView(bytes.buffer)
  const sums = new Float64Array(64)
  let seed = 88_172_645
  let sum = 0
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < recordCount; at++) {
      seed = Math.imul(seed, 1_664_525) + 1_013_904_223
      view.setUint32(at * recordBytes, seed, true)
      view.setFloat64(at * recordBytes + 8, seed / 3, true)
    }
    for (let at = 0; at < recordCount; at++) {
      const place = view.getUint32(at * recordBytes, true) >>> 26
      sums[place]! += view.getFloat64(at * recordBytes + 8, true)
    }
    for (let n = 0; n < 8; n++) {
      const id = `card-${(seed >>> (n * 2)) % 997}`
      counts.set(id, (counts.get(id) ?? 0) + 1)
      const text = JSON.stringify({ id, round, amount: sums[n], of: counts.size })
      const back = JSON.parse(text) as { readonly id: string; readonly amount: number }
      for (let c = 0; c < back.id.length; c++)
        sum = Math.imul(sum ^ back.id.charCodeAt(c), 16_777_619)
      sum = (sum + text.length) | 0
    }
  }
  for (const value of sums) sum = Math.imul(sum ^ (value | 0), 16_777_619)
  return sum >>> 0
}
