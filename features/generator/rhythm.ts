// When honest purchases happen: a Poisson process whose rate follows each home's hour, weekday and payday.
import { Choice } from './choice.ts'
import type { GeneratorParameters } from './parameters.ts'
import type { Population } from './population.ts'
import type { Random } from './random.ts'
import { cities, hourWeights, paydays, weekdayWeights } from './world.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** How much of the payday boost is left on each day after it; before the next one money is short. */
const paydayFade = [1, 0.9, 0.6, 0.4, 0.25, 0.15, 0.1]

/** Cards of one UTC offset, rhythm and payday: they share a rate. */
interface Group {
  readonly offsetHours: number
  readonly rhythm: number
  readonly payday: number
  /** Share of all cards' activity. */
  readonly share: number
  readonly cards: Choice
}

/** Gives purchase after purchase: `timeMs` and `card` of the next one, until `advance`. */
export class Rhythm {
  timeMs: number
  card = 0
  readonly #random: Random
  readonly #groups: Group[]
  readonly #ratePerMs: number
  readonly #boost: number
  /** Running sum of the groups' rates in the present hour, per ms. */
  readonly #cumulative: Float64Array
  #exactMs: number
  #hourEndMs: number

  /** `ratePerMs` is the mean over a month. The first purchase is drawn at once. */
  constructor(
    parameters: GeneratorParameters,
    population: Population,
    ratePerMs: number,
    random: Random,
  ) {
    this.#random = random
    this.#ratePerMs = ratePerMs
    this.#groups = groupsOf(population)
    this.#cumulative = new Float64Array(this.#groups.length)
    this.#boost = parameters.habits.paydayBoost
    this.#exactMs = parameters.startMs
    this.#hourEndMs = parameters.startMs
    this.timeMs = parameters.startMs
    this.advance()
  }

  advance(): void {
    const random = this.#random
    const cumulative = this.#cumulative
    const last = cumulative.length - 1
    // The process has no memory: at the end of an hour it starts anew with the next hour's rate.
    for (;;) {
      const rate = cumulative[last]!
      if (rate > 0) {
        const nextMs = this.#exactMs + random.exponential(1 / rate)
        if (nextMs < this.#hourEndMs) {
          this.#exactMs = nextMs
          break
        }
      }
      this.#exactMs = this.#hourEndMs
      this.#enterHour()
    }
    this.timeMs = Math.floor(this.#exactMs)
    const at = random.uniform() * cumulative[last]!
    let group = 0
    while (group < last && cumulative[group]! <= at) group++
    this.card = this.#groups[group]!.cards.draw(random)
  }

  #enterHour(): void {
    const startMs = this.#exactMs
    this.#hourEndMs = Math.floor(startMs / hourMs) * hourMs + hourMs
    let sum = 0
    for (const [index, group] of this.#groups.entries()) {
      const localMs = startMs + group.offsetHours * hourMs
      const factor =
        hourFactor(group.rhythm, localMs) * paydayFactor(group.payday, localMs, this.#boost)
      sum += this.#ratePerMs * group.share * factor
      this.#cumulative[index] = sum
    }
  }
}

/** Purchases at this local time relative to the week's mean, for a rhythm. */
export function hourFactor(rhythm: number, localMs: number): number {
  return hourTables[rhythm]![localHour(localMs)]! * weekdayTables[rhythm]![localWeekday(localMs)]!
}

export function localHour(localMs: number): number {
  return Math.floor((((localMs % dayMs) + dayMs) % dayMs) / hourMs)
}

/** 0 is Sunday. */
export function localWeekday(localMs: number): number {
  return (((Math.floor(localMs / dayMs) + 4) % 7) + 7) % 7
}

/** A time on the day after `timeMs` at which the card's owner is usually about. */
export function usualTimeMs(
  population: Population,
  card: number,
  timeMs: number,
  random: Random,
): number {
  const offsetMs = cities[population.city[card]!]!.utcOffsetHours * hourMs
  const nextDayMs = (Math.floor((timeMs + offsetMs) / dayMs) + 1) * dayMs
  const hour = hourChoices[population.rhythm[card]!]!.draw(random)
  return Math.floor(nextDayMs - offsetMs + hour * hourMs + random.uniform() * hourMs)
}

/** Spending after payday relative to the month's mean. */
function paydayFactor(payday: number, localMs: number, boost: number): number {
  const dayOfMonth = new Date(localMs).getUTCDate()
  const since = (dayOfMonth - paydays[payday]! + 30) % 30
  return (1 + boost * (paydayFade[since] ?? 0)) / (1 + boost * meanFade)
}

const meanFade = paydayFade.reduce((sum, left) => sum + left, 0) / 30
const hourTables = hourWeights.map(aroundOne)
const weekdayTables = weekdayWeights.map(aroundOne)
const hours = Array.from({ length: 24 }, (_, hour) => hour)
const hourChoices = hourWeights.map((weights) => new Choice(hours, weights))

function aroundOne(weights: readonly number[]): number[] {
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length
  return weights.map((weight) => weight / mean)
}

function groupsOf(population: Population): Group[] {
  const members = new Map<string, number[]>()
  let total = 0
  for (let card = 0; card < population.cards; card++) {
    const offset = cities[population.city[card]!]!.utcOffsetHours
    const key = `${offset} ${population.rhythm[card]!} ${population.payday[card]!}`
    const group = members.get(key)
    if (group === undefined) members.set(key, [card])
    else group.push(card)
    total += population.activity[card]!
  }
  return [...members.values()].map((cards) => {
    const weights = cards.map((card) => population.activity[card]!)
    const first = cards[0]!
    return {
      offsetHours: cities[population.city[first]!]!.utcOffsetHours,
      rhythm: population.rhythm[first]!,
      payday: population.payday[first]!,
      share: weights.reduce((sum, weight) => sum + weight, 0) / total,
      cards: new Choice(cards, weights),
    }
  })
}
