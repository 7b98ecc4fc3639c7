// Card data copied at one merchant over days and used elsewhere weeks later: what the victims share lies far back.
import type { Due } from './draft.ts'
import { countOf, RemoteSpree, Tools } from './remote-spree.ts'
import { usualTimeMs } from './rhythm.ts'
import type { Scene } from './scene.ts'

/** How many stolen cards are used with the same device and address. */
const cardsPerTools = 3

/** Remembers a fair sample of the cards used at the merchant; when it ends, plans what becomes of them. */
export class Copying implements Due {
  readonly #scene: Scene
  readonly #known: number[]
  readonly #knownMax: number
  readonly #end: () => void
  #seen: number

  /** `known` are cards that were there before anybody looked; `end` is called when copying stops. */
  constructor(scene: Scene, known: readonly number[], knownMax: number, end: () => void) {
    this.#scene = scene
    this.#known = [...known]
    this.#knownMax = knownMax
    this.#end = end
    this.#seen = known.length
  }

  /** Reservoir sampling (J. S. Vitter, algorithm R, 1985). */
  see(card: number): void {
    if (this.#known.includes(card)) return
    this.#seen++
    if (this.#known.length < this.#knownMax) this.#known.push(card)
    else {
      const at = this.#scene.random.below(this.#seen)
      if (at < this.#knownMax) this.#known[at] = card
    }
  }

  run(timeMs: number): boolean {
    this.#end()
    const { parameters, population, agenda, random } = this.#scene
    const plan = parameters.fraud.compromisedMerchant
    const count = Math.min(this.#known.length, countOf(this.#scene, plan.cards))
    let tools = new Tools(this.#scene, 0)
    for (let index = 0; index < count; index++) {
      // Drawn without putting back: the chosen one changes places with the last one left.
      const left = this.#known.length - index
      const at = random.below(left)
      const card = this.#known[at]!
      this.#known[at] = this.#known[left - 1]!
      if (index % cardsPerTools === 0) tools = new Tools(this.#scene, population.city[card]!)
      const spree = new RemoteSpree(this.#scene, {
        pattern: 'compromised_merchant',
        card,
        tools,
        usual: 0,
        purchases: countOf(this.#scene, plan.purchases),
        gapMs: plan.gapMs,
        factor: plan.factor,
        codesShare: 0.15,
        goodsShare: 0.45,
      })
      const readyMs = timeMs + random.between(plan.dormancyMinMs, plan.dormancyMaxMs)
      const isUsual = random.chance(0.6)
      const startMs = isUsual ? usualTimeMs(population, card, readyMs, random) : readyMs
      agenda.push(Math.floor(startMs), spree)
    }
    return false
  }
}
