// The naive twin of hops: which numbers of a long journal may be off, why, and by how many transactions at most. It keeps
// every old record and slices them afresh for every transaction.
import { ruleOf } from '../aggregate.ts'
import type { HandRecord } from '../by-hand.ts'
import type { Feature } from '../catalog.ts'
import { hopBoundary } from '../journal.ts'
import { Kind, Verdict } from '../transaction.ts'

/** What hops make of a feature at one transaction. */
export interface HopMark {
  /** Null where it depends on the hashes of values. */
  readonly isApproximate: boolean | null
  /** Old records whose place in the window is not known exactly. */
  readonly uncertain: readonly HandRecord[]
}

/** Of a slice of old records. */
interface Slice {
  readonly records: HandRecord[]
  readonly minMs: number
  readonly maxMs: number
}

type Counts = 'transactions' | 'labels' | 'reversals' | 'declines'

interface Series {
  readonly counts: Counts
  readonly windowMs: number
  readonly feature: Feature
  readonly isGross: boolean
}

const slicesPerWindow = 64
const slicesMax = 1024

/** The hops that one transaction at `timeMs` sees. `journal`: all records of the entity before it. */
export class HopOracle {
  readonly #timeMs: number
  readonly #old: readonly HandRecord[]
  readonly #tail: readonly HandRecord[]
  /** By series: features of one share it. */
  readonly #states = new Map<string, State>()

  constructor(timeMs: number, journal: readonly HandRecord[], cap: number) {
    const boundary = hopBoundary(journal.length, cap)
    this.#timeMs = timeMs
    this.#old = journal.slice(0, boundary)
    this.#tail = journal.slice(boundary)
  }

  mark(feature: Feature): HopMark {
    const { aggregate, windowMs, shortMs, basis } = feature
    const { over } = ruleOf(aggregate!)
    const isGross = basis === 'gross'
    if (over === 'messages') {
      const counts = aggregate === 'reversals' ? 'reversals' : 'declines'
      const messages = this.#state({ counts, windowMs, feature, isGross: true })
      const all = this.#state({ counts: 'transactions', windowMs, feature, isGross: true })
      const isOff = messages.isReached || messages.isDropped
      const isRateOff =
        aggregate === 'decline_rate' && (all.isDoubtful || this.#isDeclineOfOld(feature))
      return { isApproximate: isOff || isRateOff, uncertain: messages.uncertain }
    }
    const counts = over === 'labels' ? 'labels' : 'transactions'
    const state = this.#state({ counts, windowMs, feature, isGross })
    const { uncertain } = state
    switch (aggregate) {
      case 'distinct':
      case 'share':
        return { isApproximate: state.isReached || state.isDoubtful, uncertain }
      case 'new_value':
        return { isApproximate: this.#old.length === 0 ? false : null, uncertain }
      case 'first':
      case 'since_first':
        return { isApproximate: state.isFirstDoubtful, uncertain }
      case 'last':
      case 'since_last':
      case 'speed':
        return { isApproximate: state.isLastDoubtful, uncertain }
      case 'acceleration': {
        const short = this.#state({ counts, windowMs: shortMs, feature, isGross })
        return { isApproximate: state.isDoubtful || short.isDoubtful, uncertain }
      }
      default:
        return { isApproximate: state.isDoubtful, uncertain }
    }
  }

  /** Whether the tail declines in the window what may lie in hops, or nowhere. */
  #isDeclineOfOld(feature: Feature): boolean {
    const untilMs = this.#timeMs - feature.delayMs
    const here = this.#transactionsHere()
    return (
      this.#old.length > 0 &&
      this.#tail.some((r) => {
        if (r.kind !== Kind.decline || r.atMs > this.#timeMs || here.has(r.id)) return false
        const isInside = r.timeMs > untilMs - feature.windowMs && r.timeMs <= untilMs
        return isInside && isWanted(r, feature)
      })
    )
  }

  #transactionsHere(): Set<string> {
    return new Set(this.#tail.flatMap(({ kind, id }) => (kind === Kind.transaction ? [id] : [])))
  }

