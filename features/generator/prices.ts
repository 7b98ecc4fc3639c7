// What things cost: merchant's usual price × the card's level × chance, ended as prices end.
import { exp } from './exact-math.ts'
import type { Market } from './market.ts'
import type { Random } from './random.ts'
import { fixedSumsMinor, type PriceEnding } from './world.ts'

/** No transaction is below 50 cents or above 15,000. */
const minMinor = 50
const maxMinor = 1_500_000

/** An amount at a merchant. `levelLn` is the logarithm of a factor on its usual price. */
export function price(market: Market, merchant: number, levelLn: number, random: Random): number {
  const kind = market.kind(merchant)
  const mean = market.priceLn[merchant]! + levelLn + kind.sigma * random.normal()
  return ended(exp(mean), kind.ending, random)
}

/** The nearest amount that ends as such prices do. */
export function ended(amount: number, ending: PriceEnding, random: Random): number {
  const minor = Math.min(maxMinor, Math.max(minMinor, Math.round(amount)))
  switch (ending) {
    case 'any':
      return minor
    case 'ninety-nine': {
      const u = random.uniform()
      if (u > 0.75) return minor
      const end = u < 0.5 ? 99 : u < 0.65 ? 95 : 50
      return minor - (minor % 100) + end
    }
    case 'whole': {
      const u = random.uniform()
      if (u > 0.7) return minor
      const step = u < 0.45 ? 100 : minor < 2000 ? 50 : 500
      return Math.max(step, Math.round(minor / step) * step)
    }
    case 'fixed':
      return fixedSum(minor)
    default:
      throw new Error('unreachable')
  }
}

/** The fixed sum next to an amount. */
function fixedSum(minor: number): number {
  let best = fixedSumsMinor[0]!
  for (const sum of fixedSumsMinor) {
    if (Math.abs(sum - minor) < Math.abs(best - minor)) best = sum
  }
  return best
}
