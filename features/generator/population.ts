// The card holders: who lives where and with whom, what they are like, and what of it changes (phone, address, journeys).
import { Choice } from './choice.ts'
import { hex, type Market } from './market.ts'
import { Network } from './network.ts'
import type { GeneratorParameters } from './parameters.ts'
import { mix, Random } from './random.ts'
import { cities, paydays } from './world.ts'

const dayMs = 86_400_000
const yearMs = 365 * dayMs
export const favouriteShops = 6
export const favouritesOnline = 3
const familySizes = [2, 2, 2, 2, 2, 3, 3, 3, 4, 4]
const favourites = favouriteShops + favouritesOnline
/** Fraudsters' devices are numbered from here, so that honest ones keep their names whatever fraud does. */
const foreignDevices = 2 ** 31

/** Card c is row c of every array. State that time changes is brought up to date when the card is used. */
export class Population {
  readonly cards: number
  readonly household: Int32Array
  readonly city: Uint8Array
  /** Index into the tables of world.ts: 0 by day, 1 late, 2 at night. */
  readonly rhythm: Uint8Array
  /** Index into `paydays`. */
  readonly payday: Uint8Array
  readonly activity: Float64Array
  /** Natural logarithm of the spending level; 0 is usual. */
  readonly spendingLn: Float64Array
  readonly onlineShare: Float64Array
  readonly isCommuter: Uint8Array
  readonly hasWallet: Uint8Array
  readonly usesVpn: Uint8Array
  readonly tripEndMs: Float64Array
  readonly tripStartMs: Float64Array
  readonly tripCity: Uint8Array
  /** What a transaction calls the card; another one after a re-issue. */
  readonly names: string[] = []
  readonly phones: string[] = []
  readonly computers: string[] = []
  readonly network: Network
  readonly #favourites: Int32Array
  readonly #tripGapMs: Float64Array
  readonly #phoneEndMs: Float64Array
  readonly #homeIpEndMs: Float64Array
  readonly #parameters: GeneratorParameters
  readonly #random: Random
  readonly #destination: Choice
  #devices = 0
  #foreign = foreignDevices
  #cardsNamed = 0

  constructor(parameters: GeneratorParameters, market: Market) {
    const { population, habits, startMs } = parameters
    const count = population.cards
    this.cards = count
    this.#parameters = parameters
    this.#random = Random.of(parameters.seed, 'life')
    const random = Random.of(parameters.seed, 'population')
    this.household = new Int32Array(count)
    this.city = new Uint8Array(count)
    this.rhythm = new Uint8Array(count)
    this.payday = new Uint8Array(count)
    this.activity = new Float64Array(count)
    this.spendingLn = new Float64Array(count)
    this.onlineShare = new Float64Array(count)
    this.isCommuter = new Uint8Array(count)
    this.hasWallet = new Uint8Array(count)
    this.usesVpn = new Uint8Array(count)
    this.tripStartMs = new Float64Array(count)
    this.tripEndMs = new Float64Array(count)
    this.tripCity = new Uint8Array(count)
    this.#favourites = new Int32Array(count * favourites)
    this.#tripGapMs = new Float64Array(count)
    this.#phoneEndMs = new Float64Array(count)
    this.#destination = new Choice(
      cities.map((_, index) => index),
      cities.map((place) => place.visits),
    )

