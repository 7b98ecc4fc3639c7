// What is due later, earliest first: a binary heap that answers `nextMs` without touching an object.

export class TimeHeap<T> {
  readonly #times: number[] = []
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  /** When the earliest is due; Infinity when there is none. */
  get nextMs(): number {
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!
  }

  push(timeMs: number, item: T): void {
    const times = this.#times
    const items = this.#items
    let at = times.length
    times.push(timeMs)
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (times[parent]! <= timeMs) break
      times[at] = times[parent]!
      items[at] = items[parent]!
      at = parent
    }
    times[at] = timeMs
    items[at] = item
  }

  /** Takes the earliest; must not be called on an empty heap. */
  pop(): T {
    const times = this.#times
    const items = this.#items
    const first = items[0]!
    const timeMs = times.pop()!
    const item = items.pop()!
    const count = times.length
    if (count === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= count) break
      if (child + 1 < count && times[child + 1]! < times[child]!) child++
      if (times[child]! >= timeMs) break
      times[at] = times[child]!
      items[at] = items[child]!
      at = child
    }
    times[at] = timeMs
    items[at] = item
    return first
  }
}
