// What becomes known of a transaction, and when: chargebacks after days or weeks, confirmations when nobody has complained.
import type { Pattern } from './draft.ts'
import type { GeneratorParameters } from './parameters.ts'
import { Random } from './random.ts'

export type Label = '' | '0' | '1'

/** Draws a label for a transaction: `verdict` and `timeMs` hold the last one drawn. */
export class Labels {
  verdict: Label = ''
  /** When it is known; never before the transaction arrived. Without meaning where there is none. */
  timeMs = 0
  readonly #parameters: GeneratorParameters['labels']
  readonly #random: Random

  constructor(parameters: GeneratorParameters) {
    this.#parameters = parameters.labels
    this.#random = Random.of(parameters.seed, 'labels')
  }

  draw(pattern: Pattern | null, timeMs: number, arrivalMs: number): void {
    const { unreportedShare, wronglyLegitShare, legitShare, friendlyFraudShare, delayMaxMs } =
      this.#parameters
    const random = this.#random
    const isReported =
      pattern === null
        ? random.chance(friendlyFraudShare)
        : !random.chance(unreportedShare[pattern])
    let delayMs = delayMaxMs
    if (isReported) {
      this.verdict = '1'
      delayMs = this.#complaintMs()
    } else {
      const isConfirmed = random.chance(pattern === null ? legitShare : wronglyLegitShare)
      this.verdict = isConfirmed ? '0' : ''
    }
    this.timeMs = Math.max(timeMs + delayMs, arrivalMs)
  }

  /** A lognormal delay within its bounds: drawn again while outside, then cut. */
  #complaintMs(): number {
    const { delayMedianMs, delaySigma, delayMinMs, delayMaxMs } = this.#parameters
    let delayMs = 0
    for (let attempt = 0; attempt < 16; attempt++) {
      delayMs = Math.round(this.#random.lognormal(delayMedianMs, delaySigma))
      if (delayMs >= delayMinMs && delayMs <= delayMaxMs) return delayMs
    }
    return Math.min(delayMaxMs, Math.max(delayMinMs, delayMs))
  }
}
