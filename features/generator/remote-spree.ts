// A thief buys over the internet with somebody else's card, on devices and addresses of his own.
import type { Draft, Due, Pattern } from './draft.ts'
import { ln } from './exact-math.ts'
import { price } from './prices.ts'
import type { Scene } from './scene.ts'

/** A thief's device and address; several cards may see the same ones. */
export class Tools {
  device: string
  ip: number
  readonly #scene: Scene
  readonly #city: number

  /** `city` is the victim's: a good thief looks as if he were near. */
  constructor(scene: Scene, city: number) {
    this.#scene = scene
    this.#city = city
    this.device = scene.population.newForeignDevice()
    this.ip = this.#address()
  }

  renew(): void {
    this.device = this.#scene.population.newForeignDevice()
    this.ip = this.#address()
  }

  /** Fills in a purchase over the internet. */
  buy(card: number, merchant: number, amountMinor: number, pattern: Pattern, draft: Draft): void {
    draft.card = card
    draft.merchant = merchant
    draft.amountMinor = amountMinor
    draft.channel = 'ecom'
    draft.device = this.device
    draft.ip = this.ip
    draft.pattern = pattern
    draft.habit = null
  }

  #address(): number {
    const { parameters, population, random } = this.#scene
    const u = random.uniform()
    const { residentialProxyShare } = parameters.fraud
    if (u < residentialProxyShare) return population.network.neighbour(this.#city, random)
    if (u < residentialProxyShare + 0.2) return population.network.mobile(this.#city, random)
    return population.network.proxy(random.below(1_000_000))
  }
}

export interface SpreePlan {
  readonly pattern: Pattern
  readonly card: number
  readonly tools: Tools
  /** Purchases at the card's usual online merchants that come first. */
  readonly usual: number
  readonly purchases: number
  readonly gapMs: number
  /** On the merchants' usual prices. */
  readonly factor: number
  /** Shares of what is bought; the rest is anything online. */
  readonly codesShare: number
  readonly goodsShare: number
}

/** One purchase after another until the plan is done or the card was re-issued. */
export class RemoteSpree implements Due {
  readonly #scene: Scene
  readonly #plan: SpreePlan
  readonly #cardName: string
  #done = 0

  constructor(scene: Scene, plan: SpreePlan) {
    this.#scene = scene
    this.#plan = plan
    this.#cardName = scene.population.names[plan.card]!
  }

  run(timeMs: number, draft: Draft): boolean {
    const { population, market, habits, agenda, random } = this.#scene
    const { pattern, card, tools, usual, purchases, gapMs, codesShare, goodsShare } = this.#plan
    if (population.names[card] !== this.#cardName) return false
    let merchant: number
    let levelLn: number
    if (this.#done < usual) {
      merchant = habits.usual(card, 'online', random)
      levelLn = population.spendingLn[card]! - 0.3
    } else {
      const u = random.uniform()
      const choice =
        u < codesShare
          ? market.onlineCodes
          : u < codesShare + goodsShare
            ? market.onlineGoods
            : market.online
      merchant = choice.draw(random)
      levelLn = ln(this.#plan.factor) + 0.3 * random.normal()
    }
    tools.buy(card, merchant, price(market, merchant, levelLn, random), pattern, draft)
    draft.timeMs = timeMs
    this.#done++
    if (this.#done < usual + purchases) {
      agenda.push(timeMs + 1000 + Math.floor(random.exponential(gapMs)), this)
    }
    return true
  }
}

/** A count of at least 1 with this mean (if that is at least 1). */
export function countOf(scene: Scene, mean: number): number {
  return 1 + scene.random.poisson(Math.max(0, mean - 1))
}
