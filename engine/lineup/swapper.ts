// Changes the lineup of a running engine, one change at a time: new models go through the gate, then all seats change between
// two batches, then the models that are out of use are closed. A change that is refused leaves everything as it was.
import { type Model, ModelError } from '../../models/model.ts'
import type { Lineup, Seat } from '../core/lineup.ts'
import type { Policy, SuggestedThresholds } from '../core/policy.ts'
import type { Log } from '../core/ports.ts'
import type { SeatSetting } from '../setting.ts'

/** Whoever decides by a lineup. */
export interface Seated {
  /** Resolves once nobody uses the lineup before. */
  swap(lineup: Lineup): Promise<void>
}

export interface SwapperParts {
  readonly engine: Seated
  readonly lineup: Lineup
  /** Where the models of the lineup came from, in its order. */
  readonly folders: readonly string[]
  /** Rejects with ModelRefusal; soon after the signal, with ModelError. */
  admit(folder: string, signal: AbortSignal): Promise<Model>
  /** Hash of a folder's manifest as it is now; null without one. */
  hashOf(folder: string): string | null
  policyOf(suggested: SuggestedThresholds): Policy
  readonly log: Log
}

/** A seat and where its model came from. */
export interface Placed {
  readonly folder: string
  readonly seat: Seat
}

export type Change = (wanted: readonly SeatSetting[]) => Promise<void>

/** Counts since the start. */
export interface SwapStats {
  readonly swaps: number
  readonly refusals: number
}

export class Swapper {
  readonly #parts: SwapperParts
  readonly #closing = new AbortController()
  #placed: readonly Placed[]
  #last: Promise<unknown> = Promise.resolve()
  #swaps = 0
  #refusals = 0

  constructor(parts: SwapperParts) {
    this.#parts = parts
    this.#placed = parts.folders.map((folder, at) => ({ folder, seat: parts.lineup.seats[at]! }))
  }

  /** Who decides now, the champion first. */
  get placed(): readonly Placed[] {
    return this.#placed
  }

  get stats(): SwapStats {
    return { swaps: this.#swaps, refusals: this.#refusals }
  }

  /** True if these are the models that decide now, as their folders are now. */
  isCurrent(wanted: readonly SeatSetting[]): boolean {
    if (wanted.length !== this.#placed.length) return false
    return wanted.every(({ folder, share }, at) => {
      const { folder: now, seat } = this.#placed[at]!
      return (
        folder === now && share === seat.share && this.#parts.hashOf(folder) === seat.model?.hash
      )
    })
  }

  /**
   * Behind all changes that were asked for before. Resolves once the new models decide; rejects with what the gate says, and
   * then those of before do.
   */
  change(wanted: readonly SeatSetting[]): Promise<void> {
    return this.inTurn((change) => change(wanted))
  }

  /**
   * Does work with nobody else's change before its end: what is read to decide a change, and written behind it, belongs to it.
   */
  inTurn<T>(work: (change: Change) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => work((wanted) => this.#change(wanted)))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Resolves once no change is under way: what is at the gate is given up. Further ones are refused. Models stay open: they are their engine's. */
  async close(): Promise<readonly Model[]> {
    this.#closing.abort()
    await this.#last
    return this.#placed.flatMap(({ seat: { model } }) => model ?? [])
  }

  async #change(wanted: readonly SeatSetting[]): Promise<void> {
    // Whoever writes down what decides must not write what nobody has tried.
    if (this.#isClosed()) throw new ModelError('the engine stops: no model is changed any more')
    if (this.isCurrent(wanted)) return
    const { engine, lineup, log } = this.#parts
    const opened: Model[] = []
    let placed: Placed[]
    try {
      placed = []
      for (const { folder, share } of wanted) {
        const model = this.#kept(folder) ?? (await this.#open(folder, opened))
        placed.push({
          folder,
          seat: { model, share, policy: this.#parts.policyOf(model.thresholds) },
        })
      }
    } catch (error) {
      await closeAll(opened)
      // Given up, not refused.
      if (this.#isClosed()) throw error
      this.#refusals++
      log.error(
        { error, models: wanted.map(({ folder }) => folder) },
        'models refused: none changed',
      )
      throw error
    }
    const seats = placed.map(({ seat }) => seat)
    await engine.swap({ seats, cohortEntity: lineup.cohortEntity })
    const before = this.#placed
    this.#placed = placed
    this.#swaps++
    log.warn({ models: seats.map(nameOf) }, 'other models decide')
    const inUse = new Set(seats.map(({ model }) => model))
    await closeAll(before.flatMap(({ seat: { model } }) => (inUse.has(model) ? [] : (model ?? []))))
  }

  /** One that decides already, if its folder has not changed. */
  #kept(folder: string): Model | null {
    const place = this.#placed.find((one) => one.folder === folder)
    const model = place?.seat.model ?? null
    return model !== null && this.#parts.hashOf(folder) === model.hash ? model : null
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  async #open(folder: string, opened: Model[]): Promise<Model> {
    const model = await this.#parts.admit(folder, this.#closing.signal)
    opened.push(model)
    return model
  }
}

function nameOf({ model, share }: Seat): string {
  return `${model?.name} ${model?.version}${share > 0 ? ` (${share / 100}%)` : ''}`
}

async function closeAll(models: readonly Model[]): Promise<void> {
  await Promise.all(models.map((model) => model.close()))
}
