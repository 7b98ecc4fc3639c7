// Faults of files that have no lines: models, and what is said of them after a run.
import type { Fault } from '../features/document.ts'

/** Names of one fault, and characters of what it quotes: enough to find the cause. */
export const namesMax = 5
const textMax = 200

/** Faults of a file without lines. */
export class Faults {
  readonly list: Fault[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  add(path: string, expected: string, found: string, hint: string | null = null): void {
    const cut = (text: string): string =>
      text.length > textMax ? `${text.slice(0, textMax)}…` : text
    this.list.push({
      file: this.#file,
      line: 0,
      path: cut(path),
      expected,
      found: cut(found),
      hint,
    })
  }
}

/** The path of a fault that concerns all of a file. */
export const wholeFile = '(file)'

/** The first few, and how many more there are. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : ''
  return names.slice(0, namesMax).join(', ') + more
}
