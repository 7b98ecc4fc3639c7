// A seeded stream of card transactions that a fraud model can honestly be tried on: people with habits, merchants with
// customers, and thieves who imitate them. What it models, and what not, is in docs/generator.md.
//
// Population and merchants are built once from the seed (population.ts, market.ts). Then three sources are merged in event
// time: purchases by the rhythm of each home (rhythm.ts, habits.ts), subscriptions, and an agenda of what is due (the rest
// of a shopping trip, every step of a fraud). Labels and arrival are drawn last; what is delayed waits in a heap. So the
// memory is that of the population and of what is under way, however long the stream.
import { type Arrival, Arrivals } from './arrival.ts'
import { Draft, type Due, type Habit, type Pattern } from './draft.ts'
import { Fraud } from './fraud.ts'
import { Habits } from './habits.ts'
import { Labels } from './labels.ts'
import { hex, Market } from './market.ts'
import { checkParameters, type GeneratorParameters } from './parameters.ts'
import { Population } from './population.ts'
import { mix, Random } from './random.ts'
import { Rhythm } from './rhythm.ts'
import { decimal, type GeneratedRow, TimeText, writeRow } from './row.ts'
import { Subscriptions } from './subscriptions.ts'
import { TimeHeap } from './time-heap.ts'
import { cities } from './world.ts'

export { type Habit, type Pattern, patterns } from './draft.ts'
export {
  atRate,
  checkParameters,
  defaultParameters,
  evaluationParameters,
  type GeneratorParameters,
} from './parameters.ts'
export { type GeneratedRow, writeRow } from './row.ts'

/** A row as it arrives, and beside it the truth, which is in no column. */
export interface GeneratedTransaction {
  readonly row: GeneratedRow
  /** What was planted; null: honest. */
  readonly pattern: Pattern | null
  /** Why an honest transaction was made; null: fraud. */
  readonly habit: Habit | null
  readonly isFraud: boolean
  /** Event time, ms UTC. */
  readonly timeMs: number
  /** When this row arrives, ms UTC: never falls from one to the next. */
  readonly arrivalMs: number
  readonly arrival: Arrival
  /** The same transaction came before, with the same id and content. */
  readonly isDuplicate: boolean
}

/**
 * The stream of `parameters`, in order of arrival, made as it is read; every iteration begins anew. The rows are the
 * reader's to keep. Throws RangeError for parameters that make no stream. Stops after `rows` rows (what was then under way
 * has not arrived), or when everything of `durationMs` has arrived.
 */
export function generate(parameters: GeneratorParameters): Iterable<GeneratedTransaction> {
  checkParameters(parameters)
  return { [Symbol.iterator]: () => arrivals(parameters) }
}

/** The rows of `generate` as lines of JSON, without line ends. */
export function* generateJsonLines(parameters: GeneratorParameters): Generator<string, void> {
  for (const { row } of generate(parameters)) yield writeRow(row)
}

function* arrivals(parameters: GeneratorParameters): Generator<GeneratedTransaction, void> {
  const endMs = parameters.startMs + (parameters.durationMs ?? Number.POSITIVE_INFINITY)
  let left = parameters.rows ?? Number.POSITIVE_INFINITY
  const world = new World(parameters)
  const waiting = new TimeHeap<GeneratedTransaction>()
  const draft = new Draft()
  while (left > 0 && world.next(draft, endMs)) {
    const transaction = world.finish(draft)
    const repeat = world.repeat(transaction)
    if (repeat !== null) waiting.push(repeat.arrivalMs, repeat)
    if (transaction.arrival === 'prompt') {
      // Prompt ones come in order of time, all with the same delay: nothing can still arrive before this one but what waits.
      for (; waiting.nextMs <= transaction.arrivalMs && left > 0; left--) yield waiting.pop()
      if (left <= 0) return
      left--
      yield transaction
    } else waiting.push(transaction.arrivalMs, transaction)
  }
  for (; waiting.size > 0 && left > 0; left--) yield waiting.pop()
}

/** Everything that makes transactions, one after the other in event time. */
class World {
  readonly #parameters: GeneratorParameters
  readonly #market: Market
  readonly #population: Population
  readonly #agenda = new TimeHeap<Due>()
  readonly #habits: Habits
  readonly #rhythm: Rhythm
  readonly #subscriptions: Subscriptions
  readonly #fraud: Fraud
  readonly #labels: Labels
  readonly #arrivals: Arrivals
  readonly #text = new TimeText()
  /** 1 while a card's re-issue is on the agenda. */
  readonly #isReissued: Uint8Array
  readonly #idStart: string
  #made = 0

