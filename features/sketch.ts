// How many different values the old records of a long journal have in a window: a HyperLogLog whose registers remember when. For
// each register and rank it keeps the latest time, so that one sketch answers for every window that ends now.
// P. Flajolet et al., HyperLogLog (2007); for windows after Y. Chabchoub and G. Hébrail, Sliding HyperLogLog (2010).
import { isMet, kindOf, timeOf, wordOf } from './layout.ts'
import { Kind } from './transaction.ts'

const registers = 128
/** Ranks beyond the last count as the last: enough for 128 · 2^16 values. */
const ranks = 16
/** Of a register: the greatest rank ever met, then the latest time of each rank. */
const registerFloats = 1 + ranks
export const sketchFloats = registers * registerFloats

/** 1.04 / √128: standard error of a count, as a share of it. */
export const sketchError = 1.04 / Math.sqrt(registers)

/** 2^−rank. */
const powers = Float64Array.from({ length: ranks + 1 }, (_, rank) => 2 ** -rank)
const alpha = 0.7213 / (1 + 1.079 / registers)

/** Whose values are kept: the u64 hash at byte `column` of records that meet `mask`. */
export interface HopSketch {
  readonly mask: number
  readonly column: number
}

export function clearSketch(floats: Float64Array, at: number): void {
  floats.fill(-Infinity, at, at + sketchFloats)
  for (let register = 0; register < registers; register++)
    floats[at + register * registerFloats] = 0
}

function rankOf(high: number): number {
  return 1 + Math.min(ranks - 1, Math.clz32(high))
}

/** Where a value's register begins within a sketch. */
function registerOf(low: number): number {
  return (low & (registers - 1)) * registerFloats
}

export function addToSketch(
  { mask, column }: HopSketch,
  floats: Float64Array,
  at: number,
  data: DataView,
  record: number,
): void {
  if (kindOf(data, record) !== Kind.transaction || !isMet(wordOf(data, record), mask)) return
  const low = data.getInt32(record + column, true)
  const high = data.getInt32(record + column + 4, true)
  if ((low | high) === 0) return
  const register = at + registerOf(low)
  const rank = rankOf(high)
  floats[register] = Math.max(floats[register]!, rank)
  floats[register + rank] = Math.max(floats[register + rank]!, timeOf(data, record))
}

/** False only where no record after `afterMs` has the value; true also for one that cannot be told from it. */
export function mayHold(
  floats: Float64Array,
  at: number,
  low: number,
  high: number,
  afterMs: number,
): boolean {
  return floats[at + registerOf(low) + rankOf(high)]! > afterMs
}

/** Counts the values of a sketch together with others. Emptied per view. */
export class SketchCount {
  readonly #ranks = new Uint8Array(registers)

  clear(): void {
    this.#ranks.fill(0)
  }

  add(low: number, high: number): void {
    const register = low & (registers - 1)
    const rank = rankOf(high)
    if (rank > this.#ranks[register]!) this.#ranks[register] = rank
  }

  /** How many different values: those added, and those of the sketch at `at` after `afterMs`. */
  count(floats: Float64Array, at: number, afterMs: number): number {
    let sum = 0
    let empty = 0
    for (let register = 0; register < registers; register++) {
      const first = at + register * registerFloats
      const least = this.#ranks[register]!
      let rank = floats[first]!
      while (rank > least && floats[first + rank]! <= afterMs) rank--
      if (rank < least) rank = least
      if (rank === 0) empty++
      sum += powers[rank]!
    }
    const estimate = (alpha * registers * registers) / sum
    if (estimate <= 2.5 * registers && empty > 0) return registers * Math.log(registers / empty)
    return estimate
  }
}
