// From a score and a row to what a decision says: the rounded score, the outcome, and what stood out.
import type { ModelInput } from '../../models/model.ts'
import { scoreScale } from './limits.ts'

/** The score as every reader sees it. Rounded before any threshold, so that text and outcome cannot disagree. */
export function roundScore(score: number): number {
  return Math.round(score * scoreScale) / scoreScale
}

/** The model's inputs furthest from their mean over the training rows, in deviations. Evidence, not reasons. */
export class Evidence {
  readonly #inputAt: Int32Array
  readonly #mean: Float64Array
  /** 1 / deviation; 0 for an input that never varied, which then never stands out. */
  readonly #scale: Float64Array

  constructor(inputs: readonly ModelInput[], inputAt: readonly number[]) {
    this.#inputAt = Int32Array.from(inputAt)
    this.#mean = Float64Array.from(inputs, (input) => input.mean)
    this.#scale = Float64Array.from(inputs, (input) =>
      input.deviation > 0 ? 1 / input.deviation : 0,
    )
  }

  /** Fills `out` with input indexes, strongest first, -1 behind the last; ties go to the earlier input. */
  find(rows: Float64Array, at: number, out: Int16Array): void {
    out.fill(-1)
    const last = out.length - 1
    for (let input = 0; input < this.#inputAt.length; input++) {
      const strength = this.#strength(rows, at, input)
      if (!(strength > 0)) continue
      if (out[last]! >= 0 && strength <= this.#strength(rows, at, out[last]!)) continue
      let place = last
      while (
        place > 0 &&
        (out[place - 1]! < 0 || this.#strength(rows, at, out[place - 1]!) < strength)
      ) {
        out[place] = out[place - 1]!
        place--
      }
      out[place] = input
    }
  }

  #strength(rows: Float64Array, at: number, input: number): number {
    return Math.abs(rows[at + this.#inputAt[input]!]! - this.#mean[input]!) * this.#scale[input]!
  }
}
