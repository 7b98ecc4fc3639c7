// What one entity kind's features need: the groups of windows that its journals are read in, a record's layout, the hops.
import { type Aggregate, ruleOf, type Smoothing } from './aggregate.ts'
import { blockFloats, sumBlock } from './blocks.ts'
import type { Feature } from './catalog.ts'
import { bindWhere, type Filter } from './condition.ts'
import { addToHops, clearHops, type HopPlan, type HopSeries, planHops } from './hops.ts'
import {
  fingerprintBytes,
  identityAt,
  identityBytes,
  type JournalPlan,
  sourceBytes,
} from './journal.ts'
import { type Column, filterMask, type RecordLayout } from './layout.ts'
import { planRunning, type RunningPlan, runningBytes } from './running-plan.ts'
import { Kind, type TransactionSchema } from './transaction.ts'
import type { Gathered } from './window-sums.ts'

/** One aggregate of an entity: where its number goes and what it reads. Indexes are -1 where there is nothing. */
export interface EntityFeature {
  readonly output: number
  readonly aggregate: Aggregate
  /** Into `groups`; of a decline_rate, the one that counts all. */
  readonly group: number
  /** Into the group's windows, or into `labelWindows`. */
  readonly window: number
  /** acceleration: the short window. */
  readonly short: number
  /** reversals, decline_rate: into `messageWindows`. */
  readonly messages: number
  /** Into the layout's columns. */
  readonly column: number
  /** first, last: into the group's numbers. */
  readonly number: number
  readonly isCurrentIncluded: boolean
  /** The transaction itself counts only if it meets these filters. */
  readonly mask: number
  readonly delayMs: number
  readonly smoothing: Smoothing | null
}

/** Windows that count the same transactions: their records are read in one pass. */
export interface WindowGroup extends Gathered {
  readonly delayMs: number
  /** Filters that a record has to meet; 0 for all. */
  readonly mask: number
  readonly isGross: boolean
  /** Ascending, each once. */
  readonly windowsMs: readonly number[]
  /** Columns whose different values are counted; that are looked for in hops; that are compared with the transaction's. */
  readonly distinct: readonly number[]
  readonly sketched: readonly number[]
  readonly matched: readonly number[]
  /** The longest window that reads columns. */
  readonly columnsMs: number
}

export interface LabelWindow {
  readonly windowMs: number
  readonly delayMs: number
  readonly mask: number
  readonly isGross: boolean
}

export interface MessageWindow {
  readonly windowMs: number
  readonly delayMs: number
  readonly mask: number
  readonly kind: Kind
}

export interface EntityPlan extends JournalPlan {
  /** Indexes into the schema's entities: one, or those that the kind is made of. */
  readonly schemaIndexes: readonly number[]
  readonly layout: RecordLayout
  readonly features: readonly EntityFeature[]
  /** The first counts everything once, without delay: it is there for every kind. */
  readonly groups: readonly WindowGroup[]
  readonly labelWindows: readonly LabelWindow[]
  readonly messageWindows: readonly MessageWindow[]
  readonly filters: readonly Filter[]
  /** What the filters are, for the namespace. */
  readonly filterNames: readonly string[]
  /** Series of each group's windows, then of label windows, then of message windows. */
  readonly hops: HopPlan
  /** Null where nothing can be carried along. */
  readonly running: RunningPlan | null
}

export interface Placed {
  readonly feature: Feature
  readonly output: number
}

export interface EntityOptions {
  readonly kind: string
  readonly schemaIndexes: readonly number[]
  readonly isPrimary: boolean
  readonly cap: number
}

export function planEntity(
  options: EntityOptions,
  own: readonly Placed[],
  schema: TransactionSchema,
): EntityPlan {
  const layout = makeLayout(options.isPrimary, own, schema)
  const draft = new EntityDraft(layout, schema)
  for (const placed of own) draft.add(placed)
  const parts = draft.finish()
  const hops = draft.hops(parts.groups)
  const running = planRunning(layout, parts.groups, parts.labelWindows, parts.features)
  return {
    ...options,
    ...parts,
    width: layout.width,
    layout,
    hops,
    hopFloats: hops.floats,
    clearHops: (floats) => {
      clearHops(hops, floats)
    },
    addToHops: (floats, data, start, count) => {
      addToHops(hops, layout, floats, data, start, count)
    },
    blockFloats: own.length > 0 ? blockFloats(layout) : 0,
    sumBlock: (data, start, blocks, at) => {
      sumBlock(layout, data, start, blocks, at)
    },
    running,
    runningBytes: (capacity) => (running === null ? 0 : runningBytes(running, capacity)),
  }
}

