// The naive twin of hops: which numbers of a long journal may be off, why, and by how many transactions at most. It keeps
// every old record and slices them afresh for every transaction.
import type { Feature } from '../catalog.ts'
import { hopBoundary } from '../journal.ts'
import { Kind, Verdict } from '../transaction.ts'
import type { OracleRecord } from './oracle.ts'

/** What hops make of a feature at one transaction. */
export interface HopMark {
  readonly isApproximate: boolean
  /** Old records whose place in the window is not known exactly. */
  readonly uncertain: readonly OracleRecord[]
}

/** Of a slice of old records. */
interface Slice {
  readonly records: OracleRecord[]
  readonly minMs: number
  readonly maxMs: number
}

const slicesPerWindow = 64
const slicesMax = 1024

/** The hops that one transaction at `timeMs` sees. `journal`: all records of the entity before it. */
export class HopOracle {
  readonly #timeMs: number
  readonly #old: readonly OracleRecord[]
  readonly #tail: readonly OracleRecord[]
  /** By window: features of one share it. */
  readonly #states = new Map<string, State>()

  constructor(timeMs: number, journal: readonly OracleRecord[], cap: number) {
    const boundary = hopBoundary(journal.length, cap)
    this.#timeMs = timeMs
    this.#old = journal.slice(0, boundary)
    this.#tail = journal.slice(boundary)
  }

  mark({ aggregate, windowMs, delayMs }: Feature): HopMark {
    const isLabel = aggregate === 'fraud_count' || aggregate === 'fraud_rate'
    const key = `${isLabel} ${windowMs} ${delayMs}`
    const state = this.#states.get(key) ?? this.#state(isLabel, windowMs, delayMs)
    this.#states.set(key, state)
    const { uncertain, isReached, isDoubtful, isEndDoubtful } = state
    if (aggregate === 'distinct') return { isApproximate: isReached || isDoubtful, uncertain }
    if (aggregate === 'since_last') return { isApproximate: isEndDoubtful, uncertain }
    return { isApproximate: isDoubtful, uncertain }
  }

  #state(isLabel: boolean, windowMs: number, delayMs: number): State {
    const untilMs = this.#timeMs - delayMs
    const afterMs = untilMs - windowMs
    const counted = this.#old.filter(isLabel ? isLabelling : isCounting)
    const { slices, dropped } = sliced(counted, windowMs, delayMs)
    const reached = slices.filter(({ minMs, maxMs }) => maxMs > afterMs && minMs <= untilMs)
    const isTouched = ({ records }: Slice): boolean =>
      records.some(({ kind }) => (isLabel ? kind !== Kind.transaction : kind === Kind.reversal))
    const isUnarrived = ({ records }: Slice): boolean =>
      isLabel && records.some(({ labelMs }) => labelMs > this.#timeMs)
    const isBeyond = ({ maxMs }: Slice): boolean => maxMs > untilMs
    const isAcross = (slice: Slice): boolean => slice.minMs <= afterMs || isBeyond(slice)
    const doubtful = reached.filter((s) => isTouched(s) || isUnarrived(s) || isAcross(s))
    const isDropped = dropped.some((r) => r.timeMs > afterMs)
    const isTold = isDropped || this.#isToldOfOld(isLabel, afterMs, untilMs)
    return {
      uncertain: [...dropped, ...doubtful.flatMap(({ records }) => records)],
      isReached: reached.length > 0,
      isDoubtful: isTold || doubtful.length > 0,
      // The newest of a slice that ends before the transaction is known, wherever the slice begins.
      isEndDoubtful: isTold || reached.some((slice) => isTouched(slice) || isBeyond(slice)),
    }
  }

  /** Whether the tail reverses or labels what may lie in hops. */
  #isToldOfOld(isLabel: boolean, afterMs: number, untilMs: number): boolean {
    if (this.#old.length === 0) return false
    const here = new Set(
      this.#tail.flatMap(({ kind, id }) => (kind === Kind.transaction ? [id] : [])),
    )
    return this.#tail.some(({ kind, id, timeMs, atMs }) => {
      if (atMs > this.#timeMs) return false
      if (kind === Kind.label) return isLabel
      return kind === Kind.reversal && !here.has(id) && timeMs > afterMs && timeMs <= untilMs
    })
  }
}

interface State {
  readonly uncertain: readonly OracleRecord[]
  readonly isReached: boolean
  readonly isDoubtful: boolean
  readonly isEndDoubtful: boolean
}

function isCounting({ kind }: OracleRecord): boolean {
  return kind === Kind.transaction || kind === Kind.reversal
}

function isLabelling({ kind, verdict }: OracleRecord): boolean {
  return kind === Kind.reversal || verdict !== Verdict.none
}

/** Slices by time; a ring has room for the window, its delay and two more: the newest of those that share a place stays. */
function sliced(
  old: readonly OracleRecord[],
  windowMs: number,
  delayMs: number,
): { slices: Slice[]; dropped: OracleRecord[] } {
  const spanMs = windowMs + delayMs
  const sliceMs = Math.max(Math.ceil(windowMs / slicesPerWindow), Math.ceil(spanMs / slicesMax))
  const places = Math.ceil(spanMs / sliceMs) + 2
  const byNumber = new Map<number, OracleRecord[]>()
  const newest = new Map<number, number>()
  for (const r of old) {
    const number = Math.floor(r.timeMs / sliceMs)
    const records = byNumber.get(number)
    if (records === undefined) byNumber.set(number, [r])
    else records.push(r)
    newest.set(number % places, Math.max(newest.get(number % places) ?? -1, number))
  }
  const slices: Slice[] = []
  const dropped: OracleRecord[] = []
  for (const [number, records] of byNumber) {
    const times = records.map(({ timeMs }) => timeMs)
    const slice = { records, minMs: Math.min(...times), maxMs: Math.max(...times) }
    if (newest.get(number % places) === number) slices.push(slice)
    else dropped.push(...records)
  }
  return { slices, dropped }
}
