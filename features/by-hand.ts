// Features by hand: every window filtered afresh from a plain list, one feature at a time, with the records that counted. It is
// the law in code (docs/windows.md), for who doubts a number and for tests of everything clever; it must stay too simple to
// be wrong.
import type { Feature } from './catalog.ts'
import { numberOf } from './number.ts'
import { Kind, Verdict } from './transaction.ts'

/** What is remembered of one message. */
export interface HandRecord {
  readonly kind: Kind
  /** Of the transaction, with its primary: nothing else has the same. */
  readonly id: string
  /** Its own id alone. */
  readonly name: string
  readonly timeMs: number
  readonly atMs: number
  readonly amount: number
  readonly verdict: Verdict
  readonly labelMs: number
  readonly latitude: number
  readonly longitude: number
  /** Entities and fields by name. */
  readonly values: Readonly<Record<string, string | null>>
}

/** A number, null when absent, and the earlier records that it is made of. */
export interface HandValue {
  readonly value: number | null
  readonly counted: readonly HandRecord[]
}

/** One transaction against the journal of one of its entities: all that was recorded there before, in order. */
export class ByHand {
  readonly #current: HandRecord
  readonly #now: number
  readonly #transactions: readonly HandRecord[]
  readonly #messages: readonly HandRecord[]
  /** What has been undone by now, by id: the first message that says so, and the kinds of all. */
  readonly #undone = new Map<string, { readonly first: HandRecord; readonly kinds: Set<Kind> }>()

