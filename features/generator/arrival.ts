// How transactions arrive: most at once, some by minutes out of order, some by hours late, some twice.
import type { GeneratorParameters } from './parameters.ts'
import { Random } from './random.ts'

/** How a row came. */
export type Arrival = 'prompt' | 'out_of_order' | 'late'

/** Draws arrivals: `kind` and `delayMs` hold the last one drawn. */
export class Arrivals {
  kind: Arrival = 'prompt'
  delayMs = 0
  readonly #parameters: GeneratorParameters['arrival']
  readonly #random: Random

  constructor(parameters: GeneratorParameters) {
    this.#parameters = parameters.arrival
    this.#random = Random.of(parameters.seed, 'arrival')
  }

  draw(): void {
    const at = this.#parameters
    const random = this.#random
    const u = random.uniform()
    if (u >= at.outOfOrderShare + at.lateShare) {
      this.kind = 'prompt'
      this.delayMs = at.promptMs
    } else if (u < at.lateShare) {
      this.kind = 'late'
      const meanMs = Math.max(1, at.lateMeanMs - at.lateMinMs)
      this.delayMs = bounded(at.lateMinMs + random.exponential(meanMs), at.lateMinMs, at.lateMaxMs)
    } else {
      this.kind = 'out_of_order'
      const delayMs = at.promptMs + 1 + random.exponential(at.outOfOrderMeanMs)
      this.delayMs = bounded(delayMs, at.promptMs + 1, at.outOfOrderMaxMs)
    }
  }

  /** After how long the same row comes again; 0: never. */
  drawRepeatMs(): number {
    const at = this.#parameters
    if (!this.#random.chance(at.duplicateShare)) return 0
    const afterMs = this.#random.lognormal(at.duplicateMedianMs, at.duplicateSigma)
    return Math.max(1, bounded(afterMs, at.duplicateMinMs, at.duplicateMaxMs))
  }
}

function bounded(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, Math.round(value)))
}
