// The merchants: a Zipf law of popularity over all of them, dealt to cities and kinds of business.
import { Choice, deal } from './choice.ts'
import { ln, power } from './exact-math.ts'
import type { GeneratorParameters } from './parameters.ts'
import { mix, Random } from './random.ts'
import {
  allSectors,
  cashSector,
  cities,
  type Sector,
  sectors,
  subscriptionSector,
  transitSector,
} from './world.ts'

const subscriptionServices = 24

/** Merchant m is row m of every array. Filled once, never changed. */
export class Market {
  readonly count: number
  /** Index into `allSectors`. */
  readonly sector: Uint8Array
  /** Index into `cities`: where a shop stands, where an online merchant is registered. */
  readonly city: Uint8Array
  /** Natural logarithm of the usual price in minor units. */
  readonly priceLn: Float64Array
  readonly latitude: Float64Array
  readonly longitude: Float64Array
  /** Share of popularity by Zipf's law; 0 for transit, cash machines and subscription services. */
  readonly popularity: Float64Array
  readonly names: string[] = []
  /** 1 where orders by phone are taken. */
  readonly isAgent: Uint8Array
  /** Draws a shop of a city, by popularity. */
  readonly shops: readonly Choice[]
  /** Draws an online merchant of any country, by popularity. */
  readonly online: Choice
  /** Shops of a city that sell what can be sold on; never empty, since small cities fall back on all their shops. */
  readonly goodsShops: readonly Choice[]
  readonly onlineGoods: Choice
  readonly onlineCodes: Choice
  /** Online merchants where a small amount does not stand out. */
  readonly smallTickets: Choice
  /** Shops and online merchants of middling popularity, whose card data is worth copying. */
  readonly copied: Choice
  readonly copiedMerchants: number[] = []
  readonly subscriptions: Choice

  constructor(parameters: GeneratorParameters) {
    const { merchants, zipfExponent, priceSigma, agentShare, onlineShare } = parameters.population
    const random = Random.of(parameters.seed, 'market')
    this.count = merchants + 2 * cities.length + subscriptionServices
    this.sector = new Uint8Array(this.count)
    this.city = new Uint8Array(this.count)
    this.priceLn = new Float64Array(this.count)
    this.latitude = new Float64Array(this.count)
    this.longitude = new Float64Array(this.count)
    this.popularity = new Float64Array(this.count)
    this.isAgent = new Uint8Array(this.count)

    const weights = Array.from({ length: merchants }, (_, rank) => power(rank + 1, -zipfExponent))
    const pools = poolsOf(weights, onlineShare, random)
    const onlineHome = homeChoice()
    for (const [pool, members] of pools.entries()) {
      const isOnline = pool === cities.length
      const kinds = sectors.flatMap((one, index) => (one.isOnline === isOnline ? [index] : []))
      const dealt = deal(
        members.map((member) => weights[member]!),
        kinds.map((index) => sectors[index]!.weight),
      )
      for (const [at, member] of members.entries()) {
        this.sector[member] = kinds[dealt[at]!]!
        this.city[member] = isOnline ? onlineHome.draw(random) : pool
        if (isOnline && random.chance(agentShare)) this.isAgent[member] = 1
      }
    }
    for (let index = 0; index < subscriptionServices; index++) {
      this.sector[this.subscription(index)] = subscriptionSector
      this.city[this.subscription(index)] = onlineHome.draw(random)
    }
    for (let index = 0; index < cities.length; index++) {
      this.sector[this.transit(index)] = transitSector
      this.city[this.transit(index)] = index
      this.sector[this.cash(index)] = cashSector
      this.city[this.cash(index)] = index
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (let merchant = 0; merchant < this.count; merchant++) {
      const kind = allSectors[this.sector[merchant]!]!
      const place = cities[this.city[merchant]!]!
      this.popularity[merchant] = (weights[merchant] ?? 0) / total
      this.priceLn[merchant] = ln(kind.medianMinor) + priceSigma * random.normal()
      this.latitude[merchant] = degrees(place.latitude + 0.05 * random.normal())
      this.longitude[merchant] = degrees(place.longitude + 0.08 * random.normal())
      this.names.push(`m_${hex(mix(merchant + 0x4d000000))}`)
    }

    this.shops = pools.slice(0, cities.length).map((members) => this.#choice(members))
    this.online = this.#choice(pools[cities.length]!)
    this.goodsShops = pools.slice(0, cities.length).map((members) => {
      const goods = members.filter((member) => this.kind(member).resale === 'goods')
      return this.#choice(goods.length > 0 ? goods : members)
    })
    const online = pools[cities.length]!
    this.onlineGoods = this.#choice(online.filter((one) => this.kind(one).resale === 'goods'))
    this.onlineCodes = this.#choice(online.filter((one) => this.kind(one).resale === 'codes'))
    this.smallTickets = this.#choice(online.filter((one) => this.kind(one).medianMinor <= 2000))
    for (let rank = 4; rank < merchants / 16; rank++) this.copiedMerchants.push(rank)
    this.copied = this.#choice(this.copiedMerchants)
    const services = Array.from({ length: subscriptionServices }, (_, at) => this.subscription(at))
    this.subscriptions = new Choice(
      services,
      services.map((_, at) => 1 / (at + 1)),
    )
  }

  kind(merchant: number): Sector {
    return allSectors[this.sector[merchant]!]!
  }

  /** The transit operator of a city. */
  transit(city: number): number {
    return this.count - 2 * cities.length + city
  }

  /** The cash machines of a city. */
  cash(city: number): number {
    return this.count - cities.length + city
  }

  /** One of the subscription services. */
  subscription(index: number): number {
    return this.count - 2 * cities.length - subscriptionServices + index
  }

  #choice(members: readonly number[]): Choice {
    return new Choice(
      members,
      members.map((member) => this.popularity[member]!),
    )
  }
}

/** The merchants of each city and, last, the online ones, such that each pool's popularity matches its share of purchases. */
function poolsOf(weights: readonly number[], onlineShare: number, random: Random): number[][] {
  const all = cities.reduce((sum, place) => sum + place.homes + place.visits / 20, 0)
  const targets = cities.map(
    (place) => ((place.homes + place.visits / 20) / all) * (1 - onlineShare),
  )
  targets.push(onlineShare)
  const dealt = deal(weights, targets)
  const pools: number[][] = targets.map(() => [])
  for (const [member, pool] of dealt.entries()) pools[pool]!.push(member)
  // A tenth of the smallest merchants moves about, so that a small city has more than what the deal leaves it.
  for (let member = Math.floor(weights.length * 0.9); member < weights.length; member++) {
    const from = pools[dealt[member]!]!
    const to = pools[random.below(cities.length)]!
    if (from.length > 40) {
      from.splice(from.indexOf(member), 1)
      to.push(member)
    }
  }
  return pools
}

/** Where online merchants are registered: mostly at home, some where companies like to be. */
function homeChoice(): Choice {
  return new Choice(
    cities.map((_, index) => index),
    cities.map((place) => place.homes + (/^(?:US|GB|IE|NL)$/.test(place.country) ? 4 : 0.2)),
  )
}

/** Four decimals, about ten metres. */
export function degrees(value: number): number {
  return Math.round(value * 10_000) / 10_000
}

/** Eight hexadecimal digits. */
export function hex(bits: number): string {
  return (bits >>> 0).toString(16).padStart(8, '0')
}
