// Which variants a user means by the words of the command line. It runs nothing.
import { closest } from '../features/document.ts'
import type { Variant } from './variant.ts'

export interface Selection {
  /** In the order of the suite; all where no name was given. */
  readonly chosen: readonly Variant[]
  /** A line for each word that names none. */
  readonly faults: readonly string[]
}

/** A word is a benchmark, a variant, or the beginning of either: `store`, `store/batches-of-16`, `store/b`. */
export function select(suite: readonly Variant[], words: readonly string[]): Selection {
  const faults = words
    .filter((word) => !suite.some(({ name }) => name.startsWith(word)))
    .map((word) => {
      const benchmarks = [...new Set(suite.map(benchmarkOf))]
      const near = closest(word, [...benchmarks, ...suite.map(({ name }) => name)])
      const hint = near === null ? '' : ` (did you mean ${near}?)`
      return `expected one of ${benchmarks.join(', ')}, or a variant of one such as ${suite.find(({ name }) => name.includes('/'))?.name ?? ''}, found ${word}${hint}`
    })
  const chosen = suite.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.startsWith(word)),
  )
  return { chosen, faults }
}

/** `store` of `store/batches-of-16`. */
export function benchmarkOf({ name }: Pick<Variant, 'name'>): string {
  return name.split('/')[0]!
}
