// The transactions of the standard work: seeded, about 345 bytes of JSON each, four entities by Zipf's law, some of them late.
// It knows nothing of who decides them.
import { Random } from '../../features/generator/random.ts'

/** Entities by kind, the primary first. */
export const entityKinds = ['card', 'merchant', 'device', 'ip'] as const

/** Windows of each entity, ms; each has a count and a sum. */
export const windows = [
  { name: '1m', ms: 60_000 },
  { name: '10m', ms: 600_000 },
  { name: '1h', ms: 3_600_000 },
  { name: '6h', ms: 21_600_000 },
  { name: '1d', ms: 86_400_000 },
] as const

/** Nothing comes later than this; whoever keeps records for the longest window must keep them so much longer. */
export const latenessMsMax = 3_600_000

/** Features in the order of the catalog: by entity, by window, count before sum. */
export const featureNames: readonly string[] = entityKinds.flatMap((kind) =>
  windows.flatMap(({ name }) => [`${kind}_count_${name}`, `${kind}_sum_${name}`]),
)

export interface StandardTransaction {
  readonly id: string
  readonly timeMs: number
  readonly amountMinor: number
  /** By kind, as in `entityKinds`. */
  readonly entities: readonly string[]
  readonly json: string
}

export interface StandardOptions {
  readonly seed: number
  /** Mean ms between two transactions in event time: decides how many records a window holds. */
  readonly stepMs: number
  /** Event times are multiples of it, ms: a coarse one meets ties and the very edges of windows. */
  readonly gridMs: number
  /** Share that comes late, most by seconds, one of ten by up to `latenessMsMax`. */
  readonly lateShare: number
  /** How many there are of each kind, and the exponent of their popularity. */
  readonly population: readonly { readonly count: number; readonly exponent: number }[]
}

/** At a second a transaction, a day holds 86,400 of them: from there on windows let go of as much as they take in. */
export const standardOptions: StandardOptions = {
  seed: 1,
  stepMs: 1000,
  gridMs: 1,
  lateShare: 0.02,
  population: [
    { count: 20_000, exponent: 0.6 },
    { count: 5_000, exponent: 0.9 },
    { count: 25_000, exponent: 0.6 },
    { count: 15_000, exponent: 0.8 },
  ],
}

const startMs = Date.UTC(2026, 0, 5)
const categories = ['5411', '5812', '5541', '4111', '5999', '5732', '7995', '6011']
const countries = ['DE', 'FR', 'IT', 'ES', 'NL', 'AT', 'PL', 'GB']
const channels = ['chip', 'contactless', 'online', 'magstripe']

/** Without end, in the order of the topic. Equal options give equal bytes; a longer run begins with a shorter one. */
export function* standardTransactions(
  options: StandardOptions = standardOptions,
): Generator<StandardTransaction, never, undefined> {
  const random = Random.of(options.seed, 'standard')
  const draws = options.population.map(({ count, exponent }) => zipf(count, exponent))
  let nowMs = startMs
  for (let n = 0; ; n++) {
    nowMs += Math.floor(random.exponential(options.stepMs))
    const exactMs = nowMs - lateness(random, options.lateShare)
    const timeMs = exactMs - (exactMs % options.gridMs)
    const amountMinor = Math.max(1, Math.floor(random.lognormal(3200, 1.1)))
    const entities = draws.map((draw, kind) => entityId(kind, draw(random.uniform())))
    const id = `t-${String(n).padStart(12, '0')}`
    yield {
      id,
      timeMs,
      amountMinor,
      entities,
      json: text(id, timeMs, amountMinor, entities, random),
    }
  }
}

function lateness(random: Random, share: number): number {
  if (!random.chance(share)) return 0
  const mean = random.chance(0.1) ? 900_000 : 5_000
  return Math.min(latenessMsMax, Math.floor(random.exponential(mean)))
}

function text(
  id: string,
  timeMs: number,
  amountMinor: number,
  [card, merchant, device, ip]: readonly string[],
  random: Random,
): string {
  return JSON.stringify({
    transaction_id: id,
    time_ms: timeMs,
    amount: amountMinor / 100,
    currency: 'EUR',
    ...{ card, merchant, device, ip },
    mcc: one(categories, random),
    country: one(countries, random),
    channel: one(channels, random),
    terminal: `t${String(random.below(1_000_000)).padStart(6, '0')}`,
    acquirer: `acq-${String(random.below(100)).padStart(3, '0')}`,
    authorisation: String(random.below(1_000_000)).padStart(6, '0'),
    is_recurring: random.chance(0.1),
    batch: 'B0417',
  })
}

function one(list: readonly string[], random: Random): string {
  return list[random.below(list.length)]!
}

/** Ids as long as tokens are; ranks are scattered, so that no partition gets all that is popular. */
function entityId(kind: number, rank: number): string {
  const hash = (Math.imul(rank + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
  if (kind === 3) return `10.${(rank >>> 16) & 255}.${(rank >>> 8) & 255}.${rank & 255}`
  return `${'cmd'.charAt(kind)}-${hash}${String(rank).padStart(6, '0')}`
}

/** From a uniform draw to a rank: the k-th has a weight of k^−exponent. */
function zipf(count: number, exponent: number): (uniform: number) => number {
  const upTo = new Float64Array(count)
  let total = 0
  for (let rank = 0; rank < count; rank++) upTo[rank] = total += (rank + 1) ** -exponent
  return (uniform) => {
    const wanted = uniform * total
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (upTo[middle]! <= wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
