// Frauds with the card itself in hand: a stolen or copied card in shops, and an owner who never means to pay.
import type { Draft, Due } from './draft.ts'
import { exp, ln } from './exact-math.ts'
import { price } from './prices.ts'
import { countOf } from './remote-spree.ts'
import { hourFactor, usualTimeMs } from './rhythm.ts'
import type { Scene } from './scene.ts'
import { cities } from './world.ts'

const hourMs = 3_600_000
const contactlessMaxMinor = 5000

export function startStolenCard(scene: Scene, timeMs: number): void {
  const { parameters, population, random } = scene
  const card = random.below(population.cards)
  const isNear = random.chance(parameters.fraud.stolenCard.nearShare)
  const home = population.city[card]!
  const city = isNear ? home : random.below(cities.length)
  const startMs = isNear ? usualTimeMs(population, card, timeMs, random) : timeMs
  scene.agenda.push(startMs, new StolenCard(scene, card, city))
}

export function startBustOut(scene: Scene, timeMs: number): void {
  const { random, population } = scene
  const card = random.below(population.cards)
  scene.agenda.push(usualTimeMs(population, card, timeMs, random), new BustOut(scene, card, timeMs))
}

/** Goods for resale in one city's shops, with small contactless purchases between them. */
class StolenCard implements Due {
  readonly #scene: Scene
  readonly #card: number
  readonly #city: number
  readonly #cardName: string
  #left: number

  constructor(scene: Scene, card: number, city: number) {
    this.#scene = scene
    this.#card = card
    this.#city = city
    this.#cardName = scene.population.names[card]!
    this.#left = countOf(scene, scene.parameters.fraud.stolenCard.purchases)
  }

  run(timeMs: number, draft: Draft): boolean {
    const { parameters, population, market, habits, agenda, random } = this.#scene
    const { ordinaryShare, factor, gapMs } = parameters.fraud.stolenCard
    if (population.names[this.#card] !== this.#cardName) return false
    const u = random.uniform()
    if (u < ordinaryShare) {
      const merchant = market.shops[this.#city]!.draw(random)
      const usualMinor = price(market, merchant, 0, random)
      const amountMinor = Math.min(usualMinor, contactlessMaxMinor - random.below(900))
      habits.inShop(this.#card, merchant, amountMinor, draft, random)
    } else if (u > 0.93) {
      const merchant = market.cash(this.#city)
      const tens = 5 + random.below(36)
      habits.inShop(this.#card, merchant, tens * 1000, draft, random)
      draft.channel = 'atm'
    } else {
      const merchant = market.goodsShops[this.#city]!.draw(random)
      const amountMinor = price(market, merchant, ln(factor), random)
      habits.inShop(this.#card, merchant, amountMinor, draft, random)
    }
    // The thief has the card, not the owner's phone.
    draft.device = ''
    draft.timeMs = timeMs
    draft.pattern = 'stolen_card'
    draft.habit = null
    this.#left--
    if (this.#left > 0) agenda.push(timeMs + 60_000 + Math.floor(random.exponential(gapMs)), this)
    return true
  }
}

/** Weeks of growing, honest purchases; then whatever the limit allows, in a few days, on the owner's own devices. */
class BustOut implements Due {
  readonly #scene: Scene
  readonly #card: number
  readonly #cardName: string
  readonly #startMs: number
  readonly #turnMs: number
  #left: number

  constructor(scene: Scene, card: number, startMs: number) {
    const { buildUpMs, purchases } = scene.parameters.fraud.bustOut
    this.#scene = scene
    this.#card = card
    this.#cardName = scene.population.names[card]!
    this.#startMs = startMs
    this.#turnMs = startMs + buildUpMs * scene.random.between(0.5, 1.5)
    this.#left = countOf(scene, purchases)
  }

  run(timeMs: number, draft: Draft): boolean {
    const { parameters, population, agenda, random } = this.#scene
    const { buildUpGapMs, gapMs, factor } = parameters.fraud.bustOut
    if (population.names[this.#card] !== this.#cardName) return false
    const isSpree = timeMs >= this.#turnMs
    draft.timeMs = timeMs
    draft.pattern = isSpree ? 'bust_out' : null
    draft.habit = isSpree ? null : 'build_up'
    const progress = (timeMs - this.#startMs) / (this.#turnMs - this.#startMs)
    const growthLn = isSpree ? ln(factor) : 0.5 * Math.min(1, Math.max(0, progress))
    this.#buy(growthLn, isSpree, draft)
    if (isSpree) this.#left--
    if (this.#left <= 0) return true
    let nextMs = timeMs + 60_000 + Math.floor(random.exponential(isSpree ? gapMs : buildUpGapMs))
    const offsetMs = cities[population.city[this.#card]!]!.utcOffsetHours * hourMs
    if (hourFactor(population.rhythm[this.#card]!, nextMs + offsetMs) < 0.3) {
      nextMs = usualTimeMs(population, this.#card, nextMs - 12 * hourMs, random)
      if (nextMs <= timeMs) nextMs = timeMs + hourMs
    }
    agenda.push(nextMs, this)
    return true
  }

  #buy(growthLn: number, isSpree: boolean, draft: Draft): void {
    const { population, market, habits, random } = this.#scene
    const card = this.#card
    const levelLn = population.spendingLn[card]! + growthLn
    const city = population.whereabouts(card, draft.timeMs)
    const u = random.uniform()
    if (isSpree && u < 0.12) {
      const merchant = market.cash(city)
      const amount = exp(market.priceLn[merchant]! + levelLn + 0.5 * random.normal())
      const tens = Math.min(100, Math.max(2, Math.round(amount / 1000)))
      habits.inShop(card, merchant, tens * 1000, draft, random)
      draft.channel = 'atm'
      draft.device = ''
    } else if (random.chance(population.onlineShare[card]!)) {
      const merchant =
        isSpree && u < 0.75
          ? (u < 0.3 ? market.onlineCodes : market.onlineGoods).draw(random)
          : habits.usual(card, 'online', random)
      habits.online(card, merchant, price(market, merchant, levelLn, random), draft, random)
    } else {
      const merchant =
        isSpree && u < 0.75
          ? market.goodsShops[city]!.draw(random)
          : habits.usual(card, 'shop', random)
      habits.inShop(card, merchant, price(market, merchant, levelLn, random), draft, random)
    }
  }
}