/** Where a feature belongs; -1 where it has nothing. */
interface Place {
  group: number
  label: number
  messages: number
}

/** An entity kind while its features are gathered. */
class EntityDraft {
  readonly #layout: RecordLayout
  readonly #schema: TransactionSchema
  readonly #filters = new Named<Filter>()
  readonly #groups = new Named<GroupDraft>()
  readonly #labels = new Named<LabelWindow>()
  readonly #messages = new Named<MessageWindow>()
  readonly #placed: (Placed & { readonly mask: number; readonly place: Place })[] = []

  constructor(layout: RecordLayout, schema: TransactionSchema) {
    this.#layout = layout
    this.#schema = schema
    this.#group(0, 0, false)
  }

  add({ feature, output }: Placed): void {
    const mask = this.#maskOf(feature)
    const place = { group: -1, label: -1, messages: -1 }
    const { windowMs, delayMs, aggregate } = feature
    const { over } = ruleOf(aggregate!)
    const isGross = over === 'messages' || feature.basis === 'gross'
    if (over === 'labels') {
      const name = `${windowMs} ${delayMs} ${mask} ${isGross}`
      place.label = this.#labels.place(name, () => ({ windowMs, delayMs, mask, isGross }))
    }
    if (over === 'messages') {
      const kind = aggregate === 'reversals' ? Kind.reversal : Kind.decline
      const name = `${windowMs} ${delayMs} ${mask} ${kind}`
      place.messages = this.#messages.place(name, () => ({ windowMs, delayMs, mask, kind }))
    }
    if (over === 'transactions' || aggregate === 'decline_rate') {
      place.group = this.#group(delayMs, mask, isGross)
      this.#groups.all[place.group]!.add(feature, this.#layout)
    }
    this.#placed.push({ feature, output, mask, place })
  }

  finish(): Pick<
    EntityPlan,
    'features' | 'groups' | 'labelWindows' | 'messageWindows' | 'filters' | 'filterNames'
  > {
    const groups = this.#groups.all.map((draft) => draft.finish())
    return {
      features: this.#placed.map(({ feature, output, mask, place }): EntityFeature => {
        const group = groups[place.group]
        const windows = group?.windowsMs ?? []
        const { aggregate, windowMs, shortMs, delayMs, of, isCurrentIncluded, smoothing } = feature
        return {
          output,
          aggregate: aggregate!,
          group: place.group,
          window: place.label >= 0 ? place.label : windows.indexOf(windowMs),
          short: shortMs > 0 ? windows.indexOf(shortMs) : -1,
          messages: place.messages,
          column: this.#layout.columns.findIndex(({ name }) => name === of),
          number: isEnd(feature) ? group!.numbers.indexOf(numberAt(this.#layout, of!)) : -1,
          isCurrentIncluded,
          mask,
          delayMs,
          smoothing,
        }
      }),
      groups,
      labelWindows: this.#labels.all,
      messageWindows: this.#messages.all,
      filters: this.#filters.all,
      filterNames: this.#filters.names,
    }
  }

  /** Series of each group's windows, then of label windows, then of message windows. */
  hops(groups: readonly WindowGroup[]): HopPlan {
    const series = [
      ...groups.flatMap((group) => group.windowsMs.map((windowMs) => seriesOf(group, windowMs))),
      ...this.#labels.all.map((window) => ({ ...plain, ...window, counts: 'labels' as const })),
      ...this.#messages.all.map(({ kind, ...window }) => ({
        ...plain,
        ...window,
        isGross: true,
        counts: kind === Kind.reversal ? ('reversals' as const) : ('declines' as const),
      })),
    ]
    const sketches = groups.flatMap(({ mask, sketched }) =>
      sketched.map((column) => ({ mask, column: this.#layout.columns[column]!.at })),
    )
    return planHops(series, sketches)
  }

  #group(delayMs: number, mask: number, isGross: boolean): number {
    const name = `${delayMs} ${mask} ${isGross}`
    return this.#groups.place(name, () => new GroupDraft(delayMs, mask, isGross))
  }

  #maskOf({ where }: Feature): number {
    if (where === null) return 0
    const name = JSON.stringify(where)
    return filterMask(this.#filters.place(name, () => bindWhere(where, this.#schema)))
  }
}

const plain = { hasSquares: false, hasLocation: false, numbers: [] }

function seriesOf(group: WindowGroup, windowMs: number): HopSeries {
  const { delayMs, mask, isGross, hasSquares, hasLocation, numbers } = group
  const counts = 'transactions'
  return { windowMs, delayMs, mask, isGross, counts, hasSquares, hasLocation, numbers }
}

