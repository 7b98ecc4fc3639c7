// Where results are kept: the newest of each variant in results/latest.json, a line a variant and commit in
// results/history.jsonl, and RESULTS.md with its plots. It never mixes machines, and a full disk never costs what was there.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Machine, Past, Results, VariantResult } from './results.ts'
import { soundRuns } from './results.ts'

/** More than a run of everything leaves. */
const spaceBytes = 4 * 2 ** 20

export class Archive {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Null where nothing was kept yet. Throws Error where it is not what a run has left. */
  latest(): Results | null {
    return existsSync(this.#latest) ? readResults(this.#latest) : null
  }

  /** The oldest first. */
  history(): readonly Past[] {
    if (!existsSync(this.#history)) return []
    const lines = readFileSync(this.#history, 'utf8').split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line) as Past)
  }

  /** Throws where the folder cannot be written or has no space, before hours were spent for it. */
  prepare(): void {
    this.#write('results/.space', Buffer.alloc(spaceBytes))
    rmSync(join(this.folder, 'results/.space'))
  }

  /**
   * Puts what was measured in place of what the same variants gave before, in the order of `names`, and remembers it as of its
   * commit. Of another machine nothing is left: whoever calls has asked. Returns all that is now kept.
   */
  keep(own: Results, names: readonly string[]): Results {
    const before = this.latest()
    const isSame = before !== null && isSameMachine(before.machine, own.machine)
    const known = [...own.variants, ...(isSame ? before.variants : [])]
    const variants = names.flatMap((name) => known.find((one) => one.name === name) ?? [])
    const all = { ...own, variants }
    this.#write('results/latest.json', `${JSON.stringify(all, null, 1)}\n`)
    this.#remember(own.variants)
    return all
  }

  /** RESULTS.md and its plots by their path. */
  publish(page: string, plots: ReadonlyMap<string, string>): void {
    for (const [path, svg] of plots) this.#write(path, svg)
    this.#write('RESULTS.md', page)
  }

  /** Lines of the same commit and variant are replaced. */
  #remember(variants: readonly VariantResult[]): void {
    const own = variants.map(pastOf).filter(({ runs }) => runs.length > 0)
    const others = this.history().filter(
      (past) => !own.some(({ name, commit }) => name === past.name && commit === past.commit),
    )
    const lines = [...others, ...own].map((past) => `${JSON.stringify(past)}\n`)
    this.#write('results/history.jsonl', lines.join(''))
  }

  /** Whole or not at all. */
  #write(path: string, content: string | Buffer): void {
    const file = join(this.folder, path)
    mkdirSync(dirname(file), { recursive: true })
    try {
      writeFileSync(`${file}.new`, content)
      renameSync(`${file}.new`, file)
    } catch (error) {
      rmSync(`${file}.new`, { force: true })
      throw error
    }
  }

  get #latest(): string {
    return join(this.folder, 'results/latest.json')
  }

  get #history(): string {
    return join(this.folder, 'results/history.jsonl')
  }
}

export function isSameMachine(a: Machine, b: Machine): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** A file that a run has left. Throws Error that says what it found instead. */
export function readResults(file: string): Results {
  if (!statSync(file).isFile()) throw new Error(`${file}: expected a file, found something else`)
  const wrong = new Error(`${file}: expected results of weir bench, with machine and variants`)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new Error(wrong.message, { cause })
  }
  const { machine, variants } = (value ?? {}) as Partial<Results>
  if (machine === undefined || !Array.isArray(variants)) throw wrong
  const isOld = (variants as VariantResult[]).some(({ runs }) => !Array.isArray(runs))
  if (isOld) throw new Error(`${file}: expected runs of each variant, found an older format`)
  return value as Results
}

function pastOf(variant: VariantResult): Past {
  const { name, commit, date } = variant
  const runs = soundRuns(variant).map(({ measures, calibrationUs, stalls }) => {
    return { measures, calibrationUs, stalls }
  })
  return { commit, date, name, runs }
}
