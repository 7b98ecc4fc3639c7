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
  const meant = words.map((word) => ({ word, variants: variantsOf(suite, word) }))
  const faults = meant
    .filter(({ variants }) => variants.length === 0)
    .map(({ word }) => faultOf(suite, word))
  const all = new Set(meant.flatMap(({ variants }) => variants))
  return { chosen: suite.filter((one) => words.length === 0 || all.has(one)), faults }
}

/** A whole name means itself, though another begins with it. */
function variantsOf(suite: readonly Variant[], word: string): readonly Variant[] {
  const same = suite.filter((one) => one.name === word || benchmarkOf(one) === word)
  return same.length > 0 ? same : suite.filter(({ name }) => name.startsWith(word))
}

function faultOf(suite: readonly Variant[], word: string): string {
  const benchmarks = [...new Set(suite.map(benchmarkOf))]
  const names = suite.map(({ name }) => name)
  const near = closest(word, [...benchmarks, ...names])
  const hint = near === null ? '' : ` (did you mean ${near}?)`
  const example = names.find((name) => name.includes('/')) ?? names[0]
  return `expected one of ${benchmarks.join(', ')}, or a variant such as ${example}, found ${word}${hint}`
}

/** `store` of `store/batches-of-16`. */
export function benchmarkOf({ name }: Pick<Variant, 'name'>): string {
  return name.split('/')[0]!
}
