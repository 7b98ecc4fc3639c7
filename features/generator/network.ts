// Internet addresses: homes that keep theirs for weeks, mobile networks that put many cards behind one, hotels, and proxies.

import { degrees } from './market.ts'
import type { GeneratorParameters } from './parameters.ts'
import { Random } from './random.ts'
import { cities } from './world.ts'

const publicPerCity = 12
const proxies = 96

/** Address a is row a: first the homes, by household, then the shared ones. Names are of 10.0.0.0/8, which routes nowhere. */
export class Network {
  readonly names: string[] = []
  readonly latitude: number[] = []
  readonly longitude: number[] = []
  readonly city: number[] = []
  readonly #homes: number
  /** By city: first address and number of the mobile network of its country. */
  readonly #mobileStart: number[] = []
  readonly #mobileCount: number[] = []
  readonly #publicStart: number
  readonly #proxyStart: number
  /** By country: the households there. */
  readonly #homesIn = new Map<string, number[]>()
  #given = 0

  /** `homeCity` is the city of each household, `cardsIn` the number of cards of each city. */
  constructor(
    parameters: GeneratorParameters,
    homeCity: readonly number[],
    cardsIn: readonly number[],
  ) {
    const random = Random.of(parameters.seed, 'network')
    this.#homes = homeCity.length
    for (const [household, city] of homeCity.entries()) {
      this.#add(city, 0.06, random)
      const country = cities[city]!.country
      const homes = this.#homesIn.get(country)
      if (homes === undefined) this.#homesIn.set(country, [household])
      else homes.push(household)
    }
    for (const [index, place] of cities.entries()) {
      const gateway = cities.findIndex((one) => one.country === place.country)
      if (gateway === index) {
        const cards = cities.reduce(
          (sum, one, at) => sum + (one.country === place.country ? cardsIn[at]! : 0),
          0,
        )
        this.#mobileStart.push(this.names.length)
        this.#mobileCount.push(2 + Math.floor(cards / parameters.habits.cardsPerMobileIp))
        for (let at = 0; at < this.#mobileCount[index]!; at++) this.#add(gateway, 0, random)
      } else {
        this.#mobileStart.push(this.#mobileStart[gateway]!)
        this.#mobileCount.push(this.#mobileCount[gateway]!)
      }
    }
    this.#publicStart = this.names.length
    for (let city = 0; city < cities.length; city++) {
      for (let at = 0; at < publicPerCity; at++) this.#add(city, 0.03, random)
    }
    this.#proxyStart = this.names.length
    for (let at = 0; at < proxies; at++) this.#add(random.below(cities.length), 0, random)
  }

  /** A household's own address. */
  home(household: number): number {
    return household
  }

  /** The household gets another address, as a provider renews it. */
  renew(household: number): void {
    this.names[household] = this.#name()
  }

  mobile(city: number, random: Random): number {
    return this.#mobileStart[city]! + random.below(this.#mobileCount[city]!)
  }

  /** The public address of a business; the same `seat` gives the same one. */
  office(city: number, seat: number): number {
    return this.#publicStart + city * publicPerCity + (seat % publicPerCity)
  }

  /** Hotels, cafés, offices. */
  public(city: number, random: Random): number {
    return this.#publicStart + city * publicPerCity + random.below(publicPerCity)
  }

  /** An exit that VPN users and thieves share; the same `seat` gives the same one. */
  proxy(seat: number): number {
    return this.#proxyStart + (seat % proxies)
  }

  /** Somebody else's home in the country of `city`, taken over as a proxy. */
  neighbour(city: number, random: Random): number {
    const homes = this.#homesIn.get(cities[city]!.country)
    return homes === undefined ? random.below(this.#homes) : homes[random.below(homes.length)]!
  }

  #add(city: number, spread: number, random: Random): void {
    const place = cities[city]!
    this.names.push(this.#name())
    this.city.push(city)
    this.latitude.push(degrees(place.latitude + spread * random.normal()))
    this.longitude.push(degrees(place.longitude + spread * random.normal()))
  }

  /** The next address that nobody has: a walk through all 2^24 in scrambled order, then over again. */
  #name(): string {
    let bits = this.#given++ & 0xffffff
    bits = Math.imul(bits ^ (bits >>> 12), 0x9e3779) & 0xffffff
    bits = Math.imul(bits ^ (bits >>> 11), 0x6a7ea5) & 0xffffff
    bits ^= bits >>> 12
    return `10.${bits >>> 16}.${(bits >>> 8) & 255}.${bits & 255}`
  }
}