/** Things that are there once by name, in the order in which they were asked for. */
class Named<T> {
  readonly names: string[] = []
  readonly all: T[] = []

  place(name: string, make: () => T): number {
    const found = this.names.indexOf(name)
    if (found >= 0) return found
    this.all.push(make())
    return this.names.push(name) - 1
  }
}

/** A group while its features are gathered. */
class GroupDraft {
  readonly #windowsMs = new Set<number>()
  readonly #distinct = new Set<number>()
  readonly #sketched = new Set<number>()
  readonly #matched = new Set<number>()
  readonly #numbers = new Set<number>()
  #columnsMs = 0
  #hasSquares = false
  #hasLocation = false
  readonly #delayMs: number
  readonly #mask: number
  readonly #isGross: boolean

  constructor(delayMs: number, mask: number, isGross: boolean) {
    this.#delayMs = delayMs
    this.#mask = mask
    this.#isGross = isGross
  }

  add(feature: Feature, layout: RecordLayout): void {
    const { aggregate, windowMs, shortMs, of } = feature
    this.#windowsMs.add(windowMs)
    if (shortMs > 0) this.#windowsMs.add(shortMs)
    if (isSquared(feature)) this.#hasSquares = true
    if (aggregate === 'speed') this.#hasLocation = true
    if (isEnd(feature)) this.#numbers.add(numberAt(layout, of!))
    if (ruleOf(aggregate!).of !== 'value') return
    const column = layout.columns.findIndex(({ name }) => name === of)
    this.#columnsMs = Math.max(this.#columnsMs, windowMs)
    if (aggregate === 'distinct') this.#distinct.add(column)
    else this.#matched.add(column)
    if (aggregate !== 'share') this.#sketched.add(column)
  }

  finish(): WindowGroup {
    return {
      delayMs: this.#delayMs,
      mask: this.#mask,
      isGross: this.#isGross,
      windowsMs: [...this.#windowsMs].sort((a, b) => a - b),
      distinct: [...this.#distinct],
      sketched: [...this.#sketched],
      matched: [...this.#matched],
      columnsMs: this.#columnsMs,
      hasSquares: this.#hasSquares,
      hasLocation: this.#hasLocation,
      numbers: [...this.#numbers],
    }
  }
}

function isSquared({ aggregate }: Feature): boolean {
  return aggregate === 'stddev' || aggregate === 'zscore'
}

function isEnd({ aggregate }: Feature): boolean {
  return aggregate === 'first' || aggregate === 'last'
}

/** Byte of the f64 that `of` names in a record. */
function numberAt(
  { amount, numbers }: Pick<RecordLayout, 'amount' | 'numbers'>,
  of: string,
): number {
  return of === 'amount' ? amount : numbers.find(({ name }) => name === of)!.at
}

function makeLayout(
  isPrimary: boolean,
  own: readonly Placed[],
  schema: TransactionSchema,
): RecordLayout {
  let width = identityAt + identityBytes + (isPrimary ? fingerprintBytes + sourceBytes : 0)
  const place = (isNeeded: boolean): number => {
    if (!isNeeded) return -1
    width += 8
    return width - 8
  }
  const features = own.map(({ feature }) => feature)
  const amount = place(features.some(({ of }) => of === 'amount'))
  const label = place(features.some(({ aggregate }) => ruleOf(aggregate!).over === 'labels'))
  const named = place(schema.kinds.length > 0 && own.length > 0)
  const ownTime = place(schema.kinds.length > 0 && own.length > 0)
  const location = place(features.some(({ aggregate }) => aggregate === 'speed'))
  const ends = features.filter((feature) => isEnd(feature) && feature.of !== 'amount')
  const numbers = namesOf(ends).map((name) => {
    return { name, index: schema.fields.indexOf(name), at: place(true) }
  })
  const compared = features.filter(({ aggregate }) => ruleOf(aggregate!).of === 'value')
  const columns = namesOf(compared).map((name): Column => {
    const entity = schema.entities.indexOf(name)
    const isEntity = entity >= 0
    const index = isEntity ? entity : schema.fields.indexOf(name)
    return { name, isEntity, index, at: place(true) }
  })
  const layout = { width, amount, label, named, own: ownTime, location, numbers, columns }
  const atEnds = features.filter(isEnd).map(({ of }) => numberAt(layout, of!))
  return { ...layout, hasSquares: features.some(isSquared), ends: [...new Set(atEnds)] }
}

function namesOf(features: readonly Feature[]): string[] {
  return [...new Set(features.map(({ of }) => of!))].sort()
}