    const homeCity = this.#settle(random)
    this.#homeIpEndMs = Float64Array.from(
      homeCity,
      () => startMs + random.exponential(habits.homeIpLifeMs),
    )
    for (let at = 0; at < homeCity.length; at++) this.computers.push(this.newDevice())
    const cardsIn = cities.map((_, index) =>
      this.city.reduce((n, at) => n + (at === index ? 1 : 0), 0),
    )
    this.network = new Network(parameters, homeCity, cardsIn)
    for (let card = 0; card < count; card++) {
      this.#characterise(card, random)
      for (let at = 0; at < favourites; at++) {
        const choice = at < favouriteShops ? market.shops[this.city[card]!]! : market.online
        this.#favourites[card * favourites + at] = choice.draw(random)
      }
    }
  }

  /** Brings the card's phone, home address and journeys up to `timeMs`; call before an honest transaction, in order of time. */
  live(card: number, timeMs: number): void {
    const { phoneLifeMs, homeIpLifeMs } = this.#parameters.habits
    const random = this.#random
    const household = this.household[card]!
    if (timeMs >= this.tripEndMs[card]!) this.#planTrip(card, timeMs)
    if (timeMs >= this.#phoneEndMs[card]!) {
      this.phones[card] = this.newDevice()
      this.#phoneEndMs[card] = timeMs + random.exponential(phoneLifeMs)
    }
    if (timeMs >= this.#homeIpEndMs[household]!) {
      this.network.renew(household)
      this.#homeIpEndMs[household] = timeMs + random.exponential(homeIpLifeMs)
    }
  }

  isTravelling(card: number, timeMs: number): boolean {
    return timeMs >= this.tripStartMs[card]! && timeMs < this.tripEndMs[card]!
  }

  /** The city that the card's owner is in. */
  whereabouts(card: number, timeMs: number): number {
    return this.isTravelling(card, timeMs) ? this.tripCity[card]! : this.city[card]!
  }

  /** The k-th usual shop (0…5) or, from `favouriteShops` on, online merchant. */
  favourite(card: number, index: number): number {
    return this.#favourites[card * favourites + index]!
  }

  /** For each merchant that `isWanted`, up to `max` of the cards that have it among their usual ones. One scan over all. */
  regulars(isWanted: (merchant: number) => boolean, max: number): Map<number, number[]> {
    const regulars = new Map<number, number[]>()
    for (let at = 0; at < this.#favourites.length; at++) {
      const merchant = this.#favourites[at]!
      if (!isWanted(merchant)) continue
      const card = Math.floor(at / favourites)
      const known = regulars.get(merchant)
      if (known === undefined) regulars.set(merchant, [card])
      else if (known.length < max && known.at(-1) !== card) known.push(card)
    }
    return regulars
  }

  newDevice(): string {
    return `d_${hex(mix(this.#devices++))}`
  }

  /** A device of a fraudster, which no honest draw depends on. */
  newForeignDevice(): string {
    return `d_${hex(mix(this.#foreign++))}`
  }

  /** The issuer sends a new card: transactions know it by another name from now on. */
  reissue(card: number): void {
    this.names[card] = this.#cardName()
  }

  /** Fills households until every card has a home; gives the city of each. */
  #settle(random: Random): number[] {
    const homes = new Choice(
      cities.flatMap((place, index) => (place.homes > 0 ? [index] : [])),
      cities.flatMap((place) => (place.homes > 0 ? [place.homes] : [])),
    )
    const homeCity: number[] = []
    let card = 0
    while (card < this.cards) {
      // A family brings several cards: the chance of one is corrected for their mean, 2.7.
      const { familyShare } = this.#parameters.population
      const isFamily = random.chance(familyShare / (2.7 - 1.7 * familyShare))
      const size = isFamily ? familySizes[random.below(familySizes.length)]! : 1
      const city = homes.draw(random)
      for (let member = 0; member < size && card < this.cards; member++, card++) {
        this.household[card] = homeCity.length
        this.city[card] = city
      }
      homeCity.push(city)
    }
    return homeCity
  }

  #characterise(card: number, random: Random): void {
    const { population, habits, startMs } = this.#parameters
    const u = random.uniform()
    this.rhythm[card] = u < population.nightShare ? 2 : u < population.nightShare + 0.22 ? 1 : 0
    this.payday[card] = random.below(paydays.length)
    this.activity[card] = random.lognormal(1, population.activitySigma)
    this.spendingLn[card] = population.spendingSigma * random.normal()
    const online = population.onlineShare * random.lognormal(0.87, 0.55)
    this.onlineShare[card] = Math.min(0.9, Math.max(0.03, online))
    this.isCommuter[card] = random.chance(population.commuterShare) ? 1 : 0
    this.hasWallet[card] = random.chance(population.walletShare) ? 1 : 0
    this.usesVpn[card] = random.chance(population.vpnShare) ? 1 : 0
    this.names.push(this.#cardName())
    this.phones.push(this.newDevice())
    this.#phoneEndMs[card] = startMs + random.exponential(habits.phoneLifeMs)
    this.#tripGapMs[card] =
      (yearMs / Math.max(1e-9, habits.tripsPerYear)) * random.lognormal(1, 0.7)
    this.tripEndMs[card] = startMs - random.exponential(this.#tripGapMs[card])
    this.tripStartMs[card] = this.tripEndMs[card] - dayMs
  }

  /** The next journey that is not over yet. */
  #planTrip(card: number, timeMs: number): void {
    const random = this.#random
    // Journeys that nobody saw because the card was not used; more than a few never fit.
    for (let attempt = 0; attempt < 100 && timeMs >= this.tripEndMs[card]!; attempt++) {
      this.tripStartMs[card] = this.tripEndMs[card]! + random.exponential(this.#tripGapMs[card]!)
      this.tripEndMs[card] = this.tripStartMs[card] + dayMs * (1.5 + random.exponential(6))
    }
    const home = cities[this.city[card]!]!.country
    let city = this.#destination.draw(random)
    // Half of the journeys stay in the country where it has another city; a few draws find it.
    if (random.chance(0.5)) {
      for (let attempt = 0; attempt < 8 && cities[city]!.country !== home; attempt++) {
        city = this.#destination.draw(random)
      }
    }
    this.tripCity[card] = city
  }

  #cardName(): string {
    return `c_${hex(mix(0x43000000 + this.#cardsNamed++))}`
  }
}
