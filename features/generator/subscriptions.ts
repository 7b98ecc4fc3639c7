// What cards pay every month, on the same day, at the hour when the service runs its charges: many cards at one merchant at once.
import { exp } from './exact-math.ts'
import type { Market } from './market.ts'
import type { GeneratorParameters } from './parameters.ts'
import type { Population } from './population.ts'
import { ended } from './prices.ts'
import { Random } from './random.ts'

const dayMs = 86_400_000
/** How long a service takes to charge all of a day's cards. */
const chargingMs = 600_000

/** Gives instalment after instalment: `timeMs`, `card`, `merchant`, `amountMinor` of the next one, until `advance`. */
export class Subscriptions {
  timeMs = Number.POSITIVE_INFINITY
  card = 0
  merchant = 0
  amountMinor = 0
  /** In the mean of a year. */
  readonly perMs: number
  readonly #startMs: number
  /** Sorted by time since the beginning of the month, which is on its first 28 days. */
  readonly #sinceMs: Float64Array
  readonly #cards: Int32Array
  readonly #merchants: Int32Array
  readonly #amounts: Int32Array
  #monthMs: number
  #next = 0

  constructor(parameters: GeneratorParameters, population: Population, market: Market) {
    const random = Random.of(parameters.seed, 'subscriptions')
    const all: { sinceMs: number; card: number; merchant: number; amountMinor: number }[] = []
    for (let card = 0; card < population.cards; card++) {
      const count = random.poisson(parameters.population.subscriptions)
      for (let index = 0; index < count; index++) {
        const merchant = market.subscriptions.draw(random)
        const runAtMs = ((merchant * 7) % 24) * 3_600_000
        const sinceMs =
          random.below(28) * dayMs + runAtMs + Math.floor(random.uniform() * chargingMs)
        // A service has three plans.
        const plan = Math.round(exp(market.priceLn[merchant]!)) * [0.6, 1, 1.8][random.below(3)]!
        all.push({ sinceMs, card, merchant, amountMinor: ended(plan, 'any', random) })
      }
    }
    all.sort((a, b) => a.sinceMs - b.sinceMs || a.card - b.card)
    this.#sinceMs = Float64Array.from(all, (one) => one.sinceMs)
    this.#cards = Int32Array.from(all, (one) => one.card)
    this.#merchants = Int32Array.from(all, (one) => one.merchant)
    this.#amounts = Int32Array.from(all, (one) => one.amountMinor)
    this.perMs = (all.length * 12) / (365.25 * dayMs)
    this.#startMs = parameters.startMs
    const start = new Date(parameters.startMs)
    this.#monthMs = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), 1)
    if (all.length === 0) return
    do this.advance()
    while (this.timeMs < this.#startMs)
  }

  advance(): void {
    if (this.#next === this.#sinceMs.length) {
      const month = new Date(this.#monthMs)
      this.#monthMs = Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1)
      this.#next = 0
    }
    const index = this.#next++
    this.timeMs = this.#monthMs + this.#sinceMs[index]!
    this.card = this.#cards[index]!
    this.merchant = this.#merchants[index]!
    this.amountMinor = this.#amounts[index]!
  }
}
