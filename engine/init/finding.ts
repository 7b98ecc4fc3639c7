// What the guesses are made of: a finding for each thing that a mapping says, and how columns are chosen by their names.
import type { Column } from './column.ts'
import type { Hint } from './names.ts'

/** One thing that a mapping says, or cannot say yet. */
export interface Finding {
  /** The key of the mapping. */
  readonly key: string
  /** The columns it was found in, for the table; empty for an assumption or a gap. */
  readonly columns: readonly string[]
  /** Lines of YAML; empty for a gap. */
  readonly lines: readonly string[]
  /** In a few words, for the table and the comment. */
  readonly why: string
  /** What the user should check or do, a sentence each. */
  readonly advice: readonly string[]
  /** True for what a mapping must have and this one lacks. */
  readonly isGap: boolean
}

/** Marks a column as used, and hands it on. */
export type Take = (column: Column | null) => Column | null

/** The column with the most points that also passes `test`; null where no name says anything. */
export function best(
  columns: readonly Column[],
  hints: readonly Hint[],
  test: (column: Column) => boolean = () => true,
): Column | null {
  let found: Column | null = null
  let most = 0
  for (const column of columns) {
    const points = pointsOf(column, hints)
    if (points <= most || !test(column)) continue
    found = column
    most = points
  }
  return found
}

/** In nested JSON the last name of a path speaks too, a little less loudly. */
function pointsOf({ words, lastWords }: Column, hints: readonly Hint[]): number {
  const points = hints.map(([most, pattern]) => {
    if (pattern.test(words)) return most
    return pattern.test(lastWords) ? most - 1 : 0
  })
  return Math.max(0, ...points)
}

/** A name as YAML has it. */
export function yamlName(name: string): string {
  const isPlain = /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name) && !/^(true|false|null)$/i.test(name)
  return isPlain ? name : JSON.stringify(name)
}

export function found(
  key: string,
  columns: readonly Column[],
  lines: string | readonly string[],
  why: string,
  advice: readonly string[] = [],
): Finding {
  const names = columns.map(({ name }) => name)
  return { key, columns: names, lines: [lines].flat(), why, advice, isGap: false }
}

export function gap(key: string, why: string, advice: readonly string[]): Finding {
  return { key, columns: [], lines: [], why, advice, isGap: true }
}

export function candidates(columns: readonly Column[]): string {
  const names = columns.slice(0, 8).map(({ name }) => name)
  return names.length === 0
    ? 'Candidates: none.'
    : `Candidates: ${names.join(', ')}${columns.length > 8 ? ', …' : ''}.`
}
