// Reads the flags of a command and gathers their faults, so that all are reported together. Never throws before `finish`.
import { statSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { show } from '../../features/document.ts'
import { EngineError } from '../errors.ts'

/** Values by flag, e.g. `--limit`: its text, or true for one without a value. */
export type FlagValues = Readonly<Record<string, string | true>>

/** Standard output instead of a file. */
export const toStdout = '-'

export class Flags {
  readonly #values: FlagValues
  /** What relative paths are relative to. */
  readonly folder: string
  readonly #faults: string[] = []

  constructor(values: FlagValues, folder: string) {
    this.#values = values
    this.folder = folder
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined
  }

  fault(name: string, expected: string, found: string): void {
    const what = name.startsWith('<') ? 'argument' : 'option'
    this.#faults.push(`${what} ${name}: expected ${expected}, found ${found}`)
  }

  /** Every fault so far, a line each. */
  get faults(): readonly string[] {
    return this.#faults
  }

  /** Throws EngineError `usage` with a line for each fault. */
  finish(): void {
    if (this.#faults.length > 0) throw new EngineError('usage', this.#faults.join('\n'))
  }

  text(name: string): string | null {
    const value = this.#values[name]
    return typeof value === 'string' ? value : null
  }

  /** A whole number; null when it was not given or is wrong. */
  count(name: string, min: number, max: number): number | null {
    const text = this.text(name)
    if (text === null) return null
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    this.fault(name, `a whole number from ${min} to ${max}`, show(text))
    return null
  }

  /**
   * A file to be written, absolute, or `-`; null when it was not given or is wrong. Its folder must exist, and its
   * name must end in one of `endings`.
   */
  output(name: string, endings: readonly string[]): string | null {
    const text = this.text(name)
    if (text === null || text === toStdout) return text
    if (!endings.includes(extname(text))) {
      this.fault(name, `a name ending in ${endings.join(' or ')}, or ${toStdout}`, show(text))
      return null
    }
    const file = resolve(this.folder, text)
    if (statSync(dirname(file), { throwIfNoEntry: false })?.isDirectory() === true) return file
    this.fault(name, 'a folder that exists', dirname(file))
    return null
  }
}