  constructor(current: HandRecord, journal: readonly HandRecord[]) {
    this.#current = current
    this.#now = current.timeMs
    this.#transactions = journal.filter(({ kind }) => kind === Kind.transaction)
    this.#messages = journal.filter(({ kind }) => kind === Kind.label)
    for (const r of journal) {
      if ((r.kind !== Kind.reversal && r.kind !== Kind.decline) || r.atMs > this.#now) continue
      const undone = this.#undone.get(r.id)
      if (undone === undefined) this.#undone.set(r.id, { first: r, kinds: new Set([r.kind]) })
      else undone.kinds.add(r.kind)
    }
  }

  value(feature: Feature): HandValue {
    switch (feature.aggregate) {
      case null:
        throw new Error(`${feature.name} is no aggregate`)
      case 'fraud_count':
      case 'fraud_rate':
        return this.#labelled(feature)
      case 'reversals':
      case 'decline_rate':
        return this.#undoneIn(feature)
      default: {
        const counted = this.#earlier(feature)
        return { value: this.#ofEarlier(feature, counted), counted }
      }
    }
  }

  #isInside(r: HandRecord, { windowMs, delayMs, where }: Feature, spanMs = windowMs): boolean {
    const until = this.#now - delayMs
    return until - spanMs < r.timeMs && r.timeMs <= until && isWanted(r, where)
  }

  #earlier(feature: Feature, spanMs = feature.windowMs): HandRecord[] {
    return this.#transactions.filter((r) => {
      if (!this.#isInside(r, feature, spanMs)) return false
      return feature.basis === 'gross' || !this.#undone.has(r.id)
    })
  }

  #ofEarlier(feature: Feature, earlier: readonly HandRecord[]): number | null {
    const current = this.#current
    const isCounted = feature.isCurrentIncluded && isWanted(current, feature.where)
    const counted = isCounted ? [...earlier, current] : earlier
    const own = valueOf(current, feature.of)
    const byTime = (): HandRecord[] => earlier.toSorted((a, b) => a.timeMs - b.timeMs)
    switch (feature.aggregate!) {
      case 'count':
        return counted.length
      case 'distinct':
        return new Set(counted.map((r) => valueOf(r, feature.of)).filter((v) => v !== null)).size
      case 'share': {
        const same = counted.filter((r) => valueOf(r, feature.of) === own)
        return own === null || counted.length === 0 ? null : same.length / counted.length
      }
      case 'new_value':
        if (own === null) return null
        return earlier.some((r) => valueOf(r, feature.of) === own) ? 0 : 1
      case 'first':
        return (
          byTime()
            .map((r) => numberIn(r, feature.of))
            .find((n) => n !== null) ?? null
        )
      case 'last':
        return (
          byTime()
            .map((r) => numberIn(r, feature.of))
            .findLast((n) => n !== null) ?? null
        )
      case 'since_first':
        return earlier.length === 0 ? null : this.#now - byTime()[0]!.timeMs
      case 'since_last':
        return earlier.length === 0 ? null : this.#now - byTime().at(-1)!.timeMs
      case 'speed': {
        const last = byTime().findLast(isLocated)
        if (last === undefined || !isLocated(current)) return null
        const hours = Math.max(1000, this.#now - last.timeMs) / 3_600_000
        return Math.round(kilometres(last, current) / hours)
      }
      case 'acceleration': {
        const short = this.#earlier(feature, feature.shortMs).length + (isCounted ? 1 : 0)
        if (counted.length === 0) return null
        return (short * feature.windowMs) / (counted.length * feature.shortMs)
      }
      default:
        if (isCounted && Number.isNaN(current.amount)) return null
        return ofAmounts(
          feature,
          counted.map(({ amount }) => amount).filter((amount) => !Number.isNaN(amount)),
          current.amount,
        )
    }
  }

  /** Labels that have arrived, the latest for each transaction, in the delayed window of its own time. */
  #labelled(feature: Feature): HandValue {
    const latest = new Map<string, HandRecord>()
    for (const r of [...this.#transactions, ...this.#messages]) {
      if (r.verdict === Verdict.none || !(r.labelMs <= this.#now)) continue
      const held = latest.get(r.id)
      if (held === undefined || held.labelMs <= r.labelMs) latest.set(r.id, r)
    }
    const counted = [...latest.values()].filter((r) => {
      if (!this.#isInside(r, feature)) return false
      return feature.basis === 'gross' || !this.#undone.has(r.id)
    })
    const frauds = counted.filter(({ verdict }) => verdict === Verdict.fraud).length
    if (feature.aggregate === 'fraud_count') return { value: frauds, counted }
    return { value: rate(frauds, counted.length, feature), counted }
  }

  #undoneIn(feature: Feature): HandValue {
    const kind = feature.aggregate === 'reversals' ? Kind.reversal : Kind.decline
    const counted = [...this.#undone.values()]
      .filter(({ first, kinds }) => kinds.has(kind) && this.#isInside(first, feature))
      .map(({ first }) => first)
    if (feature.aggregate === 'reversals') return { value: counted.length, counted }
    const known = new Set(this.#transactions.map(({ id }) => id))
    const all =
      this.#earlier({ ...feature, basis: 'gross' }).length +
      counted.filter(({ id }) => !known.has(id)).length
    return { value: rate(counted.length, all, feature), counted }
  }
}

function isWanted({ values }: HandRecord, where: Feature['where']): boolean {
  return (where ?? []).every(({ name, values: wanted }) => {
    const value = values[name] ?? null
    return value !== null && wanted.includes(value)
  })
}

function valueOf({ values }: HandRecord, of: string | null): string | null {
  return of === null ? null : (values[of] ?? null)
}

function numberIn(r: HandRecord, of: string | null): number | null {
  const number = of === 'amount' ? r.amount : numberOf(valueOf(r, of))
  return Number.isNaN(number) ? null : number
}

function rate(positive: number, all: number, { smoothing }: Feature): number | null {
  if (smoothing !== null) {
    return (positive + smoothing.weight * smoothing.prior) / (all + smoothing.weight)
  }
  return all === 0 ? null : positive / all
}

function ofAmounts({ aggregate }: Feature, amounts: readonly number[], own: number): number | null {
  const whole = amounts.map((amount) => BigInt(amount))
  const sum = whole.reduce((total, amount) => total + amount, 0n)
  const n = BigInt(amounts.length)
  if (aggregate === 'sum') return Number(sum)
  if (n === 0n) return null
  const average = Number(sum) / amounts.length
  // n² times the variance.
  const spread = Number(
    n * whole.reduce((total, amount) => total + amount * amount, 0n) - sum * sum,
  )
  switch (aggregate) {
    case 'avg':
      return average
    case 'min':
      return amounts.reduce((a, b) => (a < b ? a : b))
    case 'max':
      return amounts.reduce((a, b) => (a > b ? a : b))
    case 'stddev':
      return Math.sqrt(spread) / amounts.length
    case 'ratio':
      return Number.isNaN(own) || sum === 0n ? null : own / average
    case 'zscore':
      if (Number.isNaN(own) || spread === 0) return null
      return Number(n * BigInt(own) - sum) / Math.sqrt(spread)
    default:
      throw new Error(`${aggregate} is of no amounts`)
  }
}

function isLocated({ latitude, longitude }: HandRecord): boolean {
  return !Number.isNaN(latitude) && !Number.isNaN(longitude)
}

/** By the angle between the two places' directions from the centre of the earth; coordinates to a millionth of a degree. */
function kilometres(from: HandRecord, to: HandRecord): number {
  const [x, y, z] = direction(from)
  const [u, v, w] = direction(to)
  const cross = Math.hypot(y * w - z * v, z * u - x * w, x * v - y * u)
  return 6371.0088 * Math.atan2(cross, x * u + y * v + z * w)
}

function direction({ latitude, longitude }: HandRecord): [number, number, number] {
  const north = (Math.round(latitude * 1e6) / 1e6) * (Math.PI / 180)
  const east = (Math.round(longitude * 1e6) / 1e6) * (Math.PI / 180)
  return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)]
}
