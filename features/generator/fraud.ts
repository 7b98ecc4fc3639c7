// Who strikes when: episodes of the five patterns as Poisson processes, so frequent that fraud has the share asked for.
import { startTakeover, startTesting } from './account-fraud.ts'
import { startBustOut, startStolenCard } from './card-fraud.ts'
import { Copying } from './compromised-merchant.ts'
import { type Draft, type Due, type Pattern, patterns } from './draft.ts'
import type { GeneratorParameters } from './parameters.ts'
import type { Scene } from './scene.ts'

/** Of a copied merchant's regulars, as many may be known to the thieves. */
const copiedMax = 64

/** Plans every fraud of the stream on the scene's agenda, and looks on as honest cards are used, for what thieves copy there. */
export class Fraud {
  readonly #scene: Scene
  /** 1 where cards are being copied just now. */
  readonly #isCopied: Uint8Array
  readonly #copying = new Map<number, Copying>()
  /** Who would have been seen before the stream began. */
  readonly #regulars: Map<number, number[]>

  constructor(scene: Scene) {
    this.#scene = scene
    const { parameters, market, population } = scene
    this.#isCopied = new Uint8Array(market.count)
    const wanted = new Set(market.copiedMerchants)
    this.#regulars = population.regulars((merchant) => wanted.has(merchant), copiedMax)
    // What takes weeks to ripen began before the stream did.
    const { compromisedMerchant, bustOut } = parameters.fraud
    const ripeningMs = Math.max(
      1.5 * compromisedMerchant.copyingMs + compromisedMerchant.dormancyMaxMs,
      1.5 * bustOut.buildUpMs,
    )
    for (const pattern of patterns) {
      const gapMs = episodeGapMs(parameters, pattern)
      if (gapMs === Number.POSITIVE_INFINITY) continue
      const firstMs = parameters.startMs - ripeningMs + scene.random.exponential(gapMs)
      scene.agenda.push(Math.floor(firstMs), new Episode(this, pattern, gapMs))
    }
  }

  /** An honest transaction happens; call for each. */
  see(draft: Draft): void {
    if (this.#isCopied[draft.merchant] === 1) this.#copying.get(draft.merchant)!.see(draft.card)
  }

  /** Begins an episode and plans the pattern's next one. */
  strike(episode: Episode, timeMs: number): void {
    const scene = this.#scene
    scene.agenda.push(Math.floor(timeMs + 1 + scene.random.exponential(episode.gapMs)), episode)
    switch (episode.pattern) {
      case 'card_testing':
        startTesting(scene, timeMs)
        return
      case 'stolen_card':
        startStolenCard(scene, timeMs)
        return
      case 'account_takeover':
        startTakeover(scene, timeMs)
        return
      case 'compromised_merchant':
        this.#startCopying(timeMs)
        return
      case 'bust_out':
        startBustOut(scene, timeMs)
        return
      default:
        throw new Error('unreachable')
    }
  }

  #startCopying(timeMs: number): void {
    const scene = this.#scene
    const merchant = scene.market.copied.draw(scene.random)
    if (this.#copying.has(merchant)) return
    const known = timeMs < scene.parameters.startMs ? (this.#regulars.get(merchant) ?? []) : []
    const copying = new Copying(scene, known, copiedMax, () => {
      this.#copying.delete(merchant)
      this.#isCopied[merchant] = 0
    })
    this.#copying.set(merchant, copying)
    this.#isCopied[merchant] = 1
    const { copyingMs } = scene.parameters.fraud.compromisedMerchant
    const endMs = timeMs + copyingMs * scene.random.between(0.5, 1.5)
    scene.agenda.push(Math.floor(endMs), copying)
  }
}

class Episode implements Due {
  readonly #fraud: Fraud
  readonly pattern: Pattern
  readonly gapMs: number

  constructor(fraud: Fraud, pattern: Pattern, gapMs: number) {
    this.#fraud = fraud
    this.pattern = pattern
    this.gapMs = gapMs
  }

  run(timeMs: number): boolean {
    this.#fraud.strike(this, timeMs)
    return false
  }
}

/** Mean time between two episodes: the pattern's share of all transactions over what an episode brings. */
function episodeGapMs(parameters: GeneratorParameters, pattern: Pattern): number {
  const { fraud, ratePerSecond } = parameters
  const all = patterns.reduce((sum, one) => sum + fraud.mix[one], 0)
  const perMs = (ratePerSecond / 1000) * fraud.share * (fraud.mix[pattern] / Math.max(all, 1e-9))
  return perMs > 0 ? transactionsPerEpisode(parameters, pattern) / perMs : Number.POSITIVE_INFINITY
}

function transactionsPerEpisode(parameters: GeneratorParameters, pattern: Pattern): number {
  const { cardTesting, stolenCard, accountTakeover, compromisedMerchant, bustOut } =
    parameters.fraud
  switch (pattern) {
    case 'card_testing':
      return cardTesting.cards * (1 + cardTesting.usedShare * cardTesting.purchases)
    case 'stolen_card':
      return stolenCard.purchases
    case 'account_takeover':
      return accountTakeover.usual + accountTakeover.spending
    case 'compromised_merchant':
      return compromisedMerchant.cards * compromisedMerchant.purchases
    case 'bust_out':
      return bustOut.purchases
    default:
      throw new Error('unreachable')
  }
}
