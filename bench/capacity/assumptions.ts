// Every number that is put in rather than reckoned, in the order it was asked for, with where it came from: what was given by flag,
// else what was measured, else what is usual. Whoever prints the result prints all of them.
import { type AssumptionName, assumptions } from '../../engine/commands/capacity.ts'

export interface Assumed {
  readonly name: string
  /** Null where no flag changes it. */
  readonly flag: string | null
  readonly value: number
  readonly unit: string
  readonly from: string
}

export class Assumptions {
  readonly #given: Readonly<Partial<Record<AssumptionName, number>>>
  readonly list: Assumed[] = []

  constructor(given: Readonly<Partial<Record<AssumptionName, number>>>) {
    this.#given = given
  }

  given(name: AssumptionName): number | null {
    return this.#given[name] ?? null
  }

  /** What was given, else `found`, else what is usual. */
  take(
    name: AssumptionName,
    found: { readonly value: number; readonly from: string } | null = null,
  ): number {
    const { unit, initial } = assumptions[name]
    const given = this.given(name)
    const value = given ?? found?.value ?? initial
    if (value === null) throw new Error(`nothing is known of ${name}`)
    const from = given !== null ? 'given' : (found?.from ?? 'usual')
    this.list.push({ name, flag: `--${name}`, value, unit, from })
    return value
  }

  /** Something that no flag changes. */
  note(name: string, value: number, unit: string, from: string): number {
    this.list.push({ name, flag: null, value, unit, from })
    return value
  }
}
