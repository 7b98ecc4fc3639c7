// Honest purchases: where a card's owner buys, with what, and for how much.

import type { Draft, Due } from './draft.ts'
import { exp, ln } from './exact-math.ts'
import type { Market } from './market.ts'
import type { GeneratorParameters } from './parameters.ts'
import { favouriteShops, favouritesOnline, type Population } from './population.ts'
import { ended, price } from './prices.ts'
import { Random } from './random.ts'
import { localHour, localWeekday } from './rhythm.ts'
import type { TimeHeap } from './time-heap.ts'
import { cities } from './world.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const rushMs = 20 * minuteMs
/** Above this, a contactless card asks for a PIN, so people insert it. */
const contactlessMaxMinor = 5000

/** What belongs to the purchases of a card. `random` is handed in, so that fraud can use the same ways with its own chance. */
export class Habits {
  readonly #parameters: GeneratorParameters
  readonly #population: Population
  readonly #market: Market
  readonly #agenda: TimeHeap<Due>
  readonly #random: Random
  #rushMerchant = 0
  #rushMinor = 0
  #rushEndMs = 0
  #rushCheckMs: number

  constructor(
    parameters: GeneratorParameters,
    population: Population,
    market: Market,
    agenda: TimeHeap<Due>,
  ) {
    this.#parameters = parameters
    this.#population = population
    this.#market = market
    this.#agenda = agenda
    this.#random = Random.of(parameters.seed, 'habits')
    this.#rushCheckMs = parameters.startMs
  }

