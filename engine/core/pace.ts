// Whether there is time for a challenger: by what a batch of the size took it last time. What was too slow is tried again, and
// the longer it stays so, the less of all time goes there.
import { batchRowsMax } from './limits.ts'

/** It rests at most so many times as long as it took before it is tried again: less than a hundredth of the time is lost. */
const restsMax = 128

const sizeCount = sizeOf(batchRowsMax) + 1

/** A row alone may take nearly as long as many: each power of two has its own numbers. */
export class Pace {
  readonly #tookUs = new Float64Array(sizeCount)
  readonly #endedUs = new Float64Array(sizeCount)
  /** How often as long as it took it rests: 1, and twice as much each time that it is late again. */
  readonly #rests = new Float64Array(sizeCount).fill(1)

  /** True if `count` rows are expected to be scored in `leftUs`, or rested long enough to be tried. */
  isFit(count: number, leftUs: number, nowUs: number): boolean {
    const size = sizeOf(count)
    const tookUs = this.#tookUs[size]!
    if (leftUs <= 0) return false
    return tookUs <= leftUs || nowUs - this.#endedUs[size]! >= tookUs * this.#rests[size]!
  }

  /** What `count` rows took that had `leftUs`. */
  took(count: number, us: number, leftUs: number, nowUs: number): void {
    const size = sizeOf(count)
    this.#tookUs[size] = us
    this.#endedUs[size] = nowUs
    this.#rests[size] = us <= leftUs ? 1 : Math.min(2 * this.#rests[size]!, restsMax)
  }
}

/** The smallest n with 2^n rows or more. */
function sizeOf(count: number): number {
  return 32 - Math.clz32(count - 1)
}
