// Where the running sums of a journal lie (running.ts): numbers and lists of 16 bits that its holder keeps beside its records.
import type { Aggregate } from './aggregate.ts'
import type { EntityFeature, LabelWindow, WindowGroup } from './entity-plan.ts'
import type { RecordLayout } from './layout.ts'

/** float64s that running sums begin with. */
export const Head = {
  /** `State`; the holder writes 0. */
  state: 0,
  /** Positions [first, end) are taken in. */
  first: 1,
  end: 2,
  /** Of the last transaction that they were brought to: windows end here. */
  nowMs: 3,
  maxMs: 4,
  /** Folds of earlier transactions since. */
  missed: 5,
  /** Labelled records, those of them whose label had come, and when the next comes. */
  labelled: 6,
  arrived: 7,
  nextArrivalMs: 8,
  floats: 9,
} as const

export const State = {
  empty: 0,
  /** One fold came by: the next one begins, so that a journal that is read once is not summed for nothing. */
  met: 1,
  live: 2,
  /** A record that is no transaction was met: no running sums until `first` moves on. */
  broken: 3,
} as const

/** float64s that each group begins with. */
export const Near = {
  /** Records in order of time that lie before the end of the group's windows. */
  count: 0,
  /** Time of the last of them that counts, and of the first record behind them, Infinity without one. */
  lastMs: 1,
  nextMs: 2,
  locatedMs: 3,
  latitude: 4,
  longitude: 5,
  floats: 6,
} as const

/** float64s of each window of a group. */
export const Far = {
  /** Place of the window's first record that counts, in order of time; its time, Infinity without one. */
  head: 0,
  headMs: 1,
  count: 2,
  amounts: 3,
  high: 4,
  low: 5,
  squares: 6,
} as const

/** float64s of a window whose least or greatest amount somebody asks for; NaN where they have to be looked for. */
export const Extreme = { min: 0, max: 1, floats: 2 } as const

/** float64s of each label window. */
export const Labelled = {
  head: 0,
  headMs: 1,
  near: 2,
  nearMs: 3,
  labelled: 4,
  frauds: 5,
  floats: 6,
} as const

/** float64s of the last value of a number. */
export const endFloats = 2

export interface RunningColumn {
  /** Into the layout's columns. */
  readonly column: number
  /** Byte in a record. */
  readonly at: number
  /** Windows in which somebody asks for them, ascending. */
  readonly windows: readonly number[]
  /** float64s of the counts, one for each of `windows`. */
  readonly countsAt: number
  /** Its place among the columns of all groups. */
  readonly list: number
}

export interface RunningGroup {
  readonly group: WindowGroup
  readonly at: number
  readonly windowsAt: number
  readonly windowFloats: number
  /** Windows whose least or greatest amount somebody asks for, and where they stand. */
  readonly extremes: readonly number[]
  readonly extremesAt: number
  readonly columns: readonly RunningColumn[]
  /** Per number of the group: time and value of the last record that has it. */
  readonly endsAt: number
}

export interface RunningPlan {
  readonly groups: readonly RunningGroup[]
  readonly labelsAt: number
  readonly labels: readonly LabelWindow[]
  readonly floats: number
  readonly lists: number
}

/** Null where nobody asks for anything. */
export function planRunning(
  layout: RecordLayout,
  groups: readonly WindowGroup[],
  labels: readonly LabelWindow[],
  features: readonly EntityFeature[],
): RunningPlan | null {
  if (features.length === 0) return null
  let floats: number = Head.floats
  let lists = 0
  const take = (count: number): number => (floats += count) - count
  const asked = (isAsked: (feature: EntityFeature) => boolean): number[] =>
    [...new Set(features.filter(isAsked).map(({ window }) => window))].sort((a, b) => a - b)
  const placed = groups.map((group, g): RunningGroup => {
    const { length } = group.windowsMs
    const windowFloats = Far.squares + (group.hasSquares ? 4 : 0)
    const at = take(Near.floats)
    const windowsAt = take(length * windowFloats)
    const columns = group.distinct.map((column) => {
      const windows = asked(
        (of) => of.aggregate === 'distinct' && of.group === g && of.column === column,
      )
      const { at } = layout.columns[column]!
      return { column, at, windows, countsAt: take(windows.length), list: lists++ }
    })
    const extremes = asked((of) => isExtreme(of.aggregate) && of.group === g)
    const endsAt = take(group.numbers.length * endFloats)
    const extremesAt = take(extremes.length * Extreme.floats)
    return { group, at, windowsAt, windowFloats, extremes, extremesAt, columns, endsAt }
  })
  const labelsAt = take(labels.length * Labelled.floats)
  return { groups: placed, labelsAt, labels, floats, lists }
}

/** Bytes of the running sums of a journal with room for `capacity` records. */
export function runningBytes({ floats, labels, lists }: RunningPlan, capacity: number): number {
  const orders = (labels.length > 0 ? 2 : 1) * capacity
  const halves = orders + lists * (capacity + bucketCount(capacity))
  return floats * 8 + Math.ceil(halves / 4) * 8
}

/** Chains of a column's values: a power of two. */
export function bucketCount(capacity: number): number {
  return 1 << (31 - Math.clz32(Math.max(1, capacity)))
}

function isExtreme(aggregate: Aggregate): boolean {
  return aggregate === 'min' || aggregate === 'max'
}
