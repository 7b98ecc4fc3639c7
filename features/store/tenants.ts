// Numbers for tenants: their names come with the data, so what is kept of them is bounded.
import type { WhenFull } from './room.ts'
import { StoreError } from './store.ts'

const tenantsMax = 65_536

export class Tenants {
  readonly #whenFull: WhenFull
  readonly #numbers = new Map<string, number>()
  // Most transactions come with the tenant of the one before.
  #last = ''
  #lastNumber = -1

  constructor(whenFull: WhenFull) {
    this.#whenFull = whenFull
  }

  /** True when all should be forgotten before the next observation. */
  get isFull(): boolean {
    return this.#numbers.size > tenantsMax && this.#whenFull === 'forget'
  }

  /** The same one until `clear`. Throws StoreError where nothing may be forgotten and there are too many. */
  number(name: string): number {
    if (name === this.#last) return this.#lastNumber
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#numbers.size
      if (number > tenantsMax && this.#whenFull === 'refuse') {
        throw new StoreError(`expected at most ${tenantsMax} tenants, found another`, false)
      }
      this.#numbers.set(name, number)
    }
    this.#last = name
    this.#lastNumber = number
    return number
  }

  clear(): void {
    this.#numbers.clear()
    this.#last = ''
    this.#lastNumber = -1
  }
}