  #state(series: Series): State {
    const { counts, windowMs, feature, isGross } = series
    const key = JSON.stringify([counts, windowMs, feature.delayMs, feature.where, isGross])
    const found = this.#states.get(key)
    if (found !== undefined) return found
    const state = this.#makeState(series)
    this.#states.set(key, state)
    return state
  }

  #makeState(series: Series): State {
    const { counts, windowMs, feature } = series
    const untilMs = this.#timeMs - feature.delayMs
    const afterMs = untilMs - windowMs
    const counted = this.#old.filter((r) => mayCount(r, series))
    const { slices, dropped } = sliced(counted, windowMs, feature.delayMs)
    const reached = slices.filter(({ minMs, maxMs }) => maxMs > afterMs && minMs <= untilMs)
    const isTouched = ({ records }: Slice): boolean =>
      records.some(({ kind }) => kind !== Kind.transaction)
    const isUnarrived = ({ records }: Slice): boolean =>
      counts === 'labels' && records.some(({ labelMs }) => labelMs > this.#timeMs)
    const isBeyond = ({ maxMs }: Slice): boolean => maxMs > untilMs
    const isBefore = ({ minMs }: Slice): boolean => minMs <= afterMs
    const doubtful = reached.filter(
      (s) => isTouched(s) || isUnarrived(s) || isBefore(s) || isBeyond(s),
    )
    const isDropped = dropped.some((r) => r.timeMs > afterMs)
    const isTold = isDropped || this.#isToldOfOld(series, afterMs, untilMs)
    return {
      uncertain: [...dropped, ...doubtful.flatMap(({ records }) => records)],
      isDropped,
      isReached: reached.length > 0,
      isDoubtful: isTold || doubtful.length > 0,
      isFirstDoubtful: isTold || reached.some((slice) => isTouched(slice) || isBefore(slice)),
      // The newest of a slice that ends before the transaction is known, wherever the slice begins.
      isLastDoubtful: isTold || reached.some((slice) => isTouched(slice) || isBeyond(slice)),
    }
  }

  /** Whether the tail undoes or labels what may lie in hops. */
  #isToldOfOld(series: Series, afterMs: number, untilMs: number): boolean {
    if (this.#old.length === 0) return false
    const here = this.#transactionsHere()
    return this.#tail.some((r) => {
      if (r.atMs > this.#timeMs || r.kind === Kind.transaction) return false
      if (r.kind === Kind.label) return series.counts === 'labels'
      const isInside = r.timeMs > afterMs && r.timeMs <= untilMs
      return !series.isGross && !here.has(r.id) && isInside
    })
  }
}

interface State {
  readonly uncertain: readonly HandRecord[]
  readonly isDropped: boolean
  readonly isReached: boolean
  readonly isDoubtful: boolean
  readonly isFirstDoubtful: boolean
  readonly isLastDoubtful: boolean
}

function isWanted({ values }: HandRecord, { where }: Feature): boolean {
  return (where ?? []).every(({ name, values: wanted }) => wanted.includes(values[name] ?? ''))
}

/** A message may speak of a transaction that meets the condition, whatever it says itself. */
function mayCount(r: HandRecord, { counts, isGross, feature }: Series): boolean {
  const { kind, verdict } = r
  if (kind === Kind.transaction && !isWanted(r, feature)) return false
  const isUndone = kind === Kind.reversal || kind === Kind.decline
  switch (counts) {
    case 'transactions':
      return kind === Kind.transaction || (isUndone && !isGross)
    case 'labels':
      return isUndone ? !isGross : verdict !== Verdict.none
    case 'reversals':
      return kind === Kind.reversal || (isUndone && feature.where !== null)
    case 'declines':
      return kind === Kind.decline || (isUndone && feature.where !== null)
  }
}

/** Slices by time; a ring has room for the window, its delay and two more: the newest of those that share a place stays. */
function sliced(
  old: readonly HandRecord[],
  windowMs: number,
  delayMs: number,
): { slices: Slice[]; dropped: HandRecord[] } {
  const spanMs = windowMs + delayMs
  const sliceMs = Math.max(Math.ceil(windowMs / slicesPerWindow), Math.ceil(spanMs / slicesMax))
  const places = Math.ceil(spanMs / sliceMs) + 2
  const byNumber = new Map<number, HandRecord[]>()
  const newest = new Map<number, number>()
  for (const r of old) {
    const number = Math.floor(r.timeMs / sliceMs)
    const records = byNumber.get(number)
    if (records === undefined) byNumber.set(number, [r])
    else records.push(r)
    newest.set(number % places, Math.max(newest.get(number % places) ?? -1, number))
  }
  const slices: Slice[] = []
  const dropped: HandRecord[] = []
  for (const [number, records] of byNumber) {
    const times = records.map(({ timeMs }) => timeMs)
    const slice = { records, minMs: Math.min(...times), maxMs: Math.max(...times) }
    if (newest.get(number % places) === number) slices.push(slice)
    else dropped.push(...records)
  }
  return { slices, dropped }
}