  constructor(parameters: GeneratorParameters) {
    this.#parameters = parameters
    this.#market = new Market(parameters)
    this.#population = new Population(parameters, this.#market)
    this.#habits = new Habits(parameters, this.#population, this.#market, this.#agenda)
    this.#subscriptions = new Subscriptions(parameters, this.#population, this.#market)
    const random = Random.of(parameters.seed, 'rhythm')
    const perMs = purchasesPerMs(parameters, this.#subscriptions.perMs)
    this.#rhythm = new Rhythm(parameters, this.#population, perMs, random)
    this.#fraud = new Fraud({
      parameters,
      population: this.#population,
      market: this.#market,
      habits: this.#habits,
      agenda: this.#agenda,
      random: Random.of(parameters.seed, 'fraud'),
    })
    this.#labels = new Labels(parameters)
    this.#arrivals = new Arrivals(parameters)
    this.#isReissued = new Uint8Array(this.#population.cards)
    this.#idStart = `t_${hex(mix(parameters.seed | 0))}_`
  }

  /** Makes the next transaction of the draft; false when there is none before `endMs`. */
  next(draft: Draft, endMs: number): boolean {
    const rhythm = this.#rhythm
    const subscriptions = this.#subscriptions
    const agenda = this.#agenda
    for (;;) {
      const dueMs = agenda.nextMs
      const regularMs = Math.min(rhythm.timeMs, subscriptions.timeMs)
      if (Math.min(dueMs, regularMs) >= endMs) return false
      if (dueMs <= regularMs) {
        // Frauds began before the stream; what they did then is not in it.
        const isMade = agenda.pop().run(dueMs, draft)
        if (!isMade || dueMs < this.#parameters.startMs) continue
      } else if (rhythm.timeMs <= subscriptions.timeMs) {
        this.#habits.purchase(rhythm.card, rhythm.timeMs, draft)
        rhythm.advance()
      } else {
        const { card, merchant, amountMinor, timeMs } = subscriptions
        this.#habits.subscription(card, merchant, amountMinor, timeMs, draft)
        subscriptions.advance()
      }
      if (draft.pattern === null) this.#fraud.see(draft)
      return true
    }
  }

  /** Draws label and arrival, and writes the row. */
  finish(draft: Draft): GeneratedTransaction {
    const { timeMs, card, pattern } = draft
    const population = this.#population
    this.#arrivals.draw()
    const arrivalMs = timeMs + this.#arrivals.delayMs
    this.#labels.draw(pattern, timeMs, arrivalMs)
    const row = this.#row(draft, arrivalMs)
    if (this.#labels.verdict === '1' && this.#isReissued[card] === 0) {
      this.#isReissued[card] = 1
      this.#agenda.push(this.#labels.timeMs, new Reissue(population, card, this.#isReissued))
    }
    return {
      row,
      pattern,
      habit: draft.habit,
      isFraud: pattern !== null,
      timeMs,
      arrivalMs,
      arrival: this.#arrivals.kind,
      isDuplicate: false,
    }
  }

  /** The same transaction as it comes again, or null. */
  repeat(transaction: GeneratedTransaction): GeneratedTransaction | null {
    const afterMs = this.#arrivals.drawRepeatMs()
    if (afterMs === 0) return null
    const arrivalMs = transaction.arrivalMs + afterMs
    const row = { ...transaction.row, received: this.#text.iso(arrivalMs) }
    return { ...transaction, row, arrivalMs, isDuplicate: true }
  }

  #row(draft: Draft, arrivalMs: number): GeneratedRow {
    const { card, merchant, ip } = draft
    const market = this.#market
    const network = this.#population.network
    const text = this.#text
    const label = this.#labels
    const isAddress = ip >= 0
    const isNowhere = !isAddress && draft.channel === 'ecom'
    return {
      transaction_id: this.#idStart + (this.#made++).toString(36),
      time: text.iso(draft.timeMs),
      received: text.iso(arrivalMs),
      amount: decimal(draft.amountMinor),
      currency: 'EUR',
      card: this.#population.names[card]!,
      merchant: market.names[merchant]!,
      device: draft.device,
      ip: isAddress ? network.names[ip]! : '',
      country: cities[market.city[merchant]!]!.country,
      mcc: market.kind(merchant).mcc,
      channel: draft.channel,
      latitude: isNowhere ? '' : isAddress ? network.latitude[ip]! : market.latitude[merchant]!,
      longitude: isNowhere ? '' : isAddress ? network.longitude[ip]! : market.longitude[merchant]!,
      label: label.verdict,
      label_time: label.verdict === '' ? '' : text.iso(label.timeMs),
    }
  }
}

/** The bank replaces a card whose fraud was reported. */
class Reissue implements Due {
  readonly #population: Population
  readonly #card: number
  readonly #isReissued: Uint8Array

  constructor(population: Population, card: number, isReissued: Uint8Array) {
    this.#population = population
    this.#card = card
    this.#isReissued = isReissued
  }

  run(): boolean {
    this.#population.reissue(this.#card)
    this.#isReissued[this.#card] = 0
    return false
  }
}

/** Purchases that the rhythm must ask for, so that with all that follows and comes besides the rate is as asked. */
function purchasesPerMs(parameters: GeneratorParameters, subscriptionsPerMs: number): number {
  const honest = (parameters.ratePerSecond / 1000) * (1 - parameters.fraud.share)
  // A session brings two more purchases in the mean; commutes bring none, which the measured rate shows to be little.
  const perMs = (honest - subscriptionsPerMs) / (1 + 2 * parameters.habits.sessionShare)
  if (perMs > 0) return perMs
  throw new RangeError('ratePerSecond: expected more than the subscriptions of all cards make')
}