  /** A purchase that the card's rhythm asks for; may schedule what follows it. */
  purchase(card: number, timeMs: number, draft: Draft): void {
    const { sessionShare, largeShare } = this.#parameters.habits
    const population = this.#population
    const random = this.#random
    population.live(card, timeMs)
    this.#maybeRush(timeMs)
    draft.timeMs = timeMs
    draft.pattern = null
    const isAway = population.isTravelling(card, timeMs)
    if (!isAway && population.isCommuter[card] === 1 && this.#commute(card, timeMs, draft)) return
    draft.habit = isAway ? 'travel' : 'usual'
    if (random.chance(largeShare)) this.#large(card, timeMs, draft)
    else if (random.chance(population.onlineShare[card]!)) this.#buyOnline(card, timeMs, draft)
    else this.#buyInShop(card, timeMs, draft)
    if (random.chance(sessionShare)) {
      const left = 1 + random.below(3)
      const isRepeat = random.chance(0.25) && draft.channel !== 'atm'
      const next = new Session(this, card, left, isRepeat ? draft.merchant : -1, draft.channel)
      this.#agenda.push(next.dueMs(timeMs, random), next)
    }
  }

  /** One more purchase of a shopping trip, or the same thing once more. */
  follow(session: Session, timeMs: number, draft: Draft): void {
    const random = this.#random
    this.#population.live(session.card, timeMs)
    draft.timeMs = timeMs
    draft.pattern = null
    if (session.channel === 'ecom') this.#buyOnline(session.card, timeMs, draft, session.merchant)
    else this.#buyInShop(session.card, timeMs, draft, session.merchant)
    draft.habit = 'session'
    if (session.left > 1) {
      const { card, left, merchant, channel } = session
      const next = new Session(this, card, left - 1, merchant, channel)
      this.#agenda.push(next.dueMs(timeMs, random), next)
    }
  }

  /** A subscription's instalment: the merchant charges what it always charges, nobody is at a device. */
  subscription(
    card: number,
    merchant: number,
    amountMinor: number,
    timeMs: number,
    draft: Draft,
  ): void {
    draft.timeMs = timeMs
    draft.pattern = null
    draft.habit = 'subscription'
    draft.card = card
    draft.merchant = merchant
    draft.amountMinor = amountMinor
    draft.channel = 'ecom'
    draft.device = ''
    draft.ip = -1
  }

  /** Fills in a purchase at a terminal. */
  inShop(card: number, merchant: number, amountMinor: number, draft: Draft, random: Random): void {
    draft.card = card
    draft.merchant = merchant
    draft.amountMinor = amountMinor
    draft.ip = -1
    draft.device = ''
    const isContactless = random.chance(amountMinor <= contactlessMaxMinor ? 0.75 : 0.1)
    draft.channel = isContactless ? 'contactless' : 'pos'
    if (isContactless && this.#population.hasWallet[card] === 1 && random.chance(0.8)) {
      draft.device = this.#population.phones[card]!
      draft.channel = 'contactless'
    }
  }

  /** Fills in a purchase over the internet on the card owner's own devices, from where the owner is. */
  online(card: number, merchant: number, amountMinor: number, draft: Draft, random: Random): void {
    const population = this.#population
    const network = population.network
    const household = population.household[card]!
    draft.card = card
    draft.merchant = merchant
    draft.amountMinor = amountMinor
    draft.channel = 'ecom'
    const isAway = population.isTravelling(card, draft.timeMs)
    const city = population.whereabouts(card, draft.timeMs)
    if (this.#market.isAgent[merchant] === 1 && random.chance(0.6)) {
      draft.device = `d_agent_${merchant.toString(36)}`
      draft.ip = network.office(this.#market.city[merchant]!, merchant)
      return
    }
    const onPhone = isAway || random.chance(0.6)
    draft.device = onPhone ? population.phones[card]! : population.computers[household]!
    const u = random.uniform()
    if (population.usesVpn[card] === 1 && u < 0.5) draft.ip = network.proxy(card)
    else if (isAway)
      draft.ip = u < 0.6 ? network.public(city, random) : network.mobile(city, random)
    else if (!onPhone || u < 0.6) draft.ip = network.home(household)
    else draft.ip = u < 0.93 ? network.mobile(city, random) : network.public(city, random)
  }

  #commute(card: number, timeMs: number, draft: Draft): boolean {
    const city = this.#population.city[card]!
    const localMs = timeMs + cities[city]!.utcOffsetHours * hourMs
    const hour = localHour(localMs)
    const weekday = localWeekday(localMs)
    if (weekday === 0 || weekday === 6) return false
    if (!((hour >= 6 && hour <= 9) || (hour >= 16 && hour <= 18))) return false
    if (!this.#random.chance(0.5)) return false
    const merchant = this.#market.transit(city)
    // A fare is a tariff: the operator's price, or twice that for the longer way.
    const fare = Math.round(exp(this.#market.priceLn[merchant]!) / 10) * 10
    this.inShop(card, merchant, card % 4 === 0 ? 2 * fare : fare, draft, this.#random)
    draft.habit = 'commute'
    return true
  }

  #large(card: number, timeMs: number, draft: Draft): void {
    const random = this.#random
    const market = this.#market
    const levelLn = this.#population.spendingLn[card]! + ln(random.between(2.5, 9))
    if (random.chance(0.5)) {
      const merchant = market.onlineGoods.draw(random)
      this.online(card, merchant, price(market, merchant, levelLn, random), draft, random)
    } else {
      const merchant = market.goodsShops[this.#population.whereabouts(card, timeMs)]!.draw(random)
      this.inShop(card, merchant, price(market, merchant, levelLn, random), draft, random)
    }
    draft.habit = 'large'
  }

  #buyOnline(card: number, timeMs: number, draft: Draft, same = -1): void {
    const random = this.#random
    const { favouriteShare } = this.#parameters.habits
    if (same < 0 && timeMs < this.#rushEndMs && random.chance(0.4)) {
      this.online(card, this.#rushMerchant, this.#rushMinor, draft, random)
      draft.habit = 'rush'
      return
    }
    const merchant =
      same >= 0
        ? same
        : random.chance(favouriteShare)
          ? this.usual(card, 'online', random)
          : this.#market.online.draw(random)
    const amountMinor = price(this.#market, merchant, this.#population.spendingLn[card]!, random)
    this.online(card, merchant, amountMinor, draft, random)
  }

  #buyInShop(card: number, timeMs: number, draft: Draft, same = -1): void {
    const random = this.#random
    const population = this.#population
    const market = this.#market
    const isAway = population.isTravelling(card, timeMs)
    const city = population.whereabouts(card, timeMs)
    if (same < 0 && random.chance(0.05)) {
      const merchant = market.cash(city)
      const level = market.priceLn[merchant]! + population.spendingLn[card]! + 0.7 * random.normal()
      const tens = Math.max(2, Math.round(ended(exp(level), 'any', random) / 1000))
      this.inShop(card, merchant, tens * 1000, draft, random)
      draft.channel = 'atm'
      draft.device = ''
      draft.habit = 'cash'
      return
    }
    let merchant = same
    if (merchant < 0) {
      const isUsual = !isAway && random.chance(this.#parameters.habits.favouriteShare)
      merchant = isUsual ? this.usual(card, 'shop', random) : market.shops[city]!.draw(random)
    }
    const amountMinor = price(market, merchant, population.spendingLn[card]!, random)
    this.inShop(card, merchant, amountMinor, draft, random)
  }

  /** One of the card's usual merchants, the first ones more often. */
  usual(card: number, side: 'shop' | 'online', random: Random): number {
    const u = random.uniform() * random.uniform()
    return side === 'shop'
      ? this.#population.favourite(card, Math.floor(u * favouriteShops))
      : this.#population.favourite(card, favouriteShops + Math.floor(u * favouritesOnline))
  }

  #maybeRush(timeMs: number): void {
    if (timeMs < this.#rushCheckMs) return
    this.#rushCheckMs = timeMs + hourMs
    const random = this.#random
    if (!random.chance(this.#parameters.habits.rushesPerDay / 24)) return
    this.#rushMerchant = this.#market.online.draw(random)
    this.#rushMinor = price(this.#market, this.#rushMerchant, 0, random)
    this.#rushEndMs = timeMs + rushMs
  }
}

/** What is left of a shopping trip. `merchant` −1: another one each time. */
export class Session implements Due {
  readonly #habits: Habits
  readonly card: number
  readonly left: number
  readonly merchant: number
  readonly channel: Draft['channel']

  constructor(
    habits: Habits,
    card: number,
    left: number,
    merchant: number,
    channel: Draft['channel'],
  ) {
    this.#habits = habits
    this.card = card
    this.left = left
    this.merchant = merchant
    this.channel = channel
  }

  dueMs(timeMs: number, random: Random): number {
    return (
      timeMs + Math.floor(minuteMs * (0.5 + random.exponential(this.channel === 'ecom' ? 5 : 14)))
    )
  }

  run(timeMs: number, draft: Draft): boolean {
    this.#habits.follow(this, timeMs, draft)
    return true
  }
}
