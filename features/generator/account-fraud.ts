// Frauds over the internet that need no merchant's help: trying out many cards, and taking over an account.

import type { Draft, Due } from './draft.ts'
import { countOf, RemoteSpree, Tools } from './remote-spree.ts'
import { usualTimeMs } from './rhythm.ts'
import type { Scene } from './scene.ts'

const hourMs = 3_600_000

export function startTesting(scene: Scene, timeMs: number): void {
  scene.agenda.push(timeMs, new Testing(scene))
}

export function startTakeover(scene: Scene, timeMs: number): void {
  const { parameters, population, random } = scene
  const { usual, spending, gapMs, factor } = parameters.fraud.accountTakeover
  const card = random.below(population.cards)
  const spree = new RemoteSpree(scene, {
    pattern: 'account_takeover',
    card,
    tools: new Tools(scene, population.city[card]!),
    usual: random.poisson(usual),
    purchases: countOf(scene, spending),
    gapMs,
    factor,
    codesShare: 0.5,
    goodsShare: 0.3,
  })
  const startMs = random.chance(0.6) ? usualTimeMs(population, card, timeMs, random) : timeMs
  scene.agenda.push(startMs, spree)
}

/** Card numbers, tried with small amounts at a merchant where these do not stand out. */
class Testing implements Due {
  readonly #scene: Scene
  readonly #tools: Tools
  #merchant: number
  #left: number
  #trials = 0

  constructor(scene: Scene) {
    const { parameters, population, market, random } = scene
    this.#scene = scene
    this.#tools = new Tools(scene, population.city[random.below(population.cards)]!)
    this.#merchant = market.smallTickets.draw(random)
    this.#left = countOf(scene, parameters.fraud.cardTesting.cards)
  }

  run(timeMs: number, draft: Draft): boolean {
    const { parameters, population, market, agenda, random } = this.#scene
    const testing = parameters.fraud.cardTesting
    const card = random.below(population.cards)
    if (this.#trials++ % Math.max(1, testing.trialsPerDevice) === testing.trialsPerDevice - 1) {
      this.#tools.renew()
      if (random.chance(0.3)) this.#merchant = market.smallTickets.draw(random)
    }
    const amount = random.lognormal(testing.amountMedianMinor, testing.amountSigma)
    const amountMinor = Math.max(50, Math.round(amount))
    this.#tools.buy(card, this.#merchant, amountMinor, 'card_testing', draft)
    draft.timeMs = timeMs
    if (random.chance(testing.usedShare)) this.#use(card, timeMs)
    this.#left--
    if (this.#left > 0) {
      agenda.push(timeMs + 500 + Math.floor(random.exponential(testing.gapMs)), this)
    }
    return true
  }

  /** A card that passed is sold, and its buyer goes shopping. */
  #use(card: number, timeMs: number): void {
    const scene = this.#scene
    const spree = new RemoteSpree(scene, {
      pattern: 'card_testing',
      card,
      tools: new Tools(scene, scene.population.city[card]!),
      usual: 0,
      purchases: countOf(scene, scene.parameters.fraud.cardTesting.purchases),
      gapMs: 2 * hourMs,
      factor: 1.4,
      codesShare: 0.25,
      goodsShare: 0.55,
    })
    const startMs = timeMs + Math.floor(scene.random.between(2, 72) * hourMs)
    scene.agenda.push(startMs, spree)
  }
}
