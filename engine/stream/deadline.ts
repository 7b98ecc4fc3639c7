// Waiting that ends: for a change that somebody tells of, or for a promise but no longer than so many milliseconds.

/** Resolves when `promise` is settled, or after `ms`. Never rejects. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise.catch(() => undefined), elapsed])
  clearTimeout(timer)
}

/** Wakes everyone who waits for something to change; who wakes looks again. */
export class Change {
  #waiting: (() => void)[] = []

  /** Resolves at the next `tell`. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  tell(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
