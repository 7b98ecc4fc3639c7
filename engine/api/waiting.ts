// The calls that wait for the pipeline, in two lines: those without an answer go first, then stand-ins that still have to be
// counted. Bounded by who lets calls in, and here for stand-ins: nothing waits that has no room.
import type { Call } from './call.ts'

export class Waiting {
  readonly #lateMax: number
  #live = new Set<Call>()
  #late: Call[] = []
  /** Stand-ins for which there was no room. */
  dropped = 0

  constructor(lateMax: number) {
    this.#lateMax = lateMax
  }

  get late(): number {
    return this.#late.length
  }

  add(call: Call): void {
    this.#live.add(call)
  }

  /** The next calls, at most `max`, in the order that they came in; they are no longer in line. */
  take(max: number): Call[] {
    const batch: Call[] = []
    for (const call of this.#live) {
      if (batch.length === max) break
      batch.push(call)
    }
    for (const call of batch) this.#live.delete(call)
    return [...batch, ...this.#late.splice(0, max - batch.length)]
  }

  /** A call that has been answered while it was in line goes to the line of stand-ins. */
  demote(call: Call): void {
    if (this.#live.delete(call)) this.#addLate([call])
  }

  /** Calls that could not be decided, in front of all others. */
  putBack(calls: readonly Call[]): void {
    this.#live = new Set([...calls.filter((call) => !call.isAnswered), ...this.#live])
    const late = this.#late
    this.#late = []
    this.#addLate([...calls.filter((call) => call.isAnswered), ...late])
  }

  /** All stand-ins, for the last time. */
  takeLate(): Call[] {
    return this.#late.splice(0)
  }

  #addLate(calls: readonly Call[]): void {
    for (const call of calls) {
      if (this.#late.length < this.#lateMax) this.#late.push(call)
      else if (!call.isCounted) this.dropped++
    }
  }
}
